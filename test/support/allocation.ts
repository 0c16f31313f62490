/**
 * How many bytes of heap one call allocates: the measure behind "the packet path allocates nothing".
 *
 *   assert.ok(bytesPerRound(() => { decodeFrame(packet); }) < 0.1);
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
/** A whole collection, at once. */
export const collectGarbage = runInNewContext('gc') as () => void;

/** Chosen so that the optimising compiler is done with the code before it is measured. */
const WARM_UP_ROUNDS = 30_000;
const ATTEMPTS = 3;
/** How often what seems to allocate is measured anew, behind another warm-up. */
const AGAIN = 3;
/**
 * Parts of the rounds that are tried first: where what is allocated just overflows the young
 * generation, the collection hides most of it, but not for all of these lengths.
 */
const SHARES = [1, 0.45, 0.2, 0.1, 0.05];
/**
 * V8 accounts young memory in pages, and may open one at any time: so much can appear in use while
 * nothing is allocated. It does not grow with the rounds.
 */
const PAGE_BYTES = 256 * 1024;
/** So many rounds make a page small: 0.08 bytes per round. */
const MANY_ROUNDS = 3_200_000;

/**
 * Heap bytes per call of `round`. Over `rounds` calls and some shorter runs first, the median of
 * three attempts each: one object or boxed number per round (12 bytes at least) shows in one of them
 * beyond doubt. A figure that one page may explain is measured again over 3.2 million calls, where a
 * page counts 0.08 bytes; the least of up to three is given. Collections in between take away from a
 * large figure: it is a lower bound. `round` gets its number, from 0 in each attempt.
 */
export function bytesPerRound(round: (n: number) => void, rounds = 100_000): number {
  growth(round, WARM_UP_ROUNDS);
  const negligible = PAGE_BYTES / MANY_ROUNDS;
  let least = Number.POSITIVE_INFINITY;
  for (const share of SHARES) {
    const calls = Math.ceil(rounds * share);
    const median = medianGrowth(round, calls);
    if (median > 2 * PAGE_BYTES) return median / calls;
    // A short run shows too little of what is allocated rarely to acquit anybody.
    if (share === 1) least = median / calls;
  }
  for (let i = 0; i < 3 && least > negligible; i++) {
    least = Math.min(least, growth(round, MANY_ROUNDS) / MANY_ROUNDS);
  }
  return least;
}

/**
 * True where every call allocates something: the quick measure, for what is done once a connection. One
 * object a call (16 bytes) fills four pages in the longest run; less than that it does not see.
 */
export function allocatesEachTime(round: (n: number) => void, rounds = 70_000): boolean {
  const shows = () =>
    SHARES.some((share) => medianGrowth(round, Math.ceil(rounds * share)) > 2 * PAGE_BYTES);
  growth(round, WARM_UP_ROUNDS);
  for (let again = 0; again < AGAIN; again++) {
    if (!shows()) return false;
    // On a busy machine the compiler may not have been done yet: code of before allocates numbers.
    growth(round, 10 * WARM_UP_ROUNDS);
  }
  return shows();
}

function medianGrowth(round: (n: number) => void, rounds: number): number {
  const attempts = Array.from({ length: ATTEMPTS }, () => growth(round, rounds));
  attempts.sort((a, b) => a - b);
  return attempts[ATTEMPTS >> 1]!;
}

/** Bytes by which the heap grew over `rounds` calls; infinite where it shrank, which says nothing. */
function growth(round: (n: number) => void, rounds: number): number {
  collectGarbage();
  // The first reading after a collection opens a page itself and must not count.
  process.memoryUsage();
  const before = process.memoryUsage().heapUsed;
  for (let n = 0; n < rounds; n++) round(n);
  const grown = process.memoryUsage().heapUsed - before;
  return grown < 0 ? Number.POSITIVE_INFINITY : grown;
}
