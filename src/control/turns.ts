/** How long a long answer may keep the packet loop waiting, in milliseconds. */
const TURN_MS = 0.5;
/** Steps between two looks at the clock: few enough that they take no time worth speaking of. */
const STEPS_PER_LOOK = 16;

/**
 * Cuts long work into turns, between which packets pass. They are bounded by time, not by rows: a
 * row that is written out takes a hundred times as long as one that is passed over.
 */
export class Turns {
  private readonly nowMs: () => number;
  private readonly between: () => void;
  private endsAt: number;
  private steps = 0;

  /**
   * @param nowMs a monotonic clock
   * @param between called at the beginning of every turn but the first
   */
  constructor(nowMs: () => number, between: () => void = () => {}) {
    this.nowMs = nowMs;
    this.between = between;
    this.endsAt = nowMs() + TURN_MS;
  }

  /** One step of the work is done. True where the turn is over and `next` should be awaited. */
  step(): boolean {
    this.steps = (this.steps + 1) % STEPS_PER_LOOK;
    return this.steps === 0 && this.nowMs() >= this.endsAt;
  }

  /** Lets everything else have its turn. */
  async next(): Promise<void> {
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
    this.begin();
  }

  /** A new turn begins, because something else has been waited for. */
  begin(): void {
    this.between();
    this.endsAt = this.nowMs() + TURN_MS;
  }
}
