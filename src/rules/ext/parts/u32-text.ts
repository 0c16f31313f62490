import { RuleFault } from '../../errors.ts';
import { hex } from '../../numbers.ts';

/**
 * The language of `-m u32`: `0>>22&0x3C@12>>26&0x3C@0=1,5:10&&6&0xFF=6`.
 *
 *   tests    = test *( "&&" test )
 *   test     = location "=" range *( "," range )
 *   location = number *( ( "&" / "<<" / ">>" / "@" ) number )
 *   range    = number [ ":" number ]
 */

export const Operator = { And: 0, Left: 1, Right: 2, At: 3 } as const;
export type OperatorCode = 0 | 1 | 2 | 3;
const signs = ['&', '<<', '>>', '@'] as const;

export interface Step {
  readonly operator: OperatorCode;
  readonly number: number;
}

export interface Range {
  readonly min: number;
  readonly max: number;
}

export interface Test {
  readonly start: number;
  readonly steps: readonly Step[];
  readonly ranges: readonly Range[];
}

/** XT_U32_MAXSIZE less one: tests, numbers of a location, ranges of a test. */
const MAX_PARTS = 10;

const fault = (words: string) => new RuleFault('bad-value', `u32: ${words}`);

class Reader {
  private readonly text: string;
  private at = 0;

  constructor(text: string) {
    this.text = text;
  }

  tests(): Test[] {
    const tests: Test[] = [];
    do {
      tests.push(this.test());
      if (tests.length > MAX_PARTS) throw this.fault('too many "&&"s');
    } while (this.skipBlanks() !== '');
    return tests;
  }

  /** One test with the `&&` behind it, if there is one. */
  private test(): Test {
    const steps: Step[] = [];
    let start = -1;
    for (let operator: OperatorCode | null = null; ; ) {
      if (start < 0 && this.skipBlanks() === '') throw this.endOfLocation();
      const number = this.number();
      if (operator === null) start = number;
      else steps.push({ operator, number });
      if (steps.length === MAX_PARTS) throw this.fault('too many operators');
      operator = this.operator();
      if (operator === null) return { start, steps, ranges: this.ranges() };
    }
  }

  private operator(): OperatorCode | null {
    const sign = this.skipBlanks();
    if (sign === '') throw this.endOfLocation();
    this.at++;
    if (sign === '=') return null;
    const code = signs.findIndex((known) => known.startsWith(sign));
    if (code < 0) {
      this.at--;
      throw this.fault('operator expected');
    }
    if (signs[code]!.length === 2) this.second(sign);
    return code as OperatorCode;
  }

  private ranges(): Range[] {
    const ranges: Range[] = [];
    if (this.skipBlanks() === '') throw fault('test ended with no value specified');
    for (;;) {
      ranges.push(this.range());
      if (ranges.length > MAX_PARTS) throw this.fault('too many ","s');
      const sign = this.skipBlanks();
      if (sign === '') return ranges;
      if (sign !== ',' && sign !== '&') throw this.fault('expected "," or "&&"');
      this.at++;
      if (sign === '&') {
        this.second('&');
        if (this.skipBlanks() === '') throw this.endOfLocation();
        return ranges;
      }
    }
  }

  private range(): Range {
    this.skipBlanks();
    const min = this.number();
    if (this.skipBlanks() !== ':') return { min, max: min };
    this.at++;
    this.skipBlanks();
    return { min, max: this.number() };
  }

  /** The second half of `<<`, `>>` and `&&`, which no blank may part from the first. */
  private second(sign: string): void {
    if (this.text[this.at] !== sign) throw this.fault(`a second '${sign}' was expected`);
    this.at++;
  }

  private number(): number {
    this.skipBlanks();
    const number = /^\+?(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9]\d*)/.exec(this.text.slice(this.at));
    const digits = number?.[1] ?? '';
    const isOctal = /^0[0-7]+$/.test(digits);
    const value = isOctal ? Number.parseInt(digits, 8) : Number(digits);
    if (number === null || value > 0xffffffff) throw this.fault('not a number or out of range');
    this.at += number[0].length;
    return value;
  }

  /** The next character that is no blank, '' at the end. */
  private skipBlanks(): string {
    while (/\s/.test(this.text[this.at] ?? '')) this.at++;
    return this.text[this.at] ?? '';
  }

  private endOfLocation(): RuleFault {
    return fault('abrupt end of input after location specifier');
  }

  private fault(words: string): RuleFault {
    return fault(`at char ${this.at}: ${words}`);
  }
}

/** Throws in the words of iptables, which count characters from 0. */
export function parseTests(text: string): Test[] {
  return new Reader(text).tests();
}

const rangeText = ({ min, max }: Range) => (min === max ? hex(min) : `${hex(min)}:${hex(max)}`);

function testText({ start, steps, ranges }: Test): string {
  const location = steps.map(({ operator, number }) => `${signs[operator]}${hex(number)}`).join('');
  return `${hex(start)}${location}=${ranges.map(rangeText).join(',')}`;
}

/** The tests without blanks and with all numbers in hexadecimal. */
export const testsText = (tests: readonly Test[]) => tests.map(testText).join('&&');
