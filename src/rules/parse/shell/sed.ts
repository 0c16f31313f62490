import { type Invocation, write } from './builtins.ts';
import { linesOf } from './line-tools.ts';
import { Regular } from './regular.ts';
import type { Status } from './unknown.ts';

/** sed(1), as far as scripts of firewalls need it: `s/a/b/g`, `/a/d`, `3p`, `$d`. */

interface Step {
  /** The lines it is for: a number, '$' for the last, an expression; null for all. */
  readonly address: number | '$' | Regular | null;
  readonly kind: 's' | 'd' | 'p';
  readonly expression: Regular | null;
  readonly replacement: string;
  readonly everywhere: boolean;
  readonly prints: boolean;
}

const IN_PLACE = /^(-[A-Za-z]*i|--in-place)/;

/** `sed -i` changes files, of which this script may read one later: that text is then unknown. */
export function editsFiles({ state, words, program }: Invocation): boolean {
  if (!words.some(({ text }) => IN_PLACE.test(text))) return false;
  for (const { text, at } of words) {
    if (text.startsWith('-') || state.unknowns.find(text) !== null) continue;
    if (state.fileText(text, at) === null) continue;
    state.files.set(text, state.mark('file', `the text of \`${text}'`, program.at, text));
  }
  return true;
}

export function sed(call: Invocation): Status | null {
  const texts = call.words.map(({ text }) => text);
  if (texts.some((text) => text.includes('\0') || IN_PLACE.test(text))) return null;
  const extended = texts.some((text) => /^-n?[rE]n?$/.test(text));
  const silent = texts.some((text) => /^-[rE]?n[rE]?$/.test(text));
  const scripts: string[] = [];
  const rest: string[] = [];
  for (let at = 0; at < texts.length; at++) {
    const text = texts[at]!;
    if (text === '-e') scripts.push(texts[++at] ?? '');
    else if (/^-[nrE]{1,2}$/.test(text)) continue;
    else if (text.startsWith('-')) return null;
    else rest.push(text);
  }
  if (scripts.length === 0) scripts.push(rest.shift() ?? '');
  const steps = scripts.map((script) => readSteps(script, extended));
  const lines = steps.includes(null) ? null : linesOf(call, rest);
  const made = lines === null ? null : edit(lines, steps.flat() as Step[], silent);
  if (made === null) return null;
  write(call.state, made.map((line) => `${line}\n`).join(''), call.program.at);
  return 0;
}

const ADDRESS = /^(?:(\d{1,6})|(\$)|\/((?:[^/\\\n]|\\.)*)\/)\s*/;

function readSteps(script: string, extended: boolean): Step[] | null {
  const steps: Step[] = [];
  let rest = script.trim();
  while (rest !== '') {
    const found = ADDRESS.exec(rest);
    let address: Step['address'] = null;
    if (found !== null) {
      const [whole, line, last, text = ''] = found;
      address = line !== undefined ? Number(line) : last !== undefined ? '$' : null;
      address ??= Regular.read(text, extended);
      if (address === null || text === '' ? line === undefined && last === undefined : false) {
        return null;
      }
      rest = rest.slice(whole.length);
    }
    const step = readStep(rest, address, extended);
    if (step === null) return null;
    steps.push(step.step);
    rest = step.rest;
  }
  return steps;
}

function readStep(
  text: string,
  address: Step['address'],
  extended: boolean,
): { step: Step; rest: string } | null {
  const simple = /^([dp])\s*(?:[;\n]\s*|$)/.exec(text);
  if (simple !== null) {
    const kind = simple[1] as 'd' | 'p';
    const step = {
      address,
      kind,
      expression: null,
      replacement: '',
      everywhere: false,
      prints: false,
    };
    return { step, rest: text.slice(simple[0].length) };
  }
  const mark = text[1] ?? '';
  if (text[0] !== 's' || !/^[/,#|@!%;:~_=-]$/.test(mark)) return null;
  const [pattern, replacement, flags] = cutAt(text.slice(2), mark);
  const end = /^([gpI]*)\s*(?:[;\n]\s*|$)/.exec(flags ?? '-');
  if (pattern === undefined || replacement === undefined || end === null) return null;
  // Of ways that differ in length POSIX takes the longest, JavaScript the first.
  const plain = /^(?:[^\\]|\\[&\\/0-9n.\-:,|#"' ])*$/.test(replacement);
  if (pattern === '' || pattern.includes('|') || !plain) return null;
  const expression = Regular.read(pattern, extended, end[1]!.includes('I'));
  if (expression === null) return null;
  const [everywhere, prints] = [end[1]!.includes('g'), end[1]!.includes('p')];
  // Both go on in their own way behind a place that is empty.
  if (everywhere && replacement !== '' && expression.canBeEmpty()) return null;
  const step = { address, kind: 's' as const, expression, replacement, everywhere, prints };
  return { step, rest: flags!.slice(end[0].length) };
}

/** The parts between the marks; a mark behind a backslash is a plain character. */
function cutAt(text: string, mark: string): string[] {
  const parts: string[] = [];
  let part = '';
  for (let at = 0; at < text.length; at++) {
    const char = text[at]!;
    const next = text[at + 1] ?? '';
    if (parts.length === 2) return [...parts, text.slice(at)];
    if (char === mark) {
      parts.push(part);
      part = '';
    } else if (char === '\\') {
      part += next === mark ? next : char + next;
      at++;
    } else part += char;
  }
  return [...parts, part];
}

function edit(lines: readonly string[], steps: readonly Step[], silent: boolean): string[] | null {
  const made: string[] = [];
  for (const [index, line] of lines.entries()) {
    let text = line;
    let deleted = false;
    for (const step of steps) {
      const meant = isMeant(step.address, text, index, lines.length);
      if (meant === null) return null;
      if (!meant) continue;
      deleted = step.kind === 'd';
      if (deleted) break;
      if (step.kind === 'p') made.push(text);
      else {
        const searcher = step.expression!.searcher(text, step.everywhere);
        if (searcher === null) return null;
        const found = text.search(searcher) >= 0;
        searcher.lastIndex = 0;
        text = text.replace(searcher, (...groups) => filled(step.replacement, groups));
        if (found && step.prints) made.push(text);
      }
    }
    if (!deleted && !silent) made.push(text);
  }
  return made;
}

function isMeant(address: Step['address'], text: string, index: number, count: number) {
  if (address === null) return true;
  if (address === '$') return index === count - 1;
  if (typeof address === 'number') return index === address - 1;
  return address.searcher(text, false)?.test(text) ?? null;
}

function filled(replacement: string, groups: readonly unknown[]): string {
  return replacement.replace(/\\([\s\S])|&/g, (whole, escaped: string | undefined) => {
    if (whole === '&') return String(groups[0]);
    if (escaped === 'n') return '\n';
    if (!/[0-9]/.test(escaped!)) return escaped!;
    const group = groups[Number(escaped)];
    return typeof group === 'string' ? group : '';
  });
}
