import { type Arena, mix32, mixFinish } from '../../base/index.ts';
import type { Packet } from '../../wire/index.ts';

const NONE = -1;

/** Words of a queue, which is one datagram that is not whole yet. */
export const Queue = {
  /** The next queue of the same bucket, or the next free row. */
  Next: 0,
  Older: 1,
  Younger: 2,
  Src0: 3,
  Dst0: 7,
  Id: 11,
  /** Protocol (IPv4), hook, and interface where the address means something on one link only. */
  Kind: 12,
  BornMs: 13,
  Flags: 14,
  /** Length of the whole payload as far as known, and bytes of it that are here. */
  Length: 15,
  Present: 16,
  /** First and last run of fragments, last fragment; see `Runs`. */
  FirstRun: 17,
  LastRun: 18,
  Tail: 19,
  RunCount: 20,
  Fragments: 21,
  /** Bit set of the ECN fields met. */
  Ecn: 22,
  /** Largest fragment, and largest one that must not be fragmented. */
  MaxSize: 23,
  MaxDfSize: 24,
  InIf: 25,
  /** Row and number in `SourceDistance`. */
  Source: 26,
  SourceNumber: 27,
  /** Where the next header field lies that names the fragment header (IPv6). */
  NextHeaderAt: 28,
} as const;
export type QueueWord = (typeof Queue)[keyof typeof Queue];
const WORDS = 29;

/** Bits of `Queue.Flags`. */
export const Have = { First: 1, Last: 2, Both: 3 } as const;

/** The incomplete datagrams of one family: a hash of fixed size, and a list by age. */
export class Queues {
  count = 0;
  /** The oldest queue, or -1. */
  oldest = NONE;
  readonly capacity: number;
  private youngest = NONE;
  private readonly rows: Int32Array;
  private readonly buckets: Int32Array;
  private readonly seed: number;
  private freed = NONE;
  private fresh = 0;

  /** `capacity` is a power of two. */
  constructor(arena: Arena, capacity: number, seed: number) {
    this.capacity = capacity;
    this.rows = arena.int32(capacity * WORDS);
    this.buckets = arena.int32(capacity).fill(NONE);
    this.seed = seed;
  }

  get(row: number, word: QueueWord): number {
    return this.rows[row * WORDS + word]!;
  }

  set(row: number, word: QueueWord, value: number): void {
    this.rows[row * WORDS + word] = value;
  }

  /** The queue that the fragment in the cursor belongs to, or -1. */
  find(packet: Packet, kind: number): number {
    let row = this.buckets[this.bucketOf(packet, kind)]!;
    while (row !== NONE && !this.isOf(row, packet, kind)) row = this.get(row, Queue.Next);
    return row;
  }

  /** A new queue for the fragment in the cursor; -1 where there are too many. */
  create(packet: Packet, kind: number, nowMs: number): number {
    if (this.count === this.capacity) return NONE;
    const row = this.freed === NONE ? this.fresh++ : this.freed;
    if (row === this.freed) this.freed = this.get(row, Queue.Next);
    const bucket = this.bucketOf(packet, kind);
    this.rows.fill(0, row * WORDS, (row + 1) * WORDS);
    this.writeKey(row, packet, kind);
    this.set(row, Queue.FirstRun, NONE);
    this.set(row, Queue.LastRun, NONE);
    this.set(row, Queue.Tail, NONE);
    this.set(row, Queue.Next, this.buckets[bucket]!);
    this.buckets[bucket] = row;
    this.linkYoungest(row, nowMs);
    this.count++;
    return row;
  }

  /** Removes a queue. Its fragments must have been given back. */
  remove(row: number): void {
    const bucket = this.bucketOfRow(row);
    if (this.buckets[bucket] === row) this.buckets[bucket] = this.get(row, Queue.Next);
    else {
      let before = this.buckets[bucket]!;
      while (this.get(before, Queue.Next) !== row) before = this.get(before, Queue.Next);
      this.set(before, Queue.Next, this.get(row, Queue.Next));
    }
    this.unlinkAge(row);
    this.set(row, Queue.Next, this.freed);
    this.freed = row;
    this.count--;
  }

  /** Lets the time of a queue begin anew. */
  renew(row: number, nowMs: number): void {
    this.unlinkAge(row);
    this.linkYoungest(row, nowMs);
  }

  private linkYoungest(row: number, nowMs: number): void {
    this.set(row, Queue.BornMs, nowMs);
    this.set(row, Queue.Older, this.youngest);
    this.set(row, Queue.Younger, NONE);
    if (this.youngest === NONE) this.oldest = row;
    else this.set(this.youngest, Queue.Younger, row);
    this.youngest = row;
  }

  private unlinkAge(row: number): void {
    const older = this.get(row, Queue.Older);
    const younger = this.get(row, Queue.Younger);
    if (older === NONE) this.oldest = younger;
    else this.set(older, Queue.Younger, younger);
    if (younger === NONE) this.youngest = older;
    else this.set(younger, Queue.Older, older);
  }

  private isOf(row: number, p: Packet, kind: number): boolean {
    const { rows } = this;
    const at = row * WORDS;
    return (
      rows[at + Queue.Id] === p.ipId &&
      rows[at + Queue.Kind] === kind &&
      rows[at + Queue.Src0] === p.src0 &&
      rows[at + Queue.Dst0] === p.dst0 &&
      rows[at + Queue.Src0 + 1] === p.src1 &&
      rows[at + Queue.Src0 + 2] === p.src2 &&
      rows[at + Queue.Src0 + 3] === p.src3 &&
      rows[at + Queue.Dst0 + 1] === p.dst1 &&
      rows[at + Queue.Dst0 + 2] === p.dst2 &&
      rows[at + Queue.Dst0 + 3] === p.dst3
    );
  }

  private writeKey(row: number, p: Packet, kind: number): void {
    const { rows } = this;
    const at = row * WORDS;
    rows[at + Queue.Id] = p.ipId;
    rows[at + Queue.Kind] = kind;
    rows[at + Queue.Src0] = p.src0;
    rows[at + Queue.Src0 + 1] = p.src1;
    rows[at + Queue.Src0 + 2] = p.src2;
    rows[at + Queue.Src0 + 3] = p.src3;
    rows[at + Queue.Dst0] = p.dst0;
    rows[at + Queue.Dst0 + 1] = p.dst1;
    rows[at + Queue.Dst0 + 2] = p.dst2;
    rows[at + Queue.Dst0 + 3] = p.dst3;
  }

  private bucketOf(p: Packet, kind: number): number {
    let hash = mix32(mix32(this.seed, p.ipId), kind);
    hash = mix32(mix32(mix32(mix32(hash, p.src0), p.src1), p.src2), p.src3);
    hash = mix32(mix32(mix32(mix32(hash, p.dst0), p.dst1), p.dst2), p.dst3);
    return mixFinish(hash) & (this.capacity - 1);
  }

  private bucketOfRow(row: number): number {
    let hash = mix32(mix32(this.seed, this.get(row, Queue.Id)), this.get(row, Queue.Kind));
    const at = row * WORDS + Queue.Src0;
    for (let i = 0; i < 8; i++) hash = mix32(hash, this.rows[at + i]!);
    return mixFinish(hash) & (this.capacity - 1);
  }
}
