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

class DnatEvaluator implements TargetEvaluator {
  private readonly range: NatRange;

  constructor(range: NatRange) {
    this.range = range;
  }

  apply(ctx: RuleContext): VerdictCode {
    return ctx.actions.destinationNat(this.range);
  }
}

/** `-j DNAT`. */
export const dnat = defineTarget<NatValues>({
  name: 'DNAT',
  tables: ['nat'],
  hooks: [Hook.Prerouting, Hook.Output],
  options: [
    {
      name: 'to-destination',
      args: 1,
      required: true,
      set: (value, [text = ''], _negated, scope) => parseNatRange(value, text, scope, true),
      save: (value) => shown(formatNatRange(value)),
    },
    flagOption('random'),
    flagOption('persistent'),
  ],
  initial: initialRange,
  list: (value) => listNat(`to:${formatNatRange(value)}`, value),
  evaluator: (value) => new DnatEvaluator({ ...value }),
});
