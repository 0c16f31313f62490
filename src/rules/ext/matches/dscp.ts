import type { RuleContext } from '../../context.ts';
import { RuleFault } from '../../errors.ts';
import { defineMatch, type MatchEvaluator } from '../../extension.ts';
import { shown } from '../../options.ts';
import { dscpOfClass } from '../parts/dscp-classes.ts';
import { hexDigits, readNumber } from '../parts/option-values.ts';

/** `-m dscp`: the six bits of the differentiated services code point (RFC 2474). */

interface DscpValues {
  dscp: number;
  negated: boolean;
}

const MAX_DSCP = 0x3f;

class DscpEvaluator implements MatchEvaluator {
  private readonly dscp: number;
  private readonly negated: boolean;

  constructor(values: DscpValues) {
    this.dscp = values.dscp;
    this.negated = values.negated;
  }

  matches(ctx: RuleContext): boolean {
    return (ctx.packet.tos >>> 2 === this.dscp) !== this.negated;
  }
}

export const dscp = defineMatch<DscpValues>({
  name: 'dscp',
  options: [
    {
      name: 'dscp',
      args: 1,
      excludes: ['dscp-class'],
      argument: 'VALUE',
      help: 'code point, 0 to 0x3f',
      negatable: true,
      set: (value, [text = ''], negated) => {
        Object.assign(value, { dscp: readNumber('dscp', 'dscp', text, MAX_DSCP), negated });
      },
      save: (value) => shown(hexDigits(value.dscp, 2), value.negated),
    },
    {
      name: 'dscp-class',
      args: 1,
      argument: 'CLASS',
      help: 'the same by class: BE, EF, CS0 to CS7, AF11 to AF43',
      negatable: true,
      set: (value, [text = ''], negated) => {
        const found = dscpOfClass(text);
        if (found === null) throw new RuleFault('bad-value', `Invalid DSCP value \`${text}'`);
        Object.assign(value, { dscp: found, negated });
      },
    },
  ],
  initial: () => ({ dscp: 0, negated: false }),
  finish: (_value, _scope, given) => {
    if (given.size === 0) {
      throw new RuleFault('missing-option', 'DSCP match: Parameter --dscp is required');
    }
  },
  list: (value) => `DSCP match ${value.negated ? '!' : ''}${hexDigits(value.dscp, 2)}`,
  evaluator: (value) => new DscpEvaluator(value),
});
