import { parseAddressList } from '../address.ts';
import { INVALID_ARGUMENT, RuleFault } from '../errors.ts';
import type { ParseScope } from '../extension.ts';
import {
  type AddressMatch,
  hookNames,
  type Jump,
  type Rule,
  type TableCode,
  TableId,
  tableCode,
} from '../model.ts';
import type { Command, CommandKind } from './command.ts';
import type { LineScope } from './rule-line.ts';
import type { RuleState } from './rule-state.ts';
import type { Word } from './words.ts';

/** Turns what was read of a line into a command, with the checks iptables makes at its end. */

const NAT_DROP =
  'The "nat" table is not intended for filtering, the use of DROP is therefore inhibited.';

const ruleCommands: readonly string[] = ['append', 'check', 'delete', 'insert', 'replace'];

export function finishCommand(state: RuleState, scope: LineScope, parse: ParseScope): Command {
  const { command, commandWord } = state;
  if (command === null || commandWord === null) {
    throw new RuleFault('bad-command', 'no command specified');
  }
  const kind = command.key as CommandKind;
  const table = scope.fixedTable ?? namedTable(state.table);
  const describesRule = ruleCommands.includes(kind) && !(kind === 'delete' && state.number > 0);
  refuseIllegalOptions(state, kind, describesRule);
  if (kind === 'policy' && table === TableId.Nat && state.argument === 'DROP') {
    throw new RuleFault('nat-drop', NAT_DROP);
  }
  return {
    kind,
    file: scope.file,
    family: scope.family,
    table,
    chain: state.chain?.text ?? '',
    chainWord: state.chain ?? commandWord,
    number: state.number,
    argument: state.argument,
    counters: state.counters,
    rules: describesRule ? buildRules(state, scope, parse, table) : [],
  };
}

function namedTable(word: Word | null): TableCode {
  if (word === null) return TableId.Filter;
  const code = tableCode(word.text);
  if (code === null) {
    const words = `can't initialize iptables table \`${word.text}': Table does not exist (do you need to insmod?)`;
    throw new RuleFault('unknown-table', words, '', { line: word.line, column: word.column });
  }
  return code;
}

/** A rule's description goes with the commands that have a rule, -n -x --line-numbers with -L. */
function refuseIllegalOptions(state: RuleState, kind: CommandKind, describesRule: boolean): void {
  for (const { option, word } of state.givenOptions) {
    if (option.role === 'list' ? kind === 'list' : describesRule) continue;
    if (option.key === 'counters' && kind === 'policy') continue;
    const position = { line: word.line, column: word.column };
    const words = `Illegal option \`-${option.short}' with this command`;
    throw new RuleFault('option-conflict', words, '', position);
  }
}

function buildRules(
  state: RuleState,
  scope: LineScope,
  parse: ParseScope,
  table: TableCode,
): Rule[] {
  const matches = state.matches.map((draft) => draft.finish(parse));
  const chain = state.chain!;
  refuseInterfaces(state, chain.text);
  const jump = buildJump(state, scope, parse, table);
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
  const destinations = addresses(state.destination, scope);
  return addresses(state.source, scope).flatMap((source) =>
    destinations.map((destination) => ({ ...shared, source, destination })),
  );
}

function addresses(
  given: { word: Word; negated: boolean } | null,
  scope: LineScope,
): (AddressMatch | null)[] {
  if (given === null) return [null];
  const { word, negated } = given;
  try {
    return parseAddressList(word.text, negated, scope.family);
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

function buildJump(state: RuleState, scope: LineScope, parse: ParseScope, table: TableCode): Jump {
  const word = state.jump;
  if (word === null) return { kind: 'none' };
  const name = word.text;
  const placed = (fault: RuleFault): RuleFault => {
    fault.position = { line: word.line, column: word.column };
    return fault;
  };
  const isChain = scope.hasChain(table, name);
  if (isChain && (hookNames as readonly string[]).includes(name)) {
    const detail = 'a built-in chain cannot be jumped to';
    throw placed(new RuleFault('invalid-rule', INVALID_ARGUMENT, detail));
  }
  if (isChain) return { kind: 'chain', chain: name, goto: state.isGoto };
  if (state.isGoto) {
    throw placed(new RuleFault('unknown-target', `goto '${name}' is not a chain`));
  }
  if (name === 'DROP' && table === TableId.Nat) throw placed(new RuleFault('nat-drop', NAT_DROP));
  if (name === 'ACCEPT' || name === 'DROP' || name === 'RETURN') {
    return { kind: 'verdict', verdict: name };
  }
  if (state.target === null) {
    throw placed(unknownTarget(name));
  }
  return { kind: 'target', target: state.target.finish(parse) };
}
