import { type Builtin, type Invocation, write } from './builtins.ts';
import { awk, countLines, grep, headOrTail, uniq } from './line-tools.ts';
import { baseName } from './names.ts';
import { sed } from './sed.ts';
import type { Status } from './unknown.ts';

/** Programs that only make text of text: their output is known where their input is. */

/** null where a use is not understood: the output is then taken as unknown. */
type Tool = (call: Invocation) => Status | null;

function known(call: Invocation): readonly string[] | null {
  const texts = call.words.map(({ text }) => text);
  return texts.some((text) => call.state.unknowns.find(text) !== null) ? null : texts;
}

/** The text on standard input, which is then used up; null where it is not known. */
function takeInput({ state }: Invocation): string | null {
  const { input } = state.streams;
  if (input === null || state.unknowns.find(input.text) !== null) return null;
  const { text } = input;
  input.text = '';
  return text;
}

function lines(text: string): string[] {
  const all = text.split('\n');
  return all.at(-1) === '' ? all.slice(0, -1) : all;
}

function tool(make: (texts: readonly string[], call: Invocation) => string | null): Tool {
  return (call) => {
    const texts = known(call);
    const made = texts === null ? null : make(texts, call);
    if (made === null) return null;
    write(call.state, made, call.program.at);
    return 0;
  };
}

/** Passes unknown text on, so that the script may go on where nobody needs it. */
const cat: Builtin = ({ state, words, program }) => {
  const files = words.filter(({ text }) => !text.startsWith('-'));
  const { input } = state.streams;
  if (files.length === 0 && input !== null) {
    write(state, input.text, program.at);
    input.text = '';
    return 0;
  }
  for (const { text, at } of files) {
    const found = state.unknowns.find(text) === null ? state.fileText(text, at) : '';
    const shown = found ?? state.mark('file', `the text of \`${text}'`, at, text);
    write(state, shown, at);
  }
  return 0;
};

/** Passes its input on, into files too. */
const tee: Tool = (call) => {
  const texts = known(call);
  const { state, program } = call;
  const { input } = state.streams;
  if (texts === null || input === null) return null;
  const { text } = input;
  input.text = '';
  const appends = texts.includes('-a');
  for (const path of texts) {
    if (/^(-|\/(dev|proc|sys)\/)/.test(path)) continue;
    const before = appends ? (state.fileText(path, program.at) ?? '') : '';
    state.files.set(path, state.count(before + text, program.at));
  }
  write(state, text, program.at);
  return 0;
};

const MAX_NUMBERS = 70_000;

function seq(texts: readonly string[], call: Invocation): string | null {
  const numbers = texts.map(Number);
  if (texts.length === 0 || texts.length > 3 || !numbers.every(Number.isSafeInteger)) return null;
  const first = numbers.length === 1 ? 1 : numbers[0]!;
  const step = numbers.length === 3 ? numbers[1]! : 1;
  const last = numbers.at(-1)!;
  if (step === 0) return null;
  if ((last - first) / step > MAX_NUMBERS)
    call.state.tooMuch('a sequence of numbers', call.program.at);
  let made = '';
  for (let n = first; step > 0 ? n <= last : n >= last; n += step) made += `${n}\n`;
  return made;
}

/** `cut -d. -f1-3`. */
function cut(texts: readonly string[], call: Invocation): string | null {
  let delimiter = '\t';
  let fields = '';
  for (let i = 0; i < texts.length; i++) {
    const text = texts[i]!;
    if (text.startsWith('-d')) delimiter = text.slice(2) || (texts[++i] ?? '');
    else if (text.startsWith('-f')) fields = text.slice(2) || (texts[++i] ?? '');
    else return null;
  }
  const ranges = fields.split(',').map((part) => /^(\d{0,4})(-?)(\d{0,4})$/.exec(part));
  const input = fields === '' || delimiter.length !== 1 ? null : takeInput(call);
  if (input === null || ranges.includes(null)) return null;
  const wanted = (field: number) =>
    ranges.some((found) => {
      const [, from = '', dash, to = ''] = found!;
      if (dash === '') return Number(from) === field;
      return field >= Number(from || 1) && field <= Number(to || Number.POSITIVE_INFINITY);
    });
  return lines(input)
    .map((line) => {
      const parts = line.split(delimiter);
      if (parts.length === 1) return `${line}\n`;
      return `${parts.filter((_, i) => wanted(i + 1)).join(delimiter)}\n`;
    })
    .join('');
}

