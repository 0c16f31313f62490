import { Direction, type DirectionCode } from '../../../conntrack/index.ts';
import type { FlowGate, FlowLedger, FlowOffer } from '../../../engine/index.ts';
import { Proto } from '../../../wire/index.ts';
import { ConfigWord, DIRECTION_WORDS, DirectionWord, FLOW_WORDS, FlowWord } from '../layout.ts';
import { noteFin } from './closing.ts';
import { Collector } from './collector.ts';
import { HopTable } from './hops.ts';
import { type GateInterfaces, hopOf, isExpressible, metaOf, wayOf } from './instructions.ts';
import { hashKey, hasKey, writeKeys } from './keys.ts';
import { type FlowMemory, mustBeUsable, nextGeneration } from './memory.ts';
import { RowUnits } from './row-units.ts';
import { mergeSides, putSides, readSides, replaceMeta, spokeOf, writeSides } from './sides.ts';
import { refOf, SlotIndex } from './slots.ts';
import { UnitPool } from './unit-pool.ts';

const WAY_ORIGINAL = FlowWord.Directions + DirectionWord.Way;
const WAY_REPLY = WAY_ORIGINAL + DIRECTION_WORDS;

export interface SharedFlowsParts extends GateInterfaces {
  readonly memory: FlowMemory;
  /** Rows of the tracker's table; more may come. */
  readonly rows: number;
  /** Must not call back into the gate. */
  readonly ledger: FlowLedger;
}

/**
 * The flows that the gate's program forwards. It reads them on other processors at any time, so the
 * order of stores matters: a direction's `Way` is its switch, the slot makes it known. Both are
 * written last when a direction comes, first when it goes, and nothing else of a unit changes while
 * one of its directions is switched on, but what stands in a word of its own.
 */
export class SharedFlows implements FlowGate {
  /** Ways out; the sender of what the engine forwards numbers its own here too. */
  readonly hops: HopTable;
  /** Directions that the engine went on with because units, slots or hops were used up. */
  refused = 0;

  private readonly flows: Int32Array;
  private readonly config: Int32Array;
  private readonly parts: SharedFlowsParts;
  private readonly rows: RowUnits;
  private readonly pool: UnitPool;
  private readonly slots: SlotIndex;
  private readonly collector: Collector;
  private readonly seed: number;

  /** Over memory that `initialise` has just made. Throws `FlowMemoryError`. */
  constructor(parts: SharedFlowsParts) {
    const { memory, rows, ledger } = parts;
    mustBeUsable(memory);
    const { config, flows, buckets } = memory;
    this.parts = parts;
    this.flows = flows;
    this.config = config;
    this.seed = config[ConfigWord.Seed]!;
    this.hops = new HopTable(memory.hops);
    this.rows = new RowUnits(rows);
    this.pool = new UnitPool(flows, config[ConfigWord.Units]!);
    const mask = config[ConfigWord.BucketMask]!;
    this.slots = new SlotIndex(buckets, mask, config[ConfigWord.RefBits]!);
    this.collector = new Collector(flows, this.pool, ledger);
  }

  /** Connections in the gate now. */
  get narrowFlows(): number {
    return this.pool.narrow;
  }

  get wideFlows(): number {
    return this.pool.wide;
  }

  /** Units: of IPv4 flows each takes one, of IPv6 flows two. */
  get capacity(): number {
    return this.pool.units;
  }

  /** Units that one round of `collectSome` goes over. */
  get collectSteps(): number {
    return this.pool.steps;
  }

  /** The engine's clock (`Clock.ms`), several times a second; each change lets freed units rest. */
  setNow(ms: number): void {
    if (this.config[ConfigWord.NowMs] === ms) return;
    Atomics.store(this.config, ConfigWord.NowMs, ms);
    this.pool.tick();
  }

  install(offer: FlowOffer): boolean {
    const way = isExpressible(offer) ? wayOf(offer, this.parts) : 0;
    if (way === 0) return this.refuse(offer);
    const hop = hopOf(offer, this.parts, this.hops);
    const unit = hop < 0 ? -1 : this.unitFor(offer);
    if (unit >= 0 && this.switchOn(unit, offer, way, hop)) return true;
    this.refused++;
    return this.refuse(offer);
  }

  collect(row: number): void {
    const unit = this.rows.of(row);
    if (unit >= 0) this.collector.collect(unit * FLOW_WORDS, row);
  }

  collectAll(): void {
    this.collector.collectSome(this.pool.steps);
  }

  /**
   * One step of the walk that keeps accounts and timeouts fresh: settles those of the next `budget`
   * units that have counts, and returns how many these were. `collectSteps` make a round.
   */
  collectSome(budget: number): number {
    return this.collector.collectSome(budget);
  }

  readSides(row: number, into: Int32Array): number {
    const unit = this.rows.of(row);
    if (unit < 0) return -1;
    const at = unit * FLOW_WORDS;
    readSides(this.flows, at, into);
    return spokeOf(this.flows, at);
  }

  stampOf(row: number, direction: DirectionCode): number {
    const unit = this.rows.of(row);
    if (unit < 0) return 0;
    return Atomics.load(this.flows, unit * FLOW_WORDS + FlowWord.Stamps + direction);
  }

