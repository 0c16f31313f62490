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

/** `-j DNAT`. */
export const dnat = defineTarget<NatValues>({
  name: 'DNAT',
  tables: ['nat'],
  hooks: [Hook.Prerouting, Hook.Output],
  options: [
    toRangeOption('to-destination', 'destination', 'taken'),
    flagOption('random'),
    flagOption('persistent'),
  ],
  initial: initialRange,
  list: (value) => listNat(`to:${formatNatRange(value)}`, value),
  evaluator: (value) => new NatEvaluator('destinationNat', value),
});
