import { Hook, type NatRange, type RuleContext, type VerdictCode } from '../context.ts';
import { defineTarget, type TargetEvaluator } from '../extension.ts';
import { shown } from '../options.ts';
import {
  flagOption,
  formatNatRange,
  initialRange,
  listNat,
  type NatValues,
  parseNatRange,
} from './nat-range.ts';

class SnatEvaluator implements TargetEvaluator {
  private readonly range: NatRange;

  constructor(range: NatRange) {
    this.range = range;
  }

  apply(ctx: RuleContext): VerdictCode {
    return ctx.actions.sourceNat(this.range);
  }
}

/** `-j SNAT`. */
export const snat = defineTarget<NatValues>({
  name: 'SNAT',
  tables: ['nat'],
  hooks: [Hook.Postrouting, Hook.Input],
  options: [
    {
      name: 'to-source',
      args: 1,
      required: true,
      set: (value, [text = ''], _negated, scope) => parseNatRange(value, text, scope, false),
      save: (value) => shown(formatNatRange(value)),
    },
    flagOption('random'),
    flagOption('random-fully'),
    flagOption('persistent'),
  ],
  initial: initialRange,
  list: (value) => listNat(`to:${formatNatRange(value)}`, value),
  evaluator: (value) => new SnatEvaluator({ ...value }),
});
