import { type InterfaceTable, Prng, randomSeed } from '../base/index.ts';
import { type HookCode, type RuleContext, Verdict, type VerdictCode } from './context.ts';
import { walkProgram } from './evaluate.ts';
import { type Classify, fillProgram } from './fill-program.ts';
import {
  Chain,
  type Counters,
  NO_COUNTERS,
  type Rule,
  type RuleSet,
  type Table,
  type TableCode,
  TableId,
} from './model.ts';
import { PathTable } from './paths.ts';
import { TableProgram } from './program.ts';
import { SharedState } from './shared-state.ts';
import type { RuleTrail } from './trail.ts';

/** Turns a checked rule set into what the packet path walks. Cold; only `walk` is hot. */
export function compileRuleSet(
  ruleSet: RuleSet,
  interfaces: InterfaceTable,
  options: CompileOptions = {},
): CompiledRules {
  return new CompiledRules(ruleSet, interfaces, options);
}

export interface CompileOptions {
  /** Seed of what rules leave to chance; random where not given. */
  readonly seed?: number;
  /**
   * The rules that these replace: what rules share by name goes on, and a table that is the very
   * same object is taken over as it is, with its counters. `interfaces` must be the same then.
   */
  readonly previous?: CompiledRules;
  /** For tests and benchmarks that compare walks; 'where-quicker' where not given. */
  readonly classify?: Classify;
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
  private readonly shared: SharedState;
  private readonly paths: PathTable;
  private readonly finsAlike4: boolean;
  private readonly finsAlike6: boolean;

  constructor(ruleSet: RuleSet, interfaces: InterfaceTable, options: CompileOptions) {
    this.ruleSet = ruleSet;
    const { previous } = options;
    const random = new Prng(options.seed ?? randomSeed());
    const shared = new SharedState(previous?.shared ?? null);
    this.shared = shared;
    this.paths = new PathTable(randomSeed());
    const fresh: Table[] = [];
    for (const table of ruleSet.allTables()) {
      const known = previous?.programs[place(table.family, table.code)] ?? null;
      if (known?.table === table) {
        this.programs[place(table.family, table.code)] = known;
        shared.keep(known.sharedKeys);
      } else fresh.push(table);
    }
    for (const table of fresh) {
      const rowCount = [...table.chains.values()].reduce((sum, c) => sum + c.rules.length + 1, 0);
      const signal = { hotdrop: false };
      const program = new TableProgram(table, rowCount, signal);
      const scope = { interfaces, signal, random, shared, timeouts: ruleSet.timeouts };
      shared.noteKeys(program.sharedKeys);
      fillProgram(program, scope, options.classify ?? 'where-quicker');
      this.programs[place(table.family, table.code)] = program;
    }
    shared.settle();
    this.finsAlike4 = !this.programs.some((program, at) => at < 8 && program?.tellsFin === true);
    this.finsAlike6 = !this.programs.some((program, at) => at >= 8 && program?.tellsFin === true);
  }

  /** True where the family has a table with rules or policies to walk. */
  hasTable(family: number, table: TableCode): boolean {
    return this.programs[place(family, table)]! !== null;
  }

  /**
   * Whether segments with FIN fare as plain ones do in all that this family has: then what a steady trail
   * says holds for them, too.
   */
  takeFinsAlike(family: number): boolean {
    return family === 6 ? this.finsAlike6 : this.finsAlike4;
  }

  /**
   * Runs the packet of `ctx` through a table at a hook. A table or chain that is not there accepts.
   * Afterwards the `decided…` fields say who decided. Allocates nothing.
   */
  walk(family: number, table: TableCode, hook: HookCode, ctx: RuleContext): VerdictCode {
    const program = this.programs[place(family, table)]!;
    if (program === null || program.entries[hook]! < 0) {
      this.decidedBy = null;
      this.decidedByPolicy = false;
      this.decidedChain = null;
      this.decidedTable = -1;
      return Verdict.Accept;
    }
    if (ctx.trail !== null) this.noteWalk(ctx.trail, family, table);
    const verdict = walkProgram(program, hook, ctx);
    const rule = program.rules[program.decidedRow]!;
    this.decidedBy = rule;
    this.decidedByPolicy = rule === null;
    this.decidedChain = program.chains[program.decidedRow]!;
    this.decidedTable = table;
    return verdict;
  }

  /**
   * The number of what a steady trail says: the rows that count each later packet, 0 where none does.
   * -1 where there are no numbers left: such a flow stays in the engine. Allocates nothing for rows
   * that have a number already. Numbers are these rules' own and end with them.
   */
  pathOf(trail: RuleTrail): number {
    return trail.steady ? this.paths.numberOf(trail) : -1;
  }

  /** Counts packets and bytes of IP datagram at all rows of a path. */
  countPath(path: number, packets: number, bytes: number): void {
    this.paths.countIn(this.programs, path, packets, bytes);
  }

  /** Packets and bytes of a rule, or of the policy of a built-in chain. Cold. */
  countersOf(owner: Rule | Chain): Counters {
    const program = this.programOf(owner);
    const row = program?.places.get(owner);
    if (program === null || row === undefined) return NO_COUNTERS;
    const { counters } = program;
    return { packets: counters[row * 2]!, bytes: counters[row * 2 + 1]! };
  }

  setCounters(owner: Rule | Chain, value: Counters): void {
    const program = this.programOf(owner);
    const row = program?.places.get(owner);
    if (program === null || row === undefined) return;
    program.counters[row * 2] = value.packets;
    program.counters[row * 2 + 1] = value.bytes;
  }

  /** True where both walk one and the same program for a table, so that its counters are one. */
  tookOver(table: Table, before: CompiledRules): boolean {
    const at = place(table.family, table.code);
    return this.programs[at]! !== null && this.programs[at] === before.programs[at];
  }

  /** Memory of the indexes over long chains, in bytes. */
  get indexBytes(): number {
    return this.programs.reduce((sum, program) => sum + (program?.index?.bytes ?? 0), 0);
  }

  private noteWalk(trail: RuleTrail, family: number, table: TableCode): void {
    trail.enter(place(family, table));
    // The nat table sees the first packets of connections, and counts no later ones.
    if (table === TableId.Nat) trail.disturb();
  }

  private programOf(owner: Rule | Chain): TableProgram | null {
    if (!(owner instanceof Chain)) return this.programs[place(owner.family, owner.table)]!;
    return this.programs.find((program) => program?.places.has(owner)) ?? null;
  }
}

/** Where the program of a table stands among all. */
function place(family: number, table: TableCode): number {
  return (family === 6 ? 8 : 0) + table;
}
