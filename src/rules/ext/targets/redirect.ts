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

/** `-j REDIRECT`. */
export const redirect = defineTarget<NatValues>({
  name: 'REDIRECT',
  tables: ['nat'],
  hooks: [Hook.Prerouting, Hook.Output],
  options: [toPortsOption('port of this host to go to', 'refused'), flagOption('random')],
  initial: initialRange,
  list: (value) => {
    const ports = formatNatPorts(value);
    return listNat(ports === '' ? '' : `redir ports ${ports}`, value);
  },
  evaluator: (value) => new NatEvaluator('redirect', value),
});
