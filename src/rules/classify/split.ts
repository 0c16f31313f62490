import type { BoxList } from './boxes.ts';
import { DIMENSIONS, HIGHEST, LOWEST } from './dimensions.ts';

/** Boxes looked at to find a split: enough for the middle of thousands. */
const SAMPLE = 256;

/** The part of the space that a node stands for. */
export class Region {
  readonly low = new Int32Array(DIMENSIONS).fill(LOWEST);
  readonly high = new Int32Array(DIMENSIONS).fill(HIGHEST);
}

/** Finds where to cut a set of boxes in two. Cold. */
export class SplitFinder {
  /** The answer: packets with `key[dimension] <= at` go left. */
  dimension = -1;
  at = 0;

  private readonly boxes: BoxList;
  private readonly dimensions: readonly number[];
  private readonly lows = new Int32Array(SAMPLE);
  private readonly highs = new Int32Array(SAMPLE);
  private score = 0;

  constructor(boxes: BoxList) {
    this.boxes = boxes;
    // Most dimensions are the same for all rules of a chain.
    this.dimensions = Array.from({ length: DIMENSIONS }, (_, d) => d).filter((d) => this.varies(d));
  }

  private varies(dimension: number): boolean {
    const { low, high, count } = this.boxes;
    for (let b = 0; b < count; b++) {
      const at = b * DIMENSIONS + dimension;
      if (low[at]! !== LOWEST || high[at]! !== HIGHEST) return true;
    }
    return false;
  }

  /** True where some cut puts boxes on both sides; `dimension` and `at` then say the best. */
  find(members: Int32Array, region: Region): boolean {
    this.score = 0;
    for (const dimension of this.dimensions) this.tryDimension(members, region, dimension);
    return this.score > 0;
  }

  private tryDimension(members: Int32Array, region: Region, dimension: number): void {
    const { low, high } = this.boxes;
    const from = region.low[dimension]!;
    const to = region.high[dimension]!;
    if (from === to) return;
    const step = Math.max(1, members.length / SAMPLE);
    let sampled = 0;
    let count = 0;
    for (let i = 0; i < members.length; i += step) {
      const at = members[Math.trunc(i)]! * DIMENSIONS + dimension;
      sampled++;
      // A box that covers the region has no edge in it.
      if (low[at]! <= from && high[at]! >= to) continue;
      this.lows[count] = low[at]!;
      this.highs[count++] = high[at]!;
      if (count === SAMPLE) break;
    }
    if (count === 0) return;
    sort(this.lows, count);
    sort(this.highs, count);
    this.sweep(dimension, count, sampled, from, to);
  }

  /** Tries a cut behind the upper edge and one before the lower edge of every box. */
  private sweep(dimension: number, count: number, sampled: number, from: number, to: number): void {
    const { lows, highs } = this;
    let above = 0;
    for (let i = 0; i < count && highs[i]! < to; i++) {
      while (above < count && lows[above]! <= highs[i]!) above++;
      if (i + 1 < count && highs[i + 1] === highs[i]) continue;
      this.offer(dimension, highs[i]!, i + 1, count - above, sampled);
    }
    let below = 0;
    for (let i = 0; i < count; i++) {
      if (lows[i]! <= from || lows[i] === lows[i - 1]) continue;
      while (below < count && highs[below]! < lows[i]!) below++;
      this.offer(dimension, lows[i]! - 1, below, count - i, sampled);
    }
  }

  /** Best is what halves the set; among such, what cuts through the fewest boxes. */
  private offer(dimension: number, at: number, left: number, right: number, all: number): void {
    const across = all - left - right;
    const score = Math.min(left, right) * (2 * all - across);
    if (score <= this.score) return;
    this.score = score;
    this.dimension = dimension;
    this.at = at;
  }
}

/** Insertion for the many small sets: the call into the runtime's sort costs more. */
function sort(values: Int32Array, count: number): void {
  if (count > 24) {
    values.subarray(0, count).sort();
    return;
  }
  for (let i = 1; i < count; i++) {
    const value = values[i]!;
    let at = i;
    while (at > 0 && values[at - 1]! > value) {
      values[at] = values[at - 1]!;
      at--;
    }
    values[at] = value;
  }
}
