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

/** `-j SNAT`. */
export const snat = defineTarget<NatValues>({
  name: 'SNAT',
  tables: ['nat'],
  hooks: [Hook.Postrouting, Hook.Input],
  options: [
    {
      name: 'to-source',
      args: 1,
      required: true,
      set: (value, [text = ''], _negated, scope) => parseNatRange(value, text, scope, false),
      save: (value) => shown(formatNatRange(value)),
    },
    flagOption('random'),
    flagOption('random-fully'),
    flagOption('persistent'),
  ],
  initial: initialRange,
  list: (value) => listNat(`to:${formatNatRange(value)}`, value),
  evaluator: (value) => new NatEvaluator('sourceNat', value),
});
