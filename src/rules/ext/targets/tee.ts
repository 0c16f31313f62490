import { formatWords } from '../../address.ts';
import { defineTarget } from '../../extension.ts';
import { shown } from '../../options.ts';
import { goOn } from '../parts/fixed-verdict.ts';
import { refused } from '../parts/match-place.ts';
import { cutText } from '../parts/option-values.ts';
import { parseTargetAddress } from '../parts/target-address.ts';

/** `-j TEE`: sends a copy of the packet to another host. Not enforced. */

interface TeeValues {
  gateway: readonly number[];
  outInterface: string;
}

export const tee = defineTarget<TeeValues>({
  name: 'TEE',
  options: [
    {
      name: 'gateway',
      args: 1,
      argument: 'ADDRESS',
      help: 'host on the local network that the copy is sent to',
      required: true,
      set: (values, [text = ''], _negated, { family }) => {
        values.gateway = parseTargetAddress(text, family);
      },
      save: ({ gateway }) => shown(formatWords(gateway)),
    },
    {
      name: 'oif',
      args: 1,
      argument: 'INTERFACE',
      help: 'interface that the copy leaves through',
      set: (values, [text = '']) => {
        // IFNAMSIZ less the closing NUL.
        values.outInterface = cutText(text, 15);
      },
      save: ({ outInterface }) => (outInterface === '' ? null : shown(outInterface)),
    },
  ],
  initial: () => ({ gateway: [], outInterface: '' }),
  check: ({ gateway }) => {
    if (gateway.some((word) => word !== 0)) return;
    throw refused('TEE needs an address');
  },
  list: ({ gateway, outInterface }) =>
    `TEE gw:${formatWords(gateway)}${outInterface === '' ? '' : ` oif=${outInterface}`}`,
  unenforced: () => 'no copies are sent here: the next rule is asked',
  evaluator: () => goOn,
});
