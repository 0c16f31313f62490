/**
 * The engine's time. Nobody in the engine asks the operating system: a datapath sets the clock once
 * per packet or batch, a test sets it by hand. Seconds and microseconds are kept apart as small
 * integers, relative to a base, so that no floating point number is boxed on the packet path.
 */
export class Clock {
  /** Whole seconds since `baseEpochSec`. */
  sec = 0;
  /** Microseconds within the second, 0..999999. */
  usec = 0;
  /**
   * Milliseconds since the base as a signed 32-bit number that wraps after 49 days, as the kernel's
   * jiffies do. Two of them are compared by the sign of their difference: `(a - b) | 0`.
   */
  ms = 0;
  /** Unix time of second 0. */
  readonly baseEpochSec: number;

  constructor(baseEpochSec = 0) {
    this.baseEpochSec = baseEpochSec;
  }

  set(sec: number, usec: number): void {
    this.sec = sec;
    this.usec = usec;
    this.ms = (Math.imul(sec, 1000) + ((usec / 1000) | 0)) | 0;
  }

  /** Sets the clock from a Unix time in milliseconds (fractions allowed). Never goes back. */
  setEpochMs(epochMs: number): void {
    const sec = Math.floor(epochMs / 1000) - this.baseEpochSec;
    const usec = Math.floor((epochMs % 1000) * 1000);
    if (sec > this.sec || (sec === this.sec && usec > this.usec)) {
      this.set(sec, usec);
    }
  }

  /** Unix time in seconds, with the fraction. Cold path only. */
  epochSeconds(): number {
    return this.baseEpochSec + this.sec + this.usec / 1e6;
  }
}
