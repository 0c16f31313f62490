import {
  type CompiledRules,
  compileRuleSet,
  echoZero,
  editRules,
  type Family,
  type IptablesCommand,
  printList,
  printSave,
  printSpecs,
  type RuleSet,
  type RuleSetDraft,
  restoreRules,
  Table,
  type TableName,
  tableNames,
  unenforcedParts,
} from '../rules/index.ts';
import type { GatewayHost } from './gateway.ts';
import type { ControlRequest, PrintedDto } from './protocol.ts';
import type { Reply } from './serve-lines.ts';

/** Commands of iptables against the running gateway: it alone has the rules and their counters. */

/** Helpers that rules may name. */
const DEFAULT_HELPERS: readonly string[] = ['ftp'];
/** Text sent at once: the packet loop gets its turn between two pieces where the reader is slow. */
const PIECE_CHARS = 1 << 16;

/** `iptables ARGV`: items are pieces of its output, the end is its exit code. */
export async function answerIptablesCommand(
  host: GatewayHost,
  request: ControlRequest,
  reply: Reply,
): Promise<void> {
  const family = familyOf(request);
  const argv = wordsOf(request.args.argv);
  if (argv === null) return reply.error('BAD_REQUEST', 'argv: an array of texts expected');
  const { changes, engine } = host;
  const { holdsOutput } = host.loadOptions;
  engine.settleFlows();
  const outcome = editRules(changes.rules, argv, editScope(host, family));
  let { stdout, stderr, exitCode } = outcome;
  const { command, ruleSet } = outcome;
  if (ruleSet !== null && changes.refusal !== null) {
    return end(reply, { stdout: '', stderr: `pinhole: ${changes.refusal}\n`, exitCode: 1 });
  }
  if (ruleSet !== null) {
    changes.edit(ruleSet, `rules changed: ${familyProgram(family)} ${argv.join(' ')}`);
    stderr += command === null ? '' : unenforcedText(command, holdsOutput);
  } else if (command !== null) {
    stdout += listing(engine.rules, command, holdsOutput);
    if (command.kind === 'zero' || command.thenZero) {
      if (changes.refusal === null) stdout += zeroCounters(engine.rules, command);
      else [stderr, exitCode] = [`pinhole: ${changes.refusal}\n`, 1];
    }
  }
  return end(reply, { stdout, stderr, exitCode });
}

/** `iptables-restore`: the whole text, or nothing of it. */
export async function answerRestore(
  host: GatewayHost,
  request: ControlRequest,
  reply: Reply,
): Promise<void> {
  const { args } = request;
  const { text } = args;
  if (typeof text !== 'string') return reply.error('BAD_REQUEST', 'text: a text expected');
  const { changes, engine } = host;
  const { holdsOutput } = host.loadOptions;
  engine.settleFlows();
  const family = familyOf(request);
  const unenforced = new Set<string>();
  const list = (command: IptablesCommand, draft: RuleSetDraft): string => {
    for (const rule of command.rules) {
      for (const sentence of unenforcedParts(rule, holdsOutput)) {
        unenforced.add(`pinhole: warning: line ${rule.line}: ${sentence}\n`);
      }
    }
    const isListing = command.kind === 'list' || command.kind === 'list-rules';
    if (!isListing) return '';
    return listing(compileRuleSet(draft, engine.interfaces), command, holdsOutput);
  };
  const outcome = restoreRules(
    changes.rules,
    {
      text,
      keepRules: args.keepRules === true,
      counters: args.counters === true,
      test: args.test === true,
      onlyTable: typeof args.table === 'string' ? args.table : null,
      verbose: args.verbose === true,
      list,
    },
    editScope(host, family),
  );
  const { stdout, exitCode, ruleSet } = outcome;
  let { stderr } = outcome;
  if (ruleSet !== null && changes.refusal !== null) {
    return end(reply, { stdout: '', stderr: `pinhole: ${changes.refusal}\n`, exitCode: 1 });
  }
  if (ruleSet?.isChanged) {
    const program = `${familyProgram(family)}-restore`;
    changes.edit(ruleSet, `rules changed: ${program}`);
    stderr += [...unenforced].join('');
  }
  for (const { line, message } of outcome.warnings) {
    stderr += `pinhole: warning: line ${line}: ${message}\n`;
  }
  return end(reply, { stdout, stderr, exitCode });
}

