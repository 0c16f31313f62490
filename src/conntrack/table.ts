import type { Arena } from '../base/index.ts';
import { type DirectionCode, Status } from './constants.ts';
import { COUNTERS_PER_ROW, Field, ROW_WORDS } from './fields.ts';
import { Tuple } from './tuple.ts';

/** Words of an index slot: the full hash, then the reference plus one (0 = empty). */
const SLOT_WORDS = 2;

/**
 * The connection table: rows of plain integers, and one open-addressing index in which both
 * directions of a row stand.
 *
 *   index   | hash | ref+1 | hash | ref+1 | …          ref = row << 1 | direction
 *                     │
 *   rows    | original tuple | reply tuple | status | expires | …      one row a connection
 *
 * All memory is taken at construction, for the configured maximum; load of the index is at most
 * one half. Deletion shifts back, so there are no tombstones. IPv4 and IPv6 share rows and index: a
 * row has room for both, and an IPv4 lookup reads only the words it needs.
 */
export class ConntrackTable {
  readonly rows: Int32Array;
  readonly counters: Float64Array;
  readonly capacity: number;
  /** Rows in use, unconfirmed ones included. */
  count = 0;
  /** Rows below this number have been used at some time: sweeps look no further. */
  highWater = 0;

  private readonly slots: Int32Array;
  private readonly slotMask: number;
  private readonly seed: number;
  private freeHead = -1;
  private nextId = 1;
  private readonly scratch = new Tuple();

  constructor(arena: Arena, capacity: number, seed: number) {
    this.capacity = capacity;
    this.seed = seed;
    this.rows = arena.int32(capacity * ROW_WORDS);
    this.counters = arena.float64(capacity * COUNTERS_PER_ROW);
    let slotCount = 16;
    // Two references a row, at most half full.
    while (slotCount < capacity * 4) slotCount *= 2;
    this.slots = arena.int32(slotCount * SLOT_WORDS);
    this.slotMask = slotCount - 1;
  }

  /** The reference (row << 1 | direction) of the connection with this tuple, or -1. */
  lookup(tuple: Tuple): number {
    const hash = tuple.hash(this.seed);
    let slot = hash & this.slotMask;
    for (;;) {
      const ref = this.slots[slot * SLOT_WORDS + 1]! - 1;
      if (ref < 0) return -1;
      if (this.slots[slot * SLOT_WORDS] === hash && tuple.equalsAt(this.rows, tupleAt(ref))) {
        return ref;
      }
      slot = (slot + 1) & this.slotMask;
    }
  }

  /** Takes a free row and clears it, or returns -1 where the table is full. */
  allocate(): number {
    let row = this.freeHead;
    if (row >= 0) {
      this.freeHead = this.rows[row * ROW_WORDS + Field.NextFree]!;
    } else {
      if (this.highWater >= this.capacity) return -1;
      row = this.highWater++;
    }
    const at = row * ROW_WORDS;
    this.rows.fill(0, at, at + ROW_WORDS);
    this.rows[at + Field.MasterRow] = -1;
    this.rows[at + Field.Id] = this.takeId();
    this.counters.fill(0, row * COUNTERS_PER_ROW, (row + 1) * COUNTERS_PER_ROW);
    this.count++;
    return row;
  }

  private takeId(): number {
    const id = this.nextId;
    this.nextId = (this.nextId + 1) | 0 || 1;
    return id;
  }

  /** Gives a row back. It must not stand in the index any more. */
  release(row: number): void {
    const at = row * ROW_WORDS;
    this.rows[at + Field.Id] = 0;
    this.rows[at + Field.Status] = 0;
    this.rows[at + Field.NextFree] = this.freeHead;
    this.freeHead = row;
    this.count--;
  }

  /**
   * Enters both directions of a row into the index and sets CONFIRMED. False, and nothing entered,
   * where either tuple is taken (the kernel's insert_failed), be it by this very row.
   */
  insert(row: number): boolean {
    for (let direction = 0; direction < 2; direction++) {
      this.readTuple(row, direction as DirectionCode, this.scratch);
      const holder = this.lookup(this.scratch);
      if (holder >= 0) return false;
    }
    for (let direction = 0; direction < 2; direction++) {
      this.readTuple(row, direction as DirectionCode, this.scratch);
      this.link((row << 1) | direction, this.scratch.hash(this.seed));
    }
    this.rows[row * ROW_WORDS + Field.Status]! |= Status.Confirmed;
    return true;
  }

