import { KeyTable } from './key-table.ts';

/**
 * The buckets behind `-m hashlimit`, one for each combination of addresses and ports that a packet
 * came with (xt_hashlimit.c, revision 3). Bounded by `maxRows`.
 *
 * The kernel sweeps what has expired every `sweepTicks`. Here a row that such a sweep would have
 * taken counts as gone when it is found, and its place is won back piecemeal by insertions, or at
 * once where the table is full.
 */

/** Source and destination address, both ports in one word. */
const KEY_WORDS = 9;

/** What a table was made with: the first rule that named it decides for all. */
export interface HashlimitConfig {
  readonly kind: 'packets' | 'bytes' | 'packet-windows' | 'byte-windows';
  readonly maxRows: number;
  readonly expireTicks: number;
  readonly sweepTicks: number;
  /** Credit of a full bucket, or of a window: what may pass in it. */
  readonly cap: number;
  /** What a packet (or 16 bytes of it) costs; for windows what may pass on average. */
  readonly cost: number;
  /** How often an empty bucket of bytes is filled up again at once. */
  readonly refills: number;
  readonly windowTicks: number;
}

/** The credit of one second in byte mode: HZ * CREDITS_PER_JIFFY_BYTES with HZ 250 and 1000 alike. */
export const BYTE_CREDITS_PER_SEC = 4_194_304_000;
const BYTE_CREDITS_PER_TICK = BYTE_CREDITS_PER_SEC / 1000;
/** Packet credit is kept in parts of 1/1 000 000 s, as XT_HASHLIMIT_SCALE_v2. */
const PACKET_CREDITS_PER_TICK = 1000;

/** Numbers of a row. `Credit` is what passed in this window where windows are counted. */
const Part = { Credit: 0, Tick: 1, Expires: 2, Extra: 3 } as const;
const PARTS = 4;
/** Rows that one insertion looks at for expired ones. */
const SWEEP_STEP = 4;
const EMPTY = -1;

export const Answer = { Under: 0, Over: 1, TableFull: 2 } as const;
export type AnswerCode = 0 | 1 | 2;

export class HashlimitTable {
  /** The key that is asked for next, filled by the caller; the time goes into `now[0]`. */
  readonly key: Int32Array;
  readonly now = new Float64Array(1);

  private readonly config: HashlimitConfig;
  private readonly rows: KeyTable;
  private parts = new Float64Array(0);
  private sweepAt = 0;
  /** Tick of the sweep round that the whole table was last looked through in. */
  private readonly lastFullRound = Float64Array.of(-1);

  constructor(config: HashlimitConfig, seed?: number) {
    this.config = config;
    this.rows = new KeyTable(KEY_WORDS, config.maxRows, seed);
    this.key = this.rows.key;
  }

  get size(): number {
    return this.rows.count;
  }

  /** Takes a packet of `length` bytes out of the bucket of `key` at `now`. */
  take(length: number): AnswerCode {
    const row = this.rows.find();
    if (row === EMPTY) {
      this.sweepSome();
      if (this.rows.isFull && !this.sweepAll()) return Answer.TableFull;
      return this.charge(this.insert(), length);
    }
    if (this.isGone(row)) this.fill(row);
    else this.grow(row);
    return this.charge(row, length);
  }

  private charge(row: number, length: number): AnswerCode {
    const { parts, config } = this;
    const at = row * PARTS;
    parts[at + Part.Expires] = this.now[0]! + config.expireTicks;
    if (config.windowTicks > 0) {
      parts[at]! += config.kind === 'byte-windows' ? length : 1;
      const under = parts[at + Part.Extra] === 0 && parts[at]! <= config.cap;
      return under ? Answer.Under : Answer.Over;
    }
    const cost = config.kind === 'bytes' ? this.byteCost(at, length) : config.cost;
    if (parts[at]! < cost) return Answer.Over;
    parts[at]! -= cost;
    return Answer.Under;
  }

  /** In byte mode the burst is a number of refills: hashlimit_byte_cost. */
  private byteCost(at: number, length: number): number {
    const { parts } = this;
    const cost = Math.min(((length >> 4) + 1) * this.config.cost, BYTE_CREDITS_PER_SEC);
    if (parts[at]! < cost && parts[at + Part.Extra]! > 0) {
      parts[at + Part.Extra]!--;
      parts[at] = BYTE_CREDITS_PER_SEC;
    }
    return cost;
  }

  /** A bucket as it begins. */
  private fill(row: number): void {
    const { parts, config } = this;
    const at = row * PARTS;
    parts[at] = config.windowTicks > 0 ? 0 : config.cap;
    parts[at + Part.Tick] = this.now[0]!;
    parts[at + Part.Extra] = config.refills;
  }

  /** What time adds: credit, or the end of a window and the judgement on it. */
  private grow(row: number): void {
    const { parts, config } = this;
    const at = row * PARTS;
    const delta = this.now[0]! - parts[at + Part.Tick]!;
    if (delta <= 0 || delta < config.windowTicks) return;
    parts[at + Part.Tick] = this.now[0]!;
    if (config.windowTicks > 0) {
      const over = parts[at]! * config.windowTicks > delta * config.cost;
      parts[at + Part.Extra] = over ? 1 : 0;
      parts[at] = 0;
      return;
    }
    const perTick = config.kind === 'bytes' ? BYTE_CREDITS_PER_TICK : PACKET_CREDITS_PER_TICK;
    parts[at] = Math.min(parts[at]! + delta * perTick, config.cap);
  }

  /** Whether one of the kernel's sweeps has passed since the row expired. */
  private isGone(row: number): boolean {
    const expires = this.parts[row * PARTS + Part.Expires]!;
    const { sweepTicks } = this.config;
    return Math.floor(this.now[0]! / sweepTicks) * sweepTicks >= expires;
  }

  private insert(): number {
    const row = this.rows.insert();
    if (this.parts.length < this.rows.capacity * PARTS) {
      const parts = new Float64Array(this.rows.capacity * PARTS);
      parts.set(this.parts);
      this.parts = parts;
    }
    this.fill(row);
    return row;
  }

  private sweepSome(): void {
    const { rows } = this;
    for (let i = 0; i < SWEEP_STEP && rows.highWater > 0; i++) {
      if (this.sweepAt >= rows.highWater) this.sweepAt = 0;
      this.sweep(this.sweepAt++);
    }
  }

  /**
   * Looks through the whole table, at most once for each sweep of the kernel; true where room was
   * won.
   */
  private sweepAll(): boolean {
    const { rows } = this;
    const round = Math.floor(this.now[0]! / this.config.sweepTicks);
    if (this.lastFullRound[0] === round) return false;
    this.lastFullRound[0] = round;
    for (let row = 0; row < rows.highWater; row++) this.sweep(row);
    return !rows.isFull;
  }

  private sweep(row: number): void {
    if (this.rows.isUsed(row) && this.isGone(row)) this.rows.remove(row);
  }
}
