import { clearTcpFlag, replaceSegment } from '../../../nat/index.ts';
import { type Packet, seqAfter, seqBefore, TcpFlag } from '../../../wire/index.ts';
import { borrowBuffer, returnBuffer } from './buffers.ts';
import type { KeptOutput } from './kept-output.ts';
import type { LineReader } from './line-reader.ts';
import { RelayOutcome, type RelayOutcomeCode } from './outcome.ts';
import { clearMisleadingUrgent } from './urgent.ts';

/** A segment may always grow to this payload: every host takes it (RFC 9293 section 3.7.1). */
const SMALL_MSS = 536;

/**
 * What goes on to the receiver, and what its sender may be told about it:
 *
 *     owed to the receiver        |promised ────▶|
 *     ──────────────────────────────────────────────────────────▶ sender's numbers
 *       acknowledged  |  gone on, kept  |  held back  |nextSeq
 *             output.startSeq         goneSeq  (output.endSeq = goneSeq, but for cut segments)
 *
 * Bytes held back may be acknowledged to the sender as soon as the receiver has acknowledged all
 * before them. They then go on in front of whatever the sender sends next, and in front of its
 * retransmissions, until the receiver has them.
 */
export class Emission {
  promisedAck = 0;
  mayPromise = false;
  /** Everything before it has gone on at least once. */
  goneSeq = 0;
  /** Picked up midway: what the receiver has is not known before it speaks. */
  isReceiverUnknown = false;
  /** The FIN has been read, at `reader.nextSeq`. */
  isFinished = false;

  private readonly output: KeptOutput;
  private readonly reader: LineReader;
  /** Bytes in [promisedFrom, promisedEnd) have been acknowledged on behalf of the receiver. */
  private promisedFrom = 0;
  private promisedEnd = 0;

  constructor(output: KeptOutput, reader: LineReader) {
    this.output = output;
    this.reader = reader;
  }

  /** Nothing is owed; the next byte to go on is `seq`. */
  restart(seq: number): void {
    this.goneSeq = seq;
    this.isFinished = false;
    this.promise(seq, seq);
  }

  /** True where bytes were promised that the receiver lacks, and a segment at `seq` touches them. */
  owesFrom(seq: number): boolean {
    return seqBefore(this.output.startSeq, this.promisedEnd) && !seqAfter(seq, this.promisedEnd);
  }

  /** Nothing is held back, owed or promised, and nothing was: `lift` and `knownSeq` change nothing. */
  get isEven(): boolean {
    const { goneSeq, output, promisedFrom, promisedEnd } = this;
    return (
      !this.isReceiverUnknown &&
      promisedFrom === promisedEnd &&
      output.endSeq === goneSeq &&
      this.reader.nextSeq === goneSeq
    );
  }

  /** The receiver has everything before `ack`, which is not beyond what has been read. */
  acknowledge(ack: number): void {
    const { output } = this;
    output.acknowledge(seqAfter(ack, this.goneSeq) ? this.goneSeq : ack);
    this.skipRemoved();
    // Kept close, so that it never falls half the number space behind.
    if (seqAfter(output.startSeq, this.promisedEnd)) this.promise(output.startSeq, output.startSeq);
  }

  /** See `Relay.lift`. */
  lift(ack: number): number {
    const { output, reader } = this;
    const hasAll = this.goneSeq === output.endSeq && !seqBefore(ack, output.endSeq);
    if (hasAll && seqBefore(ack, reader.nextSeq)) {
      this.promise(output.endSeq, reader.nextSeq);
      return reader.nextSeq;
    }
    const isWithin = !seqBefore(ack, this.promisedFrom) && seqBefore(ack, this.promisedEnd);
    return isWithin ? this.promisedEnd : ack;
  }

  /**
   * The number that the receiver shall see instead of `seq` in a segment without payload. The sender
   * counts bytes that were held back. A number before the next byte asks for an acknowledgement, as
   * keep-alives do, and must go on doing so (RFC 9293 section 3.10.7.4).
   */
  knownSeq(seq: number): number {
    const { goneSeq } = this;
    const { nextSeq } = this.reader;
    const { removedSeq, removedEnd } = this.output;
    const lastKnown = ((removedEnd === goneSeq ? removedSeq : goneSeq) - 1) | 0;
    if (goneSeq !== nextSeq && !seqBefore(seq, nextSeq)) return goneSeq;
    return seqAfter(seq, lastKnown) && seqBefore(seq, nextSeq) ? lastKnown : seq;
  }