  private link(ref: number, hash: number): void {
    let slot = hash & this.slotMask;
    while (this.slots[slot * SLOT_WORDS + 1] !== 0) slot = (slot + 1) & this.slotMask;
    this.slots[slot * SLOT_WORDS] = hash;
    this.slots[slot * SLOT_WORDS + 1] = ref + 1;
  }

  /** Takes both directions of a row out of the index. */
  unlink(row: number): void {
    for (let direction = 0; direction < 2; direction++) {
      this.readTuple(row, direction as DirectionCode, this.scratch);
      this.unlinkOne((row << 1) | direction, this.scratch.hash(this.seed));
    }
    this.rows[row * ROW_WORDS + Field.Status]! &= ~Status.Confirmed;
  }

  private unlinkOne(ref: number, hash: number): void {
    let slot = hash & this.slotMask;
    while (this.slots[slot * SLOT_WORDS + 1] !== ref + 1) {
      if (this.slots[slot * SLOT_WORDS + 1] === 0) return;
      slot = (slot + 1) & this.slotMask;
    }
    this.closeGap(slot);
  }

  /** Backward shift: pulls later members of the probe run into the hole. */
  private closeGap(emptied: number): void {
    let hole = emptied;
    let slot = hole;
    for (;;) {
      slot = (slot + 1) & this.slotMask;
      if (this.slots[slot * SLOT_WORDS + 1] === 0) break;
      const home = this.slots[slot * SLOT_WORDS]! & this.slotMask;
      // Movable if its home does not lie (cyclically) behind the hole.
      if (((slot - home) & this.slotMask) >= ((slot - hole) & this.slotMask)) {
        this.slots[hole * SLOT_WORDS] = this.slots[slot * SLOT_WORDS]!;
        this.slots[hole * SLOT_WORDS + 1] = this.slots[slot * SLOT_WORDS + 1]!;
        hole = slot;
      }
    }
    this.slots[hole * SLOT_WORDS] = 0;
    this.slots[hole * SLOT_WORDS + 1] = 0;
  }

  readTuple(row: number, direction: DirectionCode, out: Tuple): void {
    out.read(this.rows, tupleAt((row << 1) | direction));
  }

  writeTuple(row: number, direction: DirectionCode, tuple: Tuple): void {
    tuple.write(this.rows, tupleAt((row << 1) | direction));
  }

  /** Zone of a direction, without reading the rest of its tuple. */
  zone(row: number, direction: DirectionCode): number {
    return this.rows[tupleAt((row << 1) | direction)]! >>> 16;
  }

  protocol(row: number): number {
    return this.rows[row * ROW_WORDS]! & 0xff;
  }

  get(row: number, field: number): number {
    return this.rows[row * ROW_WORDS + field]!;
  }

  set(row: number, field: number, value: number): void {
    this.rows[row * ROW_WORDS + field] = value;
  }

  hasStatus(row: number, bit: number): boolean {
    return (this.rows[row * ROW_WORDS + Field.Status]! & bit) !== 0;
  }

  addStatus(row: number, bits: number): void {
    this.rows[row * ROW_WORDS + Field.Status]! |= bits;
  }

  /** True where the row holds a connection (confirmed or not). */
  inUse(row: number): boolean {
    return row >= 0 && row < this.highWater && this.rows[row * ROW_WORDS + Field.Id] !== 0;
  }

  countPacket(row: number, direction: DirectionCode, bytes: number): void {
    const at = row * COUNTERS_PER_ROW + direction * 2;
    this.counters[at]! += 1;
    this.counters[at + 1]! += bytes;
  }

  zeroCounters(row: number): void {
    this.counters.fill(0, row * COUNTERS_PER_ROW, (row + 1) * COUNTERS_PER_ROW);
  }

  packets(row: number, direction: DirectionCode): number {
    return this.counters[row * COUNTERS_PER_ROW + direction * 2]!;
  }

  bytes(row: number, direction: DirectionCode): number {
    return this.counters[row * COUNTERS_PER_ROW + direction * 2 + 1]!;
  }
}

function tupleAt(ref: number): number {
  return (ref >> 1) * ROW_WORDS + ((ref & 1) === 0 ? Field.Original : Field.Reply);
}
