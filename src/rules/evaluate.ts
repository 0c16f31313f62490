import { type HookCode, type RuleContext, Verdict, type VerdictCode } from './context.ts';
import type { MatchEvaluator, TargetEvaluator, WalkSignal } from './extension.ts';
import type { Chain, Rule, Table } from './model.ts';

/**
 * One table as the packet path walks it: all chains laid out one behind the other as rows of
 * integers, each chain closed by a row for its end. Hot: a walk allocates nothing.
 *
 *   row:  | conditions … | operation | where to jump | first match | number of matches |
 *
 * The closing row of a built-in chain is its policy, that of a user chain a return.
 */

/** What a row does when its conditions hold. */
export const Operation = {
  /** A rule without target: counts and goes on. */
  Next: 0,
  Accept: 1,
  Drop: 2,
  Return: 3,
  Jump: 4,
  Goto: 5,
  Target: 6,
  /** End of a user chain. */
  End: 7,
  /** End of a built-in chain. */
  Policy: 8,
} as const;

/** Condition bits of a row. */
export const Condition = {
  Source: 1,
  SourceNot: 2,
  Destination: 4,
  DestinationNot: 8,
  Protocol: 16,
  ProtocolNot: 32,
  FragmentOnly: 64,
  FragmentNone: 128,
  InInterface: 256,
  OutInterface: 512,
} as const;

/** Fields of a row in `rows`. */
export const Field = {
  Conditions: 0,
  Operation: 1,
  Jump: 2,
  FirstMatch: 3,
  MatchEnd: 4,
  Protocol: 5,
  InInterface: 6,
  OutInterface: 7,
  /** IPv4: address and mask of source and destination. For IPv6 they stand in `wide`. */
  Source: 8,
  SourceMask: 9,
  Destination: 10,
  DestinationMask: 11,
} as const;
export const ROW_INTS = 12;
/** Integers per row in `wide`: source, its mask, destination, its mask, four words each. */
export const WIDE_INTS = 16;

/** A name pattern, answered once per interface and remembered. */
export interface InterfaceTest {
  matches(id: number): boolean;
}

export class TableProgram {
  readonly table: Table;
  readonly rows: Int32Array;
  readonly wide: Int32Array;
  readonly matches: MatchEvaluator[] = [];
  readonly targets: (TargetEvaluator | null)[] = [];
  readonly interfaces: InterfaceTest[] = [];
  /** Rule and chain of each row; null for the closing row of a chain. */
  readonly rules: (Rule | null)[] = [];
  readonly chains: Chain[] = [];
  /** First and closing row of the chain at each hook; -1 where the table has none. */
  readonly entries = Int32Array.of(-1, -1, -1, -1, -1);
  readonly policies = Int32Array.of(-1, -1, -1, -1, -1);
  /** Packets and bytes of each row, in turn. */
  readonly counters: Float64Array;
  /** The row that decided the last walk. */
  decidedRow = 0;

  private readonly stack: Int32Array;
  private readonly signal: WalkSignal;

  constructor(table: Table, rowCount: number, signal: WalkSignal) {
    this.table = table;
    this.rows = new Int32Array(rowCount * ROW_INTS);
    this.wide = new Int32Array(table.family === 6 ? rowCount * WIDE_INTS : 0);
    this.counters = new Float64Array(rowCount * 2);
    // No chain is entered twice on one way (loops are refused), so this is deep enough.
    this.stack = new Int32Array(table.chains.size + 1);
    this.signal = signal;
  }

