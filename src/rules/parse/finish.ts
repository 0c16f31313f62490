import { parseAddressList } from '../address.ts';
import { RuleFault } from '../errors.ts';
import type { MatchInstance, ParseScope, TargetInstance } from '../extension.ts';
import {
  type AddressMatch,
  type Jump,
  type Rule,
  type TableCode,
  TableId,
  tableCode,
} from '../model.ts';
import type { Command, CommandKind } from './command.ts';
import type { LineScope } from './rule-line.ts';
import { checkChainName, type RuleState } from './rule-state.ts';
import { placed } from './word-stream.ts';
import type { Word } from './words.ts';

/** Turns what was read of a line into a command, with the checks iptables makes at its end. */

const NAT_DROP =
  'The "nat" table is not intended for filtering, the use of DROP is therefore inhibited.';

const ruleCommands: readonly string[] = ['append', 'check', 'delete', 'insert', 'replace'];
/** Commands that give counters to what they make. */
const counting: readonly string[] = ['append', 'insert', 'policy', 'replace'];
/** XT_TABLE_MAXNAMELEN with its closing NUL. */
const MAX_TABLE_BYTES = 31;

export function finishCommand(state: RuleState, scope: LineScope, parse: ParseScope): Command {
  refuseNatDrop(state, scope);
  // The order of these checks is that of iptables: it decides which of two mistakes is named.
  const matches = state.matches.map((draft) => draft.finish(parse));
  const target = state.target?.finish(parse) ?? null;
  const { command, commandWord } = state;
  if (command === null || commandWord === null) {
    throw new RuleFault('bad-command', 'no command specified');
  }
  const kind = command.key as CommandKind;
  const describesRule = ruleCommands.includes(kind) && !(kind === 'delete' && state.number > 0);
  const ends = describesRule ? readEnds(state, scope) : null;
  if (kind === 'replace' && (ends?.sources.length !== 1 || ends.destinations.length !== 1)) {
    const words = 'Replacement rule does not specify a unique address';
    throw new RuleFault('bad-value', words);
  }
  if (state.hasWaitInterval && !state.waits) {
    throw new RuleFault('option-conflict', '--wait-interval only makes sense with --wait');
  }
  refuseIllegalOptions(state, kind, describesRule);
  if (state.chain !== null) checkChain(state.chain);
  const table = scope.fixedTable ?? namedTable(state.table, scope);
  return {
    kind,
    file: scope.file,
    family: scope.family,
    table,
    chain: state.chain?.text ?? '',
    isChainGiven: state.chain !== null,
    chainWord: state.chain ?? commandWord,
    number: state.number,
    argument: state.argument,
    counters: state.counters,
    rules: ends === null ? [] : buildRules(state, scope, table, ends, matches, target),
    verbosity: state.verbosity,
    numeric: state.has('numeric'),
    exact: state.has('exact'),
    lineNumbers: state.has('line-numbers'),
    thenZero: state.thenZero,
  };
}

/** -j DROP and -P … DROP in the nat table, whatever the command. */
function refuseNatDrop(state: RuleState, scope: LineScope): void {
  const isNat =
    scope.fixedTable === null ? state.table?.text === 'nat' : scope.fixedTable === TableId.Nat;
  const isPolicy = state.command?.key === 'policy' && state.argument === 'DROP';
  if (!isNat || !(isPolicy || state.jump?.text === 'DROP')) return;
  throw placed(new RuleFault('nat-drop', NAT_DROP), isPolicy ? undefined : state.jump!);
}

function checkChain(chain: Word): void {
  try {
    checkChainName(chain.text);
  } catch (fault) {
    throw placed(fault, chain);
  }
}

/** iptables has no limit but memory, which two lists of addresses exhaust in one line. */
const MAX_RULES_OF_LINE = 65_536;

interface Ends {
  readonly sources: readonly (AddressMatch | null)[];
  readonly destinations: readonly (AddressMatch | null)[];
}

function readEnds(state: RuleState, scope: LineScope): Ends {
  const sources = addresses(state.source, scope);
  const destinations = addresses(state.destination, scope);
  const negated = state.source?.negated === true || state.destination?.negated === true;
  if (negated && sources.length * destinations.length > 1) {
    const words = '! not allowed with multiple source or destination IP addresses';
    throw new RuleFault('bad-value', words);
  }
  const count = sources.length * destinations.length;
  if (count > MAX_RULES_OF_LINE) {
    const words = `Too many addresses: the line stands for ${count} rules`;
    const detail = `at most ${MAX_RULES_OF_LINE} from one line; an ipset holds more`;
    throw new RuleFault('bad-value', words, detail);
  }
  return { sources, destinations };
}

