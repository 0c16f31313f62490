import { formatWords, parseHostWords } from '../../address.ts';
import type { RuleContext } from '../../context.ts';
import { RuleFault } from '../../errors.ts';
import {
  defineMatch,
  type MatchBounds,
  type MatchEvaluator,
  type ParseScope,
} from '../../extension.ts';
import { type OptionSpec, shown } from '../../options.ts';

/** `-m iprange`: source or destination between two addresses, both included. */

interface Range {
  readonly min: readonly number[];
  readonly max: readonly number[];
  readonly negated: boolean;
}

interface IprangeValues {
  source: Range | null;
  destination: Range | null;
}

function parseRange(name: string, text: string, negated: boolean, scope: ParseScope): Range {
  const [low = '', high] = text.split(/-(.*)/s, 2);
  const address = (part: string) => {
    const words = parseHostWords(part, scope.family);
    if (words !== null) return words;
    throw new RuleFault('bad-value', `iprange: Bad value for "--${name}" option: "${part}"`);
  };
  const min = address(low);
  return { min, max: high === undefined ? min : address(high), negated };
}

const formatRange = ({ min, max }: Range) => `${formatWords(min)}-${formatWords(max)}`;

/** Compares two addresses as unsigned words, the first word first. */
function above(words: Uint32Array, w0: number, w1: number, w2: number, w3: number): boolean {
  if (w0 >>> 0 !== words[0]!) return w0 >>> 0 > words[0]!;
  if (w1 >>> 0 !== words[1]!) return w1 >>> 0 > words[1]!;
  if (w2 >>> 0 !== words[2]!) return w2 >>> 0 > words[2]!;
  return w3 >>> 0 > words[3]!;
}

function below(words: Uint32Array, w0: number, w1: number, w2: number, w3: number): boolean {
  if (w0 >>> 0 !== words[0]!) return w0 >>> 0 < words[0]!;
  if (w1 >>> 0 !== words[1]!) return w1 >>> 0 < words[1]!;
  if (w2 >>> 0 !== words[2]!) return w2 >>> 0 < words[2]!;
  return w3 >>> 0 < words[3]!;
}

/** Four words, of which IPv4 uses the first: the others are 0 there, as in the cursor. */
const fourWords = (words: readonly number[]) =>
  Uint32Array.from([0, 1, 2, 3], (i) => words[i] ?? 0);

class RangeTest {
  private readonly min: Uint32Array;
  private readonly max: Uint32Array;
  private readonly negated: boolean;

  constructor(range: Range) {
    this.min = fourWords(range.min);
    this.max = fourWords(range.max);
    this.negated = range.negated;
  }

  holds(w0: number, w1: number, w2: number, w3: number): boolean {
    const inside = !below(this.min, w0, w1, w2, w3) && !above(this.max, w0, w1, w2, w3);
    return inside !== this.negated;
  }
}

class IprangeEvaluator implements MatchEvaluator {
  private readonly source: RangeTest | null;
  private readonly destination: RangeTest | null;

  constructor({ source, destination }: IprangeValues) {
    this.source = source === null ? null : new RangeTest(source);
    this.destination = destination === null ? null : new RangeTest(destination);
  }

  matches(ctx: RuleContext): boolean {
    const { src0, src1, src2, src3, dst0, dst1, dst2, dst3 } = ctx.packet;
    if (this.source !== null && !this.source.holds(src0, src1, src2, src3)) return false;
    return this.destination === null || this.destination.holds(dst0, dst1, dst2, dst3);
  }
}

function option(name: string, field: keyof IprangeValues): OptionSpec<IprangeValues> {
  return {
    name,
    args: 1,
    argument: 'ADDRESS[-ADDRESS]',
    help: `${field} address, or a range of addresses`,
    negatable: true,
    set: (value, [text = ''], negated, scope) => {
      value[field] = parseRange(name, text, negated, scope);
    },
    save: (value) => {
      const range = value[field];
      return range === null ? null : shown(formatRange(range), range.negated);
    },
  };
}

function boundsOf({ source, destination }: IprangeValues): readonly MatchBounds[] {
  return [
    {
      ...(source === null || source.negated ? {} : { source }),
      ...(destination === null || destination.negated ? {} : { destination }),
    },
  ];
}

export const iprange = defineMatch<IprangeValues>({
  name: 'iprange',
  options: [option('src-range', 'source'), option('dst-range', 'destination')],
  initial: () => ({ source: null, destination: null }),
  finish: ({ source, destination }) => {
    if (source !== null || destination !== null) return;
    const words = "iprange match: You must specify `--src-range' or `--dst-range'";
    throw new RuleFault('missing-option', words);
  },
  list: ({ source, destination }) => {
    const text = (label: string, range: Range | null) =>
      range === null ? [] : [`${label} IP range${range.negated ? ' !' : ''} ${formatRange(range)}`];
    return [...text('source', source), ...text('destination', destination)].join(' ');
  },
  bounds: boundsOf,
  steady: true,
  evaluator: (value) => new IprangeEvaluator(value),
});
