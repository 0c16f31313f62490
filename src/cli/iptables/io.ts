import {
  type ControlAnswer,
  type ControlClient,
  ControlError,
  type PrintedDto,
} from '../../control/index.ts';

/** What the commands have of the world. */
export interface IptablesIo {
  client: () => Promise<ControlClient>;
  stdout: (text: string) => void;
  stderr: (text: string) => void;
  /** The text of a file, '-' for standard input; throws what the file system does. */
  readFile: (path: string) => string;
  writeFile: (path: string, text: string) => void;
  now: () => Date;
}

/** `iptables` or `ip6tables`, with or without `-save` or `-restore`. */
export interface IptablesProgram {
  readonly name: string;
  readonly family: 4 | 6;
}

/** Asks the gateway, prints what it answers, and resolves to the exit code it names. */
export async function printAnswer(
  io: IptablesIo,
  ask: (client: ControlClient) => ControlAnswer<PrintedDto, { exitCode: number }>,
): Promise<number> {
  try {
    const client = await io.client();
    try {
      const answer = ask(client);
      for await (const { out, err } of answer) {
        if (out !== undefined) io.stdout(out);
        if (err !== undefined) io.stderr(err);
      }
      return (await answer.done).exitCode;
    } finally {
      client.close();
    }
  } catch (error) {
    if (!(error instanceof ControlError)) throw error;
    io.stderr(`${error.message}\n`);
    return error.exitCode;
  }
}

/** The sentence of the C library for a file that cannot be read or written. */
export function systemReason(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return 'No such file or directory';
  if (code === 'EACCES') return 'Permission denied';
  if (code === 'EISDIR') return 'Is a directory';
  return message;
}
