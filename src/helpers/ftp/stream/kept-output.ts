import { seqAfter, seqBefore, seqDiff } from '../../../wire/index.ts';
import { borrowBuffer, copyBytes, returnBuffer } from './buffers.ts';

/**
 * Most output that is kept for retransmissions, in bytes; a replacement may go beyond it. A sender
 * that has more on its way loses it, and starts slowly after a timeout: this is the largest window
 * without scaling (RFC 9293), of which long replies make use.
 */
export const KEPT_LIMIT = 65_536;
/** Most length changes that the receiver has not acknowledged: SeqAdjust remembers 16. */
const RESIZED_LIMIT = 15;

const Kind = {
  /** Goes on with the length it came with. */
  Exact: 0,
  /** Goes on with another length, or not at all: can only be sent as a whole. */
  Resized: 1,
  /** Goes on as it comes: encrypted, and not kept. */
  Raw: 2,
} as const;
type KindCode = (typeof Kind)[keyof typeof Kind];

/** A stretch of the stream, and what goes on for it. */
interface Stretch {
  /** What came: sequence number of its first byte, and bytes. */
  seq: number;
  oldLen: number;
  readonly kind: KindCode;
  /** What goes on is [at, at + newLen) of the store. */
  at: number;
  newLen: number;
}

/**
 * What was decided about the bytes of one direction that the receiver has not acknowledged yet, in
 * the order of the stream and without a gap:
 *
 *     sender's numbers   startSeq|  exact  | resized |  exact  |endSeq
 *     store                      |=========|====|==============|
 */
export class KeptOutput {
  /** First byte that is not known to be acknowledged. */
  startSeq = 0;
  /** The byte after the last one that was decided about. */
  endSeq = 0;
  /** The last bytes that were taken out: [removedSeq, removedEnd). */
  removedSeq = 0;
  removedEnd = 0;
  /** What `copy` has taken, in the sender's numbers. */
  copiedFrom = 0;
  copiedTo = 0;

  private readonly stretches: Stretch[] = [];
  private resized = 0;
  private store: Uint8Array | null = null;
  private head = 0;
  private tail = 0;

  get bytes(): number {
    return this.tail - this.head;
  }

  get isFull(): boolean {
    return this.bytes >= KEPT_LIMIT || this.resized >= RESIZED_LIMIT;
  }

  /** Forgets everything; the next byte to decide about is `seq`. */
  restart(seq: number): void {
    this.startSeq = seq;
    this.endSeq = seq;
    this.removedSeq = seq;
    this.removedEnd = seq;
    this.stretches.length = 0;
    this.resized = 0;
    this.release();
  }

  /** The next bytes of the stream go on as [from, to) of `bytes`, which are as many. */
  append(bytes: Uint8Array, from: number, to: number): void {
    const length = to - from;
    if (length <= 0) return;
    this.put(bytes, from, to);
    this.lengthen(Kind.Exact, length, length);
  }

  /** The next `oldLen` bytes of the stream go on as `replacement`, which may be empty. */
  replace(oldLen: number, replacement: Uint8Array): void {
    if (replacement.length === oldLen) {
      this.append(replacement, 0, oldLen);
      return;
    }
    if (replacement.length === 0) {
      if (this.removedEnd !== this.endSeq) this.removedSeq = this.endSeq;
      this.removedEnd = (this.endSeq + oldLen) | 0;
    }
    this.put(replacement, 0, replacement.length);
    this.resized++;
    this.add(Kind.Resized, oldLen, replacement.length);
    this.acknowledge(this.startSeq);
  }

  /** The next `length` bytes of the stream are encrypted. */
  appendRaw(length: number): void {
    this.lengthen(Kind.Raw, length, 0);
  }

  /** The receiver has everything before `ack`. What was taken out behind that needs no receiver. */
  acknowledge(ack: number): void {
    while (this.stretches.length > 0) {
      const first = this.stretches[0]!;
      const done = Math.min(seqDiff(ack, first.seq), first.oldLen);
      const isWhole = done === first.oldLen || isRemoved(first);
      if (isWhole && done >= 0) {
        if (first.kind === Kind.Resized) this.resized--;
        this.head += first.newLen;
        this.stretches.shift();
        this.startSeq = (first.seq + first.oldLen) | 0;
        continue;
      }
      if (done > 0 && first.kind !== Kind.Resized) this.cutFront(first, done);
      return;
    }
    this.release();
  }

