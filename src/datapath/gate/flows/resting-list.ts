import { FLOW_WORDS, FlowWord } from '../layout.ts';

const NONE = -1;

/**
 * Units that were given back, linked through their `FlowWord.Connection`, which the program does not
 * read; a linked unit's is negative.
 *
 * They rest before they are used again. The program may be half-way through a packet of the former
 * flow on another processor: it has found the unit, and will yet read the translation from it and
 * count in it. That takes microseconds; a unit rests for a whole interval between two calls of
 * `tick`, and its counters are emptied once more when it is begun. So nothing of a former flow
 * reaches the next one. Only where no other unit is left is one taken that has not rested: then the
 * one packet that a processor was just at may still be counted, or translated, by the wrong flow.
 */
export class RestingList {
  private readonly flows: Int32Array;
  private rested = NONE;
  /** Given back before the last tick: rests on until the next. */
  private resting = NONE;
  private lastResting = NONE;
  /** Given back since the last tick. */
  private fresh = NONE;
  private lastFresh = NONE;

  constructor(flows: Int32Array) {
    this.flows = flows;
  }

  push(unit: number): void {
    this.link(unit, this.fresh);
    if (this.fresh === NONE) this.lastFresh = unit;
    this.fresh = unit;
  }

  /** A unit that has rested; -1: none. */
  take(): number {
    const unit = this.rested;
    if (unit !== NONE) this.rested = this.after(unit);
    return unit;
  }

  /** A unit that has not; -1: none. */
  takeEarly(): number {
    let unit = this.resting;
    if (unit !== NONE) {
      this.resting = this.after(unit);
      return unit;
    }
    unit = this.fresh;
    if (unit !== NONE) this.fresh = this.after(unit);
    return unit;
  }

  /** Time has passed. */
  tick(): void {
    if (this.resting !== NONE) {
      this.link(this.lastResting, this.rested);
      this.rested = this.resting;
    }
    this.resting = this.fresh;
    this.lastResting = this.lastFresh;
    this.fresh = NONE;
  }

  clear(): void {
    this.rested = NONE;
    this.resting = NONE;
    this.fresh = NONE;
  }

  private link(unit: number, next: number): void {
    this.flows[unit * FLOW_WORDS + FlowWord.Connection] = -2 - next;
  }

  private after(unit: number): number {
    return -2 - this.flows[unit * FLOW_WORDS + FlowWord.Connection]!;
  }
}
