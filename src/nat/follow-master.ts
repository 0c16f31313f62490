import { type ConntrackTable, Direction, type Expectation, Tuple } from '../conntrack/index.ts';
import type { Nat } from './binding.ts';
import { Manip, PinnedRange } from './ranges.ts';

const tuple = new Tuple();
const range = new PinnedRange();

/**
 * Translates an expected connection as its master is translated (nf_nat_follow_master): it comes
 * from where the master's peer is seen, and leads to the real end and the port announced there.
 * The nat table is not asked.
 */
export function followMaster(
  nat: Nat,
  table: ConntrackTable,
  row: number,
  expectation: Expectation,
): void {
  const { direction, dport, family, masterRow, savedAddress, savedPort } = expectation;
  const otherWay = direction === Direction.Original ? Direction.Reply : Direction.Original;
  table.readTuple(masterRow, otherWay, tuple);
  range.at(family, tuple.d0, tuple.d1, tuple.d2, tuple.d3, 0);
  nat.bind(row, range, Manip.Source);
  const [w0, w1, w2, w3] = savedAddress;
  table.readTuple(row, Direction.Original, tuple);
  // Of a span, each port leads to the one at the same place behind it.
  range.at(family, w0, w1, w2, w3, savedPort + tuple.dstPort - dport);
  nat.bind(row, range, Manip.Destination);
}