  /** Runs the packet through the chain at `hook`, which the table must have. */
  walk(hook: HookCode, ctx: RuleContext): VerdictCode {
    const { rows, counters, stack, signal } = this;
    const bytes = ctx.packet.l3End - ctx.packet.l3Offset;
    let depth = 0;
    let row = this.entries[hook]!;
    signal.hotdrop = false;
    for (;;) {
      const at = row * ROW_INTS;
      if (!this.rowMatches(at, row, ctx)) {
        if (signal.hotdrop) {
          this.decidedRow = row;
          return Verdict.Drop;
        }
        row++;
        continue;
      }
      const operation = rows[at + Field.Operation]!;
      if (operation !== Operation.End) {
        counters[row * 2] = counters[row * 2]! + 1;
        counters[row * 2 + 1] = counters[row * 2 + 1]! + bytes;
      }
      switch (operation) {
        case Operation.Next:
          row++;
          break;
        case Operation.Accept:
          this.decidedRow = row;
          return Verdict.Accept;
        case Operation.Drop:
          this.decidedRow = row;
          return Verdict.Drop;
        case Operation.Jump:
          stack[depth++] = row + 1;
          row = rows[at + Field.Jump]!;
          break;
        case Operation.Goto:
          row = rows[at + Field.Jump]!;
          break;
        case Operation.Target: {
          const verdict = this.targets[row]!.apply(ctx);
          if (verdict !== Verdict.Continue) {
            this.decidedRow = row;
            return verdict;
          }
          row++;
          break;
        }
        case Operation.Policy:
          this.decidedRow = row;
          return rows[at + Field.Jump]! === Verdict.Drop ? Verdict.Drop : Verdict.Accept;
        default:
          // Return and End: back to the caller; from a built-in chain to its policy.
          row = depth > 0 ? stack[--depth]! : this.policies[hook]!;
      }
    }
  }

  private rowMatches(at: number, row: number, ctx: RuleContext): boolean {
    const { rows } = this;
    const conditions = rows[at]!;
    if (conditions !== 0) {
      const { packet } = ctx;
      if ((conditions & (Condition.Protocol | Condition.ProtocolNot)) !== 0) {
        const equal = rows[at + Field.Protocol]! === packet.protocol;
        if (equal !== ((conditions & Condition.ProtocolNot) === 0)) return false;
      }
      if (this.table.family === 4) {
        if (!this.addressesMatch4(at, conditions, ctx)) return false;
      } else if (!this.addressesMatch6(row * WIDE_INTS, conditions, ctx)) {
        return false;
      }
      if ((conditions & Condition.InInterface) !== 0) {
        if (!this.interfaces[rows[at + Field.InInterface]!]!.matches(ctx.inIf)) return false;
      }
      if ((conditions & Condition.OutInterface) !== 0) {
        if (!this.interfaces[rows[at + Field.OutInterface]!]!.matches(ctx.outIf)) return false;
      }
      if ((conditions & Condition.FragmentOnly) !== 0 && packet.fragmentOffset === 0) return false;
      if ((conditions & Condition.FragmentNone) !== 0 && packet.fragmentOffset !== 0) return false;
    }
    const end = rows[at + Field.MatchEnd]!;
    for (let i = rows[at + Field.FirstMatch]!; i < end; i++) {
      if (!this.matches[i]!.matches(ctx)) return false;
    }
    return true;
  }

  private addressesMatch4(at: number, conditions: number, ctx: RuleContext): boolean {
    const { rows } = this;
    const { packet } = ctx;
    if ((conditions & (Condition.Source | Condition.SourceNot)) !== 0) {
      const equal = (packet.src0 & rows[at + Field.SourceMask]!) === rows[at + Field.Source]!;
      if (equal !== ((conditions & Condition.SourceNot) === 0)) return false;
    }
    if ((conditions & (Condition.Destination | Condition.DestinationNot)) !== 0) {
      const mask = rows[at + Field.DestinationMask]!;
      const equal = (packet.dst0 & mask) === rows[at + Field.Destination]!;
      if (equal !== ((conditions & Condition.DestinationNot) === 0)) return false;
    }
    return true;
  }

  private addressesMatch6(at: number, conditions: number, ctx: RuleContext): boolean {
    const { wide } = this;
    const { packet } = ctx;
    if ((conditions & (Condition.Source | Condition.SourceNot)) !== 0) {
      const equal =
        (packet.src0 & wide[at + 4]!) === wide[at]! &&
        (packet.src1 & wide[at + 5]!) === wide[at + 1]! &&
        (packet.src2 & wide[at + 6]!) === wide[at + 2]! &&
        (packet.src3 & wide[at + 7]!) === wide[at + 3]!;
      if (equal !== ((conditions & Condition.SourceNot) === 0)) return false;
    }
    if ((conditions & (Condition.Destination | Condition.DestinationNot)) !== 0) {
      const equal =
        (packet.dst0 & wide[at + 12]!) === wide[at + 8]! &&
        (packet.dst1 & wide[at + 13]!) === wide[at + 9]! &&
        (packet.dst2 & wide[at + 14]!) === wide[at + 10]! &&
        (packet.dst3 & wide[at + 15]!) === wide[at + 11]!;
      if (equal !== ((conditions & Condition.DestinationNot) === 0)) return false;
    }
    return true;
  }
}
