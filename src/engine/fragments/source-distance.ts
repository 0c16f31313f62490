import { mix32, mixFinish } from '../../base/index.ts';

const NONE = -1;

/**
 * Counts the fragments of each source that has an incomplete datagram here. From how far the count
 * has moved on between two fragments of one datagram it is seen that the identification may have
 * come round meanwhile (net.ipv4.ipfrag_max_dist). A source is forgotten with its last datagram.
 */
export class SourceDistance {
  private readonly buckets: Int32Array;
  private readonly following: Int32Array;
  private readonly address: Int32Array;
  private readonly users: Int32Array;
  private readonly count: Int32Array;
  private readonly seed: number;
  private freed = NONE;
  private fresh = 0;

  /** `rows` is how many sources there may be at once: a power of two. */
  constructor(rows: number, seed: number) {
    this.buckets = new Int32Array(rows).fill(NONE);
    this.following = new Int32Array(rows);
    this.address = new Int32Array(rows);
    this.users = new Int32Array(rows);
    this.count = new Int32Array(rows);
    this.seed = seed;
  }

  /** One more datagram of a source; the row of the source. */
  hold(address: number): number {
    const bucket = this.bucketOf(address);
    let row = this.buckets[bucket]!;
    while (row !== NONE && this.address[row] !== address) row = this.following[row]!;
    if (row === NONE) row = this.enter(bucket, address);
    this.users[row] = this.users[row]! + 1;
    return row;
  }

  /** One datagram fewer. */
  release(row: number): void {
    const users = this.users[row]! - 1;
    this.users[row] = users;
    if (users > 0) return;
    const bucket = this.bucketOf(this.address[row]!);
    if (this.buckets[bucket] === row) this.buckets[bucket] = this.following[row]!;
    else {
      let before = this.buckets[bucket]!;
      while (this.following[before] !== row) before = this.following[before]!;
      this.following[before] = this.following[row]!;
    }
    this.following[row] = this.freed;
    this.freed = row;
  }

  /** Counts a fragment; the number it has. */
  next(row: number): number {
    const number = (this.count[row]! + 1) | 0;
    this.count[row] = number;
    return number;
  }

  private enter(bucket: number, address: number): number {
    const row = this.freed === NONE ? this.fresh++ : this.freed;
    if (row === this.freed) this.freed = this.following[row]!;
    this.address[row] = address;
    this.users[row] = 0;
    this.count[row] = 0;
    this.following[row] = this.buckets[bucket]!;
    this.buckets[bucket] = row;
    return row;
  }

  private bucketOf(address: number): number {
    return mixFinish(mix32(this.seed, address)) & (this.buckets.length - 1);
  }
}
