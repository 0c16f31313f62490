import type { RuleContext } from '../../context.ts';
import { RuleFault } from '../../errors.ts';
import { defineMatch, type MatchEvaluator, type MatchExtension } from '../../extension.ts';
import type { Family } from '../../model.ts';
import { type OptionSpec, shown } from '../../options.ts';
import { MAX_UINT8, readNumber } from './option-values.ts';

/** What `-m ttl` of IPv4 and `-m hl` of IPv6 have in common: equal to, below or above a value. */

type Relation = 'eq' | 'lt' | 'gt';

interface HopLimitValues {
  relation: Relation | null;
  value: number;
  negated: boolean;
}

/** How one of the two matches names things. */
export interface HopLimitDialect {
  readonly name: string;
  readonly family: Family;
  /** What the field is called in -L and in messages. */
  readonly field: string;
  readonly help: string;
  /** What is said where none of the options is given. */
  readonly missing: string;
}

class HopLimitEvaluator implements MatchEvaluator {
  private readonly min: number;
  private readonly max: number;
  private readonly negated: boolean;

  constructor({ relation, value, negated }: HopLimitValues) {
    this.min = relation === 'lt' ? 0 : relation === 'gt' ? value + 1 : value;
    this.max = relation === 'lt' ? value - 1 : relation === 'gt' ? MAX_UINT8 : value;
    this.negated = negated;
  }

  matches(ctx: RuleContext): boolean {
    const { ttl } = ctx.packet;
    return (ttl >= this.min && ttl <= this.max) !== this.negated;
  }
}

const words = { eq: 'is', lt: 'is less than', gt: 'is greater than' } as const;

/** Each pair once, in the order in which iptables looks for clashes. */
const excluded: Readonly<Record<Relation, readonly Relation[]>> = {
  lt: ['eq', 'gt'],
  gt: ['eq'],
  eq: [],
};

function option(dialect: HopLimitDialect, relation: Relation): OptionSpec<HopLimitValues> {
  const name = `${dialect.name}-${relation}`;
  return {
    name,
    // `--ttl 64` is short for `--ttl-eq 64`.
    aliases: relation === 'eq' ? [dialect.name] : [],
    args: 1,
    argument: 'VALUE',
    help: `${dialect.help} ${words[relation]} the value`,
    excludes: excluded[relation].map((other) => `${dialect.name}-${other}`),
    // Only equality may be negated.
    negatable: relation === 'eq',
    set: (values, [text = ''], negated) => {
      const value = readNumber(dialect.name, name, text, MAX_UINT8);
      Object.assign(values, { relation, value, negated });
    },
    save: (values) =>
      values.relation === relation ? shown(String(values.value), values.negated) : null,
  };
}

export function hopLimitMatch(dialect: HopLimitDialect): MatchExtension {
  const { name, field } = dialect;
  return defineMatch<HopLimitValues>({
    name,
    families: [dialect.family],
    options: [option(dialect, 'lt'), option(dialect, 'gt'), option(dialect, 'eq')],
    initial: () => ({ relation: null, value: 0, negated: false }),
    finish: ({ relation }) => {
      if (relation === null) throw new RuleFault('missing-option', dialect.missing);
    },
    list: ({ relation, value, negated }) => {
      const signs = { eq: negated ? '!=' : '==', lt: '<', gt: '>' } as const;
      return `${field} match ${field} ${signs[relation ?? 'eq']} ${value}`;
    },
    evaluator: (values) => new HopLimitEvaluator(values),
  });
}
