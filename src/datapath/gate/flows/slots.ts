import { BUCKET_SLOTS } from '../layout.ts';

/** What a slot holds for a direction of a unit: the hash, with `ref` in place of its low bits. */
export function slotValue(hash: number, refBits: number, ref: number): number {
  return ((hash >>> refBits) << refBits) | ref;
}

/** Names a direction of a unit in a slot. Never 0. */
export function refOf(unit: number, direction: number): number {
  return ((unit << 1) | direction) + 1;
}

/**
 * The index over the flows, as `layout.ts` has it. A key stands in its bucket or in the next one, and
 * every search looks at both: so nothing needs to be moved when a slot becomes empty, and the program
 * never misses a flow because its slot was on the way.
 */
export class SlotIndex {
  private readonly buckets: Int32Array;
  private readonly mask: number;
  private readonly refBits: number;

  /** `mask`: number of buckets - 1. */
  constructor(buckets: Int32Array, mask: number, refBits: number) {
    this.buckets = buckets;
    this.mask = mask;
    this.refBits = refBits;
  }

  /** Enters a direction that is not in the index. False: both buckets are full. */
  insert(hash: number, ref: number): boolean {
    let slot = this.slotWith(hash, 0, 0);
    if (slot < 0) slot = this.slotWith(hash, 1, 0);
    if (slot < 0) return false;
    Atomics.store(this.buckets, slot, slotValue(hash, this.refBits, ref));
    return true;
  }

  /** Takes a direction out. False: it was not there. */
  remove(hash: number, ref: number): boolean {
    const value = slotValue(hash, this.refBits, ref);
    let slot = this.slotWith(hash, 0, value);
    if (slot < 0) slot = this.slotWith(hash, 1, value);
    if (slot < 0) return false;
    Atomics.store(this.buckets, slot, 0);
    return true;
  }

  /** Empties every slot. */
  clear(): void {
    this.buckets.fill(0);
  }

  /** The first slot with this value in the hash's bucket (`step` 0) or in the next one (1); or -1. */
  private slotWith(hash: number, step: number, value: number): number {
    const bucket = ((hash + step) & this.mask) * BUCKET_SLOTS;
    const start = hash >>> 28;
    for (let n = 0; n < BUCKET_SLOTS; n++) {
      const slot = bucket + ((start + n) & (BUCKET_SLOTS - 1));
      if (this.buckets[slot] === value) return slot;
    }
    return -1;
  }
}
