/**
 * The address list behind `-m recent`: up to 100 addresses with the times of their last packets, the
 * one that waited longest giving way to a new one (xt_recent.c, `ip_list_tot`). Memory is taken when
 * a place is used for the first time and never more than 100 places.
 *
 *   order of arrival or last update, oldest first: head -> next -> ... -> tail
 */

export const MAX_ADDRESSES = 100;
/** Times kept of an address where no rule names a hit count. */
const DEFAULT_STAMPS = 32;
/** The kernel counts times in 16 bits (XT_RECENT_MAX_NSTAMPS). */
export const MAX_HIT_COUNT = 65_535;

const NONE = -1;

export class RecentList {
  /** The mask of the rule that named the list first: it holds for all of them. */
  readonly mask: Int32Array;
  private stampMask: number;

  private readonly keys = new Int32Array(MAX_ADDRESSES * 4);
  private readonly families = new Uint8Array(MAX_ADDRESSES);
  private readonly ttls = new Uint8Array(MAX_ADDRESSES);
  private readonly stampCounts = new Uint32Array(MAX_ADDRESSES);
  private readonly stampNexts = new Uint32Array(MAX_ADDRESSES);
  private readonly stamps: Float64Array[] = [];
  private readonly next = new Int8Array(MAX_ADDRESSES);
  private readonly previous = new Int8Array(MAX_ADDRESSES);
  private head = NONE;
  private tail = NONE;
  private free = NONE;
  private used = 0;

  /** `mask` has four words; `hitCount` is the largest that a rule names, 0 for none. */
  constructor(mask: readonly number[], hitCount: number) {
    this.mask = Int32Array.from(mask);
    this.stampMask = stampMaskOf(hitCount);
  }

  get size(): number {
    let count = 0;
    for (let slot = this.head; slot !== NONE; slot = this.next[slot]!) count++;
    return count;
  }

  /** Makes room for a rule with this hit count. What is in the list is lost where there was too little. */
  require(hitCount: number): void {
    const stampMask = stampMaskOf(hitCount);
    if (stampMask <= this.stampMask) return;
    this.stampMask = stampMask;
    this.stamps.length = 0;
    this.head = NONE;
    this.tail = NONE;
    this.free = NONE;
    this.used = 0;
  }

  /** The place of a masked address, -1 where it is not there; `ttl` 0 asks for any. */
  find(family: number, w0: number, w1: number, w2: number, w3: number, ttl: number): number {
    const { keys } = this;
    for (let slot = this.head; slot !== NONE; slot = this.next[slot]!) {
      const at = slot * 4;
      if (keys[at] !== w0 || keys[at + 1] !== w1 || keys[at + 2] !== w2) continue;
      if (keys[at + 3] !== w3 || this.families[slot] !== family) continue;
      if (ttl === 0 || this.ttls[slot] === 0 || this.ttls[slot] === ttl) return slot;
    }
    return NONE;
  }

  /** Enters an address that is not there, with one time. The time stands in `now[0]`, in ticks. */
  add(
    family: number,
    w0: number,
    w1: number,
    w2: number,
    w3: number,
    ttl: number,
    now: Float64Array,
  ): void {
    const slot = this.takeSlot();
    this.keys[slot * 4] = w0;
    this.keys[slot * 4 + 1] = w1;
    this.keys[slot * 4 + 2] = w2;
    this.keys[slot * 4 + 3] = w3;
    this.families[slot] = family;
    this.ttls[slot] = ttl;
    this.stamps[slot]![0] = now[0]!;
    this.stampCounts[slot] = 1;
    this.stampNexts[slot] = 1;
    this.append(slot);
  }

  /** Notes another packet of an address. */
  update(slot: number, ttl: number, now: Float64Array): void {
    const at = this.stampNexts[slot]! & this.stampMask;
    this.stamps[slot]![at] = now[0]!;
    this.stampNexts[slot] = at + 1;
    if (at + 1 > this.stampCounts[slot]!) this.stampCounts[slot] = at + 1;
    this.ttls[slot] = ttl;
    this.unlink(slot);
    this.append(slot);
  }

  remove(slot: number): void {
    this.unlink(slot);
    this.next[slot] = this.free;
    this.free = slot;
  }

  /**
   * Whether an address was seen `hitCount` times (0: once) no longer than `spanTicks` ago (0: ever).
   */
  wasSeen(slot: number, hitCount: number, spanTicks: number, now: Float64Array): boolean {
    const stamps = this.stamps[slot]!;
    const count = this.stampCounts[slot]!;
    let hits = 0;
    for (let i = 0; i < count; i++) {
      if (spanTicks !== 0 && now[0]! - stamps[i]! > spanTicks) continue;
      if (++hits >= hitCount) return true;
    }
    return false;
  }

  /** Forgets the address that waited longest where its last packet is older than `spanTicks`. */
  reap(kept: number, spanTicks: number, now: Float64Array): void {
    const slot = this.head;
    if (slot === NONE || slot === kept) return;
    const last = (this.stampNexts[slot]! - 1) & this.stampMask;
    if (now[0]! - this.stamps[slot]![last]! > spanTicks) this.remove(slot);
  }

  private takeSlot(): number {
    if (this.free === NONE && this.used < MAX_ADDRESSES) {
      this.stamps[this.used] = new Float64Array(this.stampMask + 1);
      return this.used++;
    }
    if (this.free === NONE) this.remove(this.head);
    const slot = this.free;
    this.free = this.next[slot]!;
    return slot;
  }

  private append(slot: number): void {
    this.next[slot] = NONE;
    this.previous[slot] = this.tail;
    if (this.tail === NONE) this.head = slot;
    else this.next[this.tail] = slot;
    this.tail = slot;
  }

  private unlink(slot: number): void {
    const before = this.previous[slot]!;
    const after = this.next[slot]!;
    if (before === NONE) this.head = after;
    else this.next[before] = after;
    if (after === NONE) this.tail = before;
    else this.previous[after] = before;
  }
}

/** One less than the power of two that holds so many times. */
function stampMaskOf(hitCount: number): number {
  if (hitCount === 0) return DEFAULT_STAMPS - 1;
  return hitCount === 1 ? 0 : 2 ** (32 - Math.clz32(hitCount - 1)) - 1;
}
