import { seqDiff } from '../../wire/index.ts';
import { type LineSink, LineTracker } from './lines.ts';

/** Places of one stream that are followed at once. nf_conntrack_ftp.c remembers two. */
const MAX_FRONTS = 8;
/** What lies farther back than this is not compared: sequence numbers wrap. */
const MAX_PIECE_BYTES = 1 << 30;

/** A piece of the stream, [startSeq, tracker.nextSeq), that has been seen without a hole. */
interface Front {
  readonly tracker: LineTracker;
  startSeq: number;
  /** Whether the line that the tracker stands in may have begun before the piece did. */
  isUncertain: boolean;
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
export class StreamFronts implements LineSink {
  /** Whether the line being presented may be the end of a line only. */
  isUncertain = false;
  /**
   * True where the last segment ended in a line whose rest has gone on before it: the line was
   * presented as unfinished, and will never be presented whole.
   */
  isTorn = false;
  /** The first byte of a hole that `take` has just given up watching, or null. */
  givenUpSeq: number | null = null;

  /** In the order of the stream; pieces neither touch nor overlap. */
  private readonly fronts: Front[] = [];
  private current: Front | null = null;
  private readonly sink: LineSink;

  constructor(sink: LineSink) {
    this.sink = sink;
  }

  /** The next byte is `seq` and begins a line. */
  startAt(seq: number): void {
    this.fronts.length = 0;
    this.fronts.push(frontAt(seq, false));
  }

  /**
   * Takes the payload [start, end) of a segment and has its lines presented. False where the segment
   * is not wholly new: bytes seen before are not presented.
   */
  take(bytes: Uint8Array, start: number, end: number, seq: number): boolean {
    this.isTorn = false;
    this.givenUpSeq = null;
    const afterSeq = (seq + (end - start)) | 0;
    if (this.isOld(seq, afterSeq)) return false;
    const front = this.continuedBy(seq, afterSeq) ?? this.add(seq);
    const isNew = seqDiff(seq, front.tracker.nextSeq) === 0;
    this.current = front;
    front.tracker.feed(bytes, start, end, seq, this);
    this.merge(front);
    return isNew;
  }

  line(bytes: Uint8Array, start: number, end: number, lineSeq: number, carried: number): void {
    this.isUncertain = this.current!.isUncertain;
    this.current!.isUncertain = false;
    this.sink.line(bytes, start, end, lineSeq, carried);
  }

  unfinished(
    bytes: Uint8Array,
    start: number,
    end: number,
    lineSeq: number,
    carried: number,
  ): void {
    this.isUncertain = this.current!.isUncertain;
    this.sink.unfinished(bytes, start, end, lineSeq, carried);
  }

  overLong(lineSeq: number, head: Uint8Array, start: number, end: number, carried: number): void {
    this.isUncertain = this.current!.isUncertain;
    this.current!.isUncertain = false;
    this.sink.overLong(lineSeq, head, start, end, carried);
  }

  private isOld(seq: number, afterSeq: number): boolean {
    return this.fronts.some(
      ({ startSeq, tracker }) =>
        seqDiff(seq, startSeq) >= 0 && seqDiff(afterSeq, tracker.nextSeq) <= 0,
    );
  }

  /** The piece that the segment lengthens at its end. */
  private continuedBy(seq: number, afterSeq: number): Front | null {
    for (const front of this.fronts) {
      const { nextSeq } = front.tracker;
      if (seqDiff(seq, nextSeq) <= 0 && seqDiff(afterSeq, nextSeq) > 0) return front;
    }
    return null;
  }

  /** Begins another piece. Where there are too many, the first hole is given up for it. */
  private add(seq: number): Front {
    if (this.fronts.length >= MAX_FRONTS) this.givenUpSeq = this.fronts.shift()!.tracker.nextSeq;
    const added = frontAt(seq, true);
    const at = this.fronts.findIndex(({ startSeq }) => seqDiff(startSeq, seq) > 0);
    if (at < 0) this.fronts.push(added);
    else this.fronts.splice(at, 0, added);
    return added;
  }

  /** Once a hole is filled, one piece stands for both sides of it. */
  private merge(moved: Front): void {
    const at = this.fronts.indexOf(moved);
    const { nextSeq, keptBytes } = moved.tracker;
    if (seqDiff(nextSeq, moved.startSeq) > MAX_PIECE_BYTES) {
      moved.startSeq = (nextSeq - MAX_PIECE_BYTES) | 0;
    }
    while (at + 1 < this.fronts.length) {
      const newer = this.fronts[at + 1]!;
      if (seqDiff(nextSeq, newer.startSeq) < 0) return;
      if (seqDiff(nextSeq, newer.tracker.nextSeq) < 0) {
        this.isTorn = keptBytes > 0;
        if (seqDiff(moved.startSeq, newer.startSeq) < 0) newer.startSeq = moved.startSeq;
        this.fronts.splice(at, 1);
        return;
      }
      this.fronts.splice(at + 1, 1);
    }
  }
}

function frontAt(seq: number, isUncertain: boolean): Front {
  return { tracker: new LineTracker(seq), startSeq: seq | 0, isUncertain };
}
