import { RuleFault } from '../../errors.ts';
import type { ParameterPart, Part, ShellWord } from './ast.ts';
import { allKeys, isKeyed } from './keyed.ts';
import { MAX_SEARCHED, Pattern, removeAffix, replacePattern } from './pattern.ts';
import type { ShellState, Value } from './state.ts';
import { unknownFault } from './unknown.ts';

/** `$x` and all forms of `${…}`. */

/** What parameters need of the expander of words. */
export interface WordExpander {
  text(word: ShellWord): string;
  pattern(word: ShellWord): string;
  arithmetic(parts: readonly Part[], at: number): bigint;
}

export interface ParameterValue {
  readonly values: readonly string[];
  /** For `$@` and `${x[@]}`: each value is a word even when quoted. */
  readonly several: boolean;
}

/** Variables of bash that only a run could tell. */
const volatile = ['RANDOM', 'SECONDS', 'HOSTNAME', 'PWD', 'OLDPWD', 'PPID', '$', '!', 'BASHPID'];

export function expandParameter(
  part: ParameterPart,
  state: ShellState,
  words: WordExpander,
): ParameterValue {
  const found = lookUp(part, state, words);
  if (part.prefix === '#') {
    const isList = part.index !== null && found.several;
    const joined = found.values?.join(' ') ?? '';
    const known = state.require(joined, part.at, 'this length');
    const length = isList ? (found.values?.length ?? 0) : known.length;
    return { values: [String(length)], several: false };
  }
  if (part.prefix === '!') return indirect(part, found, state, words);
  return applyOperator(part, found, state, words);
}

interface Found {
  /** null where it is not set. */
  readonly values: readonly string[] | null;
  readonly several: boolean;
}

function one(value: string | undefined): Found {
  return { values: value === undefined ? null : [value], several: false };
}

function lookUp(part: ParameterPart, state: ShellState, words: WordExpander): Found {
  const { name, at, index } = part;
  if (/^[0-9]+$/.test(name)) return one(positional(Number(name), state, at));
  switch (name) {
    case '@':
    case '*': {
      const all = state.positional;
      const list = all ?? [state.mark('argument', 'the arguments of the script', at, '1')];
      if (part.quoted && name === '*') return one(list.join(firstSeparator(state)));
      return { values: list, several: true };
    }
    case '#': {
      const all = state.positional;
      return one(
        all === null
          ? state.mark('argument', '$#, the number of arguments', at, '#')
          : String(all.length),
      );
    }
    case '?': {
      const { status } = state;
      return one(typeof status === 'number' ? String(status) : state.unknowns.mark(status));
    }
    case '-':
      return one(state.flags.exitOnError ? 'e' : '');
    case 'LINENO':
      return one(String(state.position(at).line));
    case 'BASH_SOURCE':
      return one(state.unit.source.file);
  }
  const value = state.get(name);
  if (value === undefined) {
    return volatile.includes(name) ? one(state.mark('command', `$${name}`, at)) : one(undefined);
  }
  if (typeof value === 'string' && index === null) return one(value);
  const [first] = index ?? [];
  const star = index?.length === 1 && first?.kind === 'text' ? first.text : '';
  if (isKeyed(value) && !/^[@*]$/.test(star)) {
    const key = index === null ? '0' : words.text({ parts: index, at });
    return one(value.get(state.require(key, at, 'this key')));
  }
  const list = listOf(value, part, state);
  if (star === '@') return { values: list, several: true };
  if (star === '*') return part.quoted ? one(list.join(' ')) : { values: list, several: true };
  const number = index === null ? 0 : Number(words.arithmetic(index, at));
  return one(list[number < 0 ? list.length + number : number]);
}

/** The values of a variable, or its keys for `${!x[@]}`. */
function listOf(value: Value, { name, prefix, index, at }: ParameterPart, state: ShellState) {
  const wantsKeys = prefix === '!' && index !== null;
  if (isKeyed(value)) {
    // How many there are needs no order.
    const keys = prefix === '#' ? [...value.keys()] : allKeys(value, name, state, at);
    return wantsKeys ? keys : keys.map((key) => value.get(key) ?? '');
  }
  const list = typeof value === 'string' ? [value] : value;
  return wantsKeys ? list.map((_, place) => String(place)) : list;
}

function positional(number: number, state: ShellState, at: number): string | undefined {
  if (number === 0) return state.main.source.file;
  if (state.positional === null) {
    return state.mark('argument', `$${number}, an argument of the script`, at, String(number));
  }
  return state.positional[number - 1];
}

function firstSeparator(state: ShellState): string {
  const ifs = state.get('IFS');
  return typeof ifs === 'string' ? (ifs[0] ?? '') : ' ';
}

