import type { ControlError } from '../../control/index.ts';
import { CommandError } from '../exit-code.ts';
import { withGateway } from '../gateway-io.ts';
import type { ConntrackIo } from './io.ts';
import { LABEL_FILE, LabelNames } from './labels.ts';
import { parseLoadFile } from './load-file.ts';
import { operationText } from './operation-errors.ts';
import { type ConntrackOptions, type OptionsWorld, parseConntrackOptions } from './options.ts';
import { Session } from './session.ts';
import { helpText } from './usage.ts';
import { ExitCode, MESSAGE_PREFIX, UsageError } from './usage-error.ts';

/**
 * Carries `conntrack ARGV` out and returns its exit code. Data goes to stdout, summaries and errors
 * to stderr, as conntrack(8) does. Entries are printed as they arrive and are not kept.
 */
export async function runConntrack(argv: readonly string[], io: ConntrackIo): Promise<number> {
  const world = optionsWorld(io);
  const isLoad = argv.length > 1 && (argv[0] === '-R' || argv[0] === '--load-file');
  try {
    if (isLoad) {
      const commands = parseLoadFile(readCommands(argv[1]!, io), world);
      return await runAll(commands, io, true);
    }
    const options = parseConntrackOptions(argv, world);
    const text = textOf(options);
    if (text === null) return await runAll([options], io, false);
    io.stdout(text);
    return ExitCode.Ok;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    io.stderr(error.screenText());
    return error.exitCode;
  }
}

/** What is printed without asking the gateway; null for the commands that ask it. */
function textOf({ command, filter, given }: ConntrackOptions): string | null {
  if (command === 'version') return 'conntrack v1.4.7 (conntrack-tools)\n';
  if (command !== null && command !== 'help') return null;
  return helpText(given.has('protonum') ? (filter.proto ?? 0) : -1);
}

function optionsWorld(io: ConntrackIo): OptionsWorld {
  const labelNames = () => {
    const text = readable(LABEL_FILE, io);
    return text === null ? null : new LabelNames(text);
  };
  const warn = (line: string) => io.stderr(`${line}\n`);
  const world = { labelNames, warn };
  return io.format === undefined ? world : { ...world, format: io.format };
}

function readCommands(path: string, io: ConntrackIo): string {
  const text = readable(path, io);
  if (text === null) throw new UsageError(`Failed to open file ${path} for reading`);
  return text;
}

function readable(path: string, io: ConntrackIo): string | null {
  try {
    return io.readFile(path);
  } catch (error) {
    if (error instanceof CommandError || isSystemError(error)) return null;
    throw error;
  }
}

function isSystemError(error: unknown): boolean {
  return error instanceof Error && 'code' in error && 'syscall' in error;
}

/** Carries commands out one after another over one connection; the first that fails ends it. */
async function runAll(
  commands: readonly ConntrackOptions[],
  io: ConntrackIo,
  isLoad: boolean,
): Promise<number> {
  let current = commands[0];
  const refused = (error: ControlError): number => {
    if (io.signal.aborted) return ExitCode.Interrupted;
    const text = current && operationText(error.code, current.command, current.table);
    io.stderr(text ? `${MESSAGE_PREFIX}${text}\n` : `${error.message}\n`);
    return error.exitCode;
  };
  return withGateway(
    io,
    async (client) => {
      const close = () => client.close();
      io.signal.addEventListener('abort', close);
      try {
        let code: number = ExitCode.Ok;
        for (const options of commands) {
          if (io.signal.aborted) return ExitCode.Interrupted;
          current = options;
          const ended = await new Session(options, client, io, isLoad).run();
          if (!isLoad) code = ended;
        }
        return code;
      } finally {
        io.signal.removeEventListener('abort', close);
      }
    },
    refused,
  );
}
