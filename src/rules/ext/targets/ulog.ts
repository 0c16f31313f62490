import { defineTarget } from '../../extension.ts';
import { type OptionSpec, quoteWord, shown } from '../../options.ts';
import { goOn } from '../parts/fixed-verdict.ts';
import { readLogPrefix, readNumber } from '../parts/option-values.ts';

/** `-j ULOG`: what NFLOG replaced; kernels since 3.17 have it no more. Not enforced. */

interface UlogValues {
  prefix: string;
  group: number;
  copyRange: number;
  threshold: number;
}

/** ULOG_PREFIX_LEN less the closing NUL. */
const MAX_PREFIX_BYTES = 31;

function numberOption(
  name: string,
  field: 'group' | 'copyRange' | 'threshold',
  bounds: { min: number; max: number; standard: number },
  help: string,
): OptionSpec<UlogValues> {
  return {
    name,
    args: 1,
    argument: 'NUMBER',
    help,
    set: (values, [text = '']) => {
      values[field] = readNumber('ULOG', name, text, bounds.max, bounds.min);
    },
    save: (values) => (values[field] === bounds.standard ? null : shown(String(values[field]))),
  };
}

export const ulog = defineTarget<UlogValues>({
  name: 'ULOG',
  families: [4],
  options: [
    {
      name: 'ulog-prefix',
      args: 1,
      argument: 'TEXT',
      help: 'text in front of each entry, up to 31 bytes',
      set: (values, [text = '']) => {
        values.prefix = readLogPrefix(text, 'ulog-prefix', MAX_PREFIX_BYTES);
      },
      save: ({ prefix }) => (prefix === '' ? null : shown(quoteWord(prefix))),
    },
    numberOption('ulog-nlgroup', 'group', { min: 1, max: 32, standard: 1 }, 'netlink group'),
    numberOption(
      'ulog-cprange',
      'copyRange',
      { min: 0, max: 0xffffffff, standard: 0 },
      'bytes of the packet that are copied, 0 for all',
    ),
    numberOption(
      'ulog-qthreshold',
      'threshold',
      { min: 1, max: 50, standard: 1 },
      'entries to collect before they are handed over',
    ),
  ],
  initial: () => ({ prefix: '', group: 1, copyRange: 0, threshold: 1 }),
  list: ({ prefix, group, copyRange, threshold }) => {
    const head = `ULOG copy_range ${copyRange} nlgroup ${group}`;
    return `${head}${prefix === '' ? '' : ` prefix "${prefix}"`} queue_threshold ${threshold}`;
  },
  unenforced: () => 'nothing is logged by ULOG, here as in kernels since 3.17; use NFLOG',
  evaluator: () => goOn,
});
