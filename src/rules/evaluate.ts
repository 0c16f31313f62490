import { isOdd } from './classify/dimensions.ts';
import { type HookCode, type RuleContext, Verdict, type VerdictCode } from './context.ts';
import { walkPlainly } from './plain-walk.ts';
import { Field, Operation, ROW_INTS, type TableProgram } from './program.ts';

/**
 * Runs the packet through the chain at `hook`, which the table must have; `decidedRow` then says
 * where it ended. Short chains are walked row by row, long ones by what their index names. Hot:
 * allocates nothing.
 */
export function walkProgram(program: TableProgram, hook: HookCode, ctx: RuleContext): VerdictCode {
  const { rows, stack, signal, index } = program;
  const { packet, trail } = ctx;
  const counters = program.countersFor(trail);
  const { protocol, src0, dst0 } = packet;
  let depth = 0;
  let row = program.entries[hook]!;
  signal.hotdrop = false;
  if (ctx.traced || (index !== null && isOdd(packet))) {
    if (trail !== null) trail.disturb();
    return walkPlainly(program, hook, ctx, row, 0);
  }
  // Whether the chain in hand is walked by the index, and whether that knows the packet yet.
  let indexed = false;
  let keyed = false;
  if (index !== null) {
    const chain = rows[row * ROW_INTS + Field.ChainIndex]!;
    if (chain >= 0) {
      index.begin(ctx);
      keyed = true;
      indexed = true;
      index.enter(chain, 0);
      row = index.next(0);
    }
  }
  for (;;) {
    const at = row * ROW_INTS;
    if (
      (protocol & rows[at + Field.ProtocolMask]!) !== rows[at + Field.Protocol]! ||
      (src0 & rows[at + Field.SourceMask]!) !== rows[at + Field.Source]! ||
      (dst0 & rows[at + Field.DestinationMask]!) !== rows[at + Field.Destination]!
    ) {
      row = indexed ? index!.next(depth) : row + 1;
      continue;
    }
    if (!program.restMatches(at, row, ctx)) {
      if (signal.hotdrop) {
        program.decidedRow = row;
        return Verdict.Drop;
      }
      row = indexed ? index!.next(depth) : row + 1;
      continue;
    }
    const operation = rows[at + Field.Operation]!;
    if (operation !== Operation.End) {
      counters[row * 2] = counters[row * 2]! + 1;
      counters[row * 2 + 1] = counters[row * 2 + 1]! + (packet.l3End - packet.l3Offset);
      if (trail !== null) trail.counted(row, rows[at + Field.UnsteadyTarget]!);
    }
    switch (operation) {
      case Operation.Next:
        row = indexed ? index!.next(depth) : row + 1;
        break;
      case Operation.Accept:
        program.decidedRow = row;
        return Verdict.Accept;
      case Operation.Drop:
        program.decidedRow = row;
        return Verdict.Drop;
      case Operation.Jump:
      case Operation.Goto: {
        if (operation === Operation.Jump) stack[depth++] = indexed ? ~row : row + 1;
        row = rows[at + Field.Jump]!;
        const chain = rows[row * ROW_INTS + Field.ChainIndex]!;
        indexed = chain >= 0;
        if (indexed) {
          if (!keyed) index!.begin(ctx);
          keyed = true;
          index!.enter(chain, depth);
          row = index!.next(depth);
        }
        break;
      }
      case Operation.Target: {
        const verdict = program.targets[row]!.apply(ctx);
        if (verdict !== Verdict.Continue) {
          program.decidedRow = row;
          return verdict;
        }
        if (ctx.traced || (keyed && ctx.changed && !index!.holdsFor(packet))) {
          return walkPlainly(program, hook, ctx, row + 1, depth);
        }
        row = indexed ? index!.next(depth) : row + 1;
        break;
      }
      case Operation.Policy:
        program.decidedRow = row;
        return rows[at + Field.Jump]! === Verdict.Drop ? Verdict.Drop : Verdict.Accept;
      default:
        // Return and End: back to the caller; from a built-in chain to its policy.
        if (depth === 0) row = program.policies[hook]!;
        else {
          row = stack[--depth]!;
          indexed = row < 0;
          if (indexed) row = index!.next(depth);
        }
    }
  }
}
