import { readFileSync } from 'node:fs';
import { ControlClient } from '../../control/index.ts';
import { runConntrack } from '../conntrack/index.ts';
import type { OwnCommand } from '../pass-through.ts';
import { extractSocket } from '../socket-path.ts';
import { Screen } from './screen.ts';

/** `pinhole conntrack …`: conntrack(8) against the running gateway. */
export const conntrackCommand: OwnCommand = {
  name: 'conntrack',
  summary:
    'Show the connection and expectation tables, as conntrack(8): -L -G -I -A -U -D -E -F -C -S -R',
  run: async (argv) => {
    const { socket, rest } = extractSocket(argv);
    const interrupt = new AbortController();
    const onSignal = () => interrupt.abort();
    const screen = new Screen(onSignal);
    process.on('SIGINT', onSignal);
    process.on('SIGTERM', onSignal);
    try {
      return await runConntrack(rest, {
        client: () => ControlClient.connect(socket),
        stdout: screen.write,
        stderr: (text) => process.stderr.write(text),
        readFile: (path) => readFileSync(path === '-' ? 0 : path, 'utf8'),
        signal: interrupt.signal,
      });
    } finally {
      screen.flush();
      process.off('SIGINT', onSignal);
      process.off('SIGTERM', onSignal);
    }
  },
};
