import type { InterfaceTable, Prng } from '../base/index.ts';
import { BoxList } from './classify/boxes.ts';
import { IndexBuilder } from './classify/chain-index.ts';
import { commentOf } from './comment.ts';
import { type TimeoutPolicy, Verdict } from './context.ts';
import type { CompileScope, WalkSignal } from './extension.ts';
import { RowJudge, TargetGuard } from './judge.ts';
import type { AddressMatch, Chain, InterfaceMatch, ProtocolMatch, Rule } from './model.ts';
import {
  Condition,
  Field,
  type InterfaceTest,
  Operation,
  ROW_INTS,
  type TableProgram,
  WIDE_INTS,
} from './program.ts';
import type { SharedState } from './shared-state.ts';

/**
 * Chains of fewer rules are walked row by row: that takes no longer than to ask an index. Measured
 * with `npm run bench -- rules`.
 */
const SHORTEST_INDEXED = 16;

/** What holds for all rules of a table. */
export type TableScope = Omit<CompileScope, 'comment'>;

/** Which chains get an index: those where it makes walks quicker, all that have a rule, or none. */
export type Classify = 'where-quicker' | 'always' | 'never';

/** Writes the rows of a table from its rules, and the index over its long chains. Cold. */
export function fillProgram(program: TableProgram, scope: TableScope, classify: Classify): void {
  const starts = new Map<string, number>();
  let row = 0;
  for (const chain of program.table.chains.values()) {
    starts.set(chain.name, row);
    row += chain.rules.length + 1;
  }
  const watched = new WatchedScope(scope);
  const indexes = new IndexBuilder(classify === 'always');
  const shortest = { 'where-quicker': SHORTEST_INDEXED, always: 1, never: Infinity }[classify];
  for (const chain of program.table.chains.values()) {
    const boxes = chain.rules.length >= shortest ? new BoxList() : null;
    const closingRow = fillChain(program, chain, starts, watched, boxes);
    const first = closingRow - chain.rules.length;
    const number = boxes === null ? -1 : indexes.addChain(boxes, closingRow);
    program.rows[first * ROW_INTS + Field.ChainIndex] = number;
  }
  program.index = indexes.finish(program.stack.length);
}

/** Writes the rows of a chain, and their boxes where these are asked for; returns the closing row. */
function fillChain(
  program: TableProgram,
  chain: Chain,
  starts: ReadonlyMap<string, number>,
  scope: WatchedScope,
  boxes: BoxList | null,
): number {
  const first = starts.get(chain.name)!;
  let row = first;
  for (const rule of chain.rules) {
    fillRule(program, row, rule, starts, scope);
    remember(program, row, chain, rule);
    boxes?.addRule(row, rule, scope.mayDrop, scope.interfaces);
    row++;
  }
  fillEnd(program, row, chain);
  remember(program, row, chain, null);
  if (chain.hook >= 0) program.entries[chain.hook] = first;
  return row;
}

function remember(program: TableProgram, row: number, chain: Chain, rule: Rule | null): void {
  program.rules[row] = rule;
  program.chains[row] = chain;
  program.places.set(rule ?? chain, row);
  const { packets, bytes } = rule === null ? chain.policyCounters : rule.counters;
  program.counters[row * 2] = packets;
  program.counters[row * 2 + 1] = bytes;
}

/** What evaluators are made with. Notes which of them take the means to drop a packet at once. */
class WatchedScope implements CompileScope {
  readonly interfaces: InterfaceTable;
  readonly random: Prng;
  readonly shared: SharedState;
  readonly timeouts: ReadonlyMap<string, TimeoutPolicy>;
  signalTaken = false;
  /** For each match of the rule in hand, whether it took the signal. */
  readonly mayDrop: boolean[] = [];
  /** The rule in hand. */
  rule: Rule | null = null;
  private readonly hidden: WalkSignal;

  constructor(scope: TableScope) {
    this.interfaces = scope.interfaces;
    this.random = scope.random;
    this.shared = scope.shared;
    this.timeouts = scope.timeouts;
    this.hidden = scope.signal;
  }

  get signal(): WalkSignal {
    this.signalTaken = true;
    return this.hidden;
  }

  get comment(): string {
    return this.rule === null ? '' : commentOf(this.rule);
  }
}

function fillEnd(program: TableProgram, row: number, chain: Chain): void {
  const at = row * ROW_INTS;
  program.targets[row] = null;
  if (chain.hook < 0) {
    program.rows[at + Field.Operation] = Operation.End;
    return;
  }
  program.policies[chain.hook] = row;
  program.rows[at + Field.Operation] = Operation.Policy;
  program.rows[at + Field.Jump] = chain.policy === 'DROP' ? Verdict.Drop : Verdict.Accept;
}

