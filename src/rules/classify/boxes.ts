import type { InterfaceTable } from '../../base/index.ts';
import type { MatchBounds, WordRange } from '../extension.ts';
import type { AddressMatch, InterfaceMatch, Rule } from '../model.ts';
import type { PortRange } from '../numbers.ts';
import { DIMENSIONS, Dimension, HIGHEST, LOWEST, SIGN_BIT } from './dimensions.ts';

/**
 * Rules as boxes: an interval in each dimension. A box says where its rule may match; what it does
 * not say (`!`, wildcards, states) is asked of the rule itself. A rule with port lists has several.
 */

/** More boxes than these for one rule are not worth their memory: further lists are not used. */
const MAX_BOXES_PER_RULE = 32;

interface Box {
  readonly low: Int32Array;
  readonly high: Int32Array;
}

/** The boxes of one chain, in the order of its rows. */
export class BoxList {
  count = 0;
  /** Bounds of box b in dimension d at `b * DIMENSIONS + d`. */
  low = new Int32Array(64 * DIMENSIONS);
  high = new Int32Array(64 * DIMENSIONS);
  rows = new Int32Array(64);

  /**
   * Adds the boxes of a rule. `mayDrop` says of each match that it could drop a packet at once: as
   * what stands behind a stateful match, what stands behind such a one may not hide it.
   */
  addRule(row: number, rule: Rule, mayDrop: readonly boolean[], interfaces: InterfaceTable): void {
    let boxes = [ruleBox(rule, interfaces)];
    for (let i = 0; i < rule.matches.length; i++) {
      const match = rule.matches[i]!;
      if (match.stateful) break;
      const bounds = match.bounds();
      if (bounds === null) {
        if (mayDrop[i]!) break;
      } else if (boxes.length * bounds.length <= MAX_BOXES_PER_RULE) {
        boxes = intersect(boxes, bounds);
      }
    }
    for (const box of boxes) this.add(row, box);
  }

  private add(row: number, box: Box): void {
    if (this.count === this.rows.length) {
      this.rows = grown(this.rows);
      this.low = grown(this.low);
      this.high = grown(this.high);
    }
    this.rows[this.count] = row;
    this.low.set(box.low, this.count * DIMENSIONS);
    this.high.set(box.high, this.count * DIMENSIONS);
    this.count++;
  }
}

function grown(array: Int32Array): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(array.length * 2);
  larger.set(array);
  return larger;
}

function ruleBox(rule: Rule, interfaces: InterfaceTable): Box {
  const low = new Int32Array(DIMENSIONS).fill(LOWEST);
  const high = new Int32Array(DIMENSIONS).fill(HIGHEST);
  const box = { low, high };
  boundAddress(box, Dimension.Source, rule.source);
  boundAddress(box, Dimension.Destination, rule.destination);
  const { protocol } = rule;
  if (protocol !== null && !protocol.negated) {
    narrow(box, Dimension.Protocol, protocol.number, protocol.number);
  }
  boundInterface(box, Dimension.InInterface, rule.inInterface, interfaces);
  boundInterface(box, Dimension.OutInterface, rule.outInterface, interfaces);
  return box;
}

function boundAddress(box: Box, dimension: number, match: AddressMatch | null): void {
  if (match === null || match.negated) return;
  match.mask.forEach((mask, i) => {
    // Masks with holes are allowed: this is then more than the rule says, but never less.
    const first = match.address[i]! & mask;
    narrow(box, dimension + i, first ^ SIGN_BIT, (first | ~mask) ^ SIGN_BIT);
  });
}

function boundInterface(
  box: Box,
  dimension: number,
  match: InterfaceMatch | null,
  interfaces: InterfaceTable,
): void {
  if (match === null || match.negated || match.wildcard || match.name === '') return;
  const id = interfaces.id(match.name);
  narrow(box, dimension, id, id);
}

function narrow(box: Box, dimension: number, low: number, high: number): void {
  box.low[dimension] = Math.max(box.low[dimension]!, low);
  box.high[dimension] = Math.min(box.high[dimension]!, high);
}

/** All boxes cut down to each of the alternatives; empty ones are left out. */
function intersect(boxes: readonly Box[], alternatives: readonly MatchBounds[]): Box[] {
  const result: Box[] = [];
  for (const box of boxes) {
    for (const bounds of alternatives) {
      const cut = { low: box.low.slice(), high: box.high.slice() };
      boundRange(cut, Dimension.Source, bounds.source);
      boundRange(cut, Dimension.Destination, bounds.destination);
      boundPorts(cut, Dimension.SourcePort, bounds.sourcePorts);
      boundPorts(cut, Dimension.DestinationPort, bounds.destinationPorts);
      if (cut.low.every((low, d) => low <= cut.high[d]!)) result.push(cut);
    }
  }
  return result;
}

/** The first word in which the two ends differ is the last one that bounds anything. */
function boundRange(box: Box, dimension: number, range: WordRange | undefined): void {
  if (range === undefined) return;
  for (let i = 0; i < range.min.length; i++) {
    const low = range.min[i]! ^ SIGN_BIT;
    const high = range.max[i]! ^ SIGN_BIT;
    narrow(box, dimension + i, low, high);
    if (low !== high) return;
  }
}

function boundPorts(box: Box, dimension: number, range: PortRange | undefined): void {
  if (range !== undefined) narrow(box, dimension, range.min, range.max);
}
