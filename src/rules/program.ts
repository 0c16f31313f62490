import type { ChainIndex } from './classify/chain-index.ts';
import type { RuleContext } from './context.ts';
import type { MatchEvaluator, TargetEvaluator, WalkSignal } from './extension.ts';
import type { Chain, Rule, Table } from './model.ts';
import type { RuleTrail } from './trail.ts';

/**
 * One table as the packet path walks it: all chains laid out one behind the other as rows of
 * integers, each chain closed by a row for its end. Hot: nothing here allocates.
 *
 *   row:  | conditions … | first match | end of matches | operation | where to jump | … |
 *
 * The closing row of a built-in chain is its policy, that of a user chain a return. The rows of long
 * chains are not tried one by one: an index says which may match, and these are tried.
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

/**
 * What is left to ask of a row whose plain conditions hold. Most rules have none of these: protocol
 * and IPv4 addresses without `!` are compared under masks in the walk itself, a mask of 0 for "any".
 */
export const Condition = {
  ProtocolNot: 1,
  SourceNot: 2,
  DestinationNot: 4,
  /** IPv6 addresses stand in `wide`. */
  WideSource: 8,
  WideDestination: 16,
  FragmentOnly: 32,
  FragmentNone: 64,
  InInterface: 128,
  OutInterface: 256,
} as const;

/** Fields of a row in `rows`. */
export const Field = {
  Conditions: 0,
  ProtocolMask: 1,
  Protocol: 2,
  SourceMask: 3,
  Source: 4,
  DestinationMask: 5,
  Destination: 6,
  FirstMatch: 7,
  MatchEnd: 8,
  Operation: 9,
  Jump: 10,
  InInterface: 11,
  OutInterface: 12,
  /** What `!` is asked of: these are compared apart, and their masks above are 0. */
  NotProtocol: 13,
  NotSourceMask: 14,
  NotSource: 15,
  NotDestinationMask: 16,
  NotDestination: 17,
  /** In the first row of a chain: its number in the index, or -1 where it is walked row by row. */
  ChainIndex: 18,
  /** 1 where the target is not steady (`TargetSpec.steady`). */
  UnsteadyTarget: 19,
} as const;
export const ROW_INTS = 20;
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
  /** The row of each rule, and the closing row of each chain. */
  readonly places = new Map<Rule | Chain, number>();
  /** First and closing row of the chain at each hook; -1 where the table has none. */
  readonly entries = Int32Array.of(-1, -1, -1, -1, -1);
  readonly policies = Int32Array.of(-1, -1, -1, -1, -1);
  /** Packets and bytes of each row, in turn. */
  readonly counters: Float64Array;
  /** The same of imagined packets: nobody reads it. */
  private rehearsed: Float64Array | null = null;
  /** What rules share by name with others, as `SharedState` knows it. */
  readonly sharedKeys = new Set<string>();
  /** The index over the long chains; null where there are none. */
  index: ChainIndex | null = null;
  /** Whether any of its matches tells a FIN from a plain segment (`MatchSpec.tellsFin`). */
  tellsFin = false;
  /** The row that decided the last walk. */
  decidedRow = 0;

  /** Rows to go on with, by level of jumps. */
  readonly stack: Int32Array;
  readonly signal: WalkSignal;

  constructor(table: Table, rowCount: number, signal: WalkSignal) {
    this.table = table;
    this.rows = new Int32Array(rowCount * ROW_INTS);
    this.wide = new Int32Array(table.family === 6 ? rowCount * WIDE_INTS : 0);
    this.counters = new Float64Array(rowCount * 2);
    // No chain is entered twice on one way (loops are refused), so this is deep enough.
    this.stack = new Int32Array(table.chains.size + 1);
    this.signal = signal;
  }

  /** Where a packet that leaves this trail counts. */
  countersFor(trail: RuleTrail | null): Float64Array {
    if (trail === null || !trail.isRehearsal) return this.counters;
    this.rehearsed ??= new Float64Array(this.counters.length);
    return this.rehearsed;
  }

  /** What is asked of a row beyond protocol and addresses under masks. */
  restMatches(at: number, row: number, ctx: RuleContext): boolean {
    const { rows, matches } = this;
    const conditions = rows[at]!;
    if (conditions !== 0 && !this.conditionsHold(at, row, conditions, ctx)) return false;
    const end = rows[at + Field.MatchEnd]!;
    for (let i = rows[at + Field.FirstMatch]!; i < end; i++) {
      if (!matches[i]!.matches(ctx)) return false;
    }
    return true;
  }

  private conditionsHold(at: number, row: number, conditions: number, ctx: RuleContext): boolean {
    const { rows } = this;
    const { packet } = ctx;
    if (conditions & Condition.InInterface) {
      if (!this.interfaces[rows[at + Field.InInterface]!]!.matches(ctx.inIf)) return false;
    }
    if (conditions & Condition.OutInterface) {
      if (!this.interfaces[rows[at + Field.OutInterface]!]!.matches(ctx.outIf)) return false;
    }
    if (conditions & Condition.ProtocolNot) {
      if (packet.protocol === rows[at + Field.NotProtocol]!) return false;
    }
    if (conditions & Condition.WideSource) {
      if (this.wideEqual(row * WIDE_INTS, packet.src0, packet.src1, packet.src2, packet.src3)) {
        if (conditions & Condition.SourceNot) return false;
      } else if (!(conditions & Condition.SourceNot)) return false;
    } else if (conditions & Condition.SourceNot) {
      const masked = packet.src0 & rows[at + Field.NotSourceMask]!;
      if (masked === rows[at + Field.NotSource]!) return false;
    }
    if (conditions & Condition.WideDestination) {
      if (this.wideEqual(row * WIDE_INTS + 8, packet.dst0, packet.dst1, packet.dst2, packet.dst3)) {
        if (conditions & Condition.DestinationNot) return false;
      } else if (!(conditions & Condition.DestinationNot)) return false;
    } else if (conditions & Condition.DestinationNot) {
      const masked = packet.dst0 & rows[at + Field.NotDestinationMask]!;
      if (masked === rows[at + Field.NotDestination]!) return false;
    }
    if (conditions & Condition.FragmentOnly && packet.fragmentOffset === 0) return false;
    return !(conditions & Condition.FragmentNone && packet.fragmentOffset !== 0);
  }

  /** Compares four address words with the address and mask at `at` in `wide`. */
  private wideEqual(at: number, w0: number, w1: number, w2: number, w3: number): boolean {
    const { wide } = this;
    return (
      (w0 & wide[at + 4]!) === wide[at]! &&
      (w1 & wide[at + 5]!) === wide[at + 1]! &&
      (w2 & wide[at + 6]!) === wide[at + 2]! &&
      (w3 & wide[at + 7]!) === wide[at + 3]!
    );
  }
}
