import { seqDiff } from '../../wire/index.ts';
import {
  endOfLine,
  type LineSink,
  LineTracker,
  SegmentOrder,
  type SegmentOrderCode,
} from './lines.ts';

/** Places of one stream that are followed at once. nf_conntrack_ftp.c remembers two. */
const MAX_FRONTS = 4;
const LF = 0x0a;

/** A place up to which the stream has been seen without a hole, from `startSeq` on. */
interface Front {
  readonly tracker: LineTracker;
  startSeq: number;
}

/**
 * One direction of a control connection in whatever order its segments come: each hole begins a
 * front of its own, and what fills the hole goes on with the line that ended before it.
 *
 *     seen ─────────▶|  hole  |───────▶ seen
 *              older front        newer front
 *
 * A reordered command is read as if it had come in time. Nothing is held back.
 */
export class StreamFronts {
  /** Oldest first. */
  private readonly fronts: Front[] = [];

  /** The next byte is `seq` and begins a line. */
  startAt(seq: number): void {
    const tracker = this.fronts[0]?.tracker ?? new LineTracker();
    tracker.startAt(seq);
    this.fronts.length = 0;
    this.fronts.push({ tracker, startSeq: seq });
  }

  /**
   * Takes the payload [start, end) of a segment and presents its lines to `sink`. With `Unknown` and
   * `Gap` the bytes before the first LF were not presented: nobody knows where their line began.
   * `Retransmission`: at least a part of the segment is not new.
   */
  take(
    bytes: Uint8Array,
    start: number,
    end: number,
    seq: number,
    sink: LineSink,
  ): SegmentOrderCode {
    const front = this.continuedBy(seq, end - start);
    if (front === null) {
      if (this.isOld(seq, end - start)) return SegmentOrder.Retransmission;
      const isFirst = this.fronts.length === 0;
      enter(this.add(seq).tracker, bytes, start, end, seq, sink);
      return isFirst ? SegmentOrder.Unknown : SegmentOrder.Gap;
    }
    const order = front.tracker.classify(seq, end - start);
    if (front.tracker.lineStartKnown) {
      front.tracker.feed(bytes, start, end, seq, sink);
      this.merge(front);
      return order;
    }
    enter(front.tracker, bytes, start, end, seq, sink);
    this.merge(front);
    return SegmentOrder.Unknown;
  }

  /** The front that the segment goes on from, with at least one new byte. */
  private continuedBy(seq: number, length: number): Front | null {
    for (const front of this.fronts) {
      const ahead = seqDiff(seq, front.tracker.nextSeq);
      if (ahead <= 0 && ahead + length > 0 && seqDiff(seq, front.startSeq) >= 0) return front;
    }
    return this.beforeItsFront(seq, length);
  }

  /** A retransmission may also begin before the place where a front was entered. */
  private beforeItsFront(seq: number, length: number): Front | null {
    for (const front of this.fronts) {
      if (seqDiff(seq, front.tracker.nextSeq) <= 0) {
        return seqDiff(seq + length, front.tracker.nextSeq) > 0 ? front : null;
      }
    }
    return null;
  }

  private isOld(seq: number, length: number): boolean {
    return this.fronts.some(({ tracker }) => seqDiff(seq + length, tracker.nextSeq) <= 0);
  }

  private add(seq: number): Front {
    if (this.fronts.length >= MAX_FRONTS) this.fronts.shift();
    const added = { tracker: new LineTracker(), startSeq: seq };
    this.fronts.push(added);
    return added;
  }

  /** Once a hole is filled, one front stands for both sides of it. */
  private merge(moved: Front): void {
    const at = this.fronts.indexOf(moved);
    const { nextSeq } = moved.tracker;
    while (at + 1 < this.fronts.length) {
      const newer = this.fronts[at + 1]!;
      if (seqDiff(nextSeq, newer.startSeq) < 0) return;
      if (seqDiff(nextSeq, newer.tracker.nextSeq) < 0) {
        this.fronts.splice(at, 1);
        return;
      }
      this.fronts.splice(at + 1, 1);
    }
  }
}

/** A segment in the middle of nowhere: behind its first LF a line begins for certain. */
function enter(
  tracker: LineTracker,
  bytes: Uint8Array,
  start: number,
  end: number,
  seq: number,
  sink: LineSink,
): void {
  const lineStart = endOfLine(bytes, start, end);
  if (bytes[lineStart - 1] !== LF) {
    tracker.forget();
    tracker.feed(bytes, start, end, seq, sink);
    return;
  }
  const lineSeq = (seq + (lineStart - start)) | 0;
  tracker.startAt(lineSeq);
  tracker.feed(bytes, lineStart, end, lineSeq, sink);
}
