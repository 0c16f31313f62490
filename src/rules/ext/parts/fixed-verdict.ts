import { type RuleContext, Verdict, type VerdictCode } from '../../context.ts';
import type { TargetEvaluator } from '../../extension.ts';

/** What the simplest targets do: one and the same for every packet. */

/** Of a target that is read and printed and does nothing here: the next rule is asked. */
class ContinueEvaluator implements TargetEvaluator {
  apply(_ctx: RuleContext): VerdictCode {
    return Verdict.Continue;
  }
}

/** Of a target that here comes to one and the same verdict for every packet. */
class FixedEvaluator implements TargetEvaluator {
  private readonly verdict: VerdictCode;

  constructor(verdict: VerdictCode) {
    this.verdict = verdict;
  }

  apply(_ctx: RuleContext): VerdictCode {
    return this.verdict;
  }
}

export const goOn: TargetEvaluator = new ContinueEvaluator();
export const dropAll: TargetEvaluator = new FixedEvaluator(Verdict.Drop);
export const acceptAll: TargetEvaluator = new FixedEvaluator(Verdict.Accept);
