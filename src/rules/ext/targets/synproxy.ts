import { Proto } from '../../../wire/index.ts';
import { Hook } from '../../context.ts';
import { defineTarget } from '../../extension.ts';
import { type OptionSpec, shown } from '../../options.ts';
import { goOn } from '../parts/fixed-verdict.ts';
import { requireProtocol } from '../parts/match-place.ts';
import { MAX_UINT32, readNumber } from '../parts/option-values.ts';

/** `-j SYNPROXY`. Not enforced: connections are not answered on behalf of the server. */

interface SynproxyValues {
  sackPermitted: boolean;
  timestamp: boolean;
  wscale: number | null;
  mss: number | null;
  ecn: boolean;
}

function flag(
  name: string,
  field: 'sackPermitted' | 'timestamp' | 'ecn',
  help: string,
): OptionSpec<SynproxyValues> {
  return {
    name,
    args: 0,
    help,
    set: (values) => {
      values[field] = true;
    },
    save: (values) => (values[field] ? shown('') : null),
  };
}

/** A number of which the kernel's structure keeps the low bits only. */
function number(field: 'wscale' | 'mss', keep: number, help: string): OptionSpec<SynproxyValues> {
  return {
    name: field,
    args: 1,
    argument: 'NUMBER',
    help,
    set: (values, [text = '']) => {
      values[field] = readNumber('SYNPROXY', field, text, MAX_UINT32) & keep;
    },
    save: (values) => (values[field] === null ? null : shown(String(values[field]))),
  };
}

const options = [
  flag('sack-perm', 'sackPermitted', 'the servers take selective acknowledgements'),
  flag('timestamp', 'timestamp', 'the servers take timestamps'),
  number('wscale', 0xff, 'window scale of the servers'),
  number('mss', 0xffff, 'maximum segment size of the servers'),
  flag('ecn', 'ecn', 'the servers take congestion notification'),
];

export const synproxy = defineTarget<SynproxyValues>({
  name: 'SYNPROXY',
  hooks: [Hook.Input, Hook.Forward],
  options,
  initial: () => ({ sackPermitted: false, timestamp: false, wscale: null, mss: null, ecn: false }),
  check: (_values, rule) => requireProtocol(rule, 'SYNPROXY', Proto.Tcp),
  list: (values) => {
    const words = ['SYNPROXY'];
    for (const option of options) {
      const printed = option.save?.(values) ?? null;
      if (printed !== null) words.push(`${option.name} ${printed.text}`.trimEnd());
    }
    return `${words.join(' ')} `;
  },
  unenforced: () => 'connections are not proxied here: the next rule is asked',
  evaluator: () => goOn,
});
