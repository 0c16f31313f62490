import { Direction, type DirectionCode } from '../../../conntrack/index.ts';
import type { FlowLedger } from '../../../engine/index.ts';
import { DIRECTION_WORDS, DirectionWord, FLOW_WORDS, FlowWord } from '../layout.ts';
import type { UnitPool } from './unit-pool.ts';

/** Where the packets and bytes of both directions stand in a unit. */
const ORIGINAL = FlowWord.Directions;
const REPLY = FlowWord.Directions + DIRECTION_WORDS;

/**
 * Takes what the program counted and has the ledger account for it. A count is read and emptied in
 * one step; packets and bytes are two, so that of a packet that passes just then the one may be
 * accounted for now and the other the next time.
 */
export class Collector {
  private readonly flows: Int32Array;
  private readonly ledger: FlowLedger;
  private readonly pool: UnitPool;
  private step = 0;

  constructor(flows: Int32Array, pool: UnitPool, ledger: FlowLedger) {
    this.flows = flows;
    this.pool = pool;
    this.ledger = ledger;
  }

  /** Settles both directions of the unit whose first word is at `at`. */
  collect(at: number, row: number): void {
    this.collectDirection(at, row, Direction.Original);
    this.collectDirection(at, row, Direction.Reply);
  }

  collectDirection(at: number, row: number, direction: DirectionCode): void {
    const { flows } = this;
    const counts = at + ORIGINAL + direction * DIRECTION_WORDS;
    // Read first: of most flows there is nothing to take, and an exchange costs ten times as much.
    if (flows[counts + DirectionWord.Packets] === 0 && flows[counts + DirectionWord.Bytes] === 0) {
      return;
    }
    const packets = Atomics.exchange(flows, counts + DirectionWord.Packets, 0) >>> 0;
    const bytes = Atomics.exchange(flows, counts + DirectionWord.Bytes, 0) >>> 0;
    const path = (flows[at + FlowWord.Paths]! >>> (direction << 4)) & 0xffff;
    this.ledger.settle(row, direction, path, packets, bytes, flows[at + FlowWord.LastSeenMs]!);
  }

  /** Goes on round all flows by `budget` units, one round at most. Returns how many had counts. */
  collectSome(budget: number): number {
    const { flows, pool } = this;
    let active = 0;
    for (let n = Math.min(budget, pool.steps); n > 0; n--) {
      if (this.step >= pool.steps) this.step = 0;
      const at = pool.unitAt(this.step++) * FLOW_WORDS;
      const packets =
        flows[at + ORIGINAL + DirectionWord.Packets]! | flows[at + REPLY + DirectionWord.Packets]!;
      if (packets === 0) continue;
      const row = flows[at + FlowWord.Connection]!;
      if (row < 0) continue;
      this.collect(at, row);
      active++;
    }
    return active;
  }
}