  /**
   * Makes the segment [seq, end) carry what was decided, from as far back as is owed. What has to be
   * cut at its end was not acknowledged, so it will be sent again.
   */
  emit(packet: Packet, seq: number, end: number): RelayOutcomeCode {
    const { output } = this;
    this.skipRemoved();
    const isSyn = (packet.tcpFlags & TcpFlag.Syn) !== 0;
    const from = isSyn ? seq : this.emitFrom(seq);
    let to = seqBefore(end, output.endSeq) ? end : output.endSeq;
    // A SYN cannot move: its data are as it says, or come later.
    if (isSyn && output.startSeq !== seq) to = from;
    const limit = Math.max(packet.payloadLen, SMALL_MSS);
    const scratch = borrowBuffer(limit + output.bytes);
    const { bytes, payloadOffset } = packet;
    let length = output.copy(from, to, limit, scratch, bytes, payloadOffset, seq);
    if (output.copiedTo === from && seqBefore(from, seq) && seqBefore(seq, to)) {
      // Encrypted bytes that are not here: they come when their sender sends them again.
      length = output.copy(seq, to, limit, scratch, bytes, payloadOffset, seq);
    }
    const outcome = this.send(packet, seq, end, scratch, length);
    returnBuffer(scratch);
    return outcome;
  }

  /** Where the output begins that goes on with a segment at `seq`. */
  private emitFrom(seq: number): number {
    const { startSeq } = this.output;
    const from = seqAfter(seq, this.goneSeq) ? this.goneSeq : seq;
    return this.owesFrom(from) || seqBefore(from, startSeq) ? startSeq : from;
  }

  /** Lets the segment on with the output [output.copiedFrom, output.copiedTo) in `scratch`. */
  private send(
    packet: Packet,
    seq: number,
    end: number,
    scratch: Uint8Array,
    length: number,
  ): RelayOutcomeCode {
    const { copiedFrom, copiedTo } = this.output;
    const isFin = (packet.tcpFlags & TcpFlag.Fin) !== 0;
    const isSyn = (packet.tcpFlags & TcpFlag.Syn) !== 0;
    const hasFin = isFin && this.isFinished && this.hasReached(end, copiedTo);
    if (length === 0 && !hasFin && !isSyn) return this.sendNothing(packet, seq, end);
    const start = hasFin && length === 0 ? end : isSyn ? packet.seq : copiedFrom;
    if (start === packet.seq && hasFin === isFin && carries(packet, scratch, length)) {
      this.noteGone(copiedFrom, copiedTo);
      return clearMisleadingUrgent(packet) ? RelayOutcome.Changed : RelayOutcome.Unchanged;
    }
    if (!replaceSegment(packet, start, scratch, length)) return RelayOutcome.Drop;
    this.noteGone(copiedFrom, copiedTo);
    clearTcpFlag(packet, TcpFlag.Urg);
    if (!hasFin) clearTcpFlag(packet, TcpFlag.Fin);
    return RelayOutcome.Changed;
  }

  /** True where nothing is left to go on before the end of the stream at `end`. */
  private hasReached(end: number, copiedTo: number): boolean {
    if (end !== this.reader.nextSeq) return false;
    return copiedTo === end || this.output.startSeq === end;
  }

  /** A segment of which nothing goes on: held, taken out, or long acknowledged. */
  private sendNothing(packet: Packet, seq: number, end: number): RelayOutcomeCode {
    const { output, reader } = this;
    this.noteGone(output.copiedFrom, output.copiedTo);
    const { startSeq } = output;
    const isTakenOut = startSeq === output.removedEnd && !seqBefore(seq, output.removedSeq);
    if (!seqAfter(end, startSeq) && !isTakenOut) {
      // The receiver answers old bytes with an acknowledgement, whatever they are.
      leaveAcknowledgement(packet, seq);
      return RelayOutcome.Changed;
    }
    if (seqAfter(end, reader.nextSeq) && !seqAfter(reader.nextSeq, seq)) return RelayOutcome.Drop;
    leaveAcknowledgement(packet, this.goneSeq);
    // Bytes taken out are answered here even where the receiver still lacks what came after them.
    const hasAll = startSeq === output.endSeq;
    const isOld = !hasAll && !seqAfter(end, startSeq);
    this.promisedAck = isOld ? startSeq : reader.nextSeq;
    this.mayPromise = !this.isReceiverUnknown && (hasAll || isOld);
    if (this.mayPromise && hasAll) this.promise(startSeq, reader.nextSeq);
    return RelayOutcome.Hold;
  }

  private promise(from: number, end: number): void {
    this.promisedFrom = from;
    this.promisedEnd = end;
  }

  private noteGone(from: number, to: number): void {
    if (!seqAfter(from, this.goneSeq) && seqAfter(to, this.goneSeq)) this.goneSeq = to;
  }

  /** What was taken out needs no receiver once everything before it has been acknowledged. */
  private skipRemoved(): void {
    if (seqAfter(this.output.startSeq, this.goneSeq)) this.goneSeq = this.output.startSeq;
  }
}

/** Takes everything out of a segment but what it says of the other direction. */
export function leaveAcknowledgement(packet: Packet, seq: number): void {
  replaceSegment(packet, seq, packet.bytes, 0);
  clearTcpFlag(packet, TcpFlag.Urg);
  clearTcpFlag(packet, TcpFlag.Fin);
}

/** True where the payload is the first `length` bytes of `source`. */
function carries(packet: Packet, source: Uint8Array, length: number): boolean {
  if (packet.payloadLen !== length) return false;
  const { bytes, payloadOffset } = packet;
  for (let i = 0; i < length; i++) if (bytes[payloadOffset + i] !== source[i]) return false;
  return true;
}
