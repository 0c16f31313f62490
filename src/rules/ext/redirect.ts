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

class RedirectEvaluator implements TargetEvaluator {
  private readonly range: NatRange;

  constructor(range: NatRange) {
    this.range = range;
  }

  apply(ctx: RuleContext): VerdictCode {
    return ctx.actions.redirect(this.range);
  }
}

/** `-j REDIRECT`. */
export const redirect = defineTarget<NatValues>({
  name: 'REDIRECT',
  tables: ['nat'],
  hooks: [Hook.Prerouting, Hook.Output],
  options: [toPortsOption, flagOption('random')],
  initial: initialRange,
  list: (value) => {
    const ports = formatNatPorts(value);
    return listNat(ports === '' ? '' : `redir ports ${ports}`, value);
  },
  evaluator: (value) => new RedirectEvaluator({ ...value }),
});
