import { Proto } from '../../../wire/index.ts';
import { formatWords } from '../../address.ts';
import { Hook } from '../../context.ts';
import { RuleFault } from '../../errors.ts';
import { defineTarget } from '../../extension.ts';
import { parseUnsigned } from '../../numbers.ts';
import { shown } from '../../options.ts';
import { dropAll } from '../parts/fixed-verdict.ts';
import { formatMarkChange } from '../parts/mark-values.ts';
import { requireProtocol } from '../parts/match-place.ts';
import { readMasked } from '../parts/option-values.ts';
import { parseTargetAddress } from '../parts/target-address.ts';

/** `-j TPROXY`, as the kernel carries it out where no socket is found: the packet is dropped. */

interface TproxyValues {
  port: number;
  address: readonly number[] | null;
  value: number;
  mask: number;
}

/** The address that is printed where none was given. */
const addressText = (values: TproxyValues, isIpv6: boolean) =>
  formatWords(values.address ?? (isIpv6 ? [0, 0, 0, 0] : [0]));

function tproxyTarget(family: 4 | 6) {
  const isIpv6 = family === 6;
  return defineTarget<TproxyValues>({
    name: 'TPROXY',
    families: [family],
    tables: ['mangle'],
    hooks: [Hook.Prerouting],
    options: [
      {
        name: 'on-port',
        args: 1,
        argument: 'PORT',
        help: 'port of the proxy',
        required: true,
        set: (values, [text = ''], _negated, { services }) => {
          const port = parseUnsigned(text, 0xffff) ?? services.port(text, '');
          if (port === null) {
            const words = `Port "${text}" does not resolve to anything.`;
            throw new RuleFault('bad-value', words);
          }
          values.port = port;
        },
        save: ({ port }) => shown(String(port)),
      },
      {
        name: 'on-ip',
        args: 1,
        argument: 'ADDRESS',
        help: 'address of the proxy',
        set: (values, [text = '']) => {
          values.address = parseTargetAddress(text, family);
        },
        save: (values) => shown(addressText(values, isIpv6)),
      },
      {
        name: 'tproxy-mark',
        args: 1,
        argument: 'VALUE[/MASK]',
        help: 'mark that the packet is given',
        set: (values, [text = '']) => {
          Object.assign(values, readMasked('TPROXY', 'tproxy-mark', text));
        },
        save: (values) => shown(formatMarkChange(values)),
      },
    ],
    initial: () => ({ port: 0, address: null, value: 0, mask: 0 }),
    check: (_values, rule) => requireProtocol(rule, 'TPROXY', Proto.Tcp, Proto.Udp),
    list: (values) =>
      `TPROXY redirect ${addressText(values, isIpv6)}:${values.port} mark ${formatMarkChange(values)}`,
    unenforced: () => 'no program can take proxied connections here: the packet is dropped',
    evaluator: () => dropAll,
  });
}

export const tproxy4 = tproxyTarget(4);
export const tproxy6 = tproxyTarget(6);
