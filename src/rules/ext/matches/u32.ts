import type { RuleContext } from '../../context.ts';
import { defineMatch, type MatchEvaluator } from '../../extension.ts';
import { shown } from '../../options.ts';
import { refused } from '../parts/match-place.ts';
import { Operator, parseTests, type Test, testsText } from '../parts/u32-text.ts';

/** `-m u32`: 32-bit words anywhere in the IP datagram, masked, shifted and compared (xt_u32). */

interface U32Values {
  tests: readonly Test[];
  negated: boolean;
}

/**
 * The tests in a row of integers, each [steps, ranges, start, (operator, number) for each step,
 * (min, max) for each range].
 */
function packTests(tests: readonly Test[]): Uint32Array {
  const words: number[] = [];
  for (const { start, steps, ranges } of tests) {
    words.push(steps.length, ranges.length, start);
    for (const { operator, number } of steps) words.push(operator, number);
    for (const { min, max } of ranges) words.push(min, max);
  }
  return Uint32Array.from(words);
}

class U32Evaluator implements MatchEvaluator {
  private readonly program: Uint32Array;
  private readonly negated: boolean;

  constructor(values: U32Values) {
    this.program = packTests(values.tests);
    this.negated = values.negated;
  }

  matches(ctx: RuleContext): boolean {
    return this.holds(ctx) !== this.negated;
  }

  private holds(ctx: RuleContext): boolean {
    const { program } = this;
    const { view, l3Offset, l3End } = ctx.packet;
    const length = l3End - l3Offset;
    for (let at = 0; at < program.length; ) {
      const stepsEnd = at + 3 + program[at]! * 2;
      const rangesEnd = stepsEnd + program[at + 1]! * 2;
      const start = program[at + 2]!;
      if (start > length - 4) return false;
      let value = view.getUint32(l3Offset + start);
      let base = 0;
      for (at += 3; at < stepsEnd; at += 2) {
        const number = program[at + 1]!;
        const operator = program[at]!;
        if (operator === Operator.And) value = (value & number) >>> 0;
        else if (operator === Operator.Left) value = (value << number) >>> 0;
        else if (operator === Operator.Right) value >>>= number;
        else {
          // What lies beyond the datagram ends the whole match, as in u32_match_it.
          base += value;
          if (base + number > length - 4) return false;
          value = view.getUint32(l3Offset + base + number);
        }
      }
      while (at < rangesEnd && (value < program[at]! || value > program[at + 1]!)) at += 2;
      if (at === rangesEnd) return false;
      at = rangesEnd;
    }
    return true;
  }
}

export const u32 = defineMatch<U32Values>({
  name: 'u32',
  options: [
    {
      name: 'u32',
      args: 1,
      argument: 'TESTS',
      help: 'tests of the form LOCATION=VALUE[:VALUE][,...], joined by &&',
      negatable: true,
      required: true,
      set: (value, [text = ''], negated) => {
        Object.assign(value, { tests: parseTests(text), negated });
      },
      save: (value) => shown(`"${testsText(value.tests)}"`, value.negated),
    },
  ],
  initial: () => ({ tests: [], negated: false }),
  check: ({ tests }) => {
    const isShift = (operator: number) => operator === Operator.Left || operator === Operator.Right;
    const steps = tests.flatMap((test) => test.steps);
    if (steps.some(({ operator, number }) => isShift(operator) && number >= 32)) {
      throw refused('u32: a word has 32 bits to shift');
    }
  },
  list: (value) => `u32 ${value.negated ? '! ' : ''}"${testsText(value.tests)}"`,
  evaluator: (values) => new U32Evaluator(values),
});
