import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { CommandModule, InferredOptionTypes } from 'yargs';
import { ControlClient } from '../../control/index.ts';
import { type ApplyIo, runApply, runSettle } from '../apply/index.ts';
import { CommandError, Exit } from '../exit-code.ts';
import { Output } from '../output.ts';
import { defaultSocket } from '../socket-path.ts';

const MAX_TRIAL_SEC = 86_400;

const options = {
  socket: {
    type: 'string',
    requiresArg: true,
    default: defaultSocket(),
    describe: 'Control socket',
  },
  confirm: {
    type: 'number',
    requiresArg: true,
    describe: 'Bring the old rules back after SECONDS unless the new ones are confirmed',
  },
  confirmed: { type: 'boolean', default: false, describe: 'Keep the rules that are on trial' },
  revert: { type: 'boolean', default: false, describe: 'Turn the rules that are on trial down' },
  'dry-run': { type: 'boolean', default: false, describe: 'Check, and change nothing' },
  diff: { type: 'boolean', default: false, describe: 'Show what differs from the rules in force' },
  strict: {
    type: 'boolean',
    default: false,
    describe: 'What is read and not enforced is an error',
  },
  counters: {
    alias: 'c',
    type: 'boolean',
    default: false,
    describe: 'Take [packets:bytes] of the files over',
  },
} as const;

type Arguments = InferredOptionTypes<typeof options> & { files: string[] | undefined };

export function applyCommand(finish: (code: number) => void): CommandModule<object, Arguments> {
  return {
    command: 'apply [files..]',
    describe: 'Put rule files in force on the running gateway, all of them or nothing',
    builder: (yargs) =>
      yargs
        .positional('files', {
          type: 'string',
          array: true,
          describe: 'Rule files in any format that is read; - is standard input',
        })
        .options(options)
        .epilogue(
          'Connections are kept, and the counters of rules that stay as they were.\n' +
            'The rules hold until the gateway re-reads its own files (SIGHUP) or ends.\n' +
            'Exit codes: 0 done, 1 refused or rolled back, 2 bad parameters, 4 no gateway.',
        ),
    handler: async (args) => {
      const output = new Output();
      try {
        finish(await run(args, terminalIo(args.socket, output)));
      } finally {
        output.flush();
      }
    },
  };
}

function run(args: Arguments, io: ApplyIo): Promise<number> {
  const files = args.files ?? [];
  if (args.confirmed || args.revert) {
    if (args.confirmed && args.revert) throw usage('--confirmed and --revert: one of them');
    if (files.length > 0) throw usage('--confirmed and --revert go without files');
    return runSettle(args.confirmed ? 'confirm' : 'revert', io);
  }
  if (files.length === 0) throw usage('no rule file');
  return runApply(
    {
      files,
      counters: args.counters,
      strict: args.strict,
      dryRun: args['dry-run'],
      diff: args.diff,
      confirmSec: trialSeconds(args),
    },
    io,
  );
}

function trialSeconds(args: Arguments): number | null {
  const { confirm } = args;
  if (confirm === undefined) return null;
  if (args['dry-run']) throw usage('--confirm has nothing to wait for with --dry-run');
  if (Number.isInteger(confirm) && confirm >= 1 && confirm <= MAX_TRIAL_SEC) return confirm;
  throw usage(`--confirm: expected a number of seconds from 1 to ${MAX_TRIAL_SEC}`);
}

function usage(message: string): CommandError {
  return new CommandError(`pinhole apply: ${message}`, Exit.Usage);
}

function terminalIo(socket: string, output: Output): ApplyIo {
  return {
    client: () => ControlClient.connect(socket),
    stdout: output.write,
    stderr: (text) => process.stderr.write(text),
    readFile: (path) =>
      // Through its descriptor: where it is a socket, /dev/stdin cannot be opened.
      readFileSync(path === '-' || path === '/dev/stdin' ? 0 : path, 'utf8'),
    readLine,
  };
}

function readLine(signal: AbortSignal): Promise<string | null> {
  return new Promise((resolve) => {
    const lines = createInterface({ input: process.stdin });
    const end = (line: string | null) => {
      resolve(line);
      lines.close();
      // A terminal that is still read would keep the process alive.
      process.stdin.destroy();
    };
    lines.once('line', end);
    lines.once('close', () => resolve(null));
    signal.addEventListener('abort', () => end(null), { once: true });
  });
}