/** `iptables-save`: the end carries no code, for it cannot fail but by a table that is not known. */
export async function answerSave(
  compiled: CompiledRules,
  request: ControlRequest,
  reply: Reply,
  now: Date,
): Promise<void> {
  const { args } = request;
  const name = typeof args.table === 'string' ? args.table : null;
  if (name !== null && !isTableName(name)) return reply.error('NO_TABLE', name);
  const printed = printSave(compiled, {
    family: familyOf(request),
    ...(name === null ? {} : { table: name }),
    counters: args.counters === true,
    now,
  });
  for (const piece of pieces(printed)) await reply.item(piece);
  reply.done();
}

function editScope({ loadOptions, engine }: GatewayHost, family: Family) {
  const { helpers = DEFAULT_HELPERS, resolveHost = null } = loadOptions;
  // Taken back, not only settled: what a gate forwards while the copy is compiled would be counted in
  // the rules that go.
  return { family, helpers, resolveHost, beforeCopy: () => engine.reconsiderFlows() };
}

function listing(
  compiled: CompiledRules,
  command: IptablesCommand,
  holdsOutput: boolean | undefined,
): string {
  const { family, chain, number } = command;
  const place = {
    family,
    table: tableNames[command.table],
    ...(command.isChainGiven ? { chain } : {}),
    ...(number > 0 ? { number } : {}),
    verbose: command.verbosity > 0,
  };
  if (command.kind === 'list-rules') return printSpecs(compiled, place) ?? '';
  if (command.kind !== 'list') return '';
  const { numeric, exact, lineNumbers } = command;
  const known = holdsOutput === undefined ? {} : { holdsOutput };
  return printList(compiled, { ...place, ...known, numeric, exact, lineNumbers }) ?? '';
}

/** Sets counters to zero where they are: packets meanwhile are not stopped by a swap of rules. */
function zeroCounters(compiled: CompiledRules, command: IptablesCommand): string {
  const table = tableOf(compiled.ruleSet, command);
  const named = table.chains.get(command.chain);
  const chains = command.isChainGiven ? [named!] : table.sortedChains();
  for (const chain of chains) {
    const { number } = command;
    const owners = number > 0 ? chain.rules.slice(number - 1, number) : [chain, ...chain.rules];
    for (const owner of owners) compiled.setCounters(owner, { packets: 0, bytes: 0 });
  }
  return command.thenZero && command.verbosity > 0 ? echoZero(table, command) : '';
}

function tableOf(ruleSet: RuleSet, { family, table }: IptablesCommand): Table {
  return ruleSet.table(family, table) ?? new Table(family, table);
}

/** What the new rules of a command ask for in vain. */
function unenforcedText(command: IptablesCommand, holdsOutput: boolean | undefined): string {
  const parts = command.rules.flatMap((rule) => unenforcedParts(rule, holdsOutput));
  const sentences = new Set(parts);
  return [...sentences].map((sentence) => `pinhole: warning: ${sentence}\n`).join('');
}

function familyOf({ args }: ControlRequest): Family {
  return args.family === 6 ? 6 : 4;
}

function familyProgram(family: Family): string {
  return family === 6 ? 'ip6tables' : 'iptables';
}

function isTableName(name: string): name is TableName {
  return tableNames.some((known) => known === name);
}

function wordsOf(value: unknown): string[] | null {
  if (!Array.isArray(value)) return null;
  return value.every((word) => typeof word === 'string') ? value : null;
}

export function pieces(text: string): string[] {
  const found: string[] = [];
  for (let at = 0; at < text.length; at += PIECE_CHARS)
    found.push(text.slice(at, at + PIECE_CHARS));
  return found;
}

async function end(
  reply: Reply,
  printed: { readonly stdout: string; readonly stderr: string; readonly exitCode: number },
): Promise<void> {
  for (const out of pieces(printed.stdout)) await reply.item({ out } satisfies PrintedDto);
  for (const err of pieces(printed.stderr)) await reply.item({ err } satisfies PrintedDto);
  reply.done({ exitCode: printed.exitCode });
}
