import { informationAsked } from '../../rules/index.ts';
import { Exit } from '../exit-code.ts';
import { type IptablesIo, type IptablesProgram, printAnswer } from './io.ts';

/** Carries `iptables ARGV` out against the gateway, which parses it. Returns the exit code. */
export async function runIptables(
  { family }: IptablesProgram,
  argv: readonly string[],
  io: IptablesIo,
): Promise<number> {
  const information = informationAsked(argv, family);
  if (information !== null) {
    io.stdout(information);
    return Exit.Ok;
  }
  return printAnswer(io, (client) =>
    client.request('iptables.command', { family, argv: [...argv] }),
  );
}
