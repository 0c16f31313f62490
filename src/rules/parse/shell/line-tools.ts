import { type Invocation, write } from './builtins.ts';
import { Regular } from './regular.ts';
import type { Status } from './unknown.ts';

/** Programs that pick lines, or change them one by one: grep, sed, awk, head, tail, wc, uniq. */

/** The lines that a program reads: from its files, else from its input; null where not known. */
export function linesOf(call: Invocation, files: readonly string[]): string[] | null {
  const { state } = call;
  let text = '';
  if (files.length === 0 || files.join() === '-') {
    const { input } = state.streams;
    if (input === null) return null;
    text = input.text;
    if (state.unknowns.find(text) === null) input.text = '';
  }
  for (const file of files) {
    if (file !== '-') text += state.fileText(file, call.program.at) ?? '\0';
  }
  if (text.includes('\0')) return null;
  const lines = text.split('\n');
  return lines.at(-1) === '' ? lines.slice(0, -1) : lines;
}

function say(call: Invocation, lines: readonly string[]): void {
  write(call.state, lines.map((line) => `${line}\n`).join(''), call.program.at);
}

/** The words of a call, or null where one of them is not known. */
function textsOf(call: Invocation): string[] | null {
  const texts = call.words.map(({ text }) => text);
  return texts.some((text) => text.includes('\0')) ? null : texts;
}

/** Letters given as options before the first other word, and the words behind. */
function splitFlags(texts: readonly string[], known: RegExp): [string, string[]] | null {
  let flags = '';
  let at = 0;
  for (; at < texts.length; at++) {
    const text = texts[at]!;
    if (text === '--') {
      at++;
      break;
    }
    if (!text.startsWith('-') || text === '-') break;
    if (!known.test(text)) return null;
    flags += text.slice(1);
    // What comes behind -e is the expression, whatever it looks like.
    if (text.endsWith('e')) {
      at++;
      break;
    }
  }
  return [flags, texts.slice(at)];
}

/** `grep -q -v '^#' FILE`. */
export function grep(call: Invocation, dialect: '' | 'E' | 'F' = ''): Status | null {
  const texts = textsOf(call);
  const split = texts === null ? null : splitFlags(texts, /^-[qvicEFwxse]+$/);
  if (split === null) return null;
  const [letters, [pattern, ...files]] = split;
  if (pattern === undefined || files.length > 1 || files.some((file) => file.startsWith('-'))) {
    return null;
  }
  const flags = letters + dialect;
  const expressions = pattern
    .split('\n')
    .map((text) =>
      flags.includes('F')
        ? Regular.literal(text, flags.includes('i'))
        : Regular.read(text, flags.includes('E'), flags.includes('i')),
    )
    .map((found) => (flags.includes('w') ? (found?.within('\\b', '\\b') ?? null) : found))
    .map((found) => (flags.includes('x') ? (found?.within('^', '$') ?? null) : found));
  const lines = expressions.includes(null) ? null : linesOf(call, files);
  if (lines === null) return null;
  const kept: string[] = [];
  for (const line of lines) {
    const searchers = expressions.map((expression) => expression!.searcher(line, false));
    if (searchers.includes(null)) return null;
    const found = searchers.some((searcher) => searcher!.test(line));
    if (found !== flags.includes('v')) kept.push(line);
  }
  if (flags.includes('c')) say(call, [String(kept.length)]);
  else if (!flags.includes('q')) say(call, kept);
  return kept.length > 0 ? 0 : 1;
}

/** `awk -F: '/x/ {print $1, $3}'`: nothing but fields of lines. */
export function awk(call: Invocation): Status | null {
  const texts = textsOf(call);
  if (texts === null) return null;
  let [separator, at] = ['', 0];
  const option = texts[0] ?? '';
  if (option.startsWith('-F')) {
    separator = option.slice(2) || (texts[1] ?? '');
    at = option.length > 2 ? 1 : 2;
    if (!/^[^ \\A-Za-z0-9]$/.test(separator)) return null;
  }
  const found = /^\s*(?:\/((?:[^/\\]|\\.)*)\/)?\s*\{\s*print\s*([^{};|>]*?)\s*;?\s*\}\s*$/.exec(
    texts[at] ?? '',
  );
  if (found === null) return null;
  const parts = found[2]!.match(/\$(?:\d{1,3}|NF)|"[^"\\]*"|,|\s+|./g) ?? [];
  const plain = parts.every((part) => /^(\$|"[^"]*"$|,$|\s)/.test(part));
  const expression = Regular.read(found[1] ?? '', true);
  const lines = plain && expression !== null ? linesOf(call, texts.slice(at + 1)) : null;
  if (lines === null) return null;
  const shown: string[] = [];
  for (const line of lines) {
    const searcher = expression!.searcher(line, false);
    if (searcher === null) return null;
    if (!searcher.test(line)) continue;
    const fields = separator === '' ? line.trim().split(/[ \t]+/) : line.split(separator);
    shown.push(
      parts.length === 0 ? line : parts.map((part) => fieldOf(part, fields, line)).join(''),
    );
  }
  say(call, shown);
  return 0;
}

function fieldOf(part: string, fields: readonly string[], line: string): string {
  if (part === ',') return ' ';
  if (part.startsWith('"')) return part.slice(1, -1);
  if (!part.startsWith('$')) return '';
  if (part === '$NF') return fields.at(-1) ?? '';
  return part === '$0' ? line : (fields[Number(part.slice(1)) - 1] ?? '');
}

/** `head -n 1`, `head -1`, `tail -n 2`, `tail -n +2`. */
export function headOrTail(call: Invocation, fromEnd: boolean): Status | null {
  const texts = textsOf(call);
  const found = /^(?:-n ?|-)?([+]?\d{1,6})(?: ([^-].*))?$/.exec(texts?.join(' ') ?? '-');
  const plain = texts?.length === 0;
  if (found === null && !plain) return null;
  const [, amount = '10', file] = found ?? [];
  const lines = linesOf(call, file === undefined ? [] : [file]);
  if (lines === null) return null;
  const count = Number(amount);
  if (!fromEnd) say(call, lines.slice(0, count));
  else if (amount.startsWith('+')) say(call, lines.slice(Math.max(0, count - 1)));
  else say(call, count === 0 ? [] : lines.slice(-count));
  return 0;
}

/** `wc -l`, of the input: with a file its name would be said too. */
export function countLines(call: Invocation): Status | null {
  const lines = textsOf(call)?.join(' ') === '-l' ? linesOf(call, []) : null;
  if (lines === null) return null;
  say(call, [String(lines.length)]);
  return 0;
}

export function uniq(call: Invocation): Status | null {
  const lines = call.words.length === 0 ? linesOf(call, []) : null;
  if (lines === null) return null;
  say(
    call,
    lines.filter((line, i) => line !== lines[i - 1]),
  );
  return 0;
}
