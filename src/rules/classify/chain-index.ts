import type { Packet } from '../../wire/index.ts';
import type { RuleContext } from '../context.ts';
import type { BoxList } from './boxes.ts';
import { DIMENSIONS, fillKey, keyHolds } from './dimensions.ts';
import { IntList } from './int-list.ts';
import { findList } from './packed-trees.ts';
import { MAX_TREES, TreeBuilder } from './trees.ts';

/** Integers per level of `cursors`: how many lists, and a place in each. */
const LEVEL_INTS = MAX_TREES + 1;

/** Gathers the indexes of the chains of one table. */
export class IndexBuilder {
  private readonly always: boolean;
  private readonly nodes = new IntList();
  private readonly lists = new IntList();
  private readonly roots = new IntList();

  /** `always`: chains get an index however little it helps. */
  constructor(always: boolean) {
    this.always = always;
  }

  /**
   * Makes the index of a chain from its boxes; returns what `ChainIndex.enter` wants to be given, or
   * -1 where an index would not help.
   */
  addChain(boxes: BoxList, closingRow: number): number {
    const { nodes, lists, roots } = this;
    const before = [nodes.length, lists.length] as const;
    const builder = new TreeBuilder(boxes, nodes, lists, closingRow);
    const trees = builder.build();
    if (!this.always && builder.expectedRows * 4 > boxes.count) {
      [nodes.length, lists.length] = before;
      return -1;
    }
    const place = roots.push(trees.length);
    roots.push(~builder.emptyList);
    for (const root of trees) roots.push(root);
    return place;
  }

  /** The indexes of all chains, for walks at most `levels` jumps deep; null where no chain has one. */
  finish(levels: number): ChainIndex | null {
    if (this.roots.length === 0) return null;
    const { nodes, lists, roots } = this;
    return new ChainIndex(nodes.trimmed(), lists.trimmed(), roots.trimmed(), levels);
  }
}

/**
 * Which rows of long chains may match a packet: a superset of those that do, in the order of the
 * chain. A walk keeps its place at every level of jumps, so that it goes on behind a jump without
 * a new lookup. Hot: allocates nothing.
 */
export class ChainIndex {
  private readonly nodes: Int32Array;
  private readonly lists: Int32Array;
  private readonly roots: Int32Array;
  private readonly key = new Int32Array(DIMENSIONS);
  /** For each level of jumps: number of lists with rows to try, and the place in each. */
  private readonly cursors: Int32Array;

  constructor(nodes: Int32Array, lists: Int32Array, roots: Int32Array, levels: number) {
    this.nodes = nodes;
    this.lists = lists;
    this.roots = roots;
    this.cursors = new Int32Array(levels * LEVEL_INTS);
  }

  /** Takes the packet that the following calls are about. */
  begin(ctx: RuleContext): void {
    fillKey(this.key, ctx);
  }

  /** False where the packet is no longer the one of `begin`. */
  holdsFor(packet: Packet): boolean {
    return keyHolds(this.key, packet);
  }

  /** Begins a chain (a number of `IndexBuilder.addChain`) at a level of jumps. */
  enter(chain: number, level: number): void {
    const { nodes, roots, key, cursors } = this;
    const base = level * LEVEL_INTS;
    const end = chain + 2 + roots[chain]!;
    const empty = roots[chain + 1]!;
    let count = 0;
    for (let tree = chain + 2; tree < end; tree++) {
      const place = findList(nodes, key, roots[tree]!);
      if (place !== empty) cursors[base + ++count] = place;
    }
    if (count === 0) cursors[base + ++count] = empty;
    cursors[base] = count;
  }

  /** The next row of the chain at `level` that may match; at last the closing row of the chain. */
  next(level: number): number {
    const { cursors, lists } = this;
    const first = level * LEVEL_INTS + 1;
    const end = first + cursors[first - 1]!;
    let row = lists[cursors[first]!]!;
    if (end === first + 1) {
      cursors[first] = cursors[first]! + 1;
      return row;
    }
    for (let at = first + 1; at < end; at++) {
      const other = lists[cursors[at]!]!;
      if (other < row) row = other;
    }
    for (let at = first; at < end; at++) {
      const place = cursors[at]!;
      if (lists[place]! === row) cursors[at] = place + 1;
    }
    return row;
  }

  /** Memory of the index in bytes. */
  get bytes(): number {
    return (this.nodes.length + this.lists.length + this.roots.length) * 4;
  }
}
