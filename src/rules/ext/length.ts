import type { RuleContext } from '../context.ts';
import { RuleFault } from '../errors.ts';
import { defineMatch, type MatchEvaluator } from '../extension.ts';
import { formatPortRange, parseUnsigned } from '../numbers.ts';
import { shown } from '../options.ts';

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
      negatable: true,
      required: true,
      set: (value, [text = ''], negated) => {
        const [low = '', high] = text.split(/:(.*)/s, 2);
        const min = low === '' && high !== undefined ? 0 : parseUnsigned(low, 0xffff);
        const max = high === undefined ? min : high === '' ? 0xffff : parseUnsigned(high, 0xffff);
        if (min === null || max === null || min > max) {
          const near = min === null || high === undefined ? low : high;
          const words = `length: bad value for option "--length" near "${near}", or out of range (0-65535).`;
          throw new RuleFault('bad-value', words);
        }
        Object.assign(value, { min, max, negated });
      },
      save: (value) => shown(formatPortRange(value), value.negated),
    },
  ],
  initial: () => ({ min: 0, max: 0xffff, negated: false }),
  list: (value) => `length ${value.negated ? '!' : ''}${formatPortRange(value)}`,
  evaluator: (value) => new LengthEvaluator(value),
});
