import type { Arena } from '../../base/index.ts';
import { Queue, type Queues } from './queues.ts';

const NONE = -1;
/** Words of a fragment. Its row is the number of its first block in the store. */
const Word = {
  /** Offset in the datagram's payload and length there. */
  Start: 0,
  Length: 1,
  /** Bytes of IP header stored before the payload (first fragment only). */
  Header: 2,
  /** The next fragment of the same run. */
  Next: 3,
  /** Of the first fragment of a run: the next run, and where this one ends. */
  NextRun: 4,
  End: 5,
} as const;
const WORDS = 6;

/** Pieces that do not touch; more would make the search for a place long. */
export const MAX_RUNS = 1024;

/** Where a fragment finds itself among those that are here. */
export const Place = { Entered: 0, Duplicate: 1, Overlap: 2, TooMany: 3 } as const;
export type PlaceCode = (typeof Place)[keyof typeof Place];

/**
 * The order of a queue's fragments. Those that came one after the other without a gap form a run:
 *
 *     queue ─▶ run 0..2960 ─▶ run 4440..5920
 *              │ 0..1480      │ 4440..5920
 *              └ 1480..2960
 *
 * What lies within one run is a duplicate; what touches any other way is an overlap, which the
 * datagram does not survive (RFC 5722, inet_fragment.c). Only the last run grows; a fragment that
 * fills a gap is a run of its own, as in the kernel, so that both call the same things overlaps.
 */
export class Runs {
  private readonly rows: Int32Array;

  constructor(arena: Arena, fragments: number) {
    this.rows = arena.int32(fragments * WORDS);
  }

  start(fragment: number): number {
    return this.rows[fragment * WORDS + Word.Start]!;
  }

  length(fragment: number): number {
    return this.rows[fragment * WORDS + Word.Length]!;
  }

  headerLen(fragment: number): number {
    return this.rows[fragment * WORDS + Word.Header]!;
  }

  next(fragment: number): number {
    return this.rows[fragment * WORDS + Word.Next]!;
  }

  nextRun(run: number): number {
    return this.rows[run * WORDS + Word.NextRun]!;
  }

  /** Run behind which [start, end) is to stand (-1: before all); else why it cannot stand. */
  private before = NONE;

  /** Says whether [start, end) may be entered, and remembers the place for `enter`. */
  judge(queues: Queues, queue: number, start: number, end: number): PlaceCode {
    this.before = queues.get(queue, Queue.LastRun);
    const tail = queues.get(queue, Queue.Tail);
    if (tail === NONE) return Place.Entered;
    const lastEnd = this.start(tail) + this.length(tail);
    if (lastEnd < end) return start < lastEnd ? Place.Overlap : this.roomFor(queues, queue);
    this.before = NONE;
    let run = queues.get(queue, Queue.FirstRun);
    while (this.end(run) <= start) {
      this.before = run;
      run = this.nextRun(run);
    }
    if (end <= this.start(run)) return this.roomFor(queues, queue);
    return start >= this.start(run) && end <= this.end(run) ? Place.Duplicate : Place.Overlap;
  }

  /** Enters a fragment at the place that `judge` has just found. */
  enter(
    queues: Queues,
    queue: number,
    fragment: number,
    start: number,
    end: number,
    headerLen: number,
  ): void {
    this.write(fragment, start, end, headerLen);
    const last = queues.get(queue, Queue.LastRun);
    if (last !== NONE && this.before === last && start === this.end(last)) {
      this.rows[queues.get(queue, Queue.Tail) * WORDS + Word.Next] = fragment;
      this.rows[last * WORDS + Word.End] = end;
      queues.set(queue, Queue.Tail, fragment);
      return;
    }
    this.link(queues, queue, fragment);
    if (this.before !== last) return;
    queues.set(queue, Queue.LastRun, fragment);
    queues.set(queue, Queue.Tail, fragment);
  }

  private roomFor(queues: Queues, queue: number): PlaceCode {
    return queues.get(queue, Queue.RunCount) < MAX_RUNS ? Place.Entered : Place.TooMany;
  }

  private link(queues: Queues, queue: number, run: number): void {
    const { before } = this;
    const nextAt = run * WORDS + Word.NextRun;
    if (before === NONE) {
      this.rows[nextAt] = queues.get(queue, Queue.FirstRun);
      queues.set(queue, Queue.FirstRun, run);
    } else {
      this.rows[nextAt] = this.nextRun(before);
      this.rows[before * WORDS + Word.NextRun] = run;
    }
    queues.set(queue, Queue.RunCount, queues.get(queue, Queue.RunCount) + 1);
  }

  private write(fragment: number, start: number, end: number, headerLen: number): void {
    const at = fragment * WORDS;
    this.rows[at + Word.Start] = start;
    this.rows[at + Word.Length] = end - start;
    this.rows[at + Word.Header] = headerLen;
    this.rows[at + Word.Next] = NONE;
    this.rows[at + Word.NextRun] = NONE;
    this.rows[at + Word.End] = end;
  }

  private end(run: number): number {
    return this.rows[run * WORDS + Word.End]!;
  }
}
