import type { Clock } from '../../../base/index.ts';

/**
 * Time of the matches that count it: milliseconds, one jiffy of a kernel with HZ=1000, since the
 * kernel's buckets grow by jiffies and not by microseconds.
 *
 * The number goes into a Float64Array and is not returned: it may need more than 31 bits, and a
 * number like that is boxed wherever it is handed on.
 */
export function readTicks(into: Float64Array, at: number, clock: Clock): void {
  into[at] = clock.sec * 1000 + ((clock.usec / 1000) | 0);
}
