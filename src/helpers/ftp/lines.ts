/**
 * Lines in one direction of a control connection, from TCP segments that pass by: a view of the
 * stream, not an endpoint. It knows how far the stream has been seen without a hole, whether the
 * next byte begins a line, and the bytes of a line whose end is still to come. Hot; a buffer is
 * allocated once, and only by a connection that ever splits a line over segments.
 */
import { seqDiff } from '../../wire/index.ts';

/**
 * The longest line that is looked at, terminator included. Announcements need less than 100 bytes;
 * RFC 959 sets no limit, so a longer line is passed over, not refused.
 */
export const MAX_LINE_BYTES = 512;

/** Where a segment stands against what has been seen of its direction. */
export const SegmentOrder = {
  /** No position known yet: the connection was picked up mid-stream. */
  Unknown: 0,
  InOrder: 1,
  /** Begins before the next expected byte, wholly old or with new bytes behind old ones. */
  Retransmission: 2,
  /** Begins beyond the next expected byte: bytes in between have not been seen. */
  Gap: 3,
} as const;
export type SegmentOrderCode = (typeof SegmentOrder)[keyof typeof SegmentOrder];

/**
 * Receives what `LineTracker.feed` finds. The range [lineStart, lineEnd) of `bytes` is valid during
 * the call only. `carried` bytes of it came in earlier segments: with 0 the line lies in the fed
 * segment itself and may be edited in place, otherwise in the tracker's own buffer. `lineSeq` is the
 * sequence number of the line's first byte, as a signed 32-bit integer.
 */
export interface LineSink {
  /** A complete line, its LF included. */
  line(
    bytes: Uint8Array,
    lineStart: number,
    lineEnd: number,
    lineSeq: number,
    carried: number,
  ): void;
  /** The segment ended inside this line, which is kept: at most one call, the last, per segment. */
  unfinished(
    bytes: Uint8Array,
    lineStart: number,
    lineEnd: number,
    lineSeq: number,
    carried: number,
  ): void;
  /**
   * This line has grown beyond `MAX_LINE_BYTES` and is passed over until its LF; once per line.
   * [headStart, headEnd) of `head` is its beginning, of which `carried` bytes came earlier.
   */
  overLong(
    lineSeq: number,
    head: Uint8Array,
    headStart: number,
    headEnd: number,
    carried: number,
  ): void;
}

const LF = 0x0a;

/** One direction of one control connection. A sink must not feed the tracker that calls it. */
export class LineTracker {
  /** The sequence number after the last byte seen in order, as a signed 32-bit integer. */
  nextSeq = 0;
  /** Whether `nextSeq` means anything. */
  positionKnown = false;
  /** Whether it is known where the line that `nextSeq` stands in began. */
  lineStartKnown = false;
  /** Sequence number of the first byte of the unfinished line; `nextSeq` if there is none. */
  lineSeq = 0;
  /** Bytes of the unfinished line that are kept. */
  keptBytes = 0;
  /** Whether the rest of the present line is being passed over. */
  passingOver = false;
  private kept: Uint8Array | null = null;

  /** The next byte is `seq` and begins a line: after the handshake, the SYN's number plus one. */
  startAt(seq: number): void {
    this.moveTo(seq, true);
    this.positionKnown = true;
  }

  /** Nothing is known any more, as at the start. */
  forget(): void {
    this.moveTo(0, false);
    this.positionKnown = false;
  }

  /** Whether the next byte begins a line. */
  get atLineStart(): boolean {
    return this.lineStartKnown && this.keptBytes === 0 && !this.passingOver;
  }

  /**
   * Where a segment of `len` payload bytes at `seq` stands; changes nothing. A segment without
   * payload leaves no hole behind it and is never a gap.
   */
  classify(seq: number, len: number): SegmentOrderCode {
    if (!this.positionKnown) return SegmentOrder.Unknown;
    const ahead = seqDiff(seq, this.nextSeq);
    if (ahead < 0) return SegmentOrder.Retransmission;
    return ahead === 0 || len === 0 ? SegmentOrder.InOrder : SegmentOrder.Gap;
  }

