import { leadingInteger } from './c-text.ts';

/**
 * Rates of packets (`5/sec`, `3/m`, `10`), as `limit` and `hashlimit` read and print them. What is
 * kept is the average interval between two packets in parts of a second.
 */

const units: readonly (readonly [string, number])[] = [
  ['second', 1],
  ['minute', 60],
  ['hour', 3600],
  ['day', 86_400],
];

/** Seconds of the unit behind the slash, 1 where there is none; null where it is no unit. */
export function rateUnit(text: string): number | null {
  const slash = text.indexOf('/');
  if (slash < 0) return 1;
  const unit = text.slice(slash + 1).toLowerCase();
  if (unit === '') return null;
  return units.find(([name]) => name.startsWith(unit))?.[1] ?? null;
}

/**
 * The interval of `count` packets in `unitSec` seconds, in 1/`scale` s: 0 where the rate is too fast
 * to have one. A negative count is a huge one, as in C.
 */
export function rateInterval(count: number, unitSec: number, scale: number): number {
  return count < 0 ? 0 : Math.floor((scale * unitSec) / count);
}

/** How many packets a rate names (atoi: `1x` is 1); 0 where it names none. */
export const rateCount = (text: string): number => leadingInteger(text);

const printedUnits: readonly (readonly [string, number])[] = [
  ['day', 86_400],
  ['hour', 3600],
  ['min', 60],
  ['sec', 1],
];

export interface PrintedRate {
  /** `25/min`. */
  readonly text: string;
  /** Seconds of the unit that is printed. */
  readonly unitSec: number;
}

/**
 * Only the interval is kept, so 60/m comes out as 1/sec: the unit is the smallest one that still
 * loses nothing, counted down from the day.
 */
export function printRate(interval: number, scale: number): PrintedRate {
  const fits = (unitSec: number) => {
    const size = unitSec * scale;
    return size >= interval && Math.floor(size / interval) >= size % interval;
  };
  const misfit = printedUnits.findIndex(([, unitSec], at) => at > 0 && !fits(unitSec));
  const [unit, unitSec] = printedUnits.at(misfit < 0 ? -1 : misfit - 1)!;
  return { text: `${Math.floor((unitSec * scale) / interval)}/${unit}`, unitSec };
}
