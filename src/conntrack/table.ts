import type { Arena } from '../base/index.ts';
import { type DirectionCode, Status } from './constants.ts';
import { ConntrackRows, tupleAt } from './rows.ts';
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
export class ConntrackTable extends ConntrackRows {
  private readonly slots: Int32Array;
  private readonly slotMask: number;
  private readonly seed: number;
  private readonly scratch = new Tuple();

  constructor(arena: Arena, capacity: number, seed: number) {
    super(arena, capacity);
    this.seed = seed;
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
    this.addStatus(row, Status.Confirmed);
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
    this.removeStatus(row, Status.Confirmed);
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
}
