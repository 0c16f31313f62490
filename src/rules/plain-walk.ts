import { type HookCode, type RuleContext, Verdict, type VerdictCode } from './context.ts';
import type { Rule } from './model.ts';
import { Field, Operation, ROW_INTS, type TableProgram } from './program.ts';

/**
 * Goes on with a walk from a row, row by row and without the index: for packets that are traced, that
 * are odd, or that a target has given another address in mid-walk. `depth` levels of the program's
 * stack are in use. Reports what a traced packet meets.
 */
export function walkPlainly(
  program: TableProgram,
  hook: HookCode,
  ctx: RuleContext,
  from: number,
  depth: number,
): VerdictCode {
  const { rows, stack } = program;
  const { packet, trail } = ctx;
  const counters = program.countersFor(trail);
  let row = from;
  for (;;) {
    const at = row * ROW_INTS;
    if (!plainlyMatches(program, at, row, ctx)) {
      if (program.signal.hotdrop) {
        program.decidedRow = row;
        return Verdict.Drop;
      }
      row++;
      continue;
    }
    const operation = rows[at + Field.Operation]!;
    if (operation !== Operation.End) {
      counters[row * 2] = counters[row * 2]! + 1;
      counters[row * 2 + 1] = counters[row * 2 + 1]! + (packet.l3End - packet.l3Offset);
      if (trail !== null) trail.counted(row, rows[at + Field.UnsteadyTarget]!);
    }
    if (ctx.traced) report(program, row, ctx);
    switch (operation) {
      case Operation.Next:
        row++;
        break;
      case Operation.Accept:
        program.decidedRow = row;
        return Verdict.Accept;
      case Operation.Drop:
        program.decidedRow = row;
        return Verdict.Drop;
      case Operation.Jump:
        stack[depth++] = row + 1;
        row = rows[at + Field.Jump]!;
        break;
      case Operation.Goto:
        row = rows[at + Field.Jump]!;
        break;
      case Operation.Target: {
        const verdict = program.targets[row]!.apply(ctx);
        if (verdict !== Verdict.Continue) {
          program.decidedRow = row;
          return verdict;
        }
        row++;
        break;
      }
      case Operation.Policy:
        program.decidedRow = row;
        return rows[at + Field.Jump]! === Verdict.Drop ? Verdict.Drop : Verdict.Accept;
      default:
        row = program.policies[hook]!;
        if (depth > 0) {
          row = stack[--depth]!;
          // A chain that was walked by the index left the row of its jump.
          if (row < 0) row = ~row + 1;
        }
    }
  }
}

function plainlyMatches(program: TableProgram, at: number, row: number, ctx: RuleContext): boolean {
  const { rows } = program;
  const { packet } = ctx;
  return (
    (packet.protocol & rows[at + Field.ProtocolMask]!) === rows[at + Field.Protocol]! &&
    (packet.src0 & rows[at + Field.SourceMask]!) === rows[at + Field.Source]! &&
    (packet.dst0 & rows[at + Field.DestinationMask]!) === rows[at + Field.Destination]! &&
    program.restMatches(at, row, ctx)
  );
}

/** One TRACE line for a row that matched; rules count from 1, the end of a chain comes behind them. */
function report(program: TableProgram, row: number, ctx: RuleContext): void {
  const chain = program.chains[row]!;
  const rule = program.rules[row]!;
  const first = program.places.get(chain)! - chain.rules.length;
  // A verdict without conditions reads like the end of a chain to the kernel (ip_tables.c,
  // get_chainname_rulenum).
  const isEnd = rule === null || (isUnconditional(rule) && rule.jump.kind === 'verdict');
  const kind = !isEnd ? 'rule' : chain.hook < 0 ? 'return' : 'policy';
  ctx.actions.trace(program.table.name, chain.name, kind, row - first + 1);
}

function isUnconditional(rule: Rule): boolean {
  const { source, destination } = rule;
  const isAny = (match: Rule['source']) =>
    match === null || (!match.negated && match.mask.every((word) => word === 0));
  return (
    isAny(source) &&
    isAny(destination) &&
    rule.protocol === null &&
    rule.inInterface === null &&
    rule.outInterface === null &&
    rule.fragment === null &&
    rule.matches.length === 0
  );
}
