import type { RuleContext } from '../context.ts';
import { RuleFault } from '../errors.ts';
import { defineMatch, type MatchEvaluator } from '../extension.ts';
import { parseUnsigned } from '../numbers.ts';
import { shown } from '../options.ts';

/**
 * `-m limit`: a token bucket, as the kernel's xt_limit. A packet costs the average interval between
 * two packets; credit grows with time up to `burst` packets and starts full.
 */

/** Time unit of the interval: 1/10000 s, XT_LIMIT_SCALE. */
const SCALE = 10_000;
const MICROS_PER_UNIT = 1_000_000 / SCALE;
const DEFAULT_BURST = 5;
const MAX_BURST = 10_000;

interface LimitValues {
  /** Average interval between two packets in 1/10000 s. */
  interval: number;
  burst: number;
}

const units: readonly (readonly [string, number])[] = [
  ['second', 1],
  ['minute', 60],
  ['hour', 3600],
  ['day', 86_400],
];

/** `5/sec`, `3/m`, `10` (per second): a beginning of the unit's name will do. */
function parseRate(text: string): number {
  const bad = () => new RuleFault('bad-value', `bad rate "${text}"'`);
  const [, count = '', slash = '', unit = ''] = /^(\d+)(\/?)(.*)$/s.exec(text) ?? [];
  const rate = Number(count);
  if (count === '' || rate === 0 || (slash === '') !== (unit === '')) throw bad();
  const seconds =
    unit === '' ? 1 : units.find(([name]) => name.startsWith(unit.toLowerCase()))?.[1];
  if (seconds === undefined) throw bad();
  const interval = Math.floor((SCALE * seconds) / rate);
  if (interval === 0) throw new RuleFault('bad-value', `Rate too fast "${text}"`);
  return interval;
}

const printedUnits: readonly (readonly [string, number])[] = [
  ['day', 86_400 * SCALE],
  ['hour', 3600 * SCALE],
  ['min', 60 * SCALE],
  ['sec', SCALE],
];

/**
 * Only the interval is kept, so 60/m comes out as 1/sec: the unit is the smallest one that still
 * loses nothing, counted down from the day.
 */
function formatRate(interval: number): string {
  const fits = (size: number) => size >= interval && Math.floor(size / interval) >= size % interval;
  const misfit = printedUnits.findIndex(([, size], at) => at > 0 && !fits(size));
  const [unit, size] = printedUnits.at(misfit < 0 ? -1 : misfit - 1)!;
  return `${Math.floor(size / interval)}/${unit}`;
}

class LimitEvaluator implements MatchEvaluator {
  private readonly costUsec: number;
  private readonly capUsec: number;
  /** [credit in µs of waiting, second and microsecond of the last look]; -1: none yet. */
  private readonly bucket: Float64Array;

  constructor(values: LimitValues) {
    this.costUsec = values.interval * MICROS_PER_UNIT;
    this.capUsec = this.costUsec * values.burst;
    this.bucket = Float64Array.of(this.capUsec, -1, 0);
  }

  matches(ctx: RuleContext): boolean {
    const { bucket } = this;
    const { sec, usec } = ctx.clock;
    if (bucket[1]! >= 0) {
      const grown = bucket[0]! + (sec - bucket[1]!) * 1e6 + (usec - bucket[2]!);
      bucket[0] = Math.min(grown, this.capUsec);
    }
    bucket[1] = sec;
    bucket[2] = usec;
    if (bucket[0]! < this.costUsec) return false;
    bucket[0] = bucket[0]! - this.costUsec;
    return true;
  }
}

export const limit = defineMatch<LimitValues>({
  name: 'limit',
  options: [
    {
      name: 'limit',
      args: 1,
      set: (value, [text = '']) => {
        value.interval = parseRate(text);
      },
      save: (value) => shown(formatRate(value.interval)),
    },
    {
      name: 'limit-burst',
      args: 1,
      set: (value, [text = '']) => {
        const burst = parseUnsigned(text, MAX_BURST);
        if (burst === null) {
          const words = `limit: bad value for option "--limit-burst", or out of range (0-${MAX_BURST}).`;
          throw new RuleFault('bad-value', words);
        }
        value.burst = burst;
      },
      save: (value) => (value.burst === DEFAULT_BURST ? null : shown(String(value.burst))),
    },
  ],
  initial: () => ({ interval: (SCALE * 3600) / 3, burst: DEFAULT_BURST }),
  check: (value) => {
    // The kernel keeps interval times burst in 32 bits (limit_mt_check).
    if (value.burst === 0 || value.interval * value.burst > 0xffffffff) {
      const detail = 'the rate is too slow for this burst, or the burst is 0';
      throw new RuleFault('out-of-range', 'Numerical result out of range.', detail);
    }
  },
  list: (value) => `limit: avg ${formatRate(value.interval)} burst ${value.burst}`,
  evaluator: (value) => new LimitEvaluator(value),
});
