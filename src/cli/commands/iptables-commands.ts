import { ControlClient } from '../../control/index.ts';
import { type IptablesIo, runIptables, runIptablesSave } from '../iptables/index.ts';
import { Output } from '../output.ts';
import type { OwnCommand } from '../pass-through.ts';
import { extractSocket } from '../socket-path.ts';

type Run = (argv: readonly string[], io: IptablesIo) => Promise<number>;

async function withIo(argv: readonly string[], run: Run): Promise<number> {
  const { socket, rest } = extractSocket(argv);
  const output = new Output();
  try {
    return await run(rest, {
      client: () => ControlClient.connect(socket),
      stdout: output.write,
      stderr: (text) => process.stderr.write(text),
    });
  } finally {
    output.flush();
  }
}

function listCommand(name: string, family: 4 | 6): OwnCommand {
  return {
    name,
    summary: `Show the IPv${family} rules and their counters, as ${name}(8): -L -S -Z`,
    run: (argv) => withIo(argv, (rest, io) => runIptables({ name, family }, rest, io)),
  };
}

function saveCommand(name: string, family: 4 | 6): OwnCommand {
  return {
    name,
    summary: `Print the IPv${family} rules as ${name}(8) does: -c -t`,
    run: (argv) => withIo(argv, (rest, io) => runIptablesSave({ name, family }, rest, io)),
  };
}

/** `pinhole iptables`, `ip6tables`, and their `-save`. */
export const iptablesCommands: readonly OwnCommand[] = [
  listCommand('iptables', 4),
  listCommand('ip6tables', 6),
  saveCommand('iptables-save', 4),
  saveCommand('ip6tables-save', 6),
];
