import type { Arena, Clock } from '../base/index.ts';
import { type DirectionCode, Status } from './constants.ts';
import { COUNTERS_PER_ROW, Field, ROW_WORDS } from './fields.ts';
import { isWide, type Tuple } from './tuple.ts';
import { WideWords, wideAt } from './wide.ts';

/**
 * The rows of the connection table as plain integers, and what can be read and written of one row
 * (see `Field`). Knows nothing of the index: `ConntrackTable` adds it.
 */
export class ConntrackRows {
  /** Another array after `reserve`: not to be kept. */
  rows: Int32Array;
  /** Rows that memory is reserved for. Memory of rows that were never used costs nothing. */
  capacity: number;
  /** Rows in use, unconfirmed ones included. */
  count = 0;
  /** Rows below this number have been used at some time: sweeps look no further. */
  highWater = 0;
  private readonly wide: WideWords;
  private counters: Float64Array;
  private readonly arena: Arena;
  private freeHead = -1;
  private nextId = 1;

  constructor(arena: Arena, capacity: number) {
    this.arena = arena;
    this.capacity = capacity;
    this.rows = arena.int32(capacity * ROW_WORDS);
    this.wide = new WideWords(arena, capacity);
    this.counters = arena.float64(capacity * COUNTERS_PER_ROW);
  }

  /**
   * Makes room for `capacity` rows. The rows in use are copied, which takes its time in a large
   * table. False, and nothing changed, where so much memory is not to be had.
   */
  reserve(capacity: number): boolean {
    if (capacity <= this.capacity) return true;
    const used = this.highWater;
    try {
      const rows = this.arena.int32(capacity * ROW_WORDS);
      const counters = this.arena.float64(capacity * COUNTERS_PER_ROW);
      this.wide.reserve(this.arena, capacity);
      rows.set(this.rows.subarray(0, used * ROW_WORDS));
      counters.set(this.counters.subarray(0, used * COUNTERS_PER_ROW));
      this.rows = rows;
      this.counters = counters;
    } catch (error) {
      if (error instanceof RangeError) return false;
      throw error;
    }
    this.capacity = capacity;
    return true;
  }

  /** Takes a free row and clears it, or returns -1 where the table is full. */
  allocate(): number {
    let row = this.freeHead;
    if (row >= 0) {
      this.freeHead = this.rows[row * ROW_WORDS + Field.Next]!;
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
    const slot = this.rows[at + Field.WideSlot]!;
    if (slot !== 0) this.wide.give(slot);
    this.rows[at + Field.Next] = this.freeHead;
    this.freeHead = row;
    this.count--;
  }

  readTuple(row: number, direction: DirectionCode, out: Tuple): void {
    const ref = (row << 1) | direction;
    out.read(this.rows, tupleAt(ref));
    if (isWide(out.meta)) out.readRest(this.wide.words, this.wideAt(ref));
  }

  writeTuple(row: number, direction: DirectionCode, tuple: Tuple): void {
    const ref = (row << 1) | direction;
    tuple.write(this.rows, tupleAt(ref));
    if (!isWide(tuple.meta)) return;
    const slotAt = row * ROW_WORDS + Field.WideSlot;
    if (this.rows[slotAt] === 0) this.rows[slotAt] = this.wide.take();
    tuple.writeRest(this.wide.words, this.wideAt(ref));
  }

  /** Whether a reference (row << 1 | direction) is to this tuple. */
  isTuple(ref: number, tuple: Tuple): boolean {
    if (!tuple.equalsAt(this.rows, tupleAt(ref))) return false;
    return !isWide(tuple.meta) || tuple.restEqualsAt(this.wide.words, this.wideAt(ref));
  }

  /** Where the rest of a tuple stands that is an IPv6 one. */
  private wideAt(ref: number): number {
    return wideAt(this.rows[(ref >> 1) * ROW_WORDS + Field.WideSlot]!, ref & 1);
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

  removeStatus(row: number, bits: number): void {
    this.rows[row * ROW_WORDS + Field.Status]! &= ~bits;
  }

  /** Lets a connection live for so many seconds from now, unless its timeout is fixed. */
  refresh(row: number, clock: Clock, seconds: number): void {
    const at = row * ROW_WORDS;
    if ((this.rows[at + Field.Status]! & Status.FixedTimeout) !== 0) return;
    this.rows[at + Field.ExpiresAt] = (clock.ms + seconds * 1000) | 0;
  }

  /** True from the moment at which the connection's time is over. */
  isOver(row: number, clock: Clock): boolean {
    return ((this.rows[row * ROW_WORDS + Field.ExpiresAt]! - clock.ms) | 0) <= 0;
  }

  /** Whole seconds that a connection has left, 0 where its time is over. */
  secondsLeft(row: number, clock: Clock): number {
    const left = (this.rows[row * ROW_WORDS + Field.ExpiresAt]! - clock.ms) | 0;
    return left <= 0 ? 0 : (left / 1000) | 0;
  }

  /** Number of the helper that watches the connection, 0 for none. */
  helper(row: number): number {
    return this.rows[row * ROW_WORDS + Field.Attached]! & 0xf;
  }

  setHelper(row: number, helper: number): void {
    const at = row * ROW_WORDS + Field.Attached;
    this.rows[at] = (this.rows[at]! & ~0xf) | helper;
  }

  /** Helper of the master, kept with the connection because the master may end first. */
  masterHelper(row: number): number {
    return (this.rows[row * ROW_WORDS + Field.Attached]! >>> 4) & 0xf;
  }

  setMasterHelper(row: number, helper: number): void {
    const at = row * ROW_WORDS + Field.Attached;
    this.rows[at] = (this.rows[at]! & ~0xf0) | (helper << 4);
  }

  /** Interface whose address the connection was masqueraded with; -1 where none is known. */
  masqueradedBy(row: number): number {
    return ((this.rows[row * ROW_WORDS + Field.Attached]! >>> 8) & 0xff) - 1;
  }

  /** Interfaces beyond the 255th are not noted. */
  setMasqueradedBy(row: number, interfaceId: number): void {
    const at = row * ROW_WORDS + Field.Attached;
    const noted = interfaceId < 0xff ? interfaceId + 1 : 0;
    this.rows[at] = (this.rows[at]! & ~0xff00) | (noted << 8);
  }

  /** Number of the connection's timeouts in `TimeoutSets`, 0 for the general ones. */
  timeoutSet(row: number): number {
    return this.rows[row * ROW_WORDS + Field.Attached]! >>> 16;
  }

  setTimeoutSet(row: number, number: number): void {
    const at = row * ROW_WORDS + Field.Attached;
    this.rows[at] = (this.rows[at]! & 0xffff) | (number << 16);
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

  countPackets(row: number, direction: DirectionCode, packets: number, bytes: number): void {
    const at = row * COUNTERS_PER_ROW + direction * 2;
    this.counters[at]! += packets;
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

/** Where in the rows the tuple stands that a reference (row << 1 | direction) names. */
function tupleAt(ref: number): number {
  return (ref >> 1) * ROW_WORDS + ((ref & 1) === 0 ? Field.Original : Field.Reply);
}
