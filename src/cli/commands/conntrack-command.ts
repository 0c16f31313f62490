import { ControlClient } from '../../control/index.ts';
import { runConntrack } from '../conntrack/index.ts';
import type { OwnCommand } from '../pass-through.ts';
import { extractSocket } from '../socket-path.ts';

/** `pinhole conntrack …`: conntrack(8) against the running gateway. */
export const conntrackCommand: OwnCommand = {
  name: 'conntrack',
  summary: 'Show the connection and expectation tables, as conntrack(8): -L -C -E -F -D -S -G',
  run: async (argv) => {
    const { socket, rest } = extractSocket(argv);
    const interrupt = new AbortController();
    const onSignal = () => interrupt.abort();
    process.on('SIGINT', onSignal);
    process.on('SIGTERM', onSignal);
    try {
      return await runConntrack(rest, {
        client: () => ControlClient.connect(socket),
        stdout: (text) => process.stdout.write(text),
        stderr: (text) => process.stderr.write(text),
        signal: interrupt.signal,
      });
    } finally {
      process.off('SIGINT', onSignal);
      process.off('SIGTERM', onSignal);
    }
  },
};
