import { ControlClient } from '../../control/index.ts';
import { type IptablesIo, runIptables, runIptablesSave } from '../iptables/index.ts';
import type { OwnCommand } from '../pass-through.ts';
import { extractSocket } from '../socket-path.ts';

function ioFor(socket: string): IptablesIo {
  return {
    client: () => ControlClient.connect(socket),
    stdout: (text) => process.stdout.write(text),
    stderr: (text) => process.stderr.write(text),
  };
}

function listCommand(name: string, family: 4 | 6): OwnCommand {
  return {
    name,
    summary: `Show the IPv${family} rules and their counters, as ${name}(8): -L -S -Z`,
    run: (argv) => {
      const { socket, rest } = extractSocket(argv);
      return runIptables({ name, family }, rest, ioFor(socket));
    },
  };
}

function saveCommand(name: string, family: 4 | 6): OwnCommand {
  return {
    name,
    summary: `Print the IPv${family} rules as ${name}(8) does: -c -t`,
    run: (argv) => {
      const { socket, rest } = extractSocket(argv);
      return runIptablesSave({ name, family }, rest, ioFor(socket));
    },
  };
}

/** `pinhole iptables`, `ip6tables`, and their `-save`. */
export const iptablesCommands: readonly OwnCommand[] = [
  listCommand('iptables', 4),
  listCommand('ip6tables', 6),
  saveCommand('iptables-save', 4),
  saveCommand('ip6tables-save', 6),
];
