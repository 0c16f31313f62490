/**
 * Lines in one unbroken piece of a byte stream, from TCP segments that pass by: a view of the
 * stream, not an endpoint. It knows how far the piece has been seen, and the bytes of a line whose
 * end is still to come; holes are the business of `StreamFronts`. Hot; a buffer is allocated once,
 * and only by a connection that ever splits a line over segments.
 */
import { seqDiff } from '../../wire/index.ts';

/**
 * The longest line that is looked at, terminator included. Announcements need less than 100 bytes;
 * RFC 959 sets no limit, so a longer line is passed over, not refused.
 */
export const MAX_LINE_BYTES = 512;

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

/** One piece of one direction of a control connection. A sink must not feed the tracker that calls it. */
export class LineTracker {
  /** The sequence number after the last byte seen, as a signed 32-bit integer. */
  nextSeq: number;
  /** Sequence number of the first byte of the unfinished line; `nextSeq` if there is none. */
  lineSeq: number;
  /** Bytes of the unfinished line that are kept. */
  keptBytes = 0;
  /** Whether the rest of the present line is being passed over. */
  passingOver = false;
  private kept: Uint8Array | null = null;

  /** The next byte is `seq` and is taken to begin a line. */
  constructor(seq: number) {
    this.nextSeq = seq | 0;
    this.lineSeq = seq | 0;
  }

  /**
   * Takes the payload [start, end) of a segment whose first byte has sequence number `seq`, which
   * must not lie beyond `nextSeq`, and tells `sink` of every line that it completes. Bytes seen
   * before are not taken again.
   */
  feed(bytes: Uint8Array, start: number, end: number, seq: number, sink: LineSink): void {
    const from = start + seqDiff(this.nextSeq, seq);
    if (start >= end || from >= end) return;
    this.nextSeq = (seq + (end - start)) | 0;
    const rest = this.finishCarried(bytes, from, end, sink);
    if (rest < end) this.presentInPlace(bytes, rest, end, sink);
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
