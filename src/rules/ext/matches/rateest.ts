import { NO_SUCH_NAME, RuleFault } from '../../errors.ts';
import { defineMatch, type ListView } from '../../extension.ts';
import { parseUnsigned } from '../../numbers.ts';
import { type OptionSpec, shown } from '../../options.ts';
import { FixedAnswer } from '../parts/fixed-answer.ts';
import { refused } from '../parts/match-place.ts';
import { cutText, MAX_UINT32 } from '../parts/option-values.ts';
import { formatBitRate, parseBitRate } from '../parts/rateest-rate.ts';

/** `-m rateest`: rates that `-j RATEEST` estimates, against a number or each other. Not enforced. */

type Mode = 'lt' | 'gt' | 'eq';
type Unit = 'bps' | 'pps';

interface RateestValues {
  first: string;
  /** The other estimator, where two are compared; null where a number is compared with. */
  second: string | null;
  delta: boolean;
  mode: Mode | null;
  negated: boolean;
  /** Bytes a second, and packets a second, of the first and the second side; null: not asked. */
  bps: [number, number] | null;
  pps: [number, number] | null;
}

/** IFNAMSIZ less the closing NUL. */
const MAX_NAME_BYTES = 15;

const words = {
  bps: { argument: '[RATE]', what: 'bits', parse: parseBitRate },
  pps: {
    argument: '[NUMBER]',
    what: 'packets',
    parse: (text: string) => parseUnsigned(text, MAX_UINT32),
  },
} as const;

/** `rateest` is the word where a number is compared with, `rateest1` where another estimator is. */
function nameOption(name: 'rateest' | 'rateest1'): OptionSpec<RateestValues> {
  return {
    name,
    args: 1,
    argument: 'NAME',
    help: name === 'rateest' ? 'the estimator' : 'the first of two estimators',
    group: 'rateest1',
    repeated: "rateest: can't specify --rateest1 twice",
    inverted: "rateest: rateest can't be inverted",
    set: (value, [text = '']) => {
      value.first = cutText(text, MAX_NAME_BYTES);
    },
    save: (value) =>
      (value.second === null) === (name === 'rateest') ? shown(saved(value)) : null,
  };
}

/** The value may be left out: between two estimators only --rateest-delta needs one. */
function rateOption(unit: Unit, suffix: '' | '1' | '2'): OptionSpec<RateestValues> {
  const name = `rateest-${unit}${suffix}`;
  const { argument, what, parse } = words[unit];
  const side = suffix === '1' ? 0 : 1;
  return {
    name,
    args: 'optional',
    argument,
    help: suffix === '' ? `compares ${what} a second` : `${what} a second of estimator ${suffix}`,
    group: `rateest-${unit}${side + 1}`,
    repeated: `rateest: can't specify --rateest-${unit}${side + 1} twice`,
    inverted: `rateest: rateest-${unit} can't be inverted`,
    set: (value, [text]) => {
      value[unit] ??= [0, 0];
      if (text === undefined) return;
      const number = parse(text);
      if (number === null) {
        const kind = unit === 'bps' ? 'rate' : 'pps';
        throw new RuleFault('bad-value', `rateest: could not parse ${kind} \`${text}'`);
      }
      value[unit][side] = number;
    },
  };
}

function modeOption(mode: Mode, help: string): OptionSpec<RateestValues> {
  return {
    name: `rateest-${mode}`,
    args: 0,
    help,
    negatable: true,
    repeated: "rateest: can't specify lt/gt/eq twice",
    set: (value, _args, negated) => {
      value.mode = mode;
      value.negated ||= negated;
    },
  };
}

const options: readonly OptionSpec<RateestValues>[] = [
  {
    name: 'rateest-delta',
    args: 0,
    help: 'compares what is left of a given rate after the estimated one',
    repeated: "rateest: can't specify --rateest-delta twice",
    inverted: "rateest: rateest-delta can't be inverted",
    set: (value) => {
      value.delta = true;
    },
    save: ({ delta }) => (delta ? shown('') : null),
  },
  nameOption('rateest'),
  nameOption('rateest1'),
  {
    name: 'rateest2',
    args: 1,
    argument: 'NAME',
    help: 'the second of two estimators',
    repeated: "rateest: can't specify --rateest2 twice",
    inverted: "rateest: rateest can't be inverted",
    set: (value, [text = '']) => {
      value.second = cutText(text, MAX_NAME_BYTES);
    },
  },
  ...(['', '1', '2'] as const).flatMap((suffix) => [
    rateOption('bps', suffix),
    rateOption('pps', suffix),
  ]),
  modeOption('lt', 'the rate is less'),
  modeOption('gt', 'the rate is greater'),
  modeOption('eq', 'the rate is the same'),
];

const formatRate = (unit: Unit, value: number) =>
  unit === 'bps' ? formatBitRate(value) : String(value);

const units: readonly Unit[] = ['bps', 'pps'];

/** From the name on, in iptables' order, which says the relation once for each unit. */
function saved(value: RateestValues): string {
  const { first, second, delta, mode, negated } = value;
  const parts = [first];
  for (const unit of units) {
    const rates = value[unit];
    if (rates === null) continue;
    if (delta) parts.push(`--rateest-${unit}1 ${formatRate(unit, rates[0])}`);
    parts.push(`${negated ? '! ' : ''}--rateest-${mode}`);
    parts.push(`--rateest-${unit}${delta ? '2' : ''}`);
    if (delta || second === null) parts.push(formatRate(unit, rates[1]));
  }
  if (second !== null) parts.push(`--rateest2 ${second}`);
  return parts.join(' ');
}

function list(value: RateestValues, { numeric }: ListView): string {
  const { first, second, delta, bps, pps } = value;
  const relation = `${value.negated ? '! ' : ''}${value.mode}`;
  const isAbsolute = second === null;
  const rate = (bytes: number) => (numeric ? String(bytes) : formatBitRate(bytes));
  const parts = [`rateest match ${first}`];
  if (delta) parts.push('delta');
  if (bps !== null) {
    parts.push('bps');
    if (delta) parts.push(rate(bps[0]));
    if (isAbsolute) parts.push(rate(bps[1]), relation);
  }
  if (pps !== null) {
    parts.push('pps');
    if (delta) parts.push(String(pps[0]));
    if (isAbsolute) parts.push(relation, String(pps[1]));
  }
  if (isAbsolute) return parts.join(' ');
  parts.push(relation, second);
  if (bps !== null) parts.push(delta ? `bps ${rate(bps[1])}` : 'bps');
  if (pps !== null) parts.push(delta ? `pps ${pps[1]}` : 'pps');
  return parts.join(' ');
}

export const rateest = defineMatch<RateestValues>({
  name: 'rateest',
  options,
  initial: () => ({
    first: '',
    second: null,
    delta: false,
    mode: null,
    negated: false,
    bps: null,
    pps: null,
  }),
  check: ({ first, second, mode, bps, pps }) => {
    // xt_rateest_mt_checkentry. Whether an estimator of the name exists is not looked at here.
    if (mode === null || (bps === null && pps === null)) {
      const detail = 'rateest: needs --rateest-bps or --rateest-pps, and one of -lt, -gt and -eq';
      throw refused(detail);
    }
    if (first === '' || second === '') {
      throw new RuleFault('invalid-rule', NO_SUCH_NAME, 'rateest: an estimator has no name');
    }
  },
  list,
  unenforced: () => 'rates are not estimated here: no packet matches',
  steady: true,
  evaluator: () => new FixedAnswer(false),
});
