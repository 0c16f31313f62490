import { mix32, mixFinish, randomSeed } from '../../../base/index.ts';

/**
 * Rows by a key of a few 32-bit words: what the matches stand on that keep something for each address
 * or connection. Bounded by `maxRows`; memory doubles as it is needed and is never given back. Rows
 * keep their numbers, so that other arrays may run beside them.
 *
 *   index (open addressing, power of two, at most half full) --> row: key
 */

const FIRST_ROWS = 64;
const EMPTY = -1;
/** In `links`: the row is in use. Otherwise the next free row, or `EMPTY`. */
const USED = -2;

export class KeyTable {
  /** The key that `find` and `insert` are about; the caller fills it. */
  readonly key: Int32Array;
  /** Rows there is memory for, and rows that have ever been in use: [0, highWater). */
  capacity: number;
  highWater = 0;
  count = 0;

  private readonly words: number;
  private readonly maxRows: number;
  private readonly seed: number;
  private keys: Int32Array;
  private links: Int32Array;
  private index: Int32Array;
  private free = EMPTY;

  constructor(words: number, maxRows: number, seed: number = randomSeed()) {
    this.words = words;
    this.maxRows = maxRows;
    this.seed = seed;
    this.capacity = FIRST_ROWS;
    this.key = new Int32Array(words);
    this.keys = new Int32Array(FIRST_ROWS * words);
    this.links = new Int32Array(FIRST_ROWS).fill(EMPTY);
    this.index = new Int32Array(FIRST_ROWS * 2).fill(EMPTY);
  }

  get isFull(): boolean {
    return this.count >= this.maxRows;
  }

  isUsed(row: number): boolean {
    return this.links[row] === USED;
  }

  /** One word of a row's key. */
  word(row: number, at: number): number {
    return this.keys[row * this.words + at]!;
  }

  /** The row of `key`, or -1. */
  find(): number {
    const mask = this.index.length - 1;
    for (let at = this.hash(this.key, 0) & mask; ; at = (at + 1) & mask) {
      const row = this.index[at]!;
      if (row === EMPTY || this.isKeyOf(row)) return row;
    }
  }

  /** A row for `key`, which must not be there yet. Not to be called when the table is full. */
  insert(): number {
    if (this.free === EMPTY && this.highWater === this.capacity) this.enlarge();
    const row = this.free === EMPTY ? this.highWater++ : this.free;
    if (row === this.free) this.free = this.links[row]!;
    this.links[row] = USED;
    for (let i = 0; i < this.words; i++) this.keys[row * this.words + i] = this.key[i]!;
    this.place(row);
    this.count++;
    return row;
  }

  /** Takes a row out: backward-shift deletion, since no entry may lie beyond a gap in its run. */
  remove(row: number): void {
    const { index, keys, words } = this;
    const mask = index.length - 1;
    let gap = this.hash(keys, row * words) & mask;
    while (index[gap] !== row) gap = (gap + 1) & mask;
    for (let at = (gap + 1) & mask; index[at] !== EMPTY; at = (at + 1) & mask) {
      const home = this.hash(keys, index[at]! * words) & mask;
      if (((at - home) & mask) < ((at - gap) & mask)) continue;
      index[gap] = index[at]!;
      gap = at;
    }
    index[gap] = EMPTY;
    this.links[row] = this.free;
    this.free = row;
    this.count--;
  }

  private isKeyOf(row: number): boolean {
    const { key, keys, words } = this;
    for (let i = 0; i < words; i++) if (keys[row * words + i] !== key[i]) return false;
    return true;
  }

  private hash(words: Int32Array, from: number): number {
    let hash = this.seed;
    for (let i = 0; i < this.words; i++) hash = mix32(hash, words[from + i]!);
    return mixFinish(hash);
  }

  private place(row: number): void {
    const mask = this.index.length - 1;
    let at = this.hash(this.keys, row * this.words) & mask;
    while (this.index[at] !== EMPTY) at = (at + 1) & mask;
    this.index[at] = row;
  }

  private enlarge(): void {
    const { keys, links } = this;
    this.capacity *= 2;
    this.keys = new Int32Array(this.capacity * this.words);
    this.keys.set(keys);
    this.links = new Int32Array(this.capacity).fill(EMPTY);
    this.links.set(links);
    this.index = new Int32Array(this.capacity * 2).fill(EMPTY);
    for (let row = 0; row < this.highWater; row++) if (this.isUsed(row)) this.place(row);
  }
}
