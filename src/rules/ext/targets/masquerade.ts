import { Hook } from '../../context.ts';
import { defineTarget } from '../../extension.ts';
import {
  flagOption,
  formatNatPorts,
  initialRange,
  listNat,
  NatEvaluator,
  type NatValues,
  toPortsOption,
} from '../parts/nat-range.ts';

/** `-j MASQUERADE`. */
export const masquerade = defineTarget<NatValues>({
  name: 'MASQUERADE',
  tables: ['nat'],
  hooks: [Hook.Postrouting],
  options: [
    toPortsOption('source ports to choose from', 'lost'),
    flagOption('random'),
    flagOption('random-fully'),
  ],
  initial: initialRange,
  list: (value) => {
    const ports = formatNatPorts(value);
    return listNat(ports === '' ? '' : `masq ports: ${ports}`, value);
  },
  evaluator: (value) => new NatEvaluator('masquerade', value),
});
