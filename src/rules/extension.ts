import type { InterfaceTable, Prng } from '../base/index.ts';
import type { HookCode, RuleContext, TimeoutPolicy, VerdictCode } from './context.ts';
import { INVALID_ARGUMENT, RuleFault } from './errors.ts';
import type { Family, Rule, TableName } from './model.ts';
import type { PortRange } from './numbers.ts';
import { type OptionDraft, type OptionTable, printOptions, startOptions } from './options.ts';
import type { ServiceTable } from './services.ts';
import type { SetRegistry } from './sets/definition.ts';
import type { SharedState } from './shared-state.ts';

/**
 * What a match or a target is. One file in ext/ defines one, with `defineMatch` or `defineTarget`:
 * its option table (which drives parsing, abbreviation, negation and the iptables-save form), its
 * checks, its words in -L, and its evaluation. The registry lists them; nothing else knows names.
 */

/** What option readers may ask about the rule read so far. */
export interface ParseScope {
  readonly family: Family;
  readonly services: ServiceTable;
  /** The sets that were read before this line. */
  readonly sets: SetRegistry;
  /** Number of `-p`, 0 where none was given (yet). */
  readonly protocol: number;
  readonly protocolNegated: boolean;
}

/** What texts of -L depend on. */
export interface ListView {
  readonly numeric: boolean;
  readonly services: ServiceTable;
  readonly family: Family;
}

/** What evaluators may ask for when they are made. */
export interface CompileScope {
  readonly interfaces: InterfaceTable;
  readonly signal: WalkSignal;
  /** For matches that leave something to chance. */
  readonly random: Prng;
  /** What rules share by name and what outlives a reload (`recent`, `hashlimit`). */
  readonly shared: SharedState;
  /** Timeout policies of the rule set, by name. */
  readonly timeouts: ReadonlyMap<string, TimeoutPolicy>;
  /** The text of the rule's `-m comment`; '' where it has none. */
  readonly comment: string;
}

/** How an evaluator says that the packet is to be dropped at once (x_tables' hotdrop). */
export interface WalkSignal {
  hotdrop: boolean;
}

/** First and last address, both included, as words (1 for IPv4, 4 for IPv6). */
export interface WordRange {
  readonly min: readonly number[];
  readonly max: readonly number[];
}

/** What a packet must be for a match to hold; what is not given may be anything. */
export interface MatchBounds {
  readonly source?: WordRange;
  readonly destination?: WordRange;
  readonly sourcePorts?: PortRange;
  /** For ICMP (type << 8 | code). */
  readonly destinationPorts?: PortRange;
}

export interface MatchEvaluator {
  matches(ctx: RuleContext): boolean;
  /**
   * Of a match that is steady by its options: whether its answer may change all the same, by what
   * other rules do. Asked anew each time.
   */
  mayVary?(): boolean;
}

export interface TargetEvaluator {
  /** A verdict that ends the walk, or `Verdict.Continue`. */
  apply(ctx: RuleContext): VerdictCode;
}

/** Which place of the rule set a rule stands at, for the checks of the kernel. */
export interface CheckPlace {
  readonly table: TableName;
  /** Bit mask of the hooks from which the rule's chain can be reached. */
  readonly hookMask: number;
  /** Names of helpers that connections may be given. */
  readonly helpers: readonly string[];
  /** Timeout policies of the rule set, by name. */
  readonly timeouts: ReadonlyMap<string, TimeoutPolicy>;
}

interface Common<V> {
  readonly name: string;
  /** Families it exists in; both where not given. */
  readonly families?: readonly Family[];
  readonly options: OptionTable<V>;
  initial(): V;
  /**
   * Checks and completions when the rule's line has been read; `given` are the names of the options
   * that were. As in iptables it comes before the option table's own checks (`required`, `excludes`).
   */
  finish?(value: V, scope: ParseScope, given: ReadonlySet<string>): void;
  /** Refusals of the kernel beyond those that the fields here express. */
  check?(value: V, rule: Rule, place: CheckPlace): void;
  /** Words of -L, without leading blank; '' for none. */
  list(value: V, view: ListView): string;
  /** True where iptables puts no blank before those words. */
  readonly listsUnspaced?: boolean;
  /**
   * What is not enforced of it, and what happens instead, as a sentence for a warning ("no program
   * can listen to queues here: the packet is dropped"); null where all of it is enforced.
   * `holdsOutput`: whether the host's own packets are held back, and come with who sent them.
   */
  unenforced?(value: V, holdsOutput: boolean): string | null;
}

