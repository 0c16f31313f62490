import type { Arena } from '../base/index.ts';
import type { ConntrackRows } from './rows.ts';
import type { Tuple } from './tuple.ts';

/** Words of a slot: the full hash, then the reference plus one (0 = empty). */
const SLOT_WORDS = 2;
const FEWEST_SLOTS = 16;
/** Two references a row, at most half full. */
const SLOTS_PER_ROW = 4;
/**
 * Slots emptied along with each insertion or removal while the index grows. It doubles at least, so
 * it is done long before it is full again.
 */
const SLOTS_MOVED = 32;
/** A bucket of more slots than this is not looked at whole when room is made: that must stay cheap. */
const LARGEST_BUCKET = 32;
/** References that `bucket` may give, from the slots in use and from those being emptied. */
export const BUCKET_REFS = 2 * LARGEST_BUCKET;

const noSlots = new Int32Array(0);

/**
 * The index of the connection table: open addressing, both directions of a row in it.
 *
 *   | hash | ref+1 | hash | ref+1 | …          ref = row << 1 | direction
 *
 * Deletion shifts back, so there are no tombstones. When it grows, new slots are taken into use at
 * once and the old ones emptied a few at a time, always up to the end of a probe run: what is left
 * in them can still be found, and no operation takes long.
 */
export class TupleIndex {
  /** Most rows that may stand in it; finite once memory for more was refused. */
  rowLimit = Number.POSITIVE_INFINITY;
  /** Memory was refused for more slots than the rows need: they are not asked for again. */
  private wishRefused = false;

  private readonly arena: Arena;
  private slots: Int32Array;
  private mask: number;
  private old: Int32Array = noSlots;
  private oldMask = 0;
  private oldAt = 0;
  /** Slots of `old` that are still to be emptied; 0 while the index does not grow. */
  private oldLeft = 0;

  constructor(arena: Arena, slots: number) {
    this.arena = arena;
    const size = powerOfTwo(slots);
    this.slots = arena.int32(size * SLOT_WORDS);
    this.mask = size - 1;
  }

  /** Slots in use, without those being emptied. */
  get size(): number {
    return this.mask + 1;
  }

  /** The reference of the direction with this tuple, or -1. */
  find(tuple: Tuple, hash: number, rows: ConntrackRows): number {
    const ref = probe(this.slots, this.mask, tuple, hash, rows);
    if (ref >= 0 || this.oldLeft === 0) return ref;
    return probe(this.old, this.oldMask, tuple, hash, rows);
  }

  link(ref: number, hash: number): void {
    put(this.slots, this.mask, ref, hash);
  }

  unlink(ref: number, hash: number): void {
    if (takeOut(this.slots, this.mask, ref, hash) || this.oldLeft === 0) return;
    takeOut(this.old, this.oldMask, ref, hash);
  }

  /** Grows on, and begins to where `rows` rows, or `atLeast` slots, want more than there is. */
  grow(rows: number, atLeast: number): void {
    if (this.oldLeft > 0) {
      this.move(SLOTS_MOVED);
      return;
    }
    const { size } = this;
    const isNeeded = rows * SLOTS_PER_ROW > size && this.rowLimit === Number.POSITIVE_INFINITY;
    const isWished = atLeast > size && !this.wishRefused;
    if (isWished) this.wishRefused = !this.begin(Math.max(slotsFor(rows), atLeast));
    // Three quarters full: longer probe runs, but no harm. More must not come in.
    else if (isNeeded && !this.begin(slotsFor(rows))) this.rowLimit = (size * 3) / 8;
  }

  /** Memory may be asked for again, though it was refused. */
  retry(): void {
    this.rowLimit = Number.POSITIVE_INFINITY;
    this.wishRefused = false;
  }

  /** Takes new slots into use. False where there is no memory for them. */
  private begin(slots: number): boolean {
    const size = powerOfTwo(slots);
    let fresh: Int32Array;
    try {
      fresh = this.arena.int32(size * SLOT_WORDS);
    } catch (error) {
      if (error instanceof RangeError) return false;
      throw error;
    }
    this.old = this.slots;
    this.oldMask = this.mask;
    this.oldLeft = this.size;
    this.oldAt = 0;
    while (this.old[this.oldAt * SLOT_WORDS + 1] !== 0) this.oldAt++;
    this.slots = fresh;
    this.mask = size - 1;
    return true;
  }

