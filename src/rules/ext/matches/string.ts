import type { RuleContext } from '../../context.ts';
import { NO_SUCH_NAME, RuleFault } from '../../errors.ts';
import { defineMatch, type MatchEvaluator } from '../../extension.ts';
import { type OptionSpec, shown } from '../../options.ts';
import { refused } from '../parts/match-place.ts';
import { MAX_UINT16, readNumber } from '../parts/option-values.ts';
import { needsHex, parseHexPattern, parsePlain, patternText } from '../parts/string-text.ts';
import { BoyerMoore, KnuthMorrisPratt, type TextSearch } from '../parts/text-search.ts';

/** `-m string`: bytes that occur anywhere in the IP datagram, its headers included (xt_string). */

interface StringValues {
  pattern: Uint8Array;
  negated: boolean;
  algorithm: string;
  from: number;
  to: number;
  ignoreCase: boolean;
}

function patternOption(name: 'string' | 'hex-string'): OptionSpec<StringValues> {
  const isHex = name === 'hex-string';
  return {
    name,
    args: 1,
    argument: isHex ? 'TEXT|HEX|TEXT' : 'TEXT',
    ...(!isHex && { excludes: ['hex-string'] }),
    help: isHex ? 'bytes to look for, with hexadecimal between |' : 'text to look for',
    negatable: true,
    set: (value, [text = ''], negated) => {
      value.pattern = isHex ? parseHexPattern(text) : parsePlain(text);
      value.negated ||= negated;
    },
    save: (value) =>
      needsHex(value.pattern) === isHex ? shown(patternText(value.pattern), value.negated) : null,
  };
}

function offsetOption(name: 'from' | 'to', otherwise: number): OptionSpec<StringValues> {
  return {
    name,
    args: 1,
    argument: 'OFFSET',
    help: name === 'from' ? 'where the search begins (0)' : 'where it ends (65535)',
    set: (value, [text = '']) => {
      value[name] = readNumber('string', name, text, MAX_UINT16);
    },
    save: (value) => (value[name] === otherwise ? null : shown(String(value[name]))),
  };
}

class StringEvaluator implements MatchEvaluator {
  private readonly search: TextSearch;
  private readonly from: number;
  private readonly to: number;
  private readonly negated: boolean;

  constructor(values: StringValues) {
    const { pattern, ignoreCase } = values;
    this.search =
      values.algorithm === 'kmp'
        ? new KnuthMorrisPratt(pattern, ignoreCase)
        : new BoyerMoore(pattern, ignoreCase);
    this.from = values.from;
    this.to = values.to;
    this.negated = values.negated;
  }

  matches(ctx: RuleContext): boolean {
    const { bytes, l3Offset, l3End } = ctx.packet;
    // skb_find_text: the whole pattern lies before `to`.
    const end = l3Offset + this.to;
    const found = this.search.occurs(bytes, l3Offset + this.from, Math.min(end, l3End));
    return found !== this.negated;
  }
}

/** Refusals of string_mt_check. */
function check(value: StringValues): void {
  if (value.from > value.to) {
    throw refused('string: --from is above --to');
  }
  // "fsm" is an algorithm of the kernel that takes no pattern of this kind.
  if (value.pattern.length === 0 || value.algorithm === 'fsm') {
    throw refused('string: nothing to look for');
  }
  if (value.algorithm !== 'bm' && value.algorithm !== 'kmp') {
    throw new RuleFault('invalid-rule', NO_SUCH_NAME, 'string: --algo is bm or kmp');
  }
}

export const string = defineMatch<StringValues>({
  name: 'string',
  options: [
    patternOption('string'),
    patternOption('hex-string'),
    {
      name: 'algo',
      required: true,
      args: 1,
      argument: 'bm|kmp',
      help: 'how to search: Boyer-Moore or Knuth-Morris-Pratt',
      set: (value, [text = '']) => {
        value.algorithm = text;
      },
      save: (value) => shown(value.algorithm),
    },
    offsetOption('from', 0),
    offsetOption('to', MAX_UINT16),
    {
      name: 'icase',
      args: 0,
      help: 'small and capital letters are the same',
      set: (value) => {
        value.ignoreCase = true;
      },
      save: (value) => (value.ignoreCase ? shown('') : null),
    },
  ],
  initial: () => ({
    pattern: new Uint8Array(0),
    negated: false,
    algorithm: '',
    from: 0,
    to: MAX_UINT16,
    ignoreCase: false,
  }),
  finish: (_value, _scope, given) => {
    if (!given.has('string') && !given.has('hex-string')) {
      const words = "STRING match: You must specify `--string' or `--hex-string'";
      throw new RuleFault('missing-option', words);
    }
  },
  check,
  list: (value) => {
    const parts = [`STRING match ${value.negated ? '!' : ''} ${patternText(value.pattern)}`];
    parts.push(`ALGO name ${value.algorithm}`);
    if (value.from !== 0) parts.push(`FROM ${value.from}`);
    if (value.to !== MAX_UINT16) parts.push(`TO ${value.to}`);
    if (value.ignoreCase) parts.push('ICASE');
    return parts.join(' ');
  },
  evaluator: (values) => new StringEvaluator(values),
});
