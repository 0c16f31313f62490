import type { HostResolver } from './address.ts';
import { checkTable } from './check.ts';
import type { CompiledRules } from './compile.ts';
import { RuleSetDraft } from './draft.ts';
import { NO_SUCH_NAME, RuleError, RuleFault } from './errors.ts';
import { type Family, RuleSet, Table } from './model.ts';
import { applyCommand } from './parse/apply.ts';
import type { Command } from './parse/command.ts';
import { echoCommand } from './parse/echo.ts';
import { InformationAsked } from './parse/information.ts';
import { DEPRECATED_INTERVAL } from './parse/main-values.ts';
import { readRuleLine } from './parse/rule-line.ts';
import { commandFailure, IPTABLES_VERSION } from './parse/wording.ts';
import type { Word } from './parse/words.ts';
import { systemServices } from './services.ts';

/** One command of iptables on the rules in use: what it prints, and the rules as they are after it. */

export interface Outcome {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
  /** The new rules; null where nothing was changed. */
  readonly ruleSet: RuleSetDraft | null;
  /** A listing or -Z is left to do: the rules and their counters decide what it prints. */
  readonly command: Command | null;
}

export interface EditScope {
  readonly family: Family;
  /** Names of helpers that connections may be given. */
  readonly helpers: readonly string[];
  readonly resolveHost: HostResolver | null;
  /** Called before counters of rules in use are copied: what is counted elsewhere is settled then. */
  readonly beforeCopy?: () => void;
}

const programName = (family: Family) => (family === 6 ? 'ip6tables' : 'iptables');

/** Reads `argv` (without the program's name) and carries it out on a copy of `before`. */
export function editRules(
  before: CompiledRules,
  argv: readonly string[],
  scope: EditScope,
): Outcome {
  const said = { stdout: '', stderr: '' };
  const program = programName(scope.family);
  try {
    const command = readCommand(before.ruleSet, argv, scope, (message) => {
      said.stderr += message === DEPRECATED_INTERVAL ? `${message}\n` : `Warning: ${message}\n`;
    });
    const draft = new RuleSetDraft(before, scope.beforeCopy);
    const now =
      before.ruleSet.table(command.family, command.table) ??
      new Table(command.family, command.table);
    if (command.verbosity > 0) said.stdout += echoCommand(now, command);
    if (isLook(command)) {
      refuseMissing(now, command);
      return { ...said, exitCode: 0, ruleSet: null, command };
    }
    applyCommand(draft, command);
    if (command.kind === 'check') return { ...said, exitCode: 0, ruleSet: null, command: null };
    for (const table of draft.changed()) refuseAsKernel(table, draft, scope.helpers);
    return { ...said, exitCode: 0, ruleSet: draft, command };
  } catch (fault) {
    const end = { ...said, ruleSet: null, command: null };
    if (fault instanceof InformationAsked) {
      return { ...end, exitCode: 0, stdout: said.stdout + fault.text(program, IPTABLES_VERSION) };
    }
    if (!(fault instanceof RuleFault || fault instanceof RuleError)) throw fault;
    const { stderr, exitCode } = commandFailure(program, fault);
    return { ...end, exitCode, stderr: said.stderr + stderr };
  }
}

/**
 * The text that a command line asks for with -h or -V; null where it asks for none. Nothing but the
 * words is looked at, so that it can be answered without a gateway.
 */
export function informationAsked(argv: readonly string[], family: Family): string | null {
  try {
    const scope = { family, helpers: [], resolveHost: null };
    readCommand(new RuleSet(), argv, scope, () => {});
  } catch (asked) {
    if (asked instanceof InformationAsked) return asked.text(programName(family), IPTABLES_VERSION);
    if (!(asked instanceof RuleFault)) throw asked;
  }
  return null;
}

/** Throws the RuleError of the first thing the kernel would refuse a table for. */
export function refuseAsKernel(table: Table, ruleSet: RuleSet, helpers: readonly string[]): void {
  const [error] = checkTable(table, helpers, ruleSet.timeouts);
  if (error !== undefined) throw error;
}

/** A listing, or -Z, which changes counters alone. */
function isLook({ kind }: Command): boolean {
  return kind === 'list' || kind === 'list-rules' || kind === 'zero';
}

function refuseMissing(table: Table, command: Command): void {
  if (!command.isChainGiven) return;
  const chain = table.chains.get(command.chain);
  if (chain === undefined) throw new RuleFault('unknown-chain', NO_SUCH_NAME);
  if (command.kind === 'zero' && command.number > chain.rules.length) {
    throw new RuleFault('bad-index', 'Index of counter too big.');
  }
}

function readCommand(
  ruleSet: RuleSet,
  argv: readonly string[],
  { family, resolveHost }: EditScope,
  warn: (message: string) => void,
): Command {
  const program = programName(family);
  return readRuleLine(wordsOf(argv), {
    family,
    services: systemServices(),
    sets: ruleSet.sets,
    fixedTable: null,
    file: program,
    sourceLine: [program, ...argv].join(' '),
    isTyped: true,
    hasChain: (code, name) =>
      (ruleSet.table(family, code) ?? new Table(family, code)).chains.has(name),
    resolveHost,
    warn,
  });
}

/** Typed words stand on a line of their own. */
function wordsOf(argv: readonly string[]): Word[] {
  let column = 1;
  return argv.map((text) => {
    const word = { text, line: 1, column };
    column += text.length + 1;
    return word;
  });
}
