import { RuleFault } from '../../errors.ts';
import { evaluate } from './arithmetic.ts';
import { isProgram } from './names.ts';
import { MAX_SEARCHED, Pattern } from './pattern.ts';
import { Regular } from './regular.ts';
import type { ShellState } from './state.ts';
import { negateStatus, type Status, type Unknown } from './unknown.ts';

/** `test`, `[ … ]` and `[[ … ]]`. */

/** One word of a condition. `pattern` is its form on the right of `==` within `[[`. */
export interface Operand {
  readonly text: string;
  readonly pattern: string;
  /** True for unquoted words, which alone can be operators within `[[`. */
  readonly plain: boolean;
  /** Its form on the right of `=~`. */
  readonly expression?: string;
}

const textOperators = ['=', '==', '!=', '<', '>', '\\<', '\\>'];
const numberOperators = ['-eq', '-ne', '-lt', '-le', '-gt', '-ge'];
const fileOperators = ['-nt', '-ot', '-ef'];
const unary = /^-[abcdefghknprstuvwxzGLNOS]$/;

/** The exit status of a condition: 0, 1, 2 where it is malformed, or unknown. */
export function testStatus(
  operands: readonly Operand[],
  double: boolean,
  state: ShellState,
  at: number,
): Status {
  if (operands.length === 0) return 1;
  try {
    return new Condition(operands, double, state, at).whole();
  } catch (fault) {
    if (fault === malformed) return 2;
    throw fault;
  }
}

const malformed = new RuleFault('bad-value', 'malformed condition');
const statusOf = (holds: boolean): Status => (holds ? 0 : 1);

class Condition {
  private readonly operands: readonly Operand[];
  private readonly double: boolean;
  private readonly state: ShellState;
  private readonly place: number;
  private at = 0;

  constructor(operands: readonly Operand[], double: boolean, state: ShellState, place: number) {
    this.operands = operands;
    this.double = double;
    this.state = state;
    this.place = place;
  }

  whole(): Status {
    const status = this.or(0);
    if (this.at < this.operands.length) throw malformed;
    return status;
  }

  private is(text: string, ahead = 0): boolean {
    const operand = this.operands[this.at + ahead];
    return operand !== undefined && operand.text === text && (operand.plain || !this.double);
  }

  private or(depth: number): Status {
    if (depth > 100) throw malformed;
    let status = this.and(depth);
    while (this.is(this.double ? '||' : '-o')) {
      this.at++;
      const right = this.and(depth);
      status = status === 0 || right === 0 ? 0 : typeof status === 'number' ? right : status;
    }
    return status;
  }

  private and(depth: number): Status {
    let status = this.not(depth);
    while (this.is(this.double ? '&&' : '-a')) {
      this.at++;
      const right = this.not(depth);
      if (status === 1 || right === 1) status = 1;
      else if (status === 0) status = right;
    }
    return status;
  }

  private not(depth: number): Status {
    let negated = false;
    while (this.is('!') && this.at + 1 < this.operands.length && !this.binaryAhead()) {
      negated = !negated;
      this.at++;
    }
    const status = this.primary(depth);
    return negated ? negateStatus(status) : status;
  }

  /** Whether an operator stands behind this word and a word behind that: then it is an operand. */
  private binaryAhead(): boolean {
    const operator = this.operands[this.at + 1];
    if (operator === undefined || this.at + 2 >= this.operands.length) return false;
    if (this.double && !operator.plain) return false;
    const known = [...textOperators, ...numberOperators, ...fileOperators];
    return known.includes(operator.text) || (this.double && operator.text === '=~');
  }

  private primary(depth: number): Status {
    if (this.is('(') && !this.binaryAhead()) {
      this.at++;
      const status = this.or(depth + 1);
      if (!this.is(')')) throw malformed;
      this.at++;
      return status;
    }
    const first = this.operands[this.at++];
    if (first === undefined) throw malformed;
    this.at--;
    if (this.binaryAhead()) {
      const operator = this.operands[this.at + 1]!.text;
      const right = this.operands[this.at + 2]!;
      this.at += 3;
      return this.binary(first, operator, right);
    }
    this.at++;
    const argument = this.operands[this.at];
    if (argument !== undefined && unary.test(first.text) && (first.plain || !this.double)) {
      this.at++;
      return this.unary(first.text, argument.text);
    }
    return this.isFilled(first.text);
  }

