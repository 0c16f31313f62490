import { Arena } from '../../base/index.ts';
import type { Packet } from '../../wire/index.ts';
import { BLOCK_BYTES, BlockStore } from './block-store.ts';
import type { Cuts } from './cuts.ts';
import { Queue, Queues } from './queues.ts';
import { Place, type PlaceCode, Runs } from './runs.ts';

/** What became of a fragment. */
export const Gathered = {
  /** It waits for the others. */
  Held: 0,
  /** It was the last one missing: the cursor holds the whole datagram, not decoded yet. */
  Whole: 1,
  /** Nothing to put together: it goes on as it is. */
  AsIs: 2,
  /** It is to be dropped, and its datagram with it where the kernel does so. */
  Overlap: 3,
  Invalid: 4,
  Overflow: 5,
  Duplicate: 6,
} as const;
export type GatheredCode = (typeof Gathered)[keyof typeof Gathered];

const NONE = -1;

/** The incomplete datagrams of one family and their bytes, in memory of a fixed size. */
export class Datagrams {
  readonly queues: Queues;
  readonly store: BlockStore;
  readonly runs: Runs;
  /** Fragments that were given up with their datagrams since this was last set to 0. */
  abandoned = 0;

  constructor(memoryBytes: number, seed: number) {
    const arena = new Arena();
    const blocks = Math.max(2, Math.floor(memoryBytes / BLOCK_BYTES));
    this.store = new BlockStore(blocks);
    this.runs = new Runs(arena, blocks);
    // Never more than half as many datagrams as blocks, so that each may have a second fragment.
    this.queues = new Queues(arena, 1 << (30 - Math.clz32(blocks)), seed);
  }

  /** Enters bytes of the cursor as [start, end) of a datagram, `headerLen` bytes of header first. */
  enter(
    queue: number,
    packet: Packet,
    from: number,
    headerLen: number,
    start: number,
    end: number,
  ): PlaceCode {
    const { queues, runs } = this;
    const place = runs.judge(queues, queue, start, end);
    if (place !== Place.Entered) return place;
    const fragment = this.store.write(packet.bytes, from, headerLen + end - start);
    runs.enter(queues, queue, fragment, start, end, headerLen);
    queues.set(queue, Queue.Present, queues.get(queue, Queue.Present) + end - start);
    queues.set(queue, Queue.Fragments, queues.get(queue, Queue.Fragments) + 1);
    return place;
  }

  /** Copies the first `headerLen` stored bytes of the first fragment into the cursor at `at`. */
  readHeader(queue: number, headerLen: number, packet: Packet, at: number): void {
    const first = this.queues.get(queue, Queue.FirstRun);
    this.store.read(first, 0, headerLen, packet.bytes, at);
  }

  /** Copies the payload, in order, into the cursor at `at`, and notes how it had been cut. */
  readPayload(queue: number, packet: Packet, at: number, cuts: Cuts): void {
    const { runs, store } = this;
    let to = at;
    cuts.count = 0;
    let run = this.queues.get(queue, Queue.FirstRun);
    for (; run !== NONE; run = runs.nextRun(run)) {
      for (let part = run; part !== NONE; part = runs.next(part)) {
        const length = runs.length(part);
        store.read(part, runs.headerLen(part), length, packet.bytes, to);
        cuts.lengths[cuts.count] = length;
        cuts.count++;
        to += length;
      }
    }
  }

  /** Gives the fragments of a queue back, and leaves it empty. */
  empty(queue: number): void {
    const { queues, runs, store } = this;
    let run = queues.get(queue, Queue.FirstRun);
    while (run !== NONE) {
      const following = runs.nextRun(run);
      let part = run;
      while (part !== NONE) {
        const next = runs.next(part);
        store.free(part);
        part = next;
      }
      run = following;
    }
    queues.set(queue, Queue.FirstRun, NONE);
    queues.set(queue, Queue.LastRun, NONE);
    queues.set(queue, Queue.Tail, NONE);
    queues.set(queue, Queue.RunCount, 0);
    queues.set(queue, Queue.Fragments, 0);
    queues.set(queue, Queue.Length, 0);
    queues.set(queue, Queue.Present, 0);
    queues.set(queue, Queue.Flags, 0);
    queues.set(queue, Queue.Ecn, 0);
  }

  /** Gives a datagram up; its fragments count as abandoned. */
  abandon(queue: number): void {
    this.abandoned += this.queues.get(queue, Queue.Fragments);
    this.empty(queue);
  }
}
