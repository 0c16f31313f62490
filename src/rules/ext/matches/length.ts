import type { RuleContext } from '../../context.ts';
import { defineMatch, type MatchEvaluator } from '../../extension.ts';
import { shown } from '../../options.ts';
import { formatRange, MAX_UINT16, readRange } from '../parts/option-values.ts';

/** `-m length`: the length of the IP datagram in bytes, its header included. */

interface LengthValues {
  min: number;
  max: number;
  negated: boolean;
}

class LengthEvaluator implements MatchEvaluator {
  private readonly min: number;
  private readonly max: number;
  private readonly negated: boolean;

  constructor(values: LengthValues) {
    this.min = values.min;
    this.max = values.max;
    this.negated = values.negated;
  }

  matches(ctx: RuleContext): boolean {
    const length = ctx.packet.l3End - ctx.packet.l3Offset;
    return (length >= this.min && length <= this.max) !== this.negated;
  }
}

export const length = defineMatch<LengthValues>({
  name: 'length',
  options: [
    {
      name: 'length',
      args: 1,
      argument: 'BYTES[:BYTES]',
      help: 'length of the IP datagram, or a range of lengths',
      negatable: true,
      required: true,
      set: (value, [text = ''], negated) => {
        Object.assign(value, readRange('length', 'length', text, MAX_UINT16), { negated });
      },
      save: (value) => shown(formatRange(value), value.negated),
    },
  ],
  initial: () => ({ min: 0, max: MAX_UINT16, negated: false }),
  list: (value) => `length ${value.negated ? '!' : ''}${formatRange(value)}`,
  evaluator: (value) => new LengthEvaluator(value),
});
