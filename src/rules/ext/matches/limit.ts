import type { RuleContext } from '../../context.ts';
import { RuleFault } from '../../errors.ts';
import { defineMatch, type MatchEvaluator } from '../../extension.ts';
import { shown } from '../../options.ts';
import { leadingUint32 } from '../parts/c-text.ts';
import { readNumber } from '../parts/option-values.ts';
import { printRate, rateInterval, rateUnit } from '../parts/rate.ts';
import { readTicks } from '../parts/ticks.ts';

/**
 * `-m limit`: a token bucket, as the kernel's xt_limit. A packet costs the average interval between
 * two packets; credit grows with time up to `burst` packets and starts full.
 */

/** Time unit of the interval: 1/10000 s, XT_LIMIT_SCALE. */
const SCALE = 10_000;
/** Credits of a second: HZ * CREDITS_PER_JIFFY is 32000 with HZ 250 and 1000 alike. */
const CREDITS_PER_SEC = 32_000;
const CREDITS_PER_TICK = CREDITS_PER_SEC / 1000;
const DEFAULT_BURST = 5;
const MAX_BURST = 10_000;

interface LimitValues {
  /** Average interval between two packets in 1/10000 s. */
  interval: number;
  burst: number;
}

function parseRate(text: string): number {
  const unit = rateUnit(text);
  const count = leadingUint32(text);
  if (unit === null || count === 0) throw new RuleFault('bad-value', `bad rate "${text}"'`);
  const interval = rateInterval(count, unit, SCALE);
  if (interval === 0) throw new RuleFault('bad-value', `Rate too fast "${text}"`);
  return interval;
}

/**
 * Credits of an interval in the 32-bit arithmetic of the kernel (user2credits): above 13.4 s whole
 * seconds are enough for it, and what does not fit is cut, which the check below relies on.
 */
function creditsOf(interval: number): number {
  const user = BigInt.asUintN(32, BigInt(interval));
  const perSec = BigInt(CREDITS_PER_SEC);
  const scale = BigInt(SCALE);
  const whole = user > 0xffffffffn / perSec;
  return Number(BigInt.asUintN(32, whole ? (user / scale) * perSec : (user * perSec) / scale));
}

const Slot = { Credit: 0, Tick: 1, Now: 2 } as const;

class LimitEvaluator implements MatchEvaluator {
  private readonly cost: number;
  private readonly cap: number;
  /** Credits and the tick of the last look by `Slot`; the tick is -1 before the first packet. */
  private readonly bucket: Float64Array;

  constructor(values: LimitValues) {
    this.cost = creditsOf(values.interval);
    this.cap = creditsOf(values.interval * values.burst);
    this.bucket = Float64Array.of(this.cap, -1, 0);
  }

  matches(ctx: RuleContext): boolean {
    const { bucket } = this;
    readTicks(bucket, Slot.Now, ctx.clock);
    if (bucket[Slot.Tick]! >= 0) {
      const grown = (bucket[Slot.Now]! - bucket[Slot.Tick]!) * CREDITS_PER_TICK;
      bucket[Slot.Credit] = Math.min(bucket[Slot.Credit]! + grown, this.cap);
    }
    bucket[Slot.Tick] = bucket[Slot.Now]!;
    if (bucket[Slot.Credit]! < this.cost) return false;
    bucket[Slot.Credit] = bucket[Slot.Credit]! - this.cost;
    return true;
  }
}

export const limit = defineMatch<LimitValues>({
  name: 'limit',
  stateful: true,
  options: [
    {
      name: 'limit',
      args: 1,
      argument: 'RATE[/second|/minute|/hour|/day]',
      help: 'average rate that is let through (3/hour)',
      set: (value, [text = '']) => {
        value.interval = parseRate(text);
      },
      save: (value) => shown(printRate(value.interval, SCALE).text),
    },
    {
      name: 'limit-burst',
      args: 1,
      argument: 'NUMBER',
      help: 'packets let through before the rate counts (5)',
      set: (value, [text = '']) => {
        value.burst = readNumber('limit', 'limit-burst', text, MAX_BURST);
      },
      save: (value) => (value.burst === DEFAULT_BURST ? null : shown(String(value.burst))),
    },
  ],
  initial: () => ({ interval: (SCALE * 3600) / 3, burst: DEFAULT_BURST }),
  check: ({ interval, burst }) => {
    // limit_mt_check: what wraps round is noticed by its being smaller.
    if (burst === 0 || creditsOf(interval * burst) < creditsOf(interval)) {
      const detail = 'the rate is too slow for this burst, or the burst is 0';
      throw new RuleFault('out-of-range', 'Numerical result out of range.', detail);
    }
  },
  list: (value) => `limit: avg ${printRate(value.interval, SCALE).text} burst ${value.burst}`,
  evaluator: (value) => new LimitEvaluator(value),
});
