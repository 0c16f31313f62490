import { type RuleContext, Verdict, type VerdictCode } from '../../context.ts';
import { defineTarget, type TargetEvaluator } from '../../extension.ts';

/** `-j TRACE`: from here on every rule that the packet matches is reported. */

class TraceEvaluator implements TargetEvaluator {
  apply(ctx: RuleContext): VerdictCode {
    ctx.traced = true;
    return Verdict.Continue;
  }
}

export const trace = defineTarget<Record<string, never>>({
  name: 'TRACE',
  tables: ['raw'],
  options: [],
  initial: () => ({}),
  list: () => '',
  evaluator: () => new TraceEvaluator(),
});
