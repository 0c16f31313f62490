import { RuleFault } from '../errors.ts';

/** A word of a command with its place in the file (both count from 1). */
export interface Word {
  readonly text: string;
  readonly line: number;
  readonly column: number;
}

/**
 * Splits a rule line of a save file as iptables-restore does: blanks separate; a double quote opens
 * a quoted part in which `\` takes the next character as it is, and its end ends the word; single
 * quotes mean nothing. `from` is the index to begin at.
 */
export function splitSaveLine(text: string, line: number, from = 0): Word[] {
  const words: Word[] = [];
  let current = '';
  let start = -1;
  let quoted = false;
  for (let i = from; i < text.length; i++) {
    const char = text[i]!;
    if (quoted) {
      if (char === '\\' && i + 1 < text.length) current += text[++i]!;
      else if (char !== '"') current += char;
      else {
        words.push({ text: current, line, column: start + 1 });
        [current, start, quoted] = ['', -1, false];
      }
    } else if (char === '"') {
      if (start < 0) start = i;
      quoted = true;
    } else if (char === ' ' || char === '\t') {
      if (start >= 0) words.push({ text: current, line, column: start + 1 });
      [current, start] = ['', -1];
    } else {
      if (start < 0) start = i;
      current += char;
    }
  }
  if (quoted) {
    const position = { line, column: start + 1 };
    throw new RuleFault('bad-quoting', 'A quotation mark is not closed on this line', '', position);
  }
  if (start >= 0) words.push({ text: current, line, column: start + 1 });
  return words;
}
