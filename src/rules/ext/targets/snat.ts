import { Hook } from '../../context.ts';
import { defineTarget } from '../../extension.ts';
import {
  flagOption,
  formatNatRange,
  initialRange,
  listNat,
  NatEvaluator,
  type NatValues,
  toRangeOption,
} from '../parts/nat-range.ts';

/** `-j SNAT`. */
export const snat = defineTarget<NatValues>({
  name: 'SNAT',
  tables: ['nat'],
  hooks: [Hook.Postrouting, Hook.Input],
  options: [
    toRangeOption('to-source', 'source', 'lost'),
    flagOption('random'),
    flagOption('random-fully'),
    flagOption('persistent'),
  ],
  initial: initialRange,
  list: (value) => listNat(`to:${formatNatRange(value)}`, value),
  evaluator: (value) => new NatEvaluator('sourceNat', value),
});
