import type { ConntrackListener, Expectation } from '../conntrack/index.ts';
import type { FtpRefusal } from '../helpers/index.ts';

/** Told of all that happens in an engine beside the passing of packets. */
export interface EngineListener extends ConntrackListener {
  announcementRefused(refusal: FtpRefusal): void;
  /** A line of `-j LOG`, without its level. */
  logged(line: string, level: number): void;
}

/** Passes on what happens to the tables; what the engine keeps of an ended connection goes after. */
export function relayOf(
  listener: () => EngineListener | null,
  sideTables: { forgetSideTables(row: number): void },
): ConntrackListener {
  return {
    connectionNew: (row) => listener()?.connectionNew(row),
    connectionUpdate: (row) => listener()?.connectionUpdate(row),
    connectionDestroy: (row) => {
      listener()?.connectionDestroy(row);
      sideTables.forgetSideTables(row);
    },
    expectationNew: (expectation: Expectation) => listener()?.expectationNew(expectation),
    expectationDestroy: (expectation: Expectation) => listener()?.expectationDestroy(expectation),
  };
}