  writeSides(row: number, before: Int32Array, after: Int32Array): void {
    const unit = this.rows.of(row);
    if (unit >= 0) writeSides(this.flows, unit * FLOW_WORDS, before, after);
  }

  noteFin(row: number, direction: DirectionCode): boolean {
    const unit = this.rows.of(row);
    return unit >= 0 && noteFin(this.flows, unit * FLOW_WORDS, direction);
  }

  withdraw(row: number): void {
    const unit = this.rows.of(row);
    if (unit < 0) return;
    const at = unit * FLOW_WORDS;
    this.switchOff(unit, Direction.Original);
    this.switchOff(unit, Direction.Reply);
    this.collector.collect(at, row);
    this.rows.delete(row);
    this.pool.free(unit);
  }

  withdrawAll(): void {
    const { config, flows, pool } = this;
    // First of all: from here on the program finds none of them, and what it counts stays counted.
    Atomics.store(config, ConfigWord.Generation, nextGeneration(this.generation));
    for (let step = pool.steps - 1; step >= 0; step--) {
      const unit = pool.unitAt(step);
      const row = flows[unit * FLOW_WORDS + FlowWord.Connection]!;
      if (row < 0) continue;
      this.collector.collect(unit * FLOW_WORDS, row);
      this.rows.delete(row);
      pool.free(unit);
    }
    // No slot is left that leads to an old unit, so after 65,535 generations none comes back; and a
    // new flow begins with both directions off.
    this.slots.clear();
    pool.share();
    this.hops.recycle();
  }

  private get generation(): number {
    return this.config[ConfigWord.Generation]!;
  }

  /** Not taken over, nor as it was before: the engine goes on with this direction. */
  private refuse(offer: FlowOffer): false {
    const unit = this.rows.of(offer.row);
    if (unit < 0) return false;
    const other = offer.direction === Direction.Original ? WAY_REPLY : WAY_ORIGINAL;
    if (this.flows[unit * FLOW_WORDS + other] === 0) {
      this.withdraw(offer.row);
      return false;
    }
    this.switchOff(unit, offer.direction);
    this.collector.collectDirection(unit * FLOW_WORDS, offer.row, offer.direction);
    return false;
  }

  /** The unit of the connection, with all that both directions share; -1: no room. */
  private unitFor(offer: FlowOffer): number {
    const { flows } = this;
    const unit = this.rows.of(offer.row);
    if (unit < 0) return this.begin(offer);
    const at = unit * FLOW_WORDS;
    const isSame = hasKey(flows, at, 0, offer.original) && hasKey(flows, at, 1, offer.reply);
    if (!isSame) {
      this.withdraw(offer.row);
      return this.begin(offer);
    }
    if (offer.original.protocol === Proto.Tcp) mergeSides(flows, at, offer.sides);
    replaceMeta(flows, at, metaOf(offer));
    return unit;
  }

  private begin(offer: FlowOffer): number {
    const unit = this.pool.allocate(offer.original.family === 6);
    if (unit < 0) return -1;
    const { flows } = this;
    const at = unit * FLOW_WORDS;
    for (let word = 0; word < 2 * DIRECTION_WORDS; word++) flows[at + WAY_ORIGINAL + word] = 0;
    flows[at + FlowWord.Meta] = metaOf(offer);
    flows[at + FlowWord.LastSeenMs] = this.config[ConfigWord.NowMs]!;
    flows[at + FlowWord.Connection] = offer.row;
    flows[at + FlowWord.Paths] = 0;
    flows[at + FlowWord.Stamps] = 0;
    flows[at + FlowWord.Stamps + 1] = 0;
    flows[at + FlowWord.Closing] = 0;
    writeKeys(flows, at, offer.original, offer.reply);
    putSides(flows, at, offer.sides);
    this.rows.set(offer.row, unit);
    return unit;
  }

  /** False: the index has no room. */
  private switchOn(unit: number, offer: FlowOffer, way: number, hop: number): boolean {
    const { flows } = this;
    const { direction } = offer;
    const at = unit * FLOW_WORDS;
    const words = at + FlowWord.Directions + direction * DIRECTION_WORDS;
    const wasOn = flows[words + DirectionWord.Way] !== 0;
    if (wasOn) {
      Atomics.store(flows, words + DirectionWord.Way, 0);
      this.collector.collectDirection(at, offer.row, direction);
    }
    flows[words + DirectionWord.Hop] = (this.generation << 16) | hop;
    const otherPath = flows[at + FlowWord.Paths]! & (0xffff << (16 - (direction << 4)));
    flows[at + FlowWord.Paths] = otherPath | (offer.path << (direction << 4));
    Atomics.store(flows, words + DirectionWord.Way, way);
    if (wasOn) return true;
    const hash = hashKey(flows, at, direction, this.seed);
    if (this.slots.insert(hash, refOf(unit, direction))) return true;
    flows[words + DirectionWord.Way] = 0;
    return false;
  }

  private switchOff(unit: number, direction: DirectionCode): void {
    const { flows } = this;
    const at = unit * FLOW_WORDS;
    const way = at + WAY_ORIGINAL + direction * DIRECTION_WORDS;
    if (flows[way] === 0) return;
    Atomics.store(flows, way, 0);
    this.slots.remove(hashKey(flows, at, direction, this.seed), refOf(unit, direction));
  }
}