  /** Empties about so many old slots, on to the next empty one. */
  move(budget: number): void {
    const { old } = this;
    for (let looked = 0; this.oldLeft > 0; looked++) {
      const at = this.oldAt * SLOT_WORDS;
      const held = old[at + 1]!;
      if (held === 0 && looked >= budget) return;
      if (held !== 0) {
        put(this.slots, this.mask, held - 1, old[at]!);
        old[at] = 0;
        old[at + 1] = 0;
      }
      this.oldAt = (this.oldAt + 1) & this.oldMask;
      this.oldLeft--;
    }
    this.old = noSlots;
  }

  /**
   * The index cut into `buckets` parts of the same size (a power of two of slots), as near as that
   * comes: copies the references of the n-th part from the one of `hash` on into `out`, and returns
   * how many they are.
   */
  bucket(hash: number, n: number, buckets: number, out: Int32Array): number {
    const found = copyBucket(this.slots, this.mask, hash, n, buckets, out, 0);
    if (this.oldLeft === 0) return found;
    return copyBucket(this.old, this.oldMask, hash, n, buckets, out, found);
  }
}

/** Slots for so many rows. */
export function slotsFor(rows: number): number {
  return rows * SLOTS_PER_ROW;
}

function powerOfTwo(atLeast: number): number {
  let size = FEWEST_SLOTS;
  while (size < atLeast) size *= 2;
  return size;
}

function probe(
  slots: Int32Array,
  mask: number,
  tuple: Tuple,
  hash: number,
  rows: ConntrackRows,
): number {
  let slot = hash & mask;
  for (;;) {
    const ref = slots[slot * SLOT_WORDS + 1]! - 1;
    if (ref < 0) return -1;
    if (slots[slot * SLOT_WORDS] === hash && rows.isTuple(ref, tuple)) return ref;
    slot = (slot + 1) & mask;
  }
}

function put(slots: Int32Array, mask: number, ref: number, hash: number): void {
  let slot = hash & mask;
  while (slots[slot * SLOT_WORDS + 1] !== 0) slot = (slot + 1) & mask;
  slots[slot * SLOT_WORDS] = hash;
  slots[slot * SLOT_WORDS + 1] = ref + 1;
}

function takeOut(slots: Int32Array, mask: number, ref: number, hash: number): boolean {
  let slot = hash & mask;
  for (;;) {
    const held = slots[slot * SLOT_WORDS + 1]!;
    if (held === 0) return false;
    if (held === ref + 1) break;
    slot = (slot + 1) & mask;
  }
  closeGap(slots, mask, slot);
  return true;
}

/** Backward shift: pulls later members of the probe run into the hole. */
function closeGap(slots: Int32Array, mask: number, emptied: number): void {
  let hole = emptied;
  let slot = hole;
  for (;;) {
    slot = (slot + 1) & mask;
    if (slots[slot * SLOT_WORDS + 1] === 0) break;
    const home = slots[slot * SLOT_WORDS]! & mask;
    // Movable if its home does not lie (cyclically) behind the hole.
    if (((slot - home) & mask) >= ((slot - hole) & mask)) {
      slots[hole * SLOT_WORDS] = slots[slot * SLOT_WORDS]!;
      slots[hole * SLOT_WORDS + 1] = slots[slot * SLOT_WORDS + 1]!;
      hole = slot;
    }
  }
  slots[hole * SLOT_WORDS] = 0;
  slots[hole * SLOT_WORDS + 1] = 0;
}

function copyBucket(
  slots: Int32Array,
  mask: number,
  hash: number,
  n: number,
  buckets: number,
  out: Int32Array,
  from: number,
): number {
  let width = 1;
  while (width < LARGEST_BUCKET && width * 2 * buckets <= mask + 1) width *= 2;
  const first = (hash & mask & -width) + n * width;
  let found = from;
  for (let i = 0; i < width; i++) {
    const ref = slots[((first + i) & mask) * SLOT_WORDS + 1]! - 1;
    if (ref >= 0) out[found++] = ref;
  }
  return found;
}