export interface MatchSpec<V> extends Common<V> {
  /** The protocol it needs; `-p` of that protocol also loads it by itself. */
  readonly protocol?: number;
  /**
   * True where asking changes something (a bucket, a list, a counter) or the answer is left to
   * chance: then it must be asked exactly when everything before it in the rule holds.
   */
  readonly stateful?: boolean | ((value: V) => boolean);
  /**
   * Conditions without which it cannot hold, for the index over long chains: alternatives, of which
   * a packet must meet one. null (or no such function): nothing can be said. Ports may only be
   * bound by a match that holds for no later fragment; and a match that says anything here, be it
   * `[{}]`, may drop at once (`hotdrop`) only packets that are odd in the sense of `isOdd` in
   * classify/dimensions.ts.
   */
  bounds?(value: V): readonly MatchBounds[] | null;
  /**
   * Whether the answer for a plain packet is that for all later plain packets of its direction of its
   * connection (`RuleTrail` says what these are). False where not given: its flows then stay in the
   * engine. What asking changes must be changed by the first asking alone, which calls
   * `RuleTrail.disturb`.
   */
  readonly steady?: boolean | ((value: V) => boolean);
  /**
   * Of a steady match: whether a segment that is plain but for a FIN may get another answer than a plain
   * one. False where not given.
   */
  tellsFin?(value: V): boolean;
  /**
   * The answer for every plain packet of every ESTABLISHED connection behind the raw table; null (or
   * no such function) where it depends. For reports, nothing else rests on it.
   */
  plainAnswer?(value: V): boolean | null;
  evaluator(value: V, scope: CompileScope): MatchEvaluator;
}

export interface TargetSpec<V> extends Common<V> {
  /** Tables it is allowed in; all where not given. */
  readonly tables?: readonly TableName[];
  /** Name in -L where it differs. */
  readonly listName?: string;
  /** Hooks it is allowed at; all where not given. */
  readonly hooks?: readonly HookCode[];
  /**
   * Whether it does to all later plain packets what it did to one (`RuleTrail` says which these are),
   * and nothing that must be done once for each. False where not given: its flows then stay in the
   * engine. One that changes the connection calls `RuleTrail.disturb` when it does.
   */
  readonly steady?: boolean | ((value: V) => boolean);
  evaluator(value: V, scope: CompileScope): TargetEvaluator;
}

interface Instance {
  readonly name: string;
  /** The options as iptables-save prints them: '' or text with a leading blank. */
  saveText(): string;
  /** The words of -L as they follow the columns: '' or text, as a rule with a leading blank. */
  listText(view: ListView): string;
  /** Throws a RuleFault where the kernel would refuse the rule. */
  check(rule: Rule, place: CheckPlace): void;
  /** See `Common.unenforced`. */
  unenforced(holdsOutput?: boolean): string | null;
}

/** A match of one rule with its options. */
export interface MatchInstance extends Instance {
  readonly stateful: boolean;
  /** See `MatchSpec.steady`. */
  readonly steady: boolean;
  /** See `MatchSpec.tellsFin`. */
  readonly tellsFin: boolean;
  /** See `MatchSpec.plainAnswer`. */
  plainAnswer(): boolean | null;
  /** See `MatchSpec.bounds`. */
  bounds(): readonly MatchBounds[] | null;
  evaluator(scope: CompileScope): MatchEvaluator;
}

/** A target of one rule with its options. */
export interface TargetInstance extends Instance {
  readonly listName: string;
  /** See `TargetSpec.steady`. */
  readonly steady: boolean;
  evaluator(scope: CompileScope): TargetEvaluator;
}

/** A match or target that is being read from a line. */
export interface Draft<I> {
  readonly name: string;
  readonly options: OptionDraft;
  finish(scope: ParseScope): I;
}

