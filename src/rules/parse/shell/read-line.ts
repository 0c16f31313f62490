import type { Builtin } from './builtins.ts';
import type { ShellState } from './state.ts';

/** `read a b` from a here-document, a pipe or a file. */
export const readLine: Builtin = ({ state, words, program }) => {
  const raw = words.some(({ text }) => /^-[a-z]*r/.test(text));
  const names: string[] = [];
  for (let i = 0; i < words.length; i++) {
    const { text } = words[i]!;
    if (/^-[a-z]*[ptnudN]$/.test(text)) i++;
    else if (!text.startsWith('-')) names.push(text);
  }
  if (names.length === 0) names.push('REPLY');
  const { input } = state.streams;
  const unknown = input === null ? null : state.unknowns.find(input.text);
  if (input === null || unknown !== null) {
    const status =
      unknown ?? state.unknown('command', 'what is read from the terminal', program.at);
    for (const name of names) state.set(name, state.unknowns.mark(status));
    return status;
  }
  if (input.text === '') {
    for (const name of names) state.set(name, '');
    return 1;
  }
  const end = input.text.indexOf('\n');
  let line = end < 0 ? input.text : input.text.slice(0, end);
  input.text = end < 0 ? '' : input.text.slice(end + 1);
  if (!raw) line = line.replace(/\\(.)/g, '$1');
  assignFields(state, names, line);
  return end < 0 ? 1 : 0;
};

/** The last name takes what is left of the line. */
function assignFields(state: ShellState, names: readonly string[], line: string): void {
  const ifs = state.get('IFS');
  const separators = typeof ifs === 'string' ? ifs : ' \t\n';
  const blanks = [...separators].filter((char) => /\s/.test(char)).join('');
  const trim = (text: string) => {
    let [from, to] = [0, text.length];
    while (from < to && blanks.includes(text[from]!)) from++;
    while (to > from && blanks.includes(text[to - 1]!)) to--;
    return text.slice(from, to);
  };
  let rest = trim(line);
  for (const [i, name] of names.entries()) {
    let at = 0;
    while (at < rest.length && !separators.includes(rest[at]!)) at++;
    if (i === names.length - 1) state.set(name, rest);
    else {
      state.set(name, rest.slice(0, at));
      const isBlank = blanks.includes(rest[at] ?? ' ');
      rest = trim(rest.slice(at));
      if (rest !== '' && separators.includes(rest[0]!) && isBlank) rest = trim(rest.slice(1));
      else if (!isBlank) rest = trim(rest.slice(1));
    }
  }
}
