import { type NflogOptions, type RuleContext, Verdict, type VerdictCode } from '../../context.ts';
import { defineTarget, type TargetEvaluator } from '../../extension.ts';
import { type OptionSpec, quoteWord, shown } from '../../options.ts';
import { MAX_UINT32, readLogPrefix, readNumber } from '../parts/option-values.ts';

/** `-j NFLOG`: hands a copy of the packet to a log group and goes on. */

interface NflogValues {
  prefix: string;
  group: number;
  range: number;
  size: number | null;
  threshold: number;
}

/** Space of the prefix in xt_nflog_info, less the closing NUL. */
const MAX_PREFIX_BYTES = 63;

class NflogEvaluator implements TargetEvaluator {
  private readonly options: NflogOptions;

  constructor({ prefix, group, size, threshold }: NflogValues) {
    // --nflog-range never cut anything (F_COPY_LEN is set by --nflog-size only).
    this.options = { prefix, group, size: size ?? 0, threshold };
  }

  apply(ctx: RuleContext): VerdictCode {
    ctx.actions.nflog(this.options);
    return Verdict.Continue;
  }
}

function numberOption(
  field: 'group' | 'range' | 'threshold',
  max: number,
  help: string,
): OptionSpec<NflogValues> {
  const name = `nflog-${field}`;
  return {
    name,
    args: 1,
    argument: 'NUMBER',
    help,
    ...(field === 'range' && { excludes: ['nflog-size'] }),
    set: (values, [text = '']) => {
      values[field] = readNumber('NFLOG', name, text, max);
    },
    save: (values) => (values[field] === 0 ? null : shown(String(values[field]))),
  };
}

const options: readonly OptionSpec<NflogValues>[] = [
  {
    name: 'nflog-prefix',
    args: 1,
    argument: 'TEXT',
    help: 'text in front of each entry, up to 63 bytes',
    set: (values, [text = '']) => {
      // The message names the option of LOG, as that of iptables does.
      values.prefix = readLogPrefix(text, 'log-prefix', MAX_PREFIX_BYTES);
    },
    save: ({ prefix }) => (prefix === '' ? null : shown(quoteWord(prefix))),
  },
  numberOption('group', 0xffff, 'log group, 0 where not given'),
  numberOption('range', MAX_UINT32, 'without effect; use --nflog-size'),
  {
    name: 'nflog-size',
    args: 1,
    argument: 'BYTES',
    help: 'bytes of the packet that are copied',
    excludes: ['nflog-range'],
    set: (values, [text = '']) => {
      values.size = readNumber('NFLOG', 'nflog-size', text, MAX_UINT32);
    },
    save: ({ size }) => (size === null ? null : shown(String(size))),
  },
  numberOption('threshold', 0xffff, 'entries to collect before they are handed over'),
];

export const nflog = defineTarget<NflogValues>({
  name: 'NFLOG',
  options,
  initial: () => ({ prefix: '', group: 0, range: 0, size: null, threshold: 0 }),
  list: (values) => {
    const words = options.flatMap((option) => {
      const printed = option.save?.(values) ?? null;
      return printed === null ? [] : [`${option.name} ${printed.text}`];
    });
    return words.join(' ');
  },
  unenforced: ({ range }) =>
    range > 0 ? '--nflog-range never had an effect: the whole packet is copied' : null,
  evaluator: (values) => new NflogEvaluator(values),
});
