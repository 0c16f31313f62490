import { Hook } from '../context.ts';
import { defineTarget } from '../extension.ts';
import { shown } from '../options.ts';
import {
  flagOption,
  formatNatRange,
  initialRange,
  listNat,
  NatEvaluator,
  type NatValues,
  parseNatRange,
} from './nat-range.ts';

/** `-j DNAT`. */
export const dnat = defineTarget<NatValues>({
  name: 'DNAT',
  tables: ['nat'],
  hooks: [Hook.Prerouting, Hook.Output],
  options: [
    {
      name: 'to-destination',
      args: 1,
      required: true,
      set: (value, [text = ''], _negated, scope) => parseNatRange(value, text, scope, true),
      save: (value) => shown(formatNatRange(value)),
    },
    flagOption('random'),
    flagOption('persistent'),
  ],
  initial: initialRange,
  list: (value) => listNat(`to:${formatNatRange(value)}`, value),
  evaluator: (value) => new NatEvaluator('destinationNat', value),
});
