import type { Clock } from '../base/index.ts';

/** net.core.message_cost: seconds of an interval. */
const INTERVAL_MS = 5000;
/** net.core.message_burst: messages in an interval. */
const BURST = 10;

/** How often something may be said: as the kernel's net_ratelimit, ten times in five seconds. */
export class RateLimit {
  /** After `allows`: how many were not allowed in an interval that has ended just now, else 0. */
  suppressed = 0;

  private readonly clock: Clock;
  private begunMs = 0;
  private allowed = 0;
  private refused = 0;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  allows(): boolean {
    this.suppressed = 0;
    const { ms } = this.clock;
    const idle = this.allowed === 0;
    if (idle || (ms - this.begunMs) >>> 0 > INTERVAL_MS) {
      this.suppressed = this.refused;
      this.begunMs = ms;
      this.allowed = 0;
      this.refused = 0;
    }
    if (this.allowed < BURST) {
      this.allowed++;
      return true;
    }
    this.refused++;
    return false;
  }
}
