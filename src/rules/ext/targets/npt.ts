import { formatWords } from '../../address.ts';
import { Hook, type HookCode } from '../../context.ts';
import { defineTarget } from '../../extension.ts';
import { type OptionSpec, shown } from '../../options.ts';
import { goOn } from '../parts/fixed-verdict.ts';
import { refused } from '../parts/match-place.ts';
import { maskAddress, parsePrefix } from '../parts/target-address.ts';

/** `-j SNPT` and `-j DNPT`: stateless prefix translation of IPv6 (RFC 6296). Not enforced. */

interface Prefix {
  readonly address: readonly number[];
  readonly length: number;
}

interface NptValues {
  from: Prefix | null;
  to: Prefix | null;
}

const formatPrefix = (prefix: Prefix | null) =>
  prefix === null ? '' : `${formatWords(prefix.address)}/${prefix.length}`;

/** ip6t_npt_checkentry: 64 bits at most, and no bits behind them. */
function isUsable(prefix: Prefix | null): boolean {
  if (prefix === null || prefix.length > 64) return false;
  const masked = maskAddress(prefix.address, prefix.length);
  return prefix.address.every((word, i) => word === masked[i]);
}

function nptTarget(name: 'SNPT' | 'DNPT', hooks: readonly HookCode[]) {
  const option = (
    field: 'from' | 'to',
    optionName: string,
    help: string,
  ): OptionSpec<NptValues> => ({
    name: optionName,
    args: 1,
    argument: 'PREFIX/LENGTH',
    help,
    required: true,
    set: (values, [text = '']) => {
      values[field] = parsePrefix(name, optionName, text, 6);
    },
    save: (values) => shown(formatPrefix(values[field])),
  });
  return defineTarget<NptValues>({
    name,
    families: [6],
    tables: ['mangle'],
    hooks,
    options: [
      option('from', 'src-pfx', 'prefix that is replaced'),
      option('to', 'dst-pfx', 'prefix that takes its place'),
    ],
    initial: () => ({ from: null, to: null }),
    check: ({ from, to }) => {
      if (isUsable(from) && isUsable(to)) return;
      const detail = `${name}: prefixes of up to 64 bits, with zeros behind`;
      throw refused(detail);
    },
    list: ({ from, to }) => `${name} src-pfx ${formatPrefix(from)} dst-pfx ${formatPrefix(to)}`,
    unenforced: () => 'prefixes are not translated here: the next rule is asked',
    evaluator: () => goOn,
  });
}

export const snpt = nptTarget('SNPT', [Hook.Input, Hook.Postrouting]);
export const dnpt = nptTarget('DNPT', [Hook.Prerouting, Hook.Output]);
