import { InterfaceTable } from '../../base/index.ts';
import type { ControlClient, SaveArgs } from '../../control/index.ts';
import {
  compileRuleSet,
  type Family,
  IPTABLES_VERSION,
  loadRuleFiles,
  printSave,
  type RuleError,
  restoreFailure,
  type TableName,
  tableNames,
} from '../../rules/index.ts';
import { Exit } from '../exit-code.ts';
import { withGateway } from '../gateway-io.ts';
import { systemHostResolver } from '../resolve-host.ts';
import { type FlagSpec, GetoptError, parseWords } from './getopt.ts';
import { type IptablesIo, type IptablesProgram, sayBinaryIsGone, systemReason } from './io.ts';

const flags: readonly FlagSpec[] = [
  { short: 'b', long: 'binary', args: 0 },
  { short: 'c', long: 'counters', args: 0 },
  { short: 'd', long: 'dump', args: 0 },
  { short: 't', long: 'table', args: 1 },
  { short: 'M', long: 'modprobe', args: 1 },
  { short: 'f', long: 'file', args: 1 },
  { short: 'V', long: 'version', args: 0 },
  { short: '', long: 'read', args: 0 },
  { short: '', long: 'help', args: 0 },
];

interface SaveRequest {
  readonly table: string | null;
  readonly counters: boolean;
  readonly file: string | null;
  /** Rule files to read instead of asking a gateway; null for the gateway. */
  readonly read: readonly string[] | null;
}

/** Carries `iptables-save ARGV` out: from the gateway, or with --read from files. */
export async function runIptablesSave(
  program: IptablesProgram,
  argv: readonly string[],
  io: IptablesIo,
): Promise<number> {
  const { name } = program;
  const request = parseSave(name, argv, io);
  if (typeof request === 'number') return request;
  const text =
    request.read === null
      ? await savedByGateway(program, request, io)
      : savedFromFiles(program, request, request.read, io);
  if (typeof text === 'number') return text;
  if (request.file === null) {
    io.stdout(text);
    return Exit.Ok;
  }
  try {
    io.writeFile(request.file, text);
    return Exit.Ok;
  } catch (error) {
    io.stderr(`Failed to open file, error: ${systemReason(error)}\n`);
    return Exit.Failure;
  }
}

function parseSave(name: string, argv: readonly string[], io: IptablesIo): SaveRequest | number {
  let table: string | null = null;
  let counters = false;
  let file: string | null = null;
  let isRead = false;
  try {
    // `--read=FILE` and `--read FILE`: all words that are no options are files then.
    const { options, operands } = parseWords(
      argv.flatMap((word) => (word.startsWith('--read=') ? ['--read', word.slice(7)] : [word])),
      flags,
    );
    for (const { name: option, value } of options) {
      if (option === 'version') {
        io.stdout(`${name} ${IPTABLES_VERSION}\n`);
        return Exit.Ok;
      }
      if (option === 'help') {
        io.stdout(helpText(name));
        return Exit.Ok;
      }
      if (option === 'binary') sayBinaryIsGone(io);
      else if (option === 'counters') counters = true;
      else if (option === 'table') table = value;
      else if (option === 'file') file = value;
      else if (option === 'read') isRead = true;
    }
    if (isRead ? operands.length === 0 : operands.length > 0) {
      const missing = `${name}: --read needs a rule file\n`;
      io.stderr(isRead ? missing : 'Unknown arguments found on commandline\n');
      return Exit.Failure;
    }
    return { table, counters, file, read: isRead ? operands : null };
  } catch (error) {
    if (!(error instanceof GetoptError)) throw error;
    io.stderr(
      `${name}: ${error.message}\nLook at manual page \`${name}.8' for more information.\n`,
    );
    return Exit.Failure;
  }
}

/** The text, or the exit code where there is none. */
async function savedByGateway(
  { name, family }: IptablesProgram,
  { table, counters }: SaveRequest,
  io: IptablesIo,
): Promise<string | number> {
  const args: SaveArgs = { family, counters };
  if (table !== null) args.table = table;
  let text = '';
  const code = await withGateway(
    io,
    async (client) => {
      text = await allText(client, args);
      return Exit.Ok;
    },
    (error) => {
      if (error.code === 'NO_TABLE') return noTable(name, io);
      io.stderr(`${error.message}\n`);
      return error.exitCode;
    },
  );
  return code === Exit.Ok ? text : code;
}

async function allText(client: ControlClient, args: SaveArgs): Promise<string> {
  let text = '';
  const answer = client.request('iptables.save', args);
  for await (const piece of answer) text += piece;
  await answer.done;
  return text;
}

function noTable(name: string, io: IptablesIo): number {
  const why = 'Cannot initialize: Table does not exist (do you need to insmod?)';
  io.stderr(`${name} ${IPTABLES_VERSION}: ${why}\n`);
  return Exit.Failure;
}

/** Refused files get the words of iptables-restore for the first mistake, then all of them in full. */
function savedFromFiles(
  { name, family }: IptablesProgram,
  { table, counters }: SaveRequest,
  files: readonly string[],
  io: IptablesIo,
): string | number {
  if (table !== null && !isTableName(table)) return noTable(name, io);
  // Standard input can be read once.
  const texts = new Map<string, string>();
  const readFile = (path: string) => {
    const known = texts.get(path);
    if (known !== undefined) return known;
    try {
      const text = io.readFile(path);
      texts.set(path, text);
      return text;
    } catch (error) {
      throw new Error(systemReason(error));
    }
  };
  const { ruleSet, errors } = loadRuleFiles(files, readFile, {
    counters,
    unmarkedFamily: family,
    resolveHost: systemHostResolver(),
  });
  const [first] = errors;
  if (ruleSet === null) {
    const restore = name.replace(/-save$/, '-restore');
    if (first?.code === 'unreadable-file') {
      io.stderr(`${first.message}: ${first.detail}\n`);
      return Exit.Failure;
    }
    const { stderr, exitCode } = restoreFailure(restore, first!, lineOf(first!, readFile));
    io.stderr(stderr);
    for (const error of errors) io.stderr(`${error.format()}\n`);
    return exitCode;
  }
  const compiled = compileRuleSet(ruleSet, new InterfaceTable());
  const options = { family: family as Family, counters, now: io.now() };
  return printSave(compiled, table === null ? options : { ...options, table });
}

/** iptables-restore names the COMMIT where the kernel refuses a rule before it. */
function lineOf(error: RuleError, readFile: (path: string) => string): number {
  if (error.rule === null) return error.line;
  const lines = readFile(error.file).split('\n');
  const commit = lines.indexOf('COMMIT', error.line);
  return commit < 0 ? error.line : commit + 1;
}

function isTableName(name: string): name is TableName {
  return tableNames.some((known) => known === name);
}

function helpText(name: string): string {
  return `Usage: pinhole ${name} [--socket PATH] [OPTIONS]
       pinhole ${name} --read FILE... [OPTIONS]

Prints the rules of the running gateway in the format of ${name}(8); with --read those of rule files
(any that Pinhole reads), for which neither a gateway nor root is needed.

  -c, --counters           put [packets:bytes] before each rule
  -t, --table TABLE        this table alone
  -f, --file FILE          write to FILE
  -M, --modprobe COMMAND   taken; nothing is loaded
      --read               the words that are no options are rule files
  -V, --version            the version
`;
}
