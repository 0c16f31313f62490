import { mix32, mixFinish } from '../../base/index.ts';

/**
 * The elements of one set: keys of a fixed number of words in an open-addressing table, with what
 * ipset calls extensions beside them. Finding allocates nothing; adding allocates only where the
 * table grows, which `reserve` can do beforehand.
 */

/** Bits of an element. */
export const ElementFlag = {
  Used: 1,
  /** `nomatch`: what it covers is not in the set. */
  NoMatch: 2,
  /** Added by `-j SET`: outlives a reload. */
  Dynamic: 4,
} as const;

/** `expires` of an element that stays. */
export const STAYS = 0;
const FIRST_SLOTS = 16;

export interface TableShape {
  readonly words: number;
  readonly counters: boolean;
  readonly marks: boolean;
  readonly seed: number;
}

/** The arrays of a table, one entry (or key) a slot. */
interface Columns {
  readonly shape: TableShape;
  readonly keys: Int32Array;
  readonly flags: Uint8Array;
  readonly expires: Int32Array;
  readonly packets: Float64Array;
  readonly bytes: Float64Array;
  readonly marks: Int32Array;
  readonly markMasks: Int32Array;
}

export class SetTable implements Columns {
  readonly shape: TableShape;
  count = 0;
  /** Words of the key in each slot. */
  keys: Int32Array;
  flags: Uint8Array;
  /** Seconds (of the definition: from now; of a live set: of the clock), or `STAYS`. */
  expires: Int32Array;
  packets: Float64Array;
  bytes: Float64Array;
  marks: Int32Array;
  markMasks: Int32Array;
  private slots: number;

  constructor(shape: TableShape) {
    this.shape = shape;
    this.slots = FIRST_SLOTS;
    this.keys = new Int32Array(0);
    this.flags = new Uint8Array(0);
    this.expires = new Int32Array(0);
    this.packets = new Float64Array(0);
    this.bytes = new Float64Array(0);
    this.marks = new Int32Array(0);
    this.markMasks = new Int32Array(0);
    this.allocate(FIRST_SLOTS);
  }

  get slotCount(): number {
    return this.slots;
  }

  /** The slot of a key (the first words of `key`), or -1. */
  find(key: Int32Array): number {
    const mask = this.slots - 1;
    for (let slot = this.home(key, 0) & mask; ; slot = (slot + 1) & mask) {
      if (this.flags[slot]! === 0) return -1;
      if (this.holds(slot, key)) return slot;
    }
  }

  /** The slot of a key, taken into the table where it was not; the rest of a new slot is zero. */
  insert(key: Int32Array): number {
    const known = this.find(key);
    if (known >= 0) return known;
    if ((this.count + 1) * 2 > this.slots) this.resize(this.slots * 2);
    const { words } = this.shape;
    const mask = this.slots - 1;
    let slot = this.home(key, 0) & mask;
    while (this.flags[slot]! !== 0) slot = (slot + 1) & mask;
    for (let i = 0; i < words; i++) this.keys[slot * words + i] = key[i]!;
    this.clearExtensions(slot);
    this.flags[slot] = ElementFlag.Used;
    this.count++;
    return slot;
  }

  /** Takes an element out; those behind it move up, so that no mark of it stays. */
  removeAt(slot: number): void {
    const mask = this.slots - 1;
    const { words } = this.shape;
    let hole = slot;
    for (let next = (slot + 1) & mask; this.flags[next]! !== 0; next = (next + 1) & mask) {
      const home = this.home(this.keys, next * words) & mask;
      if (((next - home) & mask) < ((next - hole) & mask)) continue;
      this.move(next, hole);
      hole = next;
    }
    this.flags[hole] = 0;
    this.count--;
  }

  /** Room for so many elements without growing on the way. */
  reserve(elements: number): void {
    let slots = this.slots;
    while (slots < elements * 2) slots *= 2;
    if (slots > this.slots) this.resize(slots);
  }

  clear(): void {
    this.allocate(FIRST_SLOTS);
    this.count = 0;
  }

  /** Takes an element over from a table of the same shape, extensions and flags included. */
  copyFrom(other: Columns, slot: number, key: Int32Array): number {
    const at = this.insert(key);
    this.flags[at] = other.flags[slot]!;
    this.expires[at] = other.expires[slot]!;
    if (this.shape.counters && other.shape.counters) {
      this.packets[at] = other.packets[slot]!;
      this.bytes[at] = other.bytes[slot]!;
    }
    if (this.shape.marks && other.shape.marks) {
      this.marks[at] = other.marks[slot]!;
      this.markMasks[at] = other.markMasks[slot]!;
    }
    return at;
  }

  /** Reads the key of a slot into `into`. */
  keyAt(slot: number, into: Int32Array): void {
    const { words } = this.shape;
    for (let i = 0; i < words; i++) into[i] = this.keys[slot * words + i]!;
  }

  private home(keys: Int32Array, at: number): number {
    let hash = this.shape.seed;
    for (let i = 0; i < this.shape.words; i++) hash = mix32(hash, keys[at + i]!);
    return mixFinish(hash);
  }

  private holds(slot: number, key: Int32Array): boolean {
    const { words } = this.shape;
    for (let i = 0; i < words; i++) if (this.keys[slot * words + i]! !== key[i]!) return false;
    return true;
  }

  private clearExtensions(slot: number): void {
    this.expires[slot] = STAYS;
    if (this.shape.counters) {
      this.packets[slot] = 0;
      this.bytes[slot] = 0;
    }
    if (this.shape.marks) {
      this.marks[slot] = 0;
      this.markMasks[slot] = 0;
    }
  }

  private move(from: number, to: number): void {
    const { words } = this.shape;
    for (let i = 0; i < words; i++) this.keys[to * words + i] = this.keys[from * words + i]!;
    this.flags[to] = this.flags[from]!;
    this.expires[to] = this.expires[from]!;
    if (this.shape.counters) {
      this.packets[to] = this.packets[from]!;
      this.bytes[to] = this.bytes[from]!;
    }
    if (this.shape.marks) {
      this.marks[to] = this.marks[from]!;
      this.markMasks[to] = this.markMasks[from]!;
    }
  }

  private allocate(slots: number): void {
    const { words, counters, marks } = this.shape;
    this.slots = slots;
    this.keys = new Int32Array(slots * words);
    this.flags = new Uint8Array(slots);
    this.expires = new Int32Array(slots);
    this.packets = new Float64Array(counters ? slots : 0);
    this.bytes = new Float64Array(counters ? slots : 0);
    this.marks = new Int32Array(marks ? slots : 0);
    this.markMasks = new Int32Array(marks ? slots : 0);
  }

  private resize(slots: number): void {
    const { shape, keys, flags, expires, packets, bytes, marks, markMasks } = this;
    const old = { shape, keys, flags, expires, packets, bytes, marks, markMasks };
    const oldSlots = this.slots;
    this.allocate(slots);
    this.count = 0;
    const key = new Int32Array(this.shape.words);
    for (let slot = 0; slot < oldSlots; slot++) {
      if (old.flags[slot] === 0) continue;
      key.set(keys.subarray(slot * key.length, (slot + 1) * key.length));
      this.copyFrom(old, slot, key);
    }
  }
}
