import { RuleFault } from '../errors.ts';
import type { Word } from './words.ts';

/** The words of one command, taken from the front as getopt takes them. */
export class WordStream {
  private readonly words: readonly Word[];
  private at = 0;

  constructor(words: readonly Word[]) {
    this.words = words;
  }

  /** The next word, or undefined at the end. */
  next(): Word | undefined {
    return this.words[this.at++];
  }

  /** The argument of an option: attached to it, or the next word whatever it looks like. */
  required(optionName: string, attached: Word | null): Word {
    if (attached !== null) return attached;
    const next = this.next();
    if (next === undefined) {
      throw new RuleFault('missing-argument', `option "${optionName}" requires an argument`);
    }
    return next;
  }

  /** Takes a `!` that stands before an argument, as old versions of iptables wrote negation. */
  bang(): Word | null {
    const next = this.words[this.at];
    const after = this.words[this.at + 1];
    // `-i ! -p tcp`: the option there shows that `!` is the argument itself.
    if (next?.text !== '!' || after === undefined || after.text.startsWith('-')) return null;
    this.at++;
    return next;
  }

  /** The next word where it can be an argument: neither an option nor `!`. */
  optional(): Word | null {
    const next = this.words[this.at];
    if (next === undefined || next.text.startsWith('-') || next.text.startsWith('!')) return null;
    this.at++;
    return next;
  }
}

/** The rest of a word from an index, as in `-ptcp` and `--jump=ACCEPT`. */
export function restOfWord(word: Word, from: number): Word {
  return { text: word.text.slice(from), line: word.line, column: word.column + from };
}

/** Gives a fault that has no position the one of a word. */
export function placed(fault: unknown, word: Word | undefined): unknown {
  if (fault instanceof RuleFault && fault.position === null && word !== undefined) {
    fault.position = { line: word.line, column: word.column };
  }
  return fault;
}
