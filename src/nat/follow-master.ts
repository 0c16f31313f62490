import { type ConntrackTable, Direction, type Expectation, Tuple } from '../conntrack/index.ts';
import type { NatRange } from '../rules/index.ts';
import { Manip } from './allocate.ts';
import type { Nat } from './binding.ts';

const tuple = new Tuple();

/**
 * Translates an expected connection as its master is translated (nf_nat_follow_master): it comes
 * from where the master's peer is seen, and leads to the real end and the port announced there.
 * The nat table is not asked. False where no free tuple was found.
 */
export function followMaster(
  nat: Nat,
  table: ConntrackTable,
  row: number,
  expectation: Expectation,
): boolean {
  const otherWay =
    expectation.direction === Direction.Original ? Direction.Reply : Direction.Original;
  table.readTuple(expectation.masterRow, otherWay, tuple);
  const source = exactly([tuple.d0, tuple.d1, tuple.d2, tuple.d3], expectation.family, 0);
  const destination = exactly(expectation.savedAddress, expectation.family, expectation.savedPort);
  return nat.bind(row, source, Manip.Source) && nat.bind(row, destination, Manip.Destination);
}

function exactly(words: readonly number[], family: number, port: number): NatRange {
  const address = family === 4 ? words.slice(0, 1) : words.slice(0, 4);
  return {
    minAddress: address,
    maxAddress: address,
    minPort: port,
    maxPort: port,
    random: false,
    randomFully: false,
    persistent: false,
  };
}
