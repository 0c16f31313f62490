import type { DirectionCode } from '../conntrack/index.ts';
import {
  findTcpOption,
  type Packet,
  seqAfter,
  seqDiff,
  TcpOption,
  updateChecksum32,
} from '../wire/index.ts';

/** Changes kept per direction. Older ones have long been acknowledged: they become the base. */
const CHANGES_KEPT = 16;
/** A change this many bytes back can not be meant by a sequence number any more. */
const FORGET_AFTER_BYTES = 1 << 30;

/** One replacement in a byte stream, in the sender's own sequence numbers. */
interface Change {
  /** Sequence number of the first replaced byte. */
  readonly start: number;
  /** Length of what the sender sent, and of what stands in its place, in bytes. */
  readonly oldLen: number;
  readonly newLen: number;
  /** What to add to sequence numbers before, and at or after the end of, the replaced bytes. */
  readonly offsetBefore: number;
  readonly offsetAfter: number;
}

/**
 * Sequence numbers of one direction before and after rewriting.
 *
 *     sender's numbers    ──────[start   +oldLen)──────────▶
 *     receiver's numbers  ──────[start'     +newLen)───────▶
 *                         offsetBefore │  offsetAfter
 *
 * Where the kernel keeps two offsets (nf_conntrack_seqadj.c), so that a third change while the
 * first is unacknowledged shifts old segments wrongly, every recent change is kept here.
 */
class StreamShift {
  private changes: Change[] = [];
  private base = 0;

  /**
   * Records a replacement. One that is known already (a retransmission) changes nothing. One of the
   * same length shifts nothing, but it can only be sent again as a whole: `toSender` must know it.
   */
  record(start: number, oldLen: number, newLen: number): void {
    const last = this.changes.at(-1);
    if (last !== undefined && seqDiff(start, last.start) <= 0) return;
    const offsetBefore = last === undefined ? this.base : last.offsetAfter;
    const offsetAfter = offsetBefore + newLen - oldLen;
    this.changes.push({ start: start | 0, oldLen, newLen, offsetBefore, offsetAfter });
    if (this.changes.length > CHANGES_KEPT) this.forgetOldest();
  }

  /** A sender's sequence number as the receiver must see it. */
  toReceiver(seq: number): number {
    this.forgetFarBack(seq);
    for (let i = this.changes.length - 1; i >= 0; i--) {
      const change = this.changes[i]!;
      if (!seqAfter(change.start + change.oldLen, seq)) return (seq + change.offsetAfter) | 0;
      if (seqAfter(seq, change.start)) return (change.start + change.offsetBefore) | 0;
    }
    return (seq + this.base) | 0;
  }

  /**
   * A receiver's acknowledgement as the sender must see it. One that falls inside replaced bytes
   * acknowledges only what lies before them.
   */
  toSender(ack: number): number {
    for (let i = this.changes.length - 1; i >= 0; i--) {
      const change = this.changes[i]!;
      const newStart = change.start + change.offsetBefore;
      if (!seqAfter(newStart + change.newLen, ack)) return (ack - change.offsetAfter) | 0;
      if (seqAfter(ack, newStart)) return change.start;
    }
    return (ack - this.base) | 0;
  }

  private forgetFarBack(seq: number): void {
    while (this.changes.length > 0 && seqDiff(seq, this.changes[0]!.start) > FORGET_AFTER_BYTES) {
      this.forgetOldest();
    }
  }

  private forgetOldest(): void {
    const oldest = this.changes.shift();
    if (oldest !== undefined) this.base = oldest.offsetAfter;
  }
}

/** Sequence adjustment of one connection, both directions. */
export class SeqAdjust {
  private readonly original = new StreamShift();
  private readonly reply = new StreamShift();

  /** Says that `oldLen` bytes at `start`, sent in `direction`, went on as `newLen` bytes. */
  record(direction: DirectionCode, start: number, oldLen: number, newLen: number): void {
    this.shift(direction).record(start, oldLen, newLen);
  }

  /**
   * Adjusts sequence number, acknowledgement and SACK edges of a segment sent in `direction`, and
   * its checksum. False where the option list is damaged: the segment must not go on.
   */
  apply(packet: Packet, direction: DirectionCode): boolean {
    const sent = this.shift(direction);
    const heard = this.shift(direction === 0 ? 1 : 0);
    const seqAt = packet.l4Offset + 4;
    packet.seq = replaceWord(packet, seqAt, packet.seq, sent.toReceiver(packet.seq));
    if ((packet.tcpFlags & 0x10) === 0) return true;
    packet.ack = replaceWord(packet, seqAt + 4, packet.ack, heard.toSender(packet.ack));
    return adjustSack(packet, heard);
  }

  /**
   * The opposite of what `apply` will do to the acknowledgements of a segment that arrives in
   * `direction`: for a capture taken on the side where the numbers are adjusted already.
   */
  undoForArrival(packet: Packet, direction: DirectionCode): void {
    if ((packet.tcpFlags & 0x10) === 0) return;
    const heard = this.shift(direction === 0 ? 1 : 0);
    const at = packet.l4Offset + 8;
    packet.ack = replaceWord(packet, at, packet.ack, heard.toReceiver(packet.ack));
  }

  /** A number of the sender of `direction` as its receiver must see it. */
  toReceiver(direction: DirectionCode, seq: number): number {
    return this.shift(direction).toReceiver(seq);
  }

  /** By how much `apply` will lower an acknowledgement that was sent in `direction`. */
  ackOffset(direction: DirectionCode, ack: number): number {
    return seqDiff(ack, this.shift(direction === 0 ? 1 : 0).toSender(ack));
  }

  private shift(direction: DirectionCode): StreamShift {
    return direction === 0 ? this.original : this.reply;
  }
}

/** Sets the acknowledgement of a segment, and mends its checksum. */
export function setAcknowledgement(packet: Packet, ack: number): void {
  packet.ack = replaceWord(packet, packet.l4Offset + 8, packet.ack, ack);
}

/** SACK edges (RFC 2018) are acknowledgements too. */
function adjustSack(packet: Packet, heard: StreamShift): boolean {
  const at = findTcpOption(packet, TcpOption.Sack);
  if (at < 0) return false;
  if (at === 0) return true;
  const end = at + packet.bytes[at + 1]!;
  for (let edge = at + 2; edge + 4 <= end; edge += 4) {
    const before = packet.view.getInt32(edge);
    replaceWord(packet, edge, before, heard.toSender(before));
  }
  return true;
}

/**
 * Replaces a 32-bit word of the TCP header and mends the checksum. Options need not be aligned: at
 * an odd offset each byte counts in the other half of a checksum word.
 */
function replaceWord(packet: Packet, at: number, before: number, after: number): number {
  if (before === after) return after;
  packet.view.setInt32(at, after);
  const field = packet.l4Offset + 16;
  const old = packet.view.getUint16(field);
  const isOdd = ((at - packet.l4Offset) & 1) === 1;
  packet.view.setUint16(
    field,
    isOdd
      ? updateChecksum32(old, swapBytes(before), swapBytes(after))
      : updateChecksum32(old, before, after),
  );
  return after;
}

/** Each 16-bit half with its bytes exchanged; the sum over an odd offset sees the word like this. */
function swapBytes(word: number): number {
  return ((word >>> 8) & 0x00ff00ff) | ((word << 8) & 0xff00ff00);
}
