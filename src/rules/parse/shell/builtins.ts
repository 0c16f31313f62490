import { RuleFault } from '../../errors.ts';
import { evaluate } from './arithmetic.ts';
import { testStatus } from './conditions.ts';
import { ScriptText } from './cursor.ts';
import { isKeyed } from './keyed.ts';
import { isProgram } from './names.ts';
import { printFormatted, unescapeText } from './output.ts';
import { readLine } from './read-line.ts';
import { includeFile } from './scripts.ts';
import type { Argument } from './simple.ts';
import type { Jump, Runner, ShellState } from './state.ts';
import type { Status } from './unknown.ts';

/** What a builtin or a program is given. */
export interface Invocation {
  readonly state: ShellState;
  readonly runner: Runner;
  readonly program: Argument;
  readonly words: readonly Argument[];
  /** For commands whose arguments are a command. */
  readonly commands: { dispatch(program: Argument, words: readonly Argument[]): Status };
}

export type Builtin = (call: Invocation) => Status;

/** Adds to the output that is being collected; what goes to the screen is nobody's. */
export function write(state: ShellState, text: string, at: number): void {
  const { output } = state.streams;
  if (output !== null) output.text = state.count(output.text + text, at);
}

function number(call: Invocation, fallback: number): number {
  const [word] = call.words;
  if (word === undefined) return fallback;
  const text = call.state.require(word.text, word.at, `\`${call.program.text}'`);
  return /^\d{1,6}$/.test(text) ? Number(text) : fallback;
}

function leave(kind: Jump['kind']): Builtin {
  return (call) => {
    const { state } = call;
    const [word] = call.words;
    if (kind === 'break' || kind === 'continue') {
      state.jump = { kind, levels: Math.max(1, number(call, 1)) };
      return 0;
    }
    const unknown = word === undefined ? null : state.unknowns.find(word.text);
    if (unknown !== null) state.status = unknown;
    else if (word !== undefined) state.status = number(call, 0) & 255;
    state.jump = { kind };
    return state.status;
  };
}

const condition: Builtin = ({ state, program, words }) => {
  let texts = words.map(({ text }) => text);
  if (program.text === '[') {
    if (texts.at(-1) !== ']') {
      throw new RuleFault('not-understood', "`[' is not closed", '', state.position(program.at));
    }
    texts = texts.slice(0, -1);
  }
  const operands = texts.map((text) => ({ text, pattern: text, plain: true }));
  return testStatus(operands, false, state, program.at);
};

const echo: Builtin = ({ state, words, program }) => {
  let count = 0;
  while (/^-[neE]+$/.test(words[count]?.text ?? '')) count++;
  const flags = words
    .slice(0, count)
    .map(({ text }) => text)
    .join('');
  const text = words
    .slice(count)
    .map((word) => word.text)
    .join(' ');
  const shown = flags.includes('e') ? unescapeText(text) : text;
  write(state, flags.includes('n') ? shown : `${shown}\n`, program.at);
  return 0;
};

const printf: Builtin = ({ state, words, program }) => {
  const [first, second] = words;
  if (first?.text === '-v' && second !== undefined) {
    state.set(second.text, printFormatted(words.slice(2).map(({ text }) => text)));
    return 0;
  }
  const rest = first?.text === '--' ? words.slice(1) : words;
  write(state, printFormatted(rest.map(({ text }) => text)), program.at);
  return 0;
};

/** `set -- a b`, `set -e`, `set $LIST`. */
const set: Builtin = ({ state, words }) => {
  let at = 0;
  for (; at < words.length; at++) {
    const { text } = words[at]!;
    if (text === '--') {
      at++;
      state.positional = words.slice(at).map((word) => word.text);
      return 0;
    }
    const found = /^([-+])([a-zA-Z]+)$/.exec(text);
    if (found === null) break;
    let letters = found[2]!;
    if (letters.endsWith('o')) letters += longFlags[words[++at]?.text ?? ''] ?? '';
    const on = found[1] === '-';
    if (letters.includes('e')) state.flags.exitOnError = on;
    if (letters.includes('u')) state.flags.refuseUnset = on;
    if (letters.includes('f')) state.flags.noPatterns = on;
  }
  if (at < words.length) state.positional = words.slice(at).map((word) => word.text);
  return 0;
};
const longFlags: Readonly<Record<string, string>> = { errexit: 'e', nounset: 'u', noglob: 'f' };

/** `export A=1`, `local x`, `readonly B`, `declare -i n=1`. */
const declare: Builtin = ({ state, program, words }) => {
  const local =
    program.text === 'local' ||
    (state.frames.length > 0 && /^(declare|typeset)$/.test(program.text));
  const keyed = words.some(({ text }) => /^-[a-zA-Z]*A/.test(text));
  for (const { text } of words) {
    if (text.startsWith('-') || text.startsWith('+')) continue;
    const found = /^([A-Za-z_]\w*)(\+?=)?(.*)$/s.exec(text);
    if (found === null) continue;
    const name = found[1]!;
    const before = state.get(name);
    if (local) state.makeLocal(name);
    if (keyed && !isKeyed(state.get(name))) state.set(name, new Map());
    else if (found[2] === '=') state.set(name, found[3]!);
    else if (found[2] === '+=') state.set(name, `${before ?? ''}${found[3]}`);
    else if (local && state.get(name) === undefined) state.set(name, '');
  }
  return 0;
};

