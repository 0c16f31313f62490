import { readFileSync } from 'node:fs';
import { ControlClient } from '../../control/index.ts';
import type { OwnCommand } from '../pass-through.ts';
import { extractSocket } from '../socket-path.ts';
import { runSysctl } from '../sysctl/index.ts';
import { Screen } from './screen.ts';

/** `pinhole sysctl …`: sysctl(8) against the running gateway. */
export const sysctlCommand: OwnCommand = {
  name: 'sysctl',
  summary: 'Show and set net.netfilter.nf_conntrack_..., as sysctl(8): -a -n -e -q -w -p',
  run: async (argv) => {
    const { socket, rest } = extractSocket(argv);
    const screen = new Screen();
    try {
      return await runSysctl(rest, {
        client: () => ControlClient.connect(socket),
        stdout: screen.write,
        stderr: (text) => process.stderr.write(text),
        readFile: (path) => readFileSync(path === '-' ? 0 : path, 'utf8'),
      });
    } finally {
      screen.flush();
    }
  },
};