export interface Extension<I> {
  readonly name: string;
  readonly protocol: number;
  readonly families: readonly Family[];
  start(): Draft<I>;
}
export type MatchExtension = Extension<MatchInstance>;
export type TargetExtension = Extension<TargetInstance>;

const bothFamilies: readonly Family[] = [4, 6];

export function defineMatch<V>(spec: MatchSpec<V>): MatchExtension {
  const check = (value: V, rule: Rule, place: CheckPlace): void => {
    const needs = spec.protocol ?? 0;
    // x_tables' xt_check_match: the protocol must be that of the match, and not negated.
    if (needs !== 0 && (rule.protocol?.number !== needs || rule.protocol.negated)) {
      throw new RuleFault('invalid-rule', INVALID_ARGUMENT, `match ${spec.name} needs its -p`);
    }
    spec.check?.(value, rule, place);
  };
  return {
    name: spec.name,
    protocol: spec.protocol ?? 0,
    families: spec.families ?? bothFamilies,
    start: () => {
      const value = spec.initial();
      return draftOf(spec, value, () => ({
        ...instanceOf(spec, value, check),
        // Asked when all files are read: sets may be filled and swapped behind the rule.
        get stateful() {
          return decided(spec.stateful, value);
        },
        get steady() {
          return decided(spec.steady, value);
        },
        tellsFin: spec.tellsFin?.(value) ?? false,
        plainAnswer: () => spec.plainAnswer?.(value) ?? null,
        bounds: () => spec.bounds?.(value) ?? null,
        evaluator: (scope) => spec.evaluator(value, scope),
      }));
    },
  };
}

export function defineTarget<V>(spec: TargetSpec<V>): TargetExtension {
  const check = (value: V, rule: Rule, place: CheckPlace): void => {
    checkTargetPlace(spec, place);
    spec.check?.(value, rule, place);
  };
  return {
    name: spec.name,
    protocol: 0,
    families: spec.families ?? bothFamilies,
    start: () => {
      const value = spec.initial();
      return draftOf(spec, value, () => ({
        ...instanceOf(spec, value, check),
        listName: spec.listName ?? spec.name,
        steady: decided(spec.steady, value),
        evaluator: (scope) => spec.evaluator(value, scope),
      }));
    },
  };
}

function decided<V>(property: boolean | ((value: V) => boolean) | undefined, value: V): boolean {
  return typeof property === 'function' ? property(value) : (property ?? false);
}

function draftOf<V, I>(spec: Common<V>, value: V, make: () => I): Draft<I> {
  const options = startOptions(spec.name, spec.options, value);
  return {
    name: spec.name,
    options,
    finish: (scope) => {
      spec.finish?.(value, scope, options.given);
      options.finish();
      return make();
    },
  };
}

function instanceOf<V>(
  spec: Common<V>,
  value: V,
  check: (value: V, rule: Rule, place: CheckPlace) => void,
): Instance {
  return {
    name: spec.name,
    saveText: () => printOptions(spec.options, value),
    listText: (view) => {
      const words = spec.list(value, view);
      return words === '' || spec.listsUnspaced ? words : ` ${words}`;
    },
    check: (rule, place) => check(value, rule, place),
    unenforced: (holdsOutput = false) => spec.unenforced?.(value, holdsOutput) ?? null,
  };
}

function checkTargetPlace<V>(spec: TargetSpec<V>, place: CheckPlace): void {
  if (spec.tables !== undefined && !spec.tables.includes(place.table)) {
    const tables = spec.tables.join(', ');
    throw new RuleFault('invalid-place', INVALID_ARGUMENT, `${spec.name}: only in table ${tables}`);
  }
  const allowed = spec.hooks?.reduce((mask: number, hook) => mask | (1 << hook), 0) ?? 0x1f;
  if ((place.hookMask & ~allowed) !== 0) {
    const names = hookNamesOf(allowed);
    throw new RuleFault('invalid-place', INVALID_ARGUMENT, `${spec.name}: only from ${names}`);
  }
}

function hookNamesOf(mask: number): string {
  const names = ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'];
  return names.filter((_, hook) => (mask & (1 << hook)) !== 0).join(', ');
}
