import type { Prng } from '../../../base/index.ts';
import type { RuleContext } from '../../context.ts';
import { RuleFault } from '../../errors.ts';
import { defineMatch, type MatchEvaluator, type ParseScope } from '../../extension.ts';
import { shown } from '../../options.ts';
import { MAX_UINT32, outOfRange, readNumber } from '../parts/option-values.ts';

/** `-m statistic`: packets by chance, or every nth one. */

/** A probability of 1: the kernel compares with 31 random bits. */
const CERTAIN = 0x80000000;

interface StatisticValues {
  mode: 'random' | 'nth';
  /** In parts of `CERTAIN`. */
  probability: number;
  every: number;
  packet: number;
  negated: boolean;
}

/** A number as strtod reads it, of which hexadecimal fractions (0x1p-2) are not taken. */
function parseProbability(text: string): number {
  const isDecimal = /^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text);
  const value = isDecimal ? Number(text) : Number.NaN;
  if (!(value >= 0 && value <= 1)) throw outOfRange('statistic', 'probability', 0, 1);
  return Math.round(value * CERTAIN);
}

class RandomEvaluator implements MatchEvaluator {
  private readonly random: Prng;
  private readonly probability: number;
  private readonly negated: boolean;

  constructor(values: StatisticValues, random: Prng) {
    this.random = random;
    this.probability = values.probability;
    this.negated = values.negated;
  }

  matches(_ctx: RuleContext): boolean {
    return (this.random.next() & 0x7fffffff) < this.probability !== this.negated;
  }
}

class NthEvaluator implements MatchEvaluator {
  private readonly every: number;
  private readonly negated: boolean;
  /** Packets still to come before the one that matches. */
  private readonly waiting: Uint32Array;

  constructor(values: StatisticValues) {
    this.every = values.every;
    this.negated = values.negated;
    this.waiting = Uint32Array.of(values.packet);
  }

  matches(_ctx: RuleContext): boolean {
    const hit = this.waiting[0] === 0;
    this.waiting[0] = hit ? this.every - 1 : this.waiting[0]! - 1;
    return hit !== this.negated;
  }
}

const probabilityText = (value: StatisticValues) => (value.probability / CERTAIN).toFixed(11);

function finish(value: StatisticValues, _scope: ParseScope, given: ReadonlySet<string>): void {
  const { mode, every, packet } = value;
  if (mode === 'random' && !given.has('probability')) {
    const words = '--probability must be specified when using random mode';
    throw new RuleFault('missing-option', words);
  }
  if (mode === 'nth') checkNth(given, every, packet);
}

function checkNth(given: ReadonlySet<string>, every: number, packet: number): void {
  if (!given.has('every') && !given.has('packet')) {
    const words = '--every and --packet must be specified when using nth mode';
    throw new RuleFault('missing-option', words);
  }
  if (given.has('every') ? packet >= every : packet > 0) {
    throw new RuleFault('bad-value', 'the --packet p must be 0 <= p <= n-1');
  }
}

export const statistic = defineMatch<StatisticValues>({
  name: 'statistic',
  stateful: true,
  options: [
    {
      name: 'mode',
      required: true,
      args: 1,
      argument: 'random|nth',
      help: 'by chance, or by counting',
      set: (value, [text = '']) => {
        if (text !== 'random' && text !== 'nth') {
          throw new RuleFault('bad-value', `Bad mode "${text}"`);
        }
        value.mode = text;
      },
      save: (value) => shown(value.mode),
    },
    {
      name: 'probability',
      excludes: ['every', 'packet'],
      args: 1,
      argument: '0..1',
      help: 'share of the packets that match (random)',
      negatable: true,
      set: (value, [text = ''], negated) => {
        value.probability = parseProbability(text);
        value.negated ||= negated;
      },
      save: (value) =>
        value.mode === 'random' ? shown(probabilityText(value), value.negated) : null,
    },
    {
      name: 'every',
      requires: ['packet'],
      args: 1,
      argument: 'N',
      help: 'one packet of N matches (nth)',
      negatable: true,
      set: (value, [text = ''], negated) => {
        value.every = readNumber('statistic', 'every', text, MAX_UINT32, 1);
        value.negated ||= negated;
      },
      save: (value) => (value.mode === 'nth' ? shown(String(value.every), value.negated) : null),
    },
    {
      name: 'packet',
      requires: ['every'],
      args: 1,
      argument: 'P',
      help: 'packets to let pass before the first that matches, 0 to N-1 (nth)',
      set: (value, [text = '']) => {
        value.packet = readNumber('statistic', 'packet', text, MAX_UINT32);
      },
      save: (value) => (value.mode === 'nth' ? shown(String(value.packet)) : null),
    },
  ],
  initial: () => ({
    mode: 'random',
    probability: 0,
    every: 1,
    packet: 0,
    negated: false,
  }),
  finish,
  list: (value) => {
    const not = value.negated ? '! ' : '';
    if (value.mode === 'random') {
      return `statistic mode random ${not}probability ${probabilityText(value)}`;
    }
    const packet = value.packet === 0 ? '' : ` packet ${value.packet}`;
    return `statistic mode nth ${not}every ${value.every}${packet}`;
  },
  evaluator: (values, scope) =>
    values.mode === 'random' ? new RandomEvaluator(values, scope.random) : new NthEvaluator(values),
});
