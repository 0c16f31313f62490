import type { RuleContext } from '../../context.ts';
import { RuleFault } from '../../errors.ts';
import { defineMatch, type MatchEvaluator } from '../../extension.ts';
import { scanUnsigned } from '../../numbers.ts';
import { shown } from '../../options.ts';
import { hexDigits, MAX_UINT8 } from '../parts/option-values.ts';

/** `-m tos`: type of service of IPv4, traffic class of IPv6, under a mask. */

interface TosValues {
  value: number;
  mask: number;
  negated: boolean;
}

/** RFC 1349 names, for the lower six bits. */
const symbols: readonly (readonly [string, number])[] = [
  ['Minimize-Delay', 0x10],
  ['Maximize-Throughput', 0x08],
  ['Maximize-Reliability', 0x04],
  ['Minimize-Cost', 0x02],
  ['Normal-Service', 0x00],
];
const SYMBOL_MASK = 0x3f;

function parseTos(text: string): { value: number; mask: number } {
  const first = scanUnsigned(text);
  if (first === null || first.value > MAX_UINT8) {
    const symbol = symbols.find(([name]) => name.toLowerCase() === text.toLowerCase());
    if (symbol !== undefined) return { value: symbol[1], mask: SYMBOL_MASK };
    throw new RuleFault('bad-value', `Symbolic name "${text}" is unknown`);
  }
  if (first.rest === '') return { value: first.value, mask: MAX_UINT8 };
  const second = first.rest.startsWith('/') ? scanUnsigned(first.rest.slice(1)) : null;
  if (second === null || second.rest !== '' || second.value > MAX_UINT8) {
    throw new RuleFault('bad-value', `Illegal value: "${text}"`);
  }
  return { value: first.value, mask: second.value };
}

const format = ({ value, mask }: TosValues) => `${hexDigits(value, 2)}/${hexDigits(mask, 2)}`;

class TosEvaluator implements MatchEvaluator {
  private readonly value: number;
  private readonly mask: number;
  private readonly negated: boolean;

  constructor(values: TosValues) {
    this.value = values.value;
    this.mask = values.mask;
    this.negated = values.negated;
  }

  matches(ctx: RuleContext): boolean {
    return ((ctx.packet.tos & this.mask) === this.value) !== this.negated;
  }
}

export const tos = defineMatch<TosValues>({
  name: 'tos',
  options: [
    {
      name: 'tos',
      args: 1,
      argument: 'VALUE[/MASK]|NAME',
      help: `type of service or traffic class: a number under a mask, or ${symbols.map(([name]) => name).join(', ')}`,
      negatable: true,
      required: true,
      set: (value, [text = ''], negated) => {
        Object.assign(value, parseTos(text), { negated });
      },
      save: (value) => shown(format(value), value.negated),
    },
  ],
  initial: () => ({ value: 0, mask: MAX_UINT8, negated: false }),
  list: (value, view) => {
    const bang = value.negated ? '!' : '';
    const known = value.mask === SYMBOL_MASK && !view.numeric;
    const symbol = known ? symbols.find(([, bits]) => bits === value.value) : undefined;
    // No blank before a number: so -L prints it.
    return `tos match${bang}${symbol === undefined ? format(value) : ` ${symbol[0]}`}`;
  },
  evaluator: (value) => new TosEvaluator(value),
});
