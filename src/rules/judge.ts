import type { RuleContext } from './context.ts';
import type { MatchEvaluator, MatchInstance, WalkSignal } from './extension.ts';

/** How the answer of a match depends on which packet of a connection asks (`MatchSpec.steady`). */
const Asking = {
  /** It does not, and asking does nothing. */
  Pure: 0,
  /** It does not; the first asking changes something. */
  Kept: 1,
  /** Only where `mayVary` says so. */
  Conditional: 2,
  /** It does; asking does nothing. */
  Varying: 3,
  /** It does, and each asking does something. */
  Changing: 4,
} as const;

function askingOf({ steady, stateful }: MatchInstance, evaluator: MatchEvaluator): number {
  if (!steady) return stateful ? Asking.Changing : Asking.Varying;
  if (evaluator.mayVary !== undefined) return Asking.Conditional;
  return stateful ? Asking.Kept : Asking.Pure;
}

/**
 * Stands behind the matches of a row whose target is not steady: the imagined packet of a rehearsal
 * does not meet it, and its walk ends. Hot.
 */
export class TargetGuard implements MatchEvaluator {
  private readonly signal: WalkSignal;

  constructor(signal: WalkSignal) {
    this.signal = signal;
  }

  matches({ trail }: RuleContext): boolean {
    if (trail === null || !trail.isRehearsal) return true;
    trail.disturb();
    this.signal.hotdrop = true;
    return false;
  }
}

/**
 * Stands in front of the matches of a row that has unsteady ones, holds, and notes on the trail
 * whether later packets may fare differently at the row; a rehearsal ends there then, so that none of
 * them is asked. So the walk itself asks nothing of trails where it tries a row. Hot.
 */
export class RowJudge implements MatchEvaluator {
  private readonly matchers: readonly MatchEvaluator[];
  private readonly askings: readonly number[];
  private readonly signal: WalkSignal;

  /** Of the matches of a row; null where all are steady for good. */
  static of(
    instances: readonly MatchInstance[],
    evaluators: readonly MatchEvaluator[],
    signal: WalkSignal,
  ): RowJudge | null {
    const askings = instances.map((instance, i) => askingOf(instance, evaluators[i]!));
    if (askings.every((asking) => asking < Asking.Conditional)) return null;
    return new RowJudge(evaluators, askings, signal);
  }

  private constructor(
    evaluators: readonly MatchEvaluator[],
    askings: readonly number[],
    signal: WalkSignal,
  ) {
    this.matchers = evaluators;
    this.askings = askings;
    this.signal = signal;
  }

  matches(ctx: RuleContext): boolean {
    const { trail } = ctx;
    if (trail === null) return true;
    const varies = this.varies(ctx);
    if (varies) trail.disturb();
    // The matches were asked out of turn: they drop nothing before their turn comes.
    this.signal.hotdrop = varies && trail.isRehearsal;
    return !this.signal.hotdrop;
  }

  /**
   * Whether a later packet may match this row and this one not, or the reverse, or asking would have
   * to be repeated for it. A steady condition that fails now always fails, and nothing behind it is
   * ever asked. Only what may be asked twice is asked here.
   */
  private varies(ctx: RuleContext): boolean {
    const { matchers, askings } = this;
    let varies = false;
    for (let i = 0; i < matchers.length; i++) {
      const match = matchers[i]!;
      const asking = askings[i]!;
      if (asking === Asking.Changing) return true;
      if (asking === Asking.Varying || (asking === Asking.Conditional && match.mayVary!())) {
        varies = true;
      } else if (asking !== Asking.Kept && !match.matches(ctx)) return false;
    }
    return varies;
  }
}
