import type { ConntrackListener, Expectation } from '../conntrack/index.ts';
import type { FtpListener } from '../helpers/index.ts';

/** Level of what the kernel prints with pr_warn: LOG_WARNING. */
const WARNING = 4;

/** Told of all that happens in an engine beside the passing of packets. */
export interface EngineListener extends Omit<ConntrackListener, 'tableFull'>, FtpListener {
  /** A line of `-j LOG`, or of the tracker in the kernel's words; without its level. */
  logged(line: string, level: number): void;
}

/** Passes on what happens to the tables; what the engine keeps of an ended connection goes after. */
export function relayOf(
  listener: () => EngineListener | null,
  ...sideTables: readonly { connectionEnded(row: number): void }[]
): ConntrackListener {
  return {
    connectionNew: (row) => listener()?.connectionNew(row),
    connectionUpdate: (row) => listener()?.connectionUpdate(row),
    connectionDestroy: (row) => {
      listener()?.connectionDestroy(row);
      for (const table of sideTables) table.connectionEnded(row);
    },
    tableFull: (suppressed) => {
      const logged = (line: string) => listener()?.logged(line, WARNING);
      if (suppressed > 0) logged(`net_ratelimit: ${suppressed} callbacks suppressed`);
      logged('nf_conntrack: nf_conntrack: table full, dropping packet');
    },
    expectationNew: (expectation: Expectation) => listener()?.expectationNew(expectation),
    expectationDestroy: (expectation: Expectation) => listener()?.expectationDestroy(expectation),
  };
}
