import { Hook, type NatRange, type RuleContext, type VerdictCode } from '../context.ts';
import { defineTarget, type TargetEvaluator } from '../extension.ts';
import {
  flagOption,
  formatNatPorts,
  initialRange,
  listNat,
  type NatValues,
  toPortsOption,
} from './nat-range.ts';

class MasqueradeEvaluator implements TargetEvaluator {
  private readonly range: NatRange;

  constructor(range: NatRange) {
    this.range = range;
  }

  apply(ctx: RuleContext): VerdictCode {
    return ctx.actions.masquerade(this.range);
  }
}

/** `-j MASQUERADE`. */
export const masquerade = defineTarget<NatValues>({
  name: 'MASQUERADE',
  tables: ['nat'],
  hooks: [Hook.Postrouting],
  options: [toPortsOption, flagOption('random'), flagOption('random-fully')],
  initial: initialRange,
  list: (value) => {
    const ports = formatNatPorts(value);
    return listNat(ports === '' ? '' : `masq ports: ${ports}`, value);
  },
  evaluator: (value) => new MasqueradeEvaluator({ ...value }),
});
