import { Direction, type Expectation, Status, Tuple } from '../../conntrack/index.ts';
import type { Engine } from '../../engine/index.ts';
import { rewriteDestination, rewriteSource } from '../../nat/index.ts';
import type { Packet } from '../../wire/index.ts';

/**
 * A capture shows one side of a gateway, but NAT has two: behind a translation the answers in the
 * file carry the addresses of the side the capture was taken on, not those the gateway would have
 * met. This gives such a packet the addresses (and acknowledgement numbers) with which it would
 * have arrived, so that the engine recognises it.
 */
export class PeerView {
  private readonly engine: Engine;
  private readonly seen = new Tuple();
  private readonly inverse = new Tuple();
  private readonly arriving = new Tuple();

  constructor(engine: Engine) {
    this.engine = engine;
  }

  /** Changes a decoded packet in place where it belongs to a translated connection. */
  adapt(packet: Packet): void {
    if (packet.isFragment) return;
    const { table, expectations } = this.engine.tracking.conntrack;
    this.seen.fromPacket(packet);
    if (table.lookup(this.seen) >= 0) return;
    this.inverse.invertFrom(this.seen);
    const ref = table.lookup(this.inverse);
    if (ref >= 0) {
      this.adaptToConnection(packet, ref >> 1, ref & 1);
    } else if (expectations.count > 0) {
      const announced = expectations.all().find((candidate) => this.leadsHere(candidate));
      if (announced !== undefined) this.adaptToExpectation(packet, announced);
    }
  }

  /** The inverse of one tuple is known: what comes in answer has the other tuple. */
  private adaptToConnection(packet: Packet, row: number, direction: number): void {
    const { table } = this.engine.tracking.conntrack;
    if (!table.hasStatus(row, Status.SrcNat | Status.DstNat)) return;
    const other = direction === Direction.Original ? Direction.Reply : Direction.Original;
    table.readTuple(row, other, this.arriving);
    rewriteSource(packet, this.arriving);
    rewriteDestination(packet, this.arriving);
    this.engine.tracking.seqAdjust.get(row)?.undoForArrival(packet, other);
  }

  /** The announced endpoint as its own side knows it, instead of the one that was told. */
  private leadsHere(expectation: Expectation): boolean {
    const { seen } = this;
    const { dport, dportLast, savedAddress: to, savedPort, src: from } = expectation;
    return (
      seen.family === expectation.family &&
      seen.protocol === expectation.protocol &&
      seen.dstPort >= savedPort &&
      seen.dstPort <= savedPort + dportLast - dport &&
      seen.d0 === to[0] &&
      seen.d1 === to[1] &&
      seen.d2 === to[2] &&
      seen.d3 === to[3] &&
      seen.s0 === from[0] &&
      seen.s1 === from[1] &&
      seen.s2 === from[2] &&
      seen.s3 === from[3]
    );
  }

  private adaptToExpectation(packet: Packet, expectation: Expectation): void {
    const { arriving, seen } = this;
    const { dport, savedPort } = expectation;
    arriving.copyFrom(seen);
    arriving.setPorts(seen.srcPort, seen.dstPort + dport - savedPort);
    [arriving.d0, arriving.d1, arriving.d2, arriving.d3] = expectation.dst;
    rewriteDestination(packet, arriving);
  }
}
