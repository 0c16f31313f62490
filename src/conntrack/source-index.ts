import { type Arena, mix32, mixFinish } from '../base/index.ts';
import { Direction, Status } from './constants.ts';
import { Field } from './fields.ts';
import type { ConntrackRows } from './rows.ts';
import { Tuple } from './tuple.ts';

/** Links followed in one search: one source's many connections must not hold the packet loop up. */
const LINKS_FOLLOWED = 1024;
/** Protocol and family in a tuple's first word; the zone stands above them. */
const KIND = 0xffff;

/**
 * Connections by the source they had before any translation, the newest first: so that a client's
 * next connection from the same port can be given the translation that its others have
 * (nf_nat_bysource of net/netfilter/nf_nat_core.c).
 *
 *   heads     | row+1 | 0 | row+1 | …       one for every second connection at most
 *                 │
 *   rows      … Field.Next ─▶ older row ─▶ -1
 *   previous  … row+1 of the newer one, 0 where there is none
 *
 * A row stands in it from the moment its source is decided, confirmed or not, until it is given back.
 */
export class SourceIndex {
  private readonly arena: Arena;
  private readonly rows: ConntrackRows;
  private readonly heads: Int32Array;
  private previous: Int32Array;
  private readonly seed: number;
  private readonly scratch = new Tuple();

  // What is looked for, and where the search stands.
  private wanted: Tuple | null = null;
  private zone = 0;
  private zoneInHash = 0;
  private at = -1;
  private linksLeft = 0;

  /**
   * @param expected how many connections it is made for, 0 for as many as there are rows; more than
   * that only make it slower (nf_nat_htable_size is never changed either)
   */
  constructor(arena: Arena, rows: ConntrackRows, expected: number, seed: number) {
    this.arena = arena;
    this.rows = rows;
    this.seed = seed;
    let headCount = 1;
    const count = Math.min(expected > 0 ? expected : rows.capacity, rows.capacity);
    while (headCount * 4 <= count) headCount *= 2;
    this.heads = arena.int32(headCount);
    this.previous = arena.int32(rows.capacity);
  }

  /** Enters a row that is in use; nothing happens where it stands in the index already. */
  add(row: number): void {
    const { rows, heads } = this;
    if (rows.hasStatus(row, Status.InSourceIndex)) return;
    if (row >= this.previous.length) this.grow();
    const { previous } = this;
    const bucket = this.bucketOf(row);
    const older = heads[bucket]! - 1;
    rows.set(row, Field.Next, older);
    previous[row] = 0;
    if (older >= 0) previous[older] = row + 1;
    heads[bucket] = row + 1;
    rows.addStatus(row, Status.InSourceIndex);
  }

  /** The table has been given more rows. */
  private grow(): void {
    const { previous } = this;
    this.previous = this.arena.int32(this.rows.capacity);
    this.previous.set(previous);
  }

  /** To be called before a row is given back; rows that never stood in the index are let be. */
  remove(row: number): void {
    const { rows, previous } = this;
    if (!rows.hasStatus(row, Status.InSourceIndex)) return;
    const newer = previous[row]! - 1;
    const older = rows.get(row, Field.Next);
    if (newer >= 0) rows.set(newer, Field.Next, older);
    else this.heads[this.bucketOf(row)] = older + 1;
    if (older >= 0) previous[older] = newer + 1;
    rows.removeStatus(row, Status.InSourceIndex);
  }

  /**
   * Begins a search for connections that have the source (address, port, protocol) of `tuple` and
   * the zones of `row`. `tuple` must stay as it is until the search is over.
   */
  search(tuple: Tuple, row: number): void {
    this.wanted = tuple;
    this.zone = this.rows.zone(row, Direction.Original);
    this.zoneInHash = this.zoneForHash(row);
    this.at = this.heads[this.bucket(tuple, this.zoneInHash)]! - 1;
    this.linksLeft = LINKS_FOLLOWED;
  }

  /** The next connection found, newest first, or -1. */
  next(): number {
    while (this.at >= 0 && this.linksLeft-- > 0) {
      const row = this.at;
      this.at = this.rows.get(row, Field.Next);
      if (this.matches(row)) return row;
    }
    return -1;
  }

  private matches(row: number): boolean {
    const { scratch, wanted } = this;
    if (wanted === null) return false;
    this.rows.readTuple(row, Direction.Original, scratch);
    return (
      (scratch.meta & KIND) === (wanted.meta & KIND) &&
      scratch.srcPort === wanted.srcPort &&
      scratch.sameSource(wanted) &&
      scratch.zone === this.zone &&
      this.zoneForHash(row) === this.zoneInHash
    );
  }

  /** A zone that holds for one direction only is no part of the hash (hash_by_src). */
  private zoneForHash(row: number): number {
    const zone = this.rows.zone(row, Direction.Original);
    return zone === this.rows.zone(row, Direction.Reply) ? zone : 0;
  }

  private bucketOf(row: number): number {
    this.rows.readTuple(row, Direction.Original, this.scratch);
    return this.bucket(this.scratch, this.zoneForHash(row));
  }

  private bucket(tuple: Tuple, zone: number): number {
    const { s0, s1, s2, s3 } = tuple;
    let h = mix32(mix32(this.seed, s0), (zone << 16) | tuple.srcPort);
    if ((s1 | s2 | s3) !== 0) h = mix32(mix32(mix32(h, s1), s2), s3);
    return mixFinish(mix32(h, tuple.meta & KIND)) & (this.heads.length - 1);
  }
}