  /**
   * Takes the payload [start, end) of a segment whose first byte has sequence number `seq`, and
   * tells `sink` of every line that it completes. Of a retransmission only the bytes not seen
   * before are taken. After a gap, or when no position was known, nothing is a line until a segment
   * has ended in LF: the rule by which nf_conntrack_ftp.c learns where lines begin.
   */
  feed(bytes: Uint8Array, start: number, end: number, seq: number, sink: LineSink): void {
    if (start >= end) return;
    const order = this.classify(seq, end - start);
    let from = start;
    if (order === SegmentOrder.Retransmission) {
      from += seqDiff(this.nextSeq, seq);
      if (from >= end) return;
    }
    const afterSeq = (seq + (end - start)) | 0;
    if (order === SegmentOrder.Unknown || order === SegmentOrder.Gap || !this.lineStartKnown) {
      this.moveTo(afterSeq, bytes[end - 1] === LF);
      this.positionKnown = true;
      return;
    }
    this.nextSeq = afterSeq;
    const rest = this.finishCarried(bytes, from, end, sink);
    if (rest < end) this.presentInPlace(bytes, rest, end, sink);
  }

  private moveTo(seq: number, lineStartKnown: boolean): void {
    this.nextSeq = seq | 0;
    this.lineSeq = seq | 0;
    this.lineStartKnown = lineStartKnown;
    this.keptBytes = 0;
    this.passingOver = false;
  }

  /** Adds to the line that earlier segments began. Answers where the next line begins. */
  private finishCarried(bytes: Uint8Array, from: number, end: number, sink: LineSink): number {
    if (this.keptBytes === 0 && !this.passingOver) return from;
    const lineEnd = endOfLine(bytes, from, end);
    const complete = bytes[lineEnd - 1] === LF;
    const carried = this.keptBytes;
    const length = carried + (lineEnd - from);
    if (!this.passingOver && length > MAX_LINE_BYTES) {
      const head = this.keep(bytes, from, from + MAX_LINE_BYTES - carried);
      this.passOver(sink, head, 0, MAX_LINE_BYTES, carried);
    }
    if (!this.passingOver) {
      const kept = this.keep(bytes, from, lineEnd);
      if (complete) sink.line(kept, 0, length, this.lineSeq, carried);
      else sink.unfinished(kept, 0, length, this.lineSeq, carried);
    }
    if (complete) this.beginLineAt(this.seqAt(lineEnd, end));
    return lineEnd;
  }

  /** Presents the lines that lie wholly in the segment, and keeps what stands after the last. */
  private presentInPlace(bytes: Uint8Array, from: number, end: number, sink: LineSink): void {
    let at = from;
    while (at < end) {
      const lineEnd = endOfLine(bytes, at, end);
      const complete = bytes[lineEnd - 1] === LF;
      this.beginLineAt(this.seqAt(at, end));
      if (lineEnd - at > MAX_LINE_BYTES) {
        this.passOver(sink, bytes, at, lineEnd, 0);
      } else if (complete) {
        sink.line(bytes, at, lineEnd, this.lineSeq, 0);
      } else {
        this.keep(bytes, at, lineEnd);
        sink.unfinished(bytes, at, lineEnd, this.lineSeq, 0);
      }
      if (complete) this.beginLineAt(this.seqAt(lineEnd, end));
      at = lineEnd;
    }
  }

  /** The sequence number of the byte at offset `at` of a segment that ends at offset `end`. */
  private seqAt(at: number, end: number): number {
    return (this.nextSeq - (end - at)) | 0;
  }

  private beginLineAt(seq: number): void {
    this.lineSeq = seq;
    this.keptBytes = 0;
    this.passingOver = false;
  }

  private passOver(
    sink: LineSink,
    head: Uint8Array,
    headStart: number,
    headEnd: number,
    carried: number,
  ): void {
    this.keptBytes = 0;
    this.passingOver = true;
    sink.overLong(this.lineSeq, head, headStart, headEnd, carried);
  }

  private keep(bytes: Uint8Array, from: number, to: number): Uint8Array {
    this.kept ??= new Uint8Array(MAX_LINE_BYTES);
    const kept = this.kept;
    // A loop and not set(subarray): that would allocate a view per segment.
    for (let pos = from; pos < to; pos++) kept[this.keptBytes++] = bytes[pos]!;
    return kept;
  }
}

/** The offset after the next LF, or `end` if there is none. */
export function endOfLine(bytes: Uint8Array, from: number, end: number): number {
  let pos = from;
  while (pos < end) {
    if (bytes[pos++] === LF) return pos;
  }
  return pos;
}