  private isFilled(text: string): Status {
    return this.state.unknowns.find(text) ?? statusOf(text !== '');
  }

  private unary(operator: string, text: string): Status {
    const { state } = this;
    if (operator === '-n') return this.isFilled(text);
    if (operator === '-z') return negateStatus(this.isFilled(text));
    const unknown = state.unknowns.find(text);
    if (unknown !== null) return unknown;
    if (operator === '-v') return statusOf(state.get(text) !== undefined);
    // Nobody types at this script.
    if (operator === '-t') return 1;
    return this.file(operator, text);
  }

  /** Tests of files: the kernel's settings and the programs of the firewall are there. */
  private file(operator: string, path: string): Status {
    if (path === '') return 1;
    if (/^\/proc\/(sys|net|self)(\/|$)/.test(path) || path === '/dev/null') return 0;
    if (/^[efrsxwhL]$/.test(operator[1]!) && isProgram(path)) return 0;
    const written = this.state.files.get(path);
    if (written !== undefined && '-e-f-r-w-s'.includes(operator)) {
      return statusOf(operator !== '-s' || written !== '');
    }
    if ('-e-f-r-s'.includes(operator)) {
      const text = this.state.fileText(path, this.place);
      if (text !== null) return statusOf(operator !== '-s' || text !== '');
    }
    return this.state.unknown('file', `whether \`${path}' is there`, this.place, path);
  }

  private binary(left: Operand, operator: string, right: Operand): Status {
    if (fileOperators.includes(operator)) {
      return this.state.unknown('file', 'the times of files', this.place);
    }
    const a = this.settled(left.text, right.text);
    const b = this.settled(right.text, left.text);
    if (typeof a !== 'string') return a;
    if (typeof b !== 'string') return b;
    if (numberOperators.includes(operator)) return this.numbers(a, operator, b);
    switch (operator) {
      case '=':
      case '==':
      case '!=': {
        const same =
          this.double && a.length <= MAX_SEARCHED ? new Pattern(right.pattern).matches(a) : a === b;
        return statusOf(same === (operator !== '!='));
      }
      case '=~':
        return this.search(a, right.expression ?? b);
      default:
        return statusOf(operator.endsWith('<') ? a < b : a > b);
    }
  }

  /** `=~`, which leaves what its groups hold in BASH_REMATCH. */
  private search(text: string, expression: string): Status {
    const { state, place } = this;
    const regular = Regular.read(state.require(expression, place, 'this expression'), true);
    const found = regular?.searcher(text, false)?.exec(text);
    if (found === undefined) {
      const message = 'this regular expression is not understood';
      throw new RuleFault('not-understood', message, '', state.position(place));
    }
    // Of ways that differ in length POSIX takes the longest, JavaScript the first.
    const groups = expression.includes('|')
      ? [state.mark('command', 'what the groups of this expression hold', place)]
      : (found ?? []).map((group) => group ?? '');
    state.set('BASH_REMATCH', groups);
    return statusOf(found !== null);
  }

  /** A text, or what makes it unknown; an argument may become known here. */
  private settled(text: string, other: string): string | Unknown {
    const { state } = this;
    const unknown = state.unknowns.find(text);
    if (unknown === null) return text;
    const whole = /^\0\d+\0$/.test(text);
    return (whole ? state.takeStart(unknown, other, this.place) : null) ?? unknown;
  }

  private numbers(a: string, operator: string, b: string): Status {
    const number = (text: string): bigint => {
      const plain = /^\s*[-+]?[0-9]{1,18}\s*$/.test(text);
      if (plain) return BigInt(text.trim().replace(/^\+/, ''));
      if (!this.double) throw malformed;
      return evaluate(text, {
        read: (name) => String(this.state.get(name) ?? ''),
        write: () => {},
      });
    };
    const difference = number(a) - number(b);
    const holds: Readonly<Record<string, boolean>> = {
      '-eq': difference === 0n,
      '-ne': difference !== 0n,
      '-lt': difference < 0n,
      '-le': difference <= 0n,
      '-gt': difference > 0n,
      '-ge': difference >= 0n,
    };
    return statusOf(holds[operator]!);
  }
}