const shift: Builtin = (call) => {
  const { state } = call;
  const count = number(call, 1);
  if (state.positional === null) return 0;
  if (count > state.positional.length) return 1;
  state.positional = state.positional.slice(count);
  return 0;
};

function unsetElement(state: ShellState, name: string, key: string, at: number): void {
  const value = state.get(name);
  if (value === undefined) return;
  if (!isKeyed(value)) {
    const message = 'an array with places left out is not understood';
    throw new RuleFault('not-understood', message, '', state.position(at));
  }
  const left = new Map(value);
  left.delete(state.require(key, at, 'this key'));
  state.set(name, left);
}

const unset: Builtin = ({ state, words }) => {
  for (const { text, at } of words) {
    if (text === '-f' || text === '-v') continue;
    const element = /^([A-Za-z_]\w*)\[(.*)\]$/s.exec(text);
    if (element !== null) {
      unsetElement(state, element[1]!, element[2]!, at);
      continue;
    }
    state.variables.delete(text);
    state.functions.delete(text);
  }
  return 0;
};

/** `command -v iptables`, `which iptables`, `type -p iptables`: the name itself. */
export const locate: Builtin = ({ state, words, program }) => {
  const wanted = words.filter(({ text }) => !text.startsWith('-'));
  let status: Status = wanted.length === 0 ? 1 : 0;
  for (const { text, at } of wanted) {
    const known = isProgram(text) || state.functions.has(text) || Object.hasOwn(builtins, text);
    if (known) write(state, `${text}\n`, at);
    else {
      const what = `where \`${text}' is`;
      status = state.unknown('command', what, program.at);
      write(state, state.unknowns.mark(status), at);
    }
  }
  return status;
};

const command: Builtin = (call) => {
  const [first, ...rest] = call.words;
  if (first === undefined) return 0;
  if (/^-[vVp]+$/.test(first.text) && first.text !== '-p') return locate({ ...call, words: rest });
  if (first.text === '-p') {
    const [program, ...words] = rest;
    return program === undefined ? 0 : call.commands.dispatch(program, words);
  }
  return call.commands.dispatch(first, rest);
};

const evaluateText: Builtin = ({ state, runner, words, program }) => {
  const text = words.map((word) => word.text).join(' ');
  const known = state.require(text, program.at, "`eval'");
  return runWithin(state, runner, known, program.at);
};

/** Runs a text whose errors are told at the command that holds it. */
export function runWithin(state: ShellState, runner: Runner, text: string, at: number): Status {
  // Lines before it are left empty, so that its lines are those of the file.
  const { line } = state.position(at);
  const { source } = state.unit;
  if (state.calls > 40) state.tooMuch('texts run each other too deeply', at);
  state.calls++;
  try {
    const padded = state.count('\n'.repeat(line - 1) + text.replaceAll('\n', ';'), at);
    return runner.unit({ source, script: new ScriptText(padded) });
  } finally {
    state.calls--;
  }
}

const letExpression: Builtin = ({ state, words }) => {
  let value = 0n;
  for (const { text, at } of words) {
    value = evaluate(state.require(text, at, 'this arithmetic'), {
      read: (name) => state.require(String(state.get(name) ?? ''), at, 'this arithmetic'),
      write: (name, made) => state.set(name, made),
    });
  }
  return value === 0n ? 1 : 0;
};

const cd: Builtin = ({ state, words }) => {
  const text = words.at(-1)?.text ?? '';
  if (text.startsWith('/') && state.unknowns.find(text) === null) state.directory = text;
  return 0;
};

const nothing: Builtin = () => 0;

export const builtins: Readonly<Record<string, Builtin>> = {
  ':': nothing,
  true: nothing,
  false: () => 1,
  '[': condition,
  test: condition,
  echo,
  printf,
  set,
  shift,
  unset,
  read: readLine,
  cd,
  command,
  builtin: command,
  eval: evaluateText,
  let: letExpression,
  local: declare,
  export: declare,
  readonly: declare,
  declare,
  typeset: declare,
  exit: leave('exit'),
  return: leave('return'),
  break: leave('break'),
  continue: leave('continue'),
  type: locate,
  which: locate,
  hash: locate,
  '.': includeFile,
  source: includeFile,
  // No arguments are given, so there is no option among them.
  getopts: () => 1,
  trap: nothing,
  umask: nothing,
  ulimit: nothing,
  shopt: nothing,
  alias: nothing,
  unalias: nothing,
  pushd: nothing,
  popd: nothing,
  wait: nothing,
  jobs: nothing,
  times: nothing,
};
