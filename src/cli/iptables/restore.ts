import type { RestoreArgs } from '../../control/index.ts';
import { IPTABLES_VERSION, tryHelp } from '../../rules/index.ts';
import { Exit } from '../exit-code.ts';
import { type FlagSpec, GetoptError, type ParsedWords, parseWords } from './getopt.ts';
import {
  type IptablesIo,
  type IptablesProgram,
  printAnswer,
  sayBinaryIsGone,
  systemReason,
} from './io.ts';

const flags: readonly FlagSpec[] = [
  { short: 'b', long: 'binary', args: 0 },
  { short: 'c', long: 'counters', args: 0 },
  { short: 'v', long: 'verbose', args: 0 },
  { short: 'V', long: 'version', args: 0 },
  { short: 't', long: 'test', args: 0 },
  { short: 'h', long: 'help', args: 0 },
  { short: 'n', long: 'noflush', args: 0 },
  { short: 'M', long: 'modprobe', args: 1 },
  { short: 'T', long: 'table', args: 1 },
  { short: 'w', long: 'wait', args: 'optional' },
  { short: 'W', long: 'wait-interval', args: 'optional' },
];

/** Carries `iptables-restore ARGV` out against the gateway. Returns the exit code. */
export async function runIptablesRestore(
  program: IptablesProgram,
  argv: readonly string[],
  io: IptablesIo,
): Promise<number> {
  const { name, family } = program;
  let words: ParsedWords;
  try {
    words = parseWords(argv, flags);
  } catch (error) {
    if (!(error instanceof GetoptError)) throw error;
    io.stderr(`${name}: ${error.message}\nTry \`${name} -h' for more information.\n`);
    return Exit.Failure;
  }
  const request: RestoreArgs = { family, text: '' };
  const ended = readOptions(program, words, request, io);
  if (ended !== null) return ended;
  // As getopt leaves `-w 5` and `-W 5`: their numbers are words of their own.
  const operands = withoutWaits(argv, words.operands);
  if (operands.length > 1) {
    io.stderr('Unknown arguments found on commandline\n');
    return Exit.Failure;
  }
  try {
    request.text = io.readFile(operands[0] ?? '-');
  } catch (error) {
    io.stderr(`Can't open ${operands[0] ?? 'standard input'}: ${systemReason(error)}\n`);
    return Exit.Failure;
  }
  return printAnswer(io, (client) => client.request('iptables.restore', request));
}

/** Takes the options over; the exit code where one of them ends the command, else null. */
function readOptions(
  { name }: IptablesProgram,
  { options }: ParsedWords,
  request: RestoreArgs,
  io: IptablesIo,
): number | null {
  let waits = false;
  let hasInterval = false;
  for (const option of options) {
    switch (option.name) {
      case 'help':
        io.stderr(helpText(name));
        return Exit.Ok;
      case 'version':
        io.stdout(`${name} ${IPTABLES_VERSION}\n`);
        return Exit.Ok;
      case 'binary':
        sayBinaryIsGone(io);
        break;
      case 'counters':
        request.counters = true;
        break;
      case 'verbose':
        request.verbose = true;
        break;
      case 'test':
        request.test = true;
        break;
      case 'noflush':
        request.keepRules = true;
        break;
      case 'table':
        request.table = option.value;
        break;
      case 'wait':
        if (!/^\s*[-+]?\d|^$/.test(option.value)) {
          const place = 'Error occurred at line: 0\n';
          const head = `${name} ${IPTABLES_VERSION}: wait seconds not numeric\n`;
          io.stderr(head + place + tryHelp(name));
          return Exit.Usage;
        }
        waits = true;
        break;
      case 'wait-interval':
        io.stderr('Ignoring deprecated --wait-interval option.\n');
        hasInterval = true;
        break;
    }
  }
  if (!hasInterval || waits) return null;
  io.stderr('Option --wait-interval requires option --wait\n');
  return Exit.Failure;
}

function withoutWaits(argv: readonly string[], operands: readonly string[]): readonly string[] {
  return operands.filter((word) => {
    const before = argv[argv.indexOf(word) - 1] ?? '';
    return !(/^(-\w*[wW]|--wait|--wait-interval)$/.test(before) && /^\d+$/.test(word));
  });
}

function helpText(name: string): string {
  return `Usage: pinhole ${name} [--socket PATH] [OPTIONS] [FILE]

Puts the rules of FILE, or of standard input, in force on the running gateway: all of it or nothing.
They hold until the gateway re-reads its rule files (SIGHUP) or ends.

  -n, --noflush            keep what FILE does not name
  -c, --counters           take [packets:bytes] over
  -t, --test               read FILE, and change nothing
  -T, --table TABLE        this table alone; others are passed over
  -v, --verbose            show comments and what is done
  -V, --version            the version
  -w, --wait [SECONDS]     taken; there is no lock to wait for
  -M, --modprobe COMMAND   taken; nothing is loaded
`;
}
