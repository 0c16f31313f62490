import { RuleFault } from '../errors.ts';

/** A word of a command with its place in the file (both count from 1). */
export interface Word {
  readonly text: string;
  readonly line: number;
  readonly column: number;
}

/** iptables-restore: room for one word with its closing NUL, and for the words of a line. */
const MAX_WORD_CHARS = 1023;
const MAX_WORDS = 251;

/**
 * Splits a rule line of a save file as iptables-restore does: blanks separate; a double quote opens
 * a quoted part in which `\` takes the next character as it is, and its end ends the word; single
 * quotes mean nothing. A quote that is not closed takes the end of the line along. `from` is the
 * index to begin at.
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
  if (quoted) current += '\n';
  if (start >= 0) words.push({ text: current, line, column: start + 1 });
  refuseTooMuch(words);
  return words;
}

function refuseTooMuch(words: readonly Word[]): void {
  const long = words.find(({ text }) => text.length > MAX_WORD_CHARS);
  if (long !== undefined) throw new RuleFault('bad-argument', 'Parameter too long!', '', long);
  const surplus = words[MAX_WORDS];
  if (surplus === undefined) return;
  throw new RuleFault('bad-argument', 'Parser cannot handle more arguments', '', surplus);
}
