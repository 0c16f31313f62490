import type { RouteKey } from './route-key.ts';

const SLOTS_LOG2 = 12;

/**
 * Remembers rows by those words of a key that a family's rules and routes look at: direct-mapped,
 * allocates nothing after it was made.
 */
export class KeyCache {
  private readonly asked: Int32Array;
  private readonly stride: number;
  /** The asked words and the row a slot; row + 2, so that 0 is an empty slot and 1 means no route. */
  private readonly slots: Int32Array;
  /** Of the last `find`: where `remember` puts the answer. */
  private at = 0;

  constructor(asked: readonly number[]) {
    this.asked = Int32Array.from(asked);
    this.stride = asked.length + 1;
    this.slots = new Int32Array((1 << SLOTS_LOG2) * this.stride);
  }

  /** The row, -1 for no route; -2 where it must be looked up and given to `remember`. */
  find(key: RouteKey): number {
    const { asked, slots } = this;
    const { words } = key;
    let mixed = 0;
    for (let i = 0; i < asked.length; i++) {
      mixed = Math.imul(mixed ^ words[asked[i]!]!, 0x9e3779b1);
      mixed ^= mixed >>> 15;
    }
    const at = (Math.imul(mixed, 0x85ebca6b) >>> (32 - SLOTS_LOG2)) * this.stride;
    this.at = at;
    const row = slots[at + asked.length]!;
    if (row === 0) return -2;
    for (let i = 0; i < asked.length; i++) {
      if (slots[at + i] !== words[asked[i]!]) return -2;
    }
    return row - 2;
  }

  remember(key: RouteKey, row: number): void {
    const { asked, at, slots } = this;
    for (let i = 0; i < asked.length; i++) slots[at + i] = key.words[asked[i]!]!;
    slots[at + asked.length] = row + 2;
  }

  clear(): void {
    this.slots.fill(0);
  }
}
