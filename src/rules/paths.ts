import { mix32, mixFinish } from '../base/index.ts';
import type { TableProgram } from './program.ts';
import { placeOf, type RuleTrail, rowOf } from './trail.ts';

/** So that a number fits 16 bits of a flow. */
const MAX_PATHS = 65_535;
/** Rows of all paths together, 8 MiB: beyond that no more are taken. */
const MAX_WORDS = 1 << 21;
const FIRST_PATHS = 32;

/**
 * The sequences of rows that packets count in, by number from 1; 0 is the one without rows. Flows of
 * one kind share a path, so that a few serve very many.
 *
 *   starts: | 0 | 3 | 5 | …     words: | row row row | row row | …
 *
 * Hot: a path that is known is found without allocating.
 */
export class PathTable {
  /** Where path p begins is at p - 1, where it ends at p. */
  private starts = new Int32Array(FIRST_PATHS + 1);
  private words = new Int32Array(FIRST_PATHS * 8);
  /** Open addressing, at most half full: numbers of paths, 0 for free. */
  private slots = new Int32Array(FIRST_PATHS * 2);
  private count = 0;
  private readonly seed: number;

  constructor(seed: number) {
    this.seed = seed;
  }

  /** The number of the rows of a trail; -1 where no further path can be taken. */
  numberOf(trail: RuleTrail): number {
    const { rows, count } = trail;
    if (count === 0) return 0;
    let hash = this.seed;
    for (let i = 0; i < count; i++) hash = mix32(hash, rows[i]!);
    const mask = this.slots.length - 1;
    let slot = mixFinish(hash) & mask;
    for (;;) {
      const path = this.slots[slot]!;
      if (path === 0) return this.add(rows, count, slot);
      if (this.isPath(path, rows, count)) return path;
      slot = (slot + 1) & mask;
    }
  }

  /** Adds to the counters of each row of a path; one that was never given out counts nowhere. */
  countIn(
    programs: readonly (TableProgram | null)[],
    path: number,
    packets: number,
    bytes: number,
  ): void {
    if (path < 1 || path > this.count) return;
    const { words, starts } = this;
    const end = starts[path]!;
    for (let at = starts[path - 1]!; at < end; at++) {
      const { counters } = programs[placeOf(words[at]!)]!;
      const counter = rowOf(words[at]!) * 2;
      counters[counter] = counters[counter]! + packets;
      counters[counter + 1] = counters[counter + 1]! + bytes;
    }
  }

  private isPath(path: number, rows: Int32Array, count: number): boolean {
    const { words, starts } = this;
    const start = starts[path - 1]!;
    if (starts[path]! - start !== count) return false;
    for (let i = 0; i < count; i++) if (words[start + i]! !== rows[i]!) return false;
    return true;
  }

  private add(rows: Int32Array, count: number, slot: number): number {
    const start = this.starts[this.count]!;
    if (this.count === MAX_PATHS || start + count > MAX_WORDS) return -1;
    if (start + count > this.words.length) this.words = grown(this.words, start + count);
    for (let i = 0; i < count; i++) this.words[start + i] = rows[i]!;
    this.slots[slot] = ++this.count;
    if (this.count === this.starts.length) this.starts = grown(this.starts, this.count + 1);
    this.starts[this.count] = start + count;
    if (this.count * 2 > this.slots.length) this.rehash();
    return this.count;
  }

  private rehash(): void {
    const { starts, words } = this;
    const slots = new Int32Array(this.slots.length * 2);
    for (let path = 1; path <= this.count; path++) {
      let hash = this.seed;
      for (let at = starts[path - 1]!; at < starts[path]!; at++) hash = mix32(hash, words[at]!);
      let slot = mixFinish(hash) & (slots.length - 1);
      while (slots[slot] !== 0) slot = (slot + 1) & (slots.length - 1);
      slots[slot] = path;
    }
    this.slots = slots;
  }
}

function grown(array: Int32Array, least: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(Math.max(array.length * 2, least));
  larger.set(array);
  return larger;
}
