import type { BoxList } from './boxes.ts';
import { DIMENSIONS } from './dimensions.ts';
import { IntList } from './int-list.ts';
import { TreePacker } from './packed-trees.ts';
import { Region, SplitFinder } from './split.ts';

/**
 * Decision trees over the boxes of one chain, as HyperSplit (Qi et al., INFOCOM 2009) makes them,
 * with one difference: where a cut would go through many boxes, these are not copied to both sides
 * but left to a further tree, so that memory stays near the number of rules (the separable trees of
 * EffiCuts, Vamanan et al., SIGCOMM 2010). A lookup goes down each tree of the chain.
 *
 *   list:  | row | row | … | closing row of the chain |
 *
 * A list has the rows of one leaf in order; the closing row, which holds for every packet, ends it.
 */
export const MAX_TREES = 8;

/** Sets as small as this are rather walked than left to a further tree. */
const LARGE_LEAF = 16;
const MAX_DEPTH = 64;

export class TreeBuilder {
  private readonly boxes: BoxList;
  /** Cuts as `packed-trees.ts` describes them, of all trees. */
  private readonly cuts = new IntList();
  private readonly packer: TreePacker;
  private readonly lists: IntList;
  private readonly closingRow: number;
  /** The list without rows. */
  readonly emptyList: number;
  /** Lists of a single box, by box. */
  private readonly single = new Map<number, number>();
  private readonly splits: SplitFinder;
  private readonly region = new Region();
  /** Boxes that were left to the next tree. */
  private readonly left: Uint8Array;
  private leftCount = 0;
  /** How many rows a packet will have to try, as far as the mean over the leaves says. */
  expectedRows = 0;
  /** Leaves of the tree in hand. */
  private leaves = 0;
  private isLast = false;
  private copiesAllowed: number;

  constructor(boxes: BoxList, nodes: IntList, lists: IntList, closingRow: number) {
    this.boxes = boxes;
    this.packer = new TreePacker(this.cuts, nodes);
    this.lists = lists;
    this.closingRow = closingRow;
    this.emptyList = ~lists.push(closingRow);
    this.splits = new SplitFinder(boxes);
    this.left = new Uint8Array(boxes.count);
    this.copiesAllowed = boxes.count * 8;
  }

  /** Makes the trees; returns where each begins. */
  build(): number[] {
    const roots: number[] = [];
    let members = Int32Array.from({ length: this.boxes.count }, (_, b) => b);
    while (members.length > 0) {
      this.isLast = roots.length === MAX_TREES - 1;
      this.left.fill(0);
      this.leftCount = 0;
      this.leaves = 0;
      const listed = this.lists.length;
      roots.push(this.packer.pack(this.grow(members, 0, -1)));
      this.expectedRows += (this.lists.length - listed) / this.leaves;
      members = this.leftBoxes();
    }
    return roots.length === 0 ? [this.emptyList] : roots;
  }

  private leftBoxes(): Int32Array<ArrayBuffer> {
    const boxes = new Int32Array(this.leftCount);
    let count = 0;
    this.left.forEach((left, box) => {
      if (left !== 0) boxes[count++] = box;
    });
    return boxes;
  }

  /** `from`: the dimension of the cut above, -1 at the root. */
  private grow(given: Int32Array, depth: number, from: number): number {
    const members = this.leftCount === 0 ? given : given.filter((box) => this.left[box] === 0);
    if (this.isFew(members) || depth === MAX_DEPTH) return this.carve(members, from);
    if (!this.splits.find(members, this.region)) return this.carve(members, from);
    const { dimension, at } = this.splits;
    const { low, high } = this.boxes;
    const below = members.filter((box) => high[box * DIMENSIONS + dimension]! <= at);
    const above = members.filter((box) => low[box * DIMENSIONS + dimension]! > at);
    const across = members.length - below.length - above.length;
    if (across === 0) return this.split(below, above, dimension, at, depth);
    if (this.mayCopy(members.length, across, Math.max(below.length, above.length))) {
      this.copiesAllowed -= across;
      const low0 = members.filter((box) => low[box * DIMENSIONS + dimension]! <= at);
      const high0 = members.filter((box) => high[box * DIMENSIONS + dimension]! > at);
      return this.split(low0, high0, dimension, at, depth);
    }
    if (this.isLast || members.length <= LARGE_LEAF) return this.leaf(members);
    for (const box of members) {
      const place = box * DIMENSIONS + dimension;
      if (low[place]! <= at && high[place]! > at) this.left[box] = 1;
    }
    this.leftCount += across;
    return this.split(below, above, dimension, at, depth);
  }