/** `tr ',' ' '`, `tr -d '"'`, `tr a-z A-Z`, `tr -s ' '`. */
function tr(texts: readonly string[], call: Invocation): string | null {
  const removes = texts[0] === '-d';
  const squeezes = texts[0] === '-s';
  const sets = (removes || squeezes ? texts.slice(1) : texts).map(characters);
  const [from, to = squeezes ? from : undefined] = sets;
  if (from == null || (removes ? sets.length !== 1 : to == null || to === '')) return null;
  const input = takeInput(call);
  if (input === null) return null;
  let made = '';
  for (const char of input) {
    const index = from.indexOf(char);
    const by = index < 0 ? char : removes ? '' : to![Math.min(index, to!.length - 1)]!;
    if (!squeezes || by !== made.at(-1) || !to!.includes(by)) made += by;
  }
  return made;
}

function characters(set: string): string | null {
  if (/^-|\[/.test(set)) return null;
  return set
    .replace(/\\n/g, '\n')
    .replace(/\\t/g, '\t')
    .replace(/([a-zA-Z0-9])-([a-zA-Z0-9])/g, (_, first: string, last: string) => {
      let made = '';
      for (let code = first.charCodeAt(0); code <= last.charCodeAt(0); code++) {
        made += String.fromCharCode(code);
      }
      return made;
    });
}

function sort(texts: readonly string[], call: Invocation): string | null {
  const unique = texts.join(' ') === '-u';
  const input = texts.length === 0 || unique ? takeInput(call) : null;
  if (input === null) return null;
  const sorted = lines(input).sort();
  const kept = unique ? sorted.filter((line, i) => line !== sorted[i - 1]) : sorted;
  return kept.map((line) => `${line}\n`).join('');
}

function expr(texts: readonly string[]): string | null {
  const [a = '', operator = '', b = ''] = texts;
  if (texts.length !== 3 || !/^-?\d{1,15}$/.test(a) || !/^-?\d{1,15}$/.test(b)) return null;
  const [left, right] = [Number(a), Number(b)];
  switch (operator) {
    case '+':
      return `${left + right}\n`;
    case '-':
      return `${left - right}\n`;
    case '*':
      return `${left * right}\n`;
    case '/':
      return right === 0 ? null : `${Math.trunc(left / right)}\n`;
    case '%':
      return right === 0 ? null : `${left % right}\n`;
    default:
      return null;
  }
}

/** The folder of a path, as dirname(1) has it. */
function folderOf(path: string): string {
  const trimmed = path.replace(/\/+$/, '');
  const slash = trimmed.lastIndexOf('/');
  if (slash < 0) return trimmed === '' && path !== '' ? '/' : '.';
  return trimmed.slice(0, slash).replace(/\/+$/, '') || '/';
}

export const textTools: Readonly<Record<string, Tool>> = {
  cat,
  basename: tool(([path = '', suffix = '']) => {
    const name = baseName(path.replace(/\/+$/, ''));
    return `${suffix !== '' && name.endsWith(suffix) && name !== suffix ? name.slice(0, -suffix.length) : name}\n`;
  }),
  dirname: tool(([path = '']) => `${folderOf(path)}\n`),
  readlink: tool(([flag, path]) => (flag === '-f' && path !== undefined ? `${path}\n` : null)),
  realpath: tool(([path = '']) => `${path}\n`),
  seq: tool(seq),
  cut: tool(cut),
  tr: tool(tr),
  tee,
  sort: tool(sort),
  // Its status tells whether the result is nought, at which `set -e` ends a script.
  expr: (call) => {
    const result = expr(known(call) ?? []);
    if (result === null) return null;
    write(call.state, result, call.program.at);
    return result === '0\n' ? 1 : 0;
  },
  grep: (call) => grep(call),
  egrep: (call) => grep(call, 'E'),
  fgrep: (call) => grep(call, 'F'),
  sed,
  awk,
  gawk: awk,
  mawk: awk,
  head: (call) => headOrTail(call, false),
  tail: (call) => headOrTail(call, true),
  wc: countLines,
  uniq,
};
