import { Proto } from '../../../wire/index.ts';
import type { RuleContext } from '../../context.ts';
import { RuleFault } from '../../errors.ts';
import { defineMatch, type MatchEvaluator, type WalkSignal } from '../../extension.ts';
import { parseUnsigned } from '../../numbers.ts';
import { type NumberCondition, NumberTest, saveCondition } from '../parts/number-condition.ts';
import { MAX_UINT8, type NumberRange } from '../parts/option-values.ts';

/** `-m mh`: the type of a mobility header (RFC 6275 section 6.1). */

interface MhValues {
  type: NumberCondition | null;
}

const MOBILITY_HEADER = 135;
const HEADER_LEN = 6;

/** Long and short name of each type, in the order of their numbers. */
const typeNames: readonly (readonly [string, string])[] = [
  ['binding-refresh-request', 'brr'],
  ['home-test-init', 'hoti'],
  ['careof-test-init', 'coti'],
  ['home-test', 'hot'],
  ['careof-test', 'cot'],
  ['binding-update', 'bu'],
  ['binding-acknowledgement', 'ba'],
  ['binding-error', 'be'],
];

/** A number, a name, or a beginning of one that leaves no doubt which type is meant. */
function parseType(text: string): number {
  const lower = text.toLowerCase();
  const exact = typeNames.findIndex((names) => names.includes(lower));
  if (exact >= 0) return exact;
  const number = parseUnsigned(text, MAX_UINT8);
  const begun = typeNames
    .map((names, type) => (names.some((name) => name.startsWith(lower)) ? type : -1))
    .filter((type) => type >= 0);
  if (begun.length === 1) return begun[0]!;
  if (number === null) throw new RuleFault('bad-value', `Invalid MH type \`${text}'`);
  return number;
}

function parseTypes(text: string): NumberRange {
  const [low = '', high] = text.split(/:(.*)/s, 2);
  if (high === undefined) {
    const type = parseType(low);
    return { min: type, max: type };
  }
  const min = low === '' ? 0 : parseType(low);
  const max = high === '' ? MAX_UINT8 : parseType(high);
  if (min > max) throw new RuleFault('bad-value', 'Invalid MH type range (min > max)');
  return { min, max };
}

class MhEvaluator implements MatchEvaluator {
  private readonly type: NumberTest;
  private readonly signal: WalkSignal;

  constructor({ type }: MhValues, signal: WalkSignal) {
    this.type = new NumberTest(type);
    this.signal = signal;
  }

  matches(ctx: RuleContext): boolean {
    const { packet } = ctx;
    if (packet.fragmentOffset !== 0) return false;
    const { view, l4Offset } = packet;
    // RFC 6275 6.1.1: nothing follows a mobility header. xt_mh drops what is cut off or says else.
    if (l4Offset + HEADER_LEN > packet.l3End || view.getUint8(l4Offset) !== Proto.NoNext) {
      this.signal.hotdrop = true;
      return false;
    }
    return this.type.holds(view.getUint8(l4Offset + 2));
  }
}

export const mh = defineMatch<MhValues>({
  name: 'mh',
  families: [6],
  protocol: MOBILITY_HEADER,
  options: [
    {
      name: 'mh-type',
      args: 1,
      argument: 'TYPE[:TYPE]',
      help: `type by number or name: ${typeNames.map(([name, short]) => `${name} (${short})`).join(', ')}`,
      negatable: true,
      set: (value, [text = ''], negated) => {
        value.type = { ...parseTypes(text), negated };
      },
      save: ({ type }) => saveCondition(type, MAX_UINT8),
    },
  ],
  initial: () => ({ type: null }),
  list: ({ type }, view) => {
    if (type === null || saveCondition(type, MAX_UINT8) === null) return 'mh';
    const name = (number: number) => (view.numeric ? null : typeNames[number]?.[0]) ?? `${number}`;
    const range = type.min === type.max ? name(type.min) : `${name(type.min)}:${name(type.max)}`;
    return `mh ${type.negated ? '!' : ''}${range}`;
  },
  evaluator: (value, { signal }) => new MhEvaluator(value, signal),
});