  /** A single box, or several of a single rule and perhaps one more: not worth a cut. */
  private isFew(members: Int32Array): boolean {
    if (members.length < 2) return true;
    const { rows } = this.boxes;
    const first = rows[members[0]!]!;
    const last = rows[members[members.length - 1]!]!;
    if (first === last) return true;
    return members.length > 2 && members.every((b) => rows[b] === first || rows[b] === last);
  }

  /** Whether boxes that lie across a cut are copied to both sides. */
  private mayCopy(all: number, across: number, largerSide: number): boolean {
    if (across > this.copiesAllowed) return false;
    // Copies multiply on the way down: few in large sets, up to a third near the leaves.
    if (all > 2 * LARGE_LEAF) return across * 16 <= all;
    return across * 3 <= all && largerSide + across < all;
  }

  private split(
    below: Int32Array,
    above: Int32Array,
    dimension: number,
    at: number,
    depth: number,
  ): number {
    const { region, cuts } = this;
    const node = this.cut(dimension, at);
    const high = region.high[dimension]!;
    region.high[dimension] = at;
    cuts.set(node + 2, this.grow(below, depth + 1, dimension));
    region.high[dimension] = high;
    const low = region.low[dimension]!;
    region.low[dimension] = at + 1;
    cuts.set(node + 3, this.grow(above, depth + 1, dimension));
    region.low[dimension] = low;
    return node;
  }

  private cut(dimension: number, at: number): number {
    const { cuts } = this;
    const node = cuts.push(dimension);
    cuts.push(at);
    cuts.push(0);
    cuts.push(0);
    return node;
  }

  /**
   * A leaf of which one box fills but a part: what passes beside it need not try its row. The cuts
   * are made in the dimension of the one above, with which they become one fan.
   */
  private carve(members: Int32Array, dimension: number): number {
    const box = dimension < 0 ? -1 : this.onlyNarrow(members, dimension);
    if (box < 0) return this.leaf(members);
    const { region, boxes, cuts } = this;
    const low = boxes.low[box * DIMENSIONS + dimension]!;
    const high = boxes.high[box * DIMENSIONS + dimension]!;
    const beside = this.leaf(members.filter((other) => other !== box));
    let place = this.leaf(members);
    if (high < region.high[dimension]!) {
      const node = this.cut(dimension, high);
      cuts.set(node + 2, place);
      cuts.set(node + 3, beside);
      place = node;
    }
    if (low > region.low[dimension]!) {
      const node = this.cut(dimension, low - 1);
      cuts.set(node + 2, beside);
      cuts.set(node + 3, place);
      place = node;
    }
    return place;
  }

  /** The one box that does not fill the region in a dimension; -1 where there is none or several. */
  private onlyNarrow(members: Int32Array, dimension: number): number {
    const { boxes, region } = this;
    let found = -1;
    for (const box of members) {
      const at = box * DIMENSIONS + dimension;
      if (boxes.low[at]! <= region.low[dimension]! && boxes.high[at]! >= region.high[dimension]!) {
        continue;
      }
      if (found >= 0) return -1;
      found = box;
    }
    return found;
  }

  private leaf(members: Int32Array): number {
    const { lists } = this;
    this.leaves++;
    if (members.length === 0) return this.emptyList;
    // Many leaves have nothing but the few rules that ask for nothing.
    const known = members.length === 1 ? this.single.get(members[0]!) : undefined;
    if (known !== undefined) return known;
    const start = lists.length;
    if (members.length === 1) this.single.set(members[0]!, ~start);
    let last = -1;
    for (const box of members) {
      const row = this.boxes.rows[box]!;
      // The boxes of one rule follow each other.
      if (row !== last) lists.push(row);
      last = row;
    }
    lists.push(this.closingRow);
    return ~start;
  }
}