function fillRule(
  program: TableProgram,
  row: number,
  rule: Rule,
  starts: ReadonlyMap<string, number>,
  scope: WatchedScope,
): void {
  const at = row * ROW_INTS;
  const { rows } = program;
  scope.rule = rule;
  rows[at + Field.Conditions] = conditionsOf(rule);
  fillProtocol(rows, at, rule.protocol);
  if (rule.family === 4) {
    fillAddress(rows, at, rule.source, Field.SourceMask, Field.NotSourceMask);
    fillAddress(rows, at, rule.destination, Field.DestinationMask, Field.NotDestinationMask);
  } else {
    fillWide(program.wide, row * WIDE_INTS, rule.source);
    fillWide(program.wide, row * WIDE_INTS + WIDE_INTS / 2, rule.destination);
  }
  rows[at + Field.InInterface] = addInterface(program, rule.inInterface, scope.interfaces);
  rows[at + Field.OutInterface] = addInterface(program, rule.outInterface, scope.interfaces);
  rows[at + Field.FirstMatch] = program.matches.length;
  if (rule.matches.some(({ tellsFin }) => tellsFin)) program.tellsFin = true;
  scope.mayDrop.length = 0;
  const evaluators = rule.matches.map((match) => {
    scope.signalTaken = false;
    const evaluator = match.evaluator(scope);
    scope.mayDrop.push(scope.signalTaken);
    return evaluator;
  });
  const judge = RowJudge.of(rule.matches, evaluators, program.signal);
  if (judge !== null) program.matches.push(judge);
  program.matches.push(...evaluators);
  const { jump } = rule;
  if (jump.kind === 'target' && !jump.target.steady) {
    program.matches.push(new TargetGuard(program.signal));
  }
  rows[at + Field.MatchEnd] = program.matches.length;
  fillJump(program, row, rule, starts, scope);
}

function fillJump(
  program: TableProgram,
  row: number,
  rule: Rule,
  starts: ReadonlyMap<string, number>,
  scope: CompileScope,
): void {
  const at = row * ROW_INTS;
  const { jump } = rule;
  program.targets[row] = null;
  let operation: number = Operation.Next;
  if (jump.kind === 'verdict') {
    const { Accept, Drop, Return } = Operation;
    operation = { ACCEPT: Accept, DROP: Drop, RETURN: Return }[jump.verdict];
  } else if (jump.kind === 'chain') {
    operation = jump.goto ? Operation.Goto : Operation.Jump;
    program.rows[at + Field.Jump] = starts.get(jump.chain)!;
  } else if (jump.kind === 'target') {
    operation = Operation.Target;
    program.targets[row] = jump.target.evaluator(scope);
    program.rows[at + Field.UnsteadyTarget] = jump.target.steady ? 0 : 1;
  }
  program.rows[at + Field.Operation] = operation;
}

function conditionsOf(rule: Rule): number {
  const wide = rule.family === 6;
  let bits = 0;
  if (rule.source && wide) bits |= Condition.WideSource;
  if (rule.source?.negated) bits |= Condition.SourceNot;
  if (rule.destination && wide) bits |= Condition.WideDestination;
  if (rule.destination?.negated) bits |= Condition.DestinationNot;
  if (rule.protocol?.negated) bits |= Condition.ProtocolNot;
  if (rule.fragment === 'only') bits |= Condition.FragmentOnly;
  if (rule.fragment === 'none') bits |= Condition.FragmentNone;
  if (rule.inInterface) bits |= Condition.InInterface;
  if (rule.outInterface) bits |= Condition.OutInterface;
  return bits;
}

function fillProtocol(rows: Int32Array, at: number, protocol: ProtocolMatch | null): void {
  if (protocol === null) return;
  if (protocol.negated) rows[at + Field.NotProtocol] = protocol.number;
  else {
    rows[at + Field.ProtocolMask] = 0xff;
    rows[at + Field.Protocol] = protocol.number;
  }
}

/** Writes mask and address, which stand side by side, at the plain or the negated fields. */
function fillAddress(
  rows: Int32Array,
  at: number,
  match: AddressMatch | null,
  plain: number,
  negated: number,
): void {
  if (match === null) return;
  const field = at + (match.negated ? negated : plain);
  rows[field] = match.mask[0]!;
  rows[field + 1] = match.address[0]!;
}

function fillWide(wide: Int32Array, at: number, match: AddressMatch | null): void {
  if (match === null) return;
  wide.set(match.address, at);
  wide.set(match.mask, at + 4);
}

function addInterface(
  program: TableProgram,
  match: InterfaceMatch | null,
  table: InterfaceTable,
): number {
  if (match === null) return -1;
  program.interfaces.push(new InterfacePattern(match, table));
  return program.interfaces.length - 1;
}

const Answer = { Unknown: 0, Yes: 1, No: 2 } as const;
const FIRST_ANSWERS = 64;

/** `-i eth+`: compares names once per interface id and remembers the answer. */
class InterfacePattern implements InterfaceTest {
  private readonly match: InterfaceMatch;
  private readonly table: InterfaceTable;
  private answers = new Uint8Array(FIRST_ANSWERS);

  constructor(match: InterfaceMatch, table: InterfaceTable) {
    this.match = match;
    this.table = table;
  }

  matches(id: number): boolean {
    // Slot 0 is for "no interface" (-1), whose name is ''.
    const slot = id + 1;
    if (slot >= this.answers.length) {
      const grown = new Uint8Array(slot * 2);
      grown.set(this.answers);
      this.answers = grown;
    }
    const known = this.answers[slot]!;
    if (known !== Answer.Unknown) return known === Answer.Yes;
    const answer = this.compare(this.table.name(id));
    this.answers[slot] = answer ? Answer.Yes : Answer.No;
    return answer;
  }

  private compare(name: string): boolean {
    const { match } = this;
    const equal = match.wildcard ? name.startsWith(match.name) : name === match.name;
    return equal !== match.negated;
  }
}
