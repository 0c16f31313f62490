import { Proto } from '../../wire/index.ts';
import { type RuleContext, Verdict, type VerdictCode } from '../context.ts';
import { NO_SUCH_NAME, RuleFault } from '../errors.ts';
import { defineTarget, type TargetEvaluator } from '../extension.ts';
import { quoteWord, shown } from '../options.ts';

/** `-j CT --helper NAME | --notrack`, and its old spelling `-j NOTRACK`. Table raw only. */

interface CtValues {
  helper: string;
  notrack: boolean;
}

class CtEvaluator implements TargetEvaluator {
  private readonly helper: string;
  private readonly notrack: boolean;

  constructor(values: CtValues) {
    this.helper = values.helper;
    this.notrack = values.notrack;
  }

  apply(ctx: RuleContext): VerdictCode {
    // xt_ct_set_helper is not reached for untracked packets.
    if (this.notrack) ctx.actions.notrack();
    else if (this.helper !== '') ctx.actions.assignHelper(this.helper);
    return Verdict.Continue;
  }
}

export const ct = defineTarget<CtValues>({
  name: 'CT',
  tables: ['raw'],
  options: [
    {
      name: 'notrack',
      args: 0,
      set: (value) => {
        value.notrack = true;
      },
      save: (value) => (value.notrack ? shown('') : null),
    },
    {
      name: 'helper',
      args: 1,
      set: (value, [text = '']) => {
        value.helper = text;
      },
      save: (value) => (value.helper === '' ? null : shown(quoteWord(value.helper))),
    },
  ],
  initial: () => ({ helper: '', notrack: false }),
  check: ({ helper, notrack }, rule, place) => {
    if (helper === '' || notrack) return;
    if (!place.helpers.includes(helper)) {
      const known = place.helpers.join(', ');
      throw new RuleFault('unknown-helper', NO_SUCH_NAME, `CT: helpers known here: ${known}`);
    }
    if (rule.protocol?.number !== Proto.Tcp || rule.protocol.negated) {
      throw new RuleFault('unknown-helper', NO_SUCH_NAME, `CT --helper ${helper} needs -p tcp`);
    }
  },
  list: ({ helper, notrack }) =>
    `CT${notrack ? ' notrack' : ''}${helper === '' ? '' : ` helper ${helper}`}`,
  evaluator: (value) => new CtEvaluator({ ...value }),
});

export const notrack = defineTarget<Record<string, never>>({
  name: 'NOTRACK',
  // The kernel knows it as CT; -L prints that name.
  listName: 'CT',
  tables: ['raw'],
  options: [],
  initial: () => ({}),
  list: () => 'NOTRACK',
  evaluator: () => new CtEvaluator({ helper: '', notrack: true }),
});
