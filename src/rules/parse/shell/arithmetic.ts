import { RuleFault } from '../../errors.ts';
import { MAX_NESTING } from './cursor.ts';

/**
 * The shell's arithmetic: C expressions over 64-bit integers, with variables, assignment and `**`.
 */

/** Reads and writes the variables of an expression. */
export interface ArithmeticVariables {
  read(name: string): string;
  write(name: string, value: string): void;
}

const TOKEN =
  /\s*(?:(0[xX][0-9a-fA-F]+|[0-9]+#[0-9A-Za-z]+|[0-9]+)|([A-Za-z_]\w*)|(<<=|>>=|\*\*|<<|>>|<=|>=|==|!=|&&|\|\||\+\+|--|[-+*/%&^|]=|[-+*/%<>=!~&^|?:(),]))/y;

/** Binary operators from the loosest to the tightest. */
const levels: readonly (readonly string[])[] = [
  ['||'],
  ['&&'],
  ['|'],
  ['^'],
  ['&'],
  ['==', '!='],
  ['<', '<=', '>', '>='],
  ['<<', '>>'],
  ['+', '-'],
  ['*', '/', '%'],
];
const assigning = ['=', '+=', '-=', '*=', '/=', '%=', '&=', '^=', '|=', '<<=', '>>='];

/** The value of an expression; throws a RuleFault without a position where it is none. */
export function evaluate(text: string, variables: ArithmeticVariables): bigint {
  return new Evaluator(text, variables, 0).whole();
}

class Evaluator {
  private readonly tokens: string[] = [];
  private readonly variables: ArithmeticVariables;
  private readonly text: string;
  private at = 0;
  private depth: number;
  /** Above 0 within the side of `&&`, `||` or `?:` that is not taken: nothing is assigned there. */
  private idle = 0;

  constructor(text: string, variables: ArithmeticVariables, depth: number) {
    this.text = text;
    this.variables = variables;
    this.depth = depth;
    const end = text.trimEnd().length;
    TOKEN.lastIndex = 0;
    for (let at = 0; at < end; at = TOKEN.lastIndex) {
      TOKEN.lastIndex = at;
      const found = TOKEN.exec(text);
      if (found === null) throw this.fault();
      this.tokens.push(found[1] ?? found[2] ?? found[3]!);
    }
  }

  private fault(why = ''): RuleFault {
    return new RuleFault('bad-value', `arithmetic \`${this.text.trim()}' is not understood`, why);
  }

  whole(): bigint {
    if (this.tokens.length === 0) return 0n;
    const value = this.comma();
    if (this.at < this.tokens.length) throw this.fault();
    return value;
  }

  private take(token: string): boolean {
    if (this.tokens[this.at] !== token) return false;
    this.at++;
    return true;
  }

  private comma(): bigint {
    if (++this.depth > MAX_NESTING) throw this.fault('nested too deeply');
    let value = this.assignment();
    while (this.take(',')) value = this.assignment();
    this.depth--;
    return value;
  }

  private assignment(): bigint {
    const name = this.tokens[this.at] ?? '';
    const operator = this.tokens[this.at + 1] ?? '';
    if (!/^[A-Za-z_]/.test(name) || !assigning.includes(operator)) return this.choice();
    if (++this.depth > MAX_NESTING) throw this.fault('nested too deeply');
    this.at += 2;
    const right = this.assignment();
    this.depth--;
    const value =
      operator === '=' ? right : this.binary(operator.slice(0, -1), this.variable(name), right);
    return this.assign(name, value);
  }

  private assign(name: string, value: bigint): bigint {
    const kept = BigInt.asIntN(64, value);
    if (this.idle === 0) this.variables.write(name, String(kept));
    return kept;
  }

  private choice(): bigint {
    const test = this.level(0);
    if (!this.take('?')) return test;
    const first = this.skipUnless(test !== 0n, () => this.comma());
    if (!this.take(':')) throw this.fault();
    const second = this.skipUnless(test === 0n, () => this.assignment());
    return test !== 0n ? first : second;
  }

  private skipUnless(taken: boolean, read: () => bigint): bigint {
    if (!taken) this.idle++;
    const value = read();
    if (!taken) this.idle--;
    return value;
  }

  private level(index: number): bigint {
    const operators = levels[index];
    if (operators === undefined) return this.power();
    let value = this.level(index + 1);
    for (;;) {
      const operator = this.tokens[this.at] ?? '';
      if (!operators.includes(operator)) return value;
      this.at++;
      const needed = operator === '&&' ? value !== 0n : operator === '||' ? value === 0n : true;
      const right = this.skipUnless(needed, () => this.level(index + 1));
      value = this.binary(operator, value, right);
    }
  }

  private power(): bigint {
    const base = this.unary();
    if (!this.take('**')) return base;
    if (++this.depth > MAX_NESTING) throw this.fault('nested too deeply');
    const exponent = this.power();
    this.depth--;
    if (exponent < 0n) throw this.fault('exponent less than 0');
    let value = 1n;
    let square = base;
    for (let rest = exponent; rest > 0n; rest >>= 1n) {
      if (rest & 1n) value = BigInt.asIntN(64, value * square);
      square = BigInt.asIntN(64, square * square);
    }
    return value;
  }

  private unary(): bigint {
    if (++this.depth > MAX_NESTING) throw this.fault('nested too deeply');
    const value = this.signed();
    this.depth--;
    return value;
  }

  private signed(): bigint {
    const token = this.tokens[this.at++];
    if (token === '!') return this.unary() === 0n ? 1n : 0n;
    if (token === '~') return ~this.unary();
    if (token === '-') return -this.unary();
    if (token === '+') return this.unary();
    if (token === '++' || token === '--') {
      const name = this.tokens[this.at++] ?? '';
      if (!/^[A-Za-z_]/.test(name)) throw this.fault();
      return this.assign(name, this.variable(name) + (token === '++' ? 1n : -1n));
    }
    if (token === '(') {
      const value = this.comma();
      if (!this.take(')')) throw this.fault();
      return value;
    }
    if (token === undefined) throw this.fault();
    if (/^[0-9]/.test(token)) return this.number(token);
    if (!/^[A-Za-z_]/.test(token)) throw this.fault();
    const value = this.variable(token);
    if (this.take('++')) this.assign(token, value + 1n);
    else if (this.take('--')) this.assign(token, value - 1n);
    return value;
  }

  private number(token: string): bigint {
    if (/^0[xX]/.test(token)) return BigInt.asIntN(64, BigInt(token));
    if (/^[0-9]{1,19}$/.test(token) && !/^0./.test(token)) return BigInt.asIntN(64, BigInt(token));
    if (/^0[0-7]{0,21}$/.test(token))
      return BigInt.asIntN(64, BigInt(`0o${token.slice(1) || '0'}`));
    throw this.fault(`\`${token}' is no number`);
  }

  private variable(name: string): bigint {
    const text = this.variables.read(name);
    if (this.idle > 0 || text.trim() === '') return 0n;
    if (/^[0-9]{1,15}$/.test(text) && !/^0./.test(text)) return BigInt(text);
    if (this.depth >= MAX_NESTING) throw this.fault('nested too deeply');
    return new Evaluator(text, this.variables, this.depth + 1).whole();
  }

  private binary(operator: string, a: bigint, b: bigint): bigint {
    return BigInt.asIntN(64, this.result(operator, a, b));
  }

  private result(operator: string, a: bigint, b: bigint): bigint {
    const truth = (holds: boolean) => (holds ? 1n : 0n);
    switch (operator) {
      case '+':
        return a + b;
      case '-':
        return a - b;
      case '*':
        return a * b;
      case '/':
      case '%':
        if (b === 0n && this.idle > 0) return 0n;
        if (b === 0n) throw this.fault('division by 0');
        return operator === '/' ? a / b : a % b;
      case '<<':
        return a << BigInt.asUintN(6, b);
      case '>>':
        return a >> BigInt.asUintN(6, b);
      case '<':
        return truth(a < b);
      case '<=':
        return truth(a <= b);
      case '>':
        return truth(a > b);
      case '>=':
        return truth(a >= b);
      case '==':
        return truth(a === b);
      case '!=':
        return truth(a !== b);
      case '&':
        return a & b;
      case '^':
        return a ^ b;
      case '|':
        return a | b;
      case '&&':
        return truth(a !== 0n && b !== 0n);
      default:
        return truth(a !== 0n || b !== 0n);
    }
  }
}