function namedTable(word: Word | null, scope: LineScope): TableCode {
  if (word === null) return TableId.Filter;
  const code = tableCode(word.text);
  if (code === null) {
    const isLong = Buffer.byteLength(word.text) > MAX_TABLE_BYTES;
    const why = isLong
      ? 'Module is wrong version'
      : 'Table does not exist (do you need to insmod?)';
    const program = scope.family === 6 ? 'ip6tables' : 'iptables';
    const words = `can't initialize ${program} table \`${word.text}': ${why}`;
    throw new RuleFault('unknown-table', words, '', { line: word.line, column: word.column });
  }
  return code;
}

/** A rule's description goes with the commands that have a rule, -n -x --line-numbers with -L. */
function refuseIllegalOptions(state: RuleState, kind: CommandKind, describesRule: boolean): void {
  for (const { option, word } of state.givenOptions) {
    const fits = option.key === 'counters' ? counting.includes(kind) : describesRule;
    if (option.role === 'list' ? kind === 'list' : fits) continue;
    const position = { line: word.line, column: word.column };
    const words = `Illegal option \`-${option.short}' with this command`;
    throw new RuleFault('option-conflict', words, '', position);
  }
}

function buildRules(
  state: RuleState,
  scope: LineScope,
  table: TableCode,
  ends: Ends,
  matches: readonly MatchInstance[],
  target: TargetInstance | null,
): Rule[] {
  const chain = state.chain!;
  refuseInterfaces(state, chain.text);
  const jump = buildJump(state, scope, table, target);
  const shared = {
    family: scope.family,
    table,
    chain: chain.text,
    file: scope.file,
    line: state.commandWord!.line,
    column: state.commandWord!.column,
    sourceLine: scope.sourceLine,
    inInterface: state.inInterface,
    outInterface: state.outInterface,
    protocol: state.protocol?.number === 0 ? null : state.protocol,
    fragment: state.fragment,
    matches,
    jump,
    counters: state.initialCounters,
  };
  return ends.sources.flatMap((source) =>
    ends.destinations.map((destination) => ({ ...shared, source, destination })),
  );
}

function addresses(
  given: { word: Word; negated: boolean } | null,
  scope: LineScope,
): (AddressMatch | null)[] {
  if (given === null) return [null];
  const { word, negated } = given;
  try {
    return parseAddressList(word.text, negated, scope.family, scope.resolveHost ?? null);
  } catch (fault) {
    if (fault instanceof RuleFault) fault.position = { line: word.line, column: word.column };
    throw fault;
  }
}

/** No packet of OUTPUT or POSTROUTING has come in, none of PREROUTING or INPUT goes out yet. */
function refuseInterfaces(state: RuleState, chain: string): void {
  const refuse = (word: Word, option: string): never => {
    const position = { line: word.line, column: word.column };
    throw new RuleFault('invalid-interface', `Can't use ${option} with ${chain}`, '', position);
  };
  const { inWord, outWord } = state;
  if (inWord && (chain === 'OUTPUT' || chain === 'POSTROUTING')) refuse(inWord, '-i');
  if (outWord && (chain === 'PREROUTING' || chain === 'INPUT')) refuse(outWord, '-o');
}

/** For a name that is neither a chain of the table nor a target here. */
export function unknownTarget(name: string): RuleFault {
  const words = `Couldn't load target \`${name}':No such file or directory`;
  const detail = 'neither a chain of this table nor a target that Pinhole has';
  return new RuleFault('unknown-target', words, detail);
}

function buildJump(
  state: RuleState,
  scope: LineScope,
  table: TableCode,
  target: TargetInstance | null,
): Jump {
  const word = state.jump;
  if (word === null) return { kind: 'none' };
  const name = word.text;
  const isChain = scope.hasChain(table, name);
  if (isChain) return { kind: 'chain', chain: name, goto: state.isGoto };
  if (state.isGoto) {
    throw placed(new RuleFault('unknown-target', `goto '${name}' is not a chain`), word);
  }
  if (name === 'ACCEPT' || name === 'DROP' || name === 'RETURN') {
    return { kind: 'verdict', verdict: name };
  }
  if (target === null) throw placed(unknownTarget(name), word);
  return { kind: 'target', target };
}