  /**
   * Copies what goes on for [from, to) to `target`, a resized stretch always whole, and returns its
   * length: at most `limit` bytes, unless the first stretch is resized and longer. Raw bytes are
   * those of `arrived`, whose first one, at `arrivedAt`, has number `arrivedSeq`. Sets `copiedFrom`
   * and `copiedTo`.
   */
  copy(
    from: number,
    to: number,
    limit: number,
    target: Uint8Array,
    arrived: Uint8Array,
    arrivedAt: number,
    arrivedSeq: number,
  ): number {
    let length = 0;
    this.copiedFrom = from;
    this.copiedTo = from;
    for (const stretch of this.stretches) {
      const { seq, oldLen, newLen } = stretch;
      const end = (seq + oldLen) | 0;
      if (!seqAfter(end, from)) continue;
      if (!seqBefore(seq, to)) break;
      if (stretch.kind === Kind.Resized) {
        if (length > 0 && length + newLen > limit) break;
        if (seqBefore(seq, from)) this.copiedFrom = seq;
        copyBytes(this.store!, stretch.at, stretch.at + newLen, target, length);
        length += newLen;
        this.copiedTo = end;
        continue;
      }
      const wanted = seqDiff(seqBefore(to, end) ? to : end, this.copiedTo);
      const taken = Math.min(wanted, limit - length);
      const isRaw = stretch.kind === Kind.Raw;
      if (isRaw && seqBefore(this.copiedTo, arrivedSeq)) break;
      const source = isRaw ? arrived : this.store!;
      const at = isRaw
        ? arrivedAt + seqDiff(this.copiedTo, arrivedSeq)
        : stretch.at + seqDiff(this.copiedTo, seq);
      copyBytes(source, at, at + taken, target, length);
      length += taken;
      this.copiedTo = (this.copiedTo + taken) | 0;
      if (taken < wanted) break;
    }
    return length;
  }

  private cutFront(first: Stretch, done: number): void {
    first.seq = (first.seq + done) | 0;
    first.oldLen -= done;
    if (first.kind === Kind.Exact) {
      first.at += done;
      first.newLen -= done;
      this.head += done;
    }
    this.startSeq = first.seq;
  }

  private lengthen(kind: KindCode, oldLen: number, newLen: number): void {
    const last = this.stretches.at(-1);
    if (last === undefined || last.kind !== kind) {
      this.add(kind, oldLen, newLen);
      return;
    }
    last.oldLen += oldLen;
    last.newLen += newLen;
    this.endSeq = (this.endSeq + oldLen) | 0;
  }

  private add(kind: KindCode, oldLen: number, newLen: number): void {
    this.stretches.push({ seq: this.endSeq, oldLen, kind, at: this.tail - newLen, newLen });
    this.endSeq = (this.endSeq + oldLen) | 0;
  }

  private put(bytes: Uint8Array, from: number, to: number): void {
    const length = to - from;
    if (length === 0) return;
    if (this.store === null || this.tail + length > this.store.length) this.makeRoom(length);
    copyBytes(bytes, from, to, this.store!, this.tail);
    this.tail += length;
  }

  /** Moves what is kept to the beginning of the store, or of a larger one. */
  private makeRoom(length: number): void {
    const { store, head, bytes } = this;
    // Moved within itself only where that frees half of it, else one-byte segments would move all.
    const isRoomy = store !== null && bytes + length <= store.length / 2;
    const target = isRoomy ? store : borrowBuffer(store === null ? length : (bytes + length) * 2);
    if (store !== null) {
      copyBytes(store, head, this.tail, target, 0);
      if (!isRoomy) returnBuffer(store);
    }
    for (const stretch of this.stretches) stretch.at -= head;
    this.store = target;
    this.head = 0;
    this.tail = bytes;
  }

  private release(): void {
    if (this.store !== null) returnBuffer(this.store);
    this.store = null;
    this.head = 0;
    this.tail = 0;
  }
}

function isRemoved(stretch: Stretch): boolean {
  return stretch.kind === Kind.Resized && stretch.newLen === 0;
}
