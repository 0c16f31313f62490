import type { Prng } from '../base/index.ts';
import {
  type Conntrack,
  type ConntrackTable,
  Direction,
  type DirectionCode,
  Status,
  Tuple,
} from '../conntrack/index.ts';
import type { NatRange } from '../rules/index.ts';
import type { Packet } from '../wire/index.ts';
import { TupleAllocator } from './allocate.ts';
import { Manip, type ManipCode } from './ranges.ts';
import { rewriteDestination, rewriteSource } from './rewrite.ts';

/** A range that asks for nothing: the connection keeps its tuple unless that is taken. */
const nothingAsked: NatRange = {
  minAddress: null,
  maxAddress: null,
  minPort: 0,
  maxPort: 0,
  random: false,
  randomFully: false,
  persistent: false,
};

/**
 * Bindings: how a connection is translated is written nowhere but in its two tuples. The original
 * tuple is what came in, the reply tuple what will come back; where one is not the inverse of the
 * other, packets are rewritten (net/netfilter/nf_nat_core.c). Chosen once per connection and side.
 */
export class Nat {
  private readonly conntrack: Conntrack;
  private readonly table: ConntrackTable;
  private readonly allocator: TupleAllocator;
  private readonly wanted = new Tuple();
  private readonly before = new Tuple();
  private readonly target = new Tuple();

  /** @param random where the search for a free port begins */
  constructor(conntrack: Conntrack, random: Prng) {
    this.conntrack = conntrack;
    this.table = conntrack.table;
    this.allocator = new TupleAllocator(conntrack, random);
  }

  /** True once the side has been decided, with or without translation. */
  isDecided(row: number, manip: ManipCode): boolean {
    return this.table.hasStatus(row, doneBit(manip));
  }

  /**
   * Binds one side of an unconfirmed connection to a range. It always ends with a tuple; where none
   * was free with one that another connection has, and the new one will not be confirmed.
   */
  bind(row: number, range: NatRange, manip: ManipCode): void {
    const { table, wanted, before } = this;
    table.readTuple(row, Direction.Reply, before);
    wanted.invertFrom(before);
    before.copyFrom(wanted);
    this.allocator.choose(wanted, range, manip, row);
    if (!wanted.equals(before)) {
      before.invertFrom(wanted);
      table.writeTuple(row, Direction.Reply, before);
      table.addStatus(row, manip === Manip.Source ? Status.SrcNat : Status.DstNat);
    }
    if (manip === Manip.Source) this.conntrack.sources.add(row);
    table.addStatus(row, doneBit(manip));
  }

  /**
   * Decides that nothing is translated, except a source port (or ICMP id) that another connection
   * holds. Asked of every connection that no rule of the nat table translates.
   */
  bindNothing(row: number, manip: ManipCode): void {
    this.bind(row, nothingAsked, manip);
  }

  /**
   * Rewrites one side of a packet of a translated connection: the destination on the way in
   * (PREROUTING, OUTPUT), the source on the way out (POSTROUTING, INPUT). True where bytes changed.
   */
  translate(packet: Packet, row: number, direction: DirectionCode, manip: ManipCode): boolean {
    if (!this.table.hasStatus(row, statusFor(direction, manip))) return false;
    this.table.readTuple(row, direction === 0 ? Direction.Reply : Direction.Original, this.before);
    this.target.invertFrom(this.before);
    if (manip === Manip.Source) rewriteSource(packet, this.target);
    else rewriteDestination(packet, this.target);
    return true;
  }
}

function doneBit(manip: ManipCode): number {
  return manip === Manip.Source ? Status.SrcNatDone : Status.DstNatDone;
}

/** A source translation shows in the source of original packets and the destination of replies. */
export function statusFor(direction: DirectionCode, manip: ManipCode): number {
  return (manip === Manip.Source) === (direction === Direction.Original)
    ? Status.SrcNat
    : Status.DstNat;
}
