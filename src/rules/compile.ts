import type { InterfaceTable } from '../base/index.ts';
import { type HookCode, type RuleContext, Verdict, type VerdictCode } from './context.ts';
import {
  Condition,
  Field,
  type InterfaceTest,
  Operation,
  ROW_INTS,
  TableProgram,
  WIDE_INTS,
} from './evaluate.ts';
import type { CompileScope } from './extension.ts';
import type {
  AddressMatch,
  Chain,
  Counters,
  InterfaceMatch,
  ProtocolMatch,
  Rule,
  RuleSet,
  TableCode,
} from './model.ts';
import { ruleSpec } from './print/spec.ts';

/** Turns a checked rule set into what the packet path walks. Cold; only `walk` is hot. */
export function compileRuleSet(ruleSet: RuleSet, interfaces: InterfaceTable): CompiledRules {
  return new CompiledRules(ruleSet, interfaces);
}

export class CompiledRules {
  readonly ruleSet: RuleSet;
  /** The rule that decided the last walk; null where the policy (or no table) did. */
  decidedBy: Rule | null = null;
  /** True where the last walk ended with the policy of a chain. */
  decidedByPolicy = false;
  /** The built-in chain whose policy decided, or the chain of the deciding rule; null for neither. */
  decidedChain: Chain | null = null;
  decidedTable: TableCode | -1 = -1;

  /** By family (0: IPv4, 8: IPv6) plus table; null where no file named the table. */
  private readonly programs: (TableProgram | null)[] = new Array(16).fill(null);
  private readonly places = new Map<Rule | Chain, { program: TableProgram; row: number }>();

  constructor(ruleSet: RuleSet, interfaces: InterfaceTable) {
    this.ruleSet = ruleSet;
    for (const table of ruleSet.allTables()) {
      const rowCount = [...table.chains.values()].reduce((sum, c) => sum + c.rules.length + 1, 0);
      const signal = { hotdrop: false };
      const program = new TableProgram(table, rowCount, signal);
      this.fill(program, { interfaces, signal });
      this.programs[(table.family === 4 ? 0 : 8) + table.code] = program;
    }
  }

  /** True where the family has a table with rules or policies to walk. */
  hasTable(family: number, table: TableCode): boolean {
    return this.programs[(family === 6 ? 8 : 0) + table]! !== null;
  }

  /**
   * Runs the packet of `ctx` through a table at a hook. A table or chain that is not there accepts.
   * Afterwards the `decided…` fields say who decided. Allocates nothing.
   */
  walk(family: number, table: TableCode, hook: HookCode, ctx: RuleContext): VerdictCode {
    const program = this.programs[(family === 6 ? 8 : 0) + table]!;
    if (program === null || program.entries[hook]! < 0) {
      this.decidedBy = null;
      this.decidedByPolicy = false;
      this.decidedChain = null;
      this.decidedTable = -1;
      return Verdict.Accept;
    }
    const verdict = program.walk(hook, ctx);
    const rule = program.rules[program.decidedRow]!;
    this.decidedBy = rule;
    this.decidedByPolicy = rule === null;
    this.decidedChain = program.chains[program.decidedRow]!;
    this.decidedTable = table;
    return verdict;
  }

  /** Packets and bytes of a rule, or of the policy of a built-in chain. Cold. */
  countersOf(owner: Rule | Chain): Counters {
    const place = this.places.get(owner);
    if (place === undefined) return { packets: 0, bytes: 0 };
    const { counters } = place.program;
    return { packets: counters[place.row * 2]!, bytes: counters[place.row * 2 + 1]! };
  }

  setCounters(owner: Rule | Chain, value: Counters): void {
    const place = this.places.get(owner);
    if (place === undefined) return;
    place.program.counters[place.row * 2] = value.packets;
    place.program.counters[place.row * 2 + 1] = value.bytes;
  }

  private fill(program: TableProgram, scope: CompileScope): void {
    const starts = new Map<string, number>();
    let row = 0;
    for (const chain of program.table.chains.values()) {
      starts.set(chain.name, row);
      row += chain.rules.length + 1;
    }
    row = 0;
    for (const chain of program.table.chains.values()) {
      if (chain.hook >= 0) program.entries[chain.hook] = row;
      for (const rule of chain.rules) {
        fillRule(program, row, rule, starts, scope);
        this.remember(program, row, chain, rule);
        this.setCounters(rule, rule.counters);
        row++;
      }
      fillEnd(program, row, chain);
      this.remember(program, row, chain, null);
      if (chain.hook >= 0) this.setCounters(chain, chain.policyCounters);
      row++;
    }
  }

  private remember(program: TableProgram, row: number, chain: Chain, rule: Rule | null): void {
    program.rules[row] = rule;
    program.chains[row] = chain;
    this.places.set(rule ?? chain, { program, row });
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
  scope: CompileScope,
): void {
  const at = row * ROW_INTS;
  const { rows } = program;
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
  for (const match of rule.matches) program.matches.push(match.evaluator(scope));
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

/** Sets all counters to zero. */
export function zeroCounters(compiled: CompiledRules): void {
  for (const table of compiled.ruleSet.allTables()) {
    for (const chain of table.chains.values()) {
      compiled.setCounters(chain, { packets: 0, bytes: 0 });
      for (const rule of chain.rules) compiled.setCounters(rule, { packets: 0, bytes: 0 });
    }
  }
}

/**
 * Carries the counters of `before` over to `after` for policies and for rules that stand in the
 * same chain with the same text; of several equal ones the first takes the first's, and so on.
 */
export function keepCounters(before: CompiledRules, after: CompiledRules): void {
  for (const table of after.ruleSet.allTables()) {
    const old = before.ruleSet.table(table.family, table.code);
    for (const chain of table.chains.values()) {
      const oldChain = old?.chains.get(chain.name);
      if (oldChain === undefined) continue;
      if (chain.hook >= 0) after.setCounters(chain, before.countersOf(oldChain));
      const left = new Map<string, Rule[]>();
      for (const rule of oldChain.rules) {
        const spec = ruleSpec(rule);
        const same = left.get(spec);
        if (same === undefined) left.set(spec, [rule]);
        else same.push(rule);
      }
      for (const rule of chain.rules) {
        const match = left.get(ruleSpec(rule))?.shift();
        if (match !== undefined) after.setCounters(rule, before.countersOf(match));
      }
    }
  }
}
