import type { RuleContext } from '../context.ts';
import { RuleFault } from '../errors.ts';
import { defineMatch, type MatchEvaluator } from '../extension.ts';
import { parseUnsigned } from '../numbers.ts';
import { type OptionSpec, shown } from '../options.ts';

/** `-m ttl`: the time to live is equal to, below or above a value. */

type Relation = 'eq' | 'lt' | 'gt';

interface TtlValues {
  relation: Relation | null;
  value: number;
  negated: boolean;
}

class TtlEvaluator implements MatchEvaluator {
  private readonly min: number;
  private readonly max: number;
  private readonly negated: boolean;

  constructor({ relation, value, negated }: TtlValues) {
    this.min = relation === 'lt' ? 0 : relation === 'gt' ? value + 1 : value;
    this.max = relation === 'lt' ? value - 1 : relation === 'gt' ? 255 : value;
    this.negated = negated;
  }

  matches(ctx: RuleContext): boolean {
    const { ttl } = ctx.packet;
    return (ttl >= this.min && ttl <= this.max) !== this.negated;
  }
}

function option(relation: Relation, aliases: string[]): OptionSpec<TtlValues> {
  const name = `ttl-${relation}`;
  return {
    name,
    aliases,
    args: 1,
    // Only equality may be negated.
    negatable: relation === 'eq',
    excludes: ['ttl-eq', 'ttl-lt', 'ttl-gt'].filter((other) => other !== name),
    set: (values, [text = ''], negated) => {
      const value = parseUnsigned(text, 255);
      if (value === null) {
        const words = `ttl: bad value for option "--${name}", or out of range (0-255).`;
        throw new RuleFault('bad-value', words);
      }
      Object.assign(values, { relation, value, negated });
    },
    save: (values) =>
      values.relation === relation ? shown(String(values.value), values.negated) : null,
  };
}

export const ttl = defineMatch<TtlValues>({
  name: 'ttl',
  families: [4],
  options: [option('lt', []), option('gt', []), option('eq', ['ttl'])],
  initial: () => ({ relation: null, value: 0, negated: false }),
  finish: ({ relation }) => {
    if (relation === null) {
      const words = "TTL match: You must specify one of `--ttl-eq', `--ttl-lt', `--ttl-gt";
      throw new RuleFault('missing-option', words);
    }
  },
  list: ({ relation, value, negated }) => {
    const signs = { eq: negated ? '!=' : '==', lt: '<', gt: '>' } as const;
    return `TTL match TTL ${signs[relation ?? 'eq']} ${value}`;
  },
  evaluator: (values) => new TtlEvaluator(values),
});