/** `${!name}`. */
function indirect(
  part: ParameterPart,
  found: Found,
  state: ShellState,
  words: WordExpander,
): ParameterValue {
  if (part.index !== null && found.several) return { values: found.values ?? [], several: true };
  const name = state.require(found.values?.[0] ?? '', part.at, 'this name of a variable');
  if (part.index !== null || !/^[A-Za-z_]\w*$|^[1-9]$/.test(name)) {
    const message = 'this use of ${! is not understood';
    throw new RuleFault('not-understood', message, '', state.position(part.at));
  }
  return expandParameter({ ...part, prefix: '', name }, state, words);
}

function applyOperator(
  part: ParameterPart,
  found: Found,
  state: ShellState,
  words: WordExpander,
): ParameterValue {
  const { operator, at } = part;
  const colon = operator.startsWith(':') && operator.length === 2;
  const kind = colon ? operator[1]! : operator;
  if ('-=+?'.includes(kind) && kind !== '') {
    // No argument is given, so that of `${1:-eth0}` is eth0.
    const unknown = state.unknowns.find(found.values?.join('') ?? '');
    const empty = found.values === null || found.values.length === 0;
    const unset = empty || unknown?.kind === 'argument';
    const missing = unset || (colon && found.values?.join('') === '');
    return substituteMissing(part, found, missing, kind, state, words);
  }
  if (found.values === null) return unsetValue(part, state);
  if (operator === '') return { values: found.values, several: found.several };
  if (operator === ':' && found.several)
    return { values: slice(part, found.values, words), several: true };
  const values = found.values.map((value) => {
    const unknown = state.unknowns.find(value);
    return unknown === null
      ? state.count(change(part, value, state, words), at)
      : state.unknowns.mark(unknown);
  });
  return { values, several: found.several };
}

function substituteMissing(
  part: ParameterPart,
  found: Found,
  missing: boolean,
  kind: string,
  state: ShellState,
  words: WordExpander,
): ParameterValue {
  const operand = () => (part.operands[0] === undefined ? '' : words.text(part.operands[0]));
  if (kind === '+') return { values: missing ? [] : [operand()], several: false };
  if (!missing) return { values: found.values ?? [], several: found.several };
  if (kind === '?') {
    const unknown = state.unknowns.find(found.values?.join('') ?? '');
    if (unknown !== null) throw unknownFault(unknown, 'this line', state.position(part.at));
    const message = `${part.name}: ${operand() || 'parameter not set'}`;
    throw new RuleFault('bad-value', message, '', state.position(part.at));
  }
  const value = operand();
  if (kind === '=') state.set(part.name, value);
  return { values: [value], several: false };
}

/** A variable that is not set is empty; with `set -u` it is an error. */
function unsetValue(part: ParameterPart, state: ShellState): ParameterValue {
  const { name, at } = part;
  if (state.flags.refuseUnset) {
    const words = `variable \`${name}' is not set`;
    throw new RuleFault('not-understood', words, 'the script says set -u', state.position(at));
  }
  if (/^[A-Za-z_]/.test(name)) {
    const words = `variable \`${name}' is not set; it is taken as empty`;
    state.warnOnce(`unset ${name}`, words, at);
  }
  return { values: [], several: false };
}

function slice(part: ParameterPart, values: readonly string[], words: WordExpander): string[] {
  const [from, length] = range(part, words, values.length + 1);
  // `${@:1}` begins with $1: the arguments count from one, elements of arrays from nought.
  const start = part.name === '@' || part.name === '*' ? Math.max(0, from - 1) : from;
  return values.slice(start, length === null ? undefined : start + length);
}

function range(part: ParameterPart, words: WordExpander, size: number): [number, number | null] {
  const number = (word: ShellWord | undefined) =>
    word === undefined ? null : Number(words.arithmetic(word.parts, part.at));
  const from = number(part.operands[0]) ?? 0;
  return [from < 0 ? Math.max(0, size + from) : from, number(part.operands[1])];
}

function change(
  part: ParameterPart,
  value: string,
  state: ShellState,
  words: WordExpander,
): string {
  const { operator, operands, at } = part;
  if (operator === ':') {
    const [from, length] = range(part, words, value.length);
    if (length === null) return value.slice(from);
    return value.slice(from, length < 0 ? length : from + length);
  }
  if (operator === '^^') return value.toUpperCase();
  if (operator === ',,') return value.toLowerCase();
  if (operator === '^') return value.slice(0, 1).toUpperCase() + value.slice(1);
  if (operator === ',') return value.slice(0, 1).toLowerCase() + value.slice(1);
  if (value.length > MAX_SEARCHED) {
    const message = `a text of more than ${MAX_SEARCHED} characters is not searched`;
    throw new RuleFault('out-of-range', message, '', state.position(at));
  }
  const text = operands[0] === undefined ? '' : words.pattern(operands[0]);
  const pattern = new Pattern(state.require(text, at, 'this pattern'));
  if (!operator.startsWith('/')) return removeAffix(value, operator, pattern);
  if (text === '') return value;
  if (value.length * value.length * text.length > 1 << 26) {
    throw new RuleFault('out-of-range', 'this search takes too long', '', state.position(at));
  }
  const by = operands[1] === undefined ? '' : words.text(operands[1]);
  return replacePattern(value, operator, pattern, by);
}
