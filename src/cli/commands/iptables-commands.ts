import { readFileSync, writeFileSync } from 'node:fs';
import { ControlClient } from '../../control/index.ts';
import {
  type IptablesIo,
  type IptablesProgram,
  runIptables,
  runIptablesRestore,
  runIptablesSave,
} from '../iptables/index.ts';
import { Output } from '../output.ts';
import type { OwnCommand } from '../pass-through.ts';
import { extractSocket } from '../socket-path.ts';

type Run = (program: IptablesProgram, argv: readonly string[], io: IptablesIo) => Promise<number>;

/** Text that is larger than this is no rule file, and would not fit a request. */
const MAX_TEXT_BYTES = 16 * 1024 * 1024;

function readText(path: string): string {
  // Through its descriptor: where it is a socket, /dev/stdin cannot be opened.
  const bytes = readFileSync(path === '-' || path === '/dev/stdin' ? 0 : path);
  if (bytes.length > MAX_TEXT_BYTES) throw new Error('larger than 16 MiB: not a rule file');
  return bytes.toString('utf8');
}

function command(program: IptablesProgram, summary: string, run: Run): OwnCommand {
  return {
    name: program.name,
    summary,
    run: async (argv) => {
      const { socket, rest } = extractSocket(argv);
      const output = new Output();
      try {
        return await run(program, rest, {
          client: () => ControlClient.connect(socket),
          stdout: output.write,
          stderr: (text) => process.stderr.write(text),
          readFile: readText,
          writeFile: writeFileSync,
          now: () => new Date(),
        });
      } finally {
        output.flush();
      }
    },
  };
}

function commandsOf(name: string, family: 4 | 6): OwnCommand[] {
  const program = (suffix: string) => ({ name: `${name}${suffix}`, family });
  const rules = `the IPv${family} rules of the running gateway, as ${name}`;
  return [
    command(program(''), `Change and show ${rules}(8)`, runIptables),
    command(program('-restore'), `Replace ${rules}-restore(8)`, runIptablesRestore),
    command(program('-save'), `Print ${rules}-save(8), or of files: --read`, runIptablesSave),
  ];
}

/** `pinhole iptables`, `ip6tables`, and their `-restore` and `-save`. */
export const iptablesCommands: readonly OwnCommand[] = [
  ...commandsOf('iptables', 4),
  ...commandsOf('ip6tables', 6),
];
