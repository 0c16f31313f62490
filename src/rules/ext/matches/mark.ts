import type { RuleContext } from '../../context.ts';
import { defineMatch, type MatchEvaluator } from '../../extension.ts';
import { hex } from '../../numbers.ts';
import { shown } from '../../options.ts';
import { readMasked } from '../parts/option-values.ts';

/** `-m mark --mark VALUE[/MASK]`. */

interface MarkValues {
  value: number;
  mask: number;
  negated: boolean;
}

const formatMark = ({ value, mask }: MarkValues) =>
  mask === -1 ? hex(value) : `${hex(value)}/${hex(mask)}`;

class MarkEvaluator implements MatchEvaluator {
  private readonly value: number;
  private readonly mask: number;
  private readonly negated: boolean;

  constructor(values: MarkValues) {
    this.value = values.value;
    this.mask = values.mask;
    this.negated = values.negated;
  }

  matches(ctx: RuleContext): boolean {
    return ((ctx.mark & this.mask) === this.value) !== this.negated;
  }
}

export const mark = defineMatch<MarkValues>({
  name: 'mark',
  options: [
    {
      name: 'mark',
      args: 1,
      argument: 'VALUE[/MASK]',
      help: 'mark of the packet, under the mask',
      negatable: true,
      required: true,
      set: (value, [text = ''], negated) => {
        Object.assign(value, readMasked('mark', 'mark', text), { negated });
      },
      save: (value) => shown(formatMark(value), value.negated),
    },
  ],
  initial: () => ({ value: 0, mask: -1, negated: false }),
  list: (value) => `mark match ${value.negated ? '! ' : ''}${formatMark(value)}`,
  // Every packet begins with no mark, one of this host with its socket's, by which flows are told
  // apart; and gets those that its own walk gives it.
  steady: true,
  evaluator: (value) => new MarkEvaluator(value),
});
