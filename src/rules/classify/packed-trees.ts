import { IntList } from './int-list.ts';

/**
 * Trees as lookups walk them. Cuts of one dimension that follow each other in a tree are taken
 * together: a fan picks among many of them at once by the upper bits of the key's distance from the
 * first cut, as a radix tree does. What falls into one part of a fan is told apart by further nodes.
 *
 *   cut:  | dimension | at | where to go if key <= at | where to go if key > at |
 *   fan:  | FAN + dimension | base | shift | last part | if key <= base | part 0 | part 1 | … |
 *
 * Where to go is a node (>= 0) or, as ~place, a list of rows.
 */

export const FAN = 16;
export const FAN_HEADER_INTS = 5;

/** Fewer cuts than these are made one by one. */
const SMALLEST_FAN = 6;

/** Goes down from a root; returns the place of the list. Hot. */
export function findList(nodes: Int32Array, key: Int32Array, root: number): number {
  let place = root;
  while (place >= 0) {
    const dimension = nodes[place]!;
    const at = nodes[place + 1]!;
    if (dimension < FAN) {
      place = nodes[place + (key[dimension]! > at ? 3 : 2)]!;
      continue;
    }
    const value = key[dimension - FAN]!;
    if (value <= at) place = nodes[place + 4]!;
    else {
      const part = (value - at) >>> nodes[place + 2]!;
      const last = nodes[place + 3]!;
      place = nodes[place + FAN_HEADER_INTS + Math.min(part, last)]!;
    }
  }
  return ~place;
}

/** Writes trees of plain cuts to `nodes`. Cold. */
export class TreePacker {
  private readonly plain: IntList;
  private readonly nodes: IntList;

  constructor(plain: IntList, nodes: IntList) {
    this.plain = plain;
    this.nodes = nodes;
  }

  /** The place, in the packed nodes, of the tree at `root` among the plain ones. */
  pack(root: number): number {
    if (root < 0) return root;
    const cuts = new IntList();
    const ways = new IntList();
    this.gather(root, this.plain.get(root), cuts, ways);
    for (let i = 0; i < ways.length; i++) ways.set(i, this.pack(ways.get(i)));
    return this.write(this.plain.get(root), cuts, ways, 0, cuts.length);
  }

  /** The cuts of one dimension at the top of a tree in rising order, and where the gaps lead. */
  private gather(root: number, dimension: number, cuts: IntList, ways: IntList): void {
    const { plain } = this;
    if (root < 0 || plain.get(root) !== dimension) {
      ways.push(root);
      return;
    }
    this.gather(plain.get(root + 2), dimension, cuts, ways);
    cuts.push(plain.get(root + 1));
    this.gather(plain.get(root + 3), dimension, cuts, ways);
  }

  /** Nodes for cuts [from, to); the ways before, between and behind them are [from, to]. */
  private write(dimension: number, cuts: IntList, ways: IntList, from: number, to: number): number {
    if (from === to) return ways.get(from);
    const count = to - from;
    if (count >= SMALLEST_FAN) {
      const span = cuts.get(to - 1) - cuts.get(from);
      let shift = 0;
      while (span / 2 ** shift >= 2 * count) shift++;
      const largest = largestPart(cuts, from, to, shift);
      if (largest * 3 <= count) return this.writeFan(dimension, cuts, ways, from, to, shift);
    }
    const middle = (from + to) >> 1;
    const { nodes } = this;
    const node = nodes.push(dimension);
    nodes.push(cuts.get(middle));
    nodes.push(0);
    nodes.push(0);
    nodes.set(node + 2, this.write(dimension, cuts, ways, from, middle));
    nodes.set(node + 3, this.write(dimension, cuts, ways, middle + 1, to));
    return node;
  }

  private writeFan(
    dimension: number,
    cuts: IntList,
    ways: IntList,
    from: number,
    to: number,
    shift: number,
  ): number {
    const { nodes } = this;
    const base = cuts.get(from);
    // All keys behind the last part go there too: the last cut must not lie at its very end.
    const last = Math.trunc((cuts.get(to - 1) + 1 - base) / 2 ** shift);
    const node = nodes.push(FAN + dimension);
    nodes.push(base);
    nodes.push(shift);
    nodes.push(last);
    nodes.push(ways.get(from));
    for (let part = 0; part <= last; part++) nodes.push(0);
    let at = from;
    for (let part = 0; part <= last; part++) {
      // A cut at the last key of a part cuts nothing off within it, but is behind it.
      const lastKey = base + (part + 1) * 2 ** shift - 1;
      const first = at;
      while (at < to && cuts.get(at) < lastKey) at++;
      nodes.set(node + FAN_HEADER_INTS + part, this.write(dimension, cuts, ways, first, at));
      if (at < to && cuts.get(at) === lastKey) at++;
    }
    return node;
  }
}

/** How many cuts fall into the fullest part of a fan. */
function largestPart(cuts: IntList, from: number, to: number, shift: number): number {
  const base = cuts.get(from);
  let largest = 0;
  let part = -1;
  let count = 0;
  for (let i = from; i < to; i++) {
    const own = Math.trunc((cuts.get(i) - base) / 2 ** shift);
    count = own === part ? count + 1 : 1;
    part = own;
    if (count > largest) largest = count;
  }
  return largest;
}
