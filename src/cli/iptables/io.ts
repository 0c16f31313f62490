import type { ControlAnswer, ControlClient, PrintedDto } from '../../control/index.ts';
import { type GatewayIo, withGateway } from '../gateway-io.ts';

/** What the commands have of the world. */
export interface IptablesIo extends GatewayIo {
  writeFile: (path: string, text: string) => void;
  now: () => Date;
}

/** `iptables` or `ip6tables`, with or without `-save` or `-restore`. */
export interface IptablesProgram {
  readonly name: string;
  readonly family: 4 | 6;
}

/** Asks the gateway, prints what it answers, and resolves to the exit code it names. */
export function printAnswer(
  io: IptablesIo,
  ask: (client: ControlClient) => ControlAnswer<PrintedDto, { exitCode: number }>,
): Promise<number> {
  return withGateway(io, async (client) => {
    const answer = ask(client);
    for await (const { out, err } of answer) {
      if (out !== undefined) io.stdout(out);
      if (err !== undefined) io.stderr(err);
    }
    return (await answer.done).exitCode;
  });
}

/** `-b` once meant something; iptables takes it still, and says this of it. */
export function sayBinaryIsGone(io: IptablesIo): void {
  io.stderr('-b/--binary option is not implemented\n');
}

/** The sentence of the C library for a file that cannot be read or written. */
export function systemReason(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return 'No such file or directory';
  if (code === 'EACCES') return 'Permission denied';
  if (code === 'EISDIR') return 'Is a directory';
  return message;
}
