import type { Engine } from '../engine/index.ts';
import { type CompiledRules, compileRuleSet, keepCounters, type RuleSet } from '../rules/index.ts';

/** What a change of the rules needs of the daemon. */
export interface RuleHost {
  readonly engine: Engine;
  /** Puts rules in force, between two packets, with all that hangs on them. `why` is for the log. */
  useRules(compiled: CompiledRules, why: string): void;
}

/** Calls `run` after so many seconds; returns what calls that off. */
export type Schedule = (run: () => void, seconds: number) => () => void;

const scheduleByTimer: Schedule = (run, seconds) => {
  const timer = setTimeout(run, seconds * 1000);
  timer.unref();
  return () => clearTimeout(timer);
};

/** How a trial of new rules ended. */
export type TrialEnd = 'confirmed' | 'reverted' | 'expired';

interface Trial {
  readonly before: CompiledRules;
  readonly seconds: number;
  readonly callOff: () => void;
  readonly told: ((end: TrialEnd) => void)[];
}

/**
 * Changes the rules of a running engine: by a command, by a whole new set, and by a set on trial,
 * which gives way to the one before unless somebody confirms it in time. While a trial runs nothing
 * else may change the rules: `refusal` says so.
 */
export class RuleChanges {
  private readonly host: RuleHost;
  private readonly schedule: Schedule;
  private trial: Trial | null = null;

  constructor(host: RuleHost, schedule: Schedule = scheduleByTimer) {
    this.host = host;
    this.schedule = schedule;
  }

  get rules(): CompiledRules {
    return this.host.engine.rules;
  }

  /** Why the rules may not be changed now; null where they may. */
  get refusal(): string | null {
    if (this.trial === null) return null;
    return (
      'new rules are in force on trial and wait to be confirmed: ' +
      '"pinhole apply --confirmed" keeps them, "pinhole apply --revert" brings the old ones back'
    );
  }

  /** Puts an edited copy of the rules in force; it has the counters of what it leaves alone. */
  edit(ruleSet: RuleSet, why: string): void {
    this.host.useRules(this.compile(ruleSet), why);
  }

  /**
   * Puts a whole new set in force. With `counters` those of the set count, else rules that stay as
   * they were go on with theirs. With `trialSec` the rules before come back after so many seconds.
   */
  replace(ruleSet: RuleSet, counters: boolean, trialSec: number | null, why: string): void {
    const before = this.rules;
    const after = this.compile(ruleSet);
    // Taken back, not only settled: from here on the counters of `before` stand still.
    this.host.engine.reconsiderFlows();
    if (!counters) keepCounters(before, after);
    this.host.useRules(after, why);
    if (trialSec === null) return;
    const callOff = this.schedule(() => this.end('expired'), trialSec);
    this.trial = { before, seconds: trialSec, callOff, told: [] };
  }

  /** Ends a trial; false where there is none. */
  settle(end: 'confirmed' | 'reverted'): boolean {
    if (this.trial === null) return false;
    this.end(end);
    return true;
  }

  /** Settles when the trial ends; null where there is none, or when `signal` is aborted. */
  untilSettled(signal: AbortSignal): Promise<TrialEnd | null> {
    const { trial } = this;
    if (trial === null || signal.aborted) return Promise.resolve(null);
    return new Promise((resolve) => {
      trial.told.push(resolve);
      signal.addEventListener('abort', () => resolve(null), { once: true });
    });
  }

  private compile(ruleSet: RuleSet): CompiledRules {
    return compileRuleSet(ruleSet, this.host.engine.interfaces, { previous: this.rules });
  }

  private end(end: TrialEnd): void {
    const { trial } = this;
    if (trial === null) return;
    this.trial = null;
    trial.callOff();
    this.host.engine.settleFlows();
    if (end === 'expired') {
      this.host.useRules(
        trial.before,
        `not confirmed in ${trial.seconds} s: the old rules are back`,
      );
    } else if (end === 'reverted') {
      this.host.useRules(trial.before, 'new rules turned down: the old rules are back');
    }
    for (const tell of trial.told) tell(end);
  }
}
