import { RestingList } from './resting-list.ts';

/** An IPv6 flow's unit and its annex. */
const PAIR = 2;

/**
 * Which units are in use: IPv4 flows have single units from the bottom, IPv6 flows pairs from the top
 * downwards. Where the two meet there is no room. What was given back stays with its family until
 * `share`.
 */
export class UnitPool {
  readonly units: number;
  /** Flows (not units) of each family. */
  narrow = 0;
  wide = 0;
  /** First unit above those ever used by IPv4 flows, and the lowest ever used by IPv6 flows. */
  private high = 0;
  private low: number;
  private readonly narrowList: RestingList;
  private readonly wideList: RestingList;

  constructor(flows: Int32Array, units: number) {
    this.units = units;
    this.low = units;
    this.narrowList = new RestingList(flows);
    this.wideList = new RestingList(flows);
  }

  /** A unit for a flow, of IPv6 the first of its two; -1: no room. */
  allocate(wide: boolean): number {
    const unit = wide ? this.allocateWide() : this.allocateNarrow();
    if (unit >= 0 && wide) this.wide++;
    else if (unit >= 0) this.narrow++;
    return unit;
  }

  free(unit: number): void {
    if (unit >= this.low) this.wide--;
    else this.narrow--;
    this.listOf(unit).push(unit);
  }

  /** Time has passed: what was given back has rested a little. */
  tick(): void {
    this.narrowList.tick();
    this.wideList.tick();
  }

  /**
   * All units have been given back: where the families had taken most of them, they are there for
   * both again. That ends their rest, but with so many it took long enough to give them back.
   */
  share(): void {
    if (this.low - this.high >= this.units / 2) return;
    this.high = 0;
    this.low = this.units;
    this.narrowList.clear();
    this.wideList.clear();
  }

  /** How many steps `unitAt` knows. */
  get steps(): number {
    return this.high + (this.units - this.low) / PAIR;
  }

  /** The unit at a step of a walk over all that are or were in use. */
  unitAt(step: number): number {
    return step < this.high ? step : this.units - PAIR * (step - this.high + 1);
  }

  private listOf(unit: number): RestingList {
    return unit >= this.low ? this.wideList : this.narrowList;
  }

  private allocateNarrow(): number {
    const unit = this.narrowList.take();
    if (unit >= 0) return unit;
    if (this.high < this.low) return this.high++;
    return this.narrowList.takeEarly();
  }

  private allocateWide(): number {
    const unit = this.wideList.take();
    if (unit >= 0) return unit;
    if (this.low - PAIR < this.high) return this.wideList.takeEarly();
    this.low -= PAIR;
    return this.low;
  }
}
