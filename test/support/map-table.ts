/**
 * The slow twin of `ConntrackTable`'s index: two Maps with text keys. It says what allocate, insert,
 * lookup, unlink and release must come to; it does not choose row numbers, it is told them.
 */
import type { Tuple } from '../../src/conntrack/index.ts';

interface MapRow {
  readonly keys: readonly [string, string];
  inserted: boolean;
}

/** The text under which the twin knows a tuple. */
export function tupleKey(t: Tuple): string {
  return [t.meta, t.ports, t.s0, t.s1, t.s2, t.s3, t.d0, t.d1, t.d2, t.d3].join(' ');
}

export class MapTable {
  private readonly capacity: number;
  private readonly rows = new Map<number, MapRow>();
  private readonly index = new Map<string, number>();

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  get count(): number {
    return this.rows.size;
  }

  get isFull(): boolean {
    return this.rows.size >= this.capacity;
  }

  has(row: number): boolean {
    return this.rows.has(row);
  }

  isInserted(row: number): boolean {
    return this.rowOf(row).inserted;
  }

  rowNumbers(): number[] {
    return [...this.rows.keys()];
  }

  /** The fast table has given out `row` for this pair of tuples. */
  allocated(row: number, original: Tuple, reply: Tuple): void {
    this.rows.set(row, { keys: [tupleKey(original), tupleKey(reply)], inserted: false });
  }

  insert(row: number): boolean {
    const { keys } = this.rowOf(row);
    if (keys.some((key) => this.index.has(key))) return false;
    // Where both tuples are the same, a packet belongs to the original direction.
    this.index.set(keys[1], (row << 1) | 1);
    this.index.set(keys[0], row << 1);
    this.rowOf(row).inserted = true;
    return true;
  }

  lookup(tuple: Tuple): number {
    return this.index.get(tupleKey(tuple)) ?? -1;
  }

  unlink(row: number): void {
    const entry = this.rowOf(row);
    if (!entry.inserted) return;
    for (const key of entry.keys) this.index.delete(key);
    entry.inserted = false;
  }

  release(row: number): void {
    this.rows.delete(row);
  }

  private rowOf(row: number): MapRow {
    const entry = this.rows.get(row);
    if (entry === undefined) throw new Error(`row ${row} is not in use`);
    return entry;
  }
}
