import type { Arena } from '../base/index.ts';
import { Direction, type DirectionCode, Status } from './constants.ts';
import { ConntrackRows } from './rows.ts';
import { Tuple } from './tuple.ts';
import { slotsFor, TupleIndex } from './tuple-index.ts';

/**
 * The connection table: rows of plain integers, and one index in which both directions of a row
 * stand.
 *
 *   index   | hash | ref+1 | hash | ref+1 | …          ref = row << 1 | direction
 *                     │
 *   rows    | original tuple | reply tuple | status | expires | …      one row a connection
 *   wide    | rest of original tuple | rest of reply tuple |           of IPv6 connections only
 *
 * Memory for the rows is reserved at construction and costs nothing until it is used; the index
 * grows with the connections, a little at each change. IPv4 and IPv6 share rows and index.
 */
export class ConntrackTable extends ConntrackRows {
  private readonly index: TupleIndex;
  private readonly seed: number;
  private readonly scratch = new Tuple();
  /** Slots that the index shall have, however few the connections. */
  private slotsWanted: number;

  /**
   * @param capacity rows that memory is reserved for
   * @param slots size of the index to begin with
   */
  constructor(arena: Arena, capacity: number, seed: number, slots = slotsFor(capacity)) {
    super(arena, capacity);
    this.seed = seed;
    this.index = new TupleIndex(arena, slots);
    this.slotsWanted = slots;
  }

  /** Most rows that may be in use: what memory could be had for. */
  get rowLimit(): number {
    return Math.min(this.capacity, this.index.rowLimit);
  }

  /** Asks for an index of so many slots; it grows along with what happens, and never shrinks. */
  wantSlots(slots: number): void {
    this.slotsWanted = slots;
    this.index.retry();
  }

  /** Does a part of what remains to be done for a larger index, for want of other occasions. */
  growOn(budget: number): void {
    this.index.grow(this.count, this.slotsWanted);
    this.index.move(budget);
  }

  /** The reference (row << 1 | direction) of the connection with this tuple, or -1. */
  lookup(tuple: Tuple): number {
    return this.index.find(tuple, tuple.hash(this.seed), this);
  }

  /**
   * The references (row << 1 | direction) of one bucket, copied into `out`: the n-th from that of
   * the tuple, where the index is cut into `buckets`. Returns how many.
   */
  bucketOf(tuple: Tuple, n: number, buckets: number, out: Int32Array): number {
    return this.index.bucket(tuple.hash(this.seed), n, buckets, out);
  }

  /**
   * Enters both directions of a row into the index and sets CONFIRMED. False, and nothing entered,
   * where either tuple is taken (the kernel's insert_failed), be it by this very row.
   */
  insert(row: number): boolean {
    const { index, scratch, seed } = this;
    this.readTuple(row, Direction.Reply, scratch);
    const replyHash = scratch.hash(seed);
    if (index.find(scratch, replyHash, this) >= 0) return false;
    this.readTuple(row, Direction.Original, scratch);
    const hash = scratch.hash(seed);
    if (index.find(scratch, hash, this) >= 0) return false;
    index.grow(this.count, this.slotsWanted);
    // Where both tuples are the same, a packet belongs to the original direction.
    index.link(row << 1, hash);
    index.link((row << 1) | Direction.Reply, replyHash);
    this.addStatus(row, Status.Confirmed);
    return true;
  }

  /** Takes both directions of a row out of the index. */
  unlink(row: number): void {
    for (let direction = 0; direction < 2; direction++) {
      this.readTuple(row, direction as DirectionCode, this.scratch);
      this.index.unlink((row << 1) | direction, this.scratch.hash(this.seed));
    }
    this.removeStatus(row, Status.Confirmed);
    this.index.grow(this.count, this.slotsWanted);
  }
}
