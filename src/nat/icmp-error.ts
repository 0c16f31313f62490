import {
  type ConntrackTable,
  Direction,
  type DirectionCode,
  Field,
  Status,
  Tuple,
} from '../conntrack/index.ts';
import {
  completeL4Checksum,
  L4Checksum,
  type Packet,
  Proto,
  QuotedDatagram,
  verifyL4Checksum,
} from '../wire/index.ts';
import { statusFor } from './binding.ts';
import { rewriteQuote } from './quoted-rewrite.ts';
import { Manip, type ManipCode } from './ranges.ts';
import { rewriteDestination, rewriteSource } from './rewrite.ts';

/** What became of an ICMP error on its way through one NAT hook. */
export const ErrorNat = {
  /** Nothing to translate here. */
  Unchanged: 0,
  Changed: 1,
  /** It must be dropped: damaged, a redirect, or its quote too short to be translated. */
  Refused: 2,
} as const;
export type ErrorNatCode = (typeof ErrorNat)[keyof typeof ErrorNat];

const ICMP_REDIRECT = 5;
const BOTH_DONE = Status.SrcNatDone | Status.DstNatDone;

/**
 * ICMP errors of translated connections (nf_nat_icmp_reply_translation in nf_nat_proto.c). Who gets
 * the error knows the quoted datagram as it was on its own side of the gateway, so the quote is
 * translated back, and the error itself forth like any packet of its direction. An error may come
 * from a third host of the inside network: that one's address is hidden as well.
 */
export class IcmpErrorNat {
  private readonly table: ConntrackTable;
  private readonly quoted = new QuotedDatagram();
  private readonly answered = new Tuple();
  private readonly target = new Tuple();

  constructor(table: ConntrackTable) {
    this.table = table;
  }

  /** Translates one side of an error that the tracker has found the connection of. */
  translate(packet: Packet, row: number, direction: DirectionCode, manip: ManipCode): ErrorNatCode {
    const { table, quoted, answered, target } = this;
    if (verifyL4Checksum(packet) === L4Checksum.Bad) return ErrorNat.Refused;
    if (this.isUselessRedirect(packet, row)) return ErrorNat.Refused;
    if (!table.hasStatus(row, statusFor(direction, manip))) return ErrorNat.Unchanged;
    const other = direction === Direction.Original ? Direction.Reply : Direction.Original;
    table.readTuple(row, other, answered);
    if (!quoted.read(packet)) return ErrorNat.Refused;
    // What is the source of the error's direction is the destination of the quoted one.
    const opposite = manip === Manip.Source ? Manip.Destination : Manip.Source;
    if (!rewriteQuote(packet, quoted, answered, opposite)) return ErrorNat.Refused;
    completeL4Checksum(packet);
    target.invertFrom(answered);
    if (manip === Manip.Source) rewriteSource(packet, target);
    else rewriteDestination(packet, target);
    return ErrorNat.Changed;
  }

  /** Another way to an address that is translated here is none for who is told of it. */
  private isUselessRedirect(packet: Packet, row: number): boolean {
    if (packet.protocol !== Proto.Icmp || packet.icmpType !== ICMP_REDIRECT) return false;
    const status = this.table.get(row, Field.Status);
    return (status & BOTH_DONE) !== BOTH_DONE || (status & (Status.SrcNat | Status.DstNat)) !== 0;
  }
}
