import {
  type Assignment,
  type Command,
  plainText,
  type Redirection,
  type ShellWord,
} from './ast.ts';
import { Tokens } from './tokens.ts';

const ASSIGNMENT = /([A-Za-z_][A-Za-z0-9_]*)(?=\+?=|\[)/y;

/** Reads commands that are no constructs: assignments, words and redirections. */
export class SimpleReader extends Tokens {
  protected simple(): Command {
    const { cursor } = this;
    const at = cursor.at;
    const assignments: Assignment[] = [];
    const words: ShellWord[] = [];
    const redirections: Redirection[] = [];
    for (;;) {
      this.skipBlanks();
      const redirection = this.redirections.read();
      if (redirection !== null) {
        redirections.push(redirection);
        continue;
      }
      const assignment = this.assignment(words);
      if (assignment !== null) {
        assignments.push(assignment);
        continue;
      }
      const word = this.words.word();
      if (word === null) break;
      words.push(word);
    }
    if (cursor.at === at) throw this.unexpected();
    return { kind: 'simple', assignments, words, redirections, at };
  }

  /** `x=1`, `x+=1`, `x[2]=1`, `x=(1 2)`; the last also behind `local` and `declare`. */
  private assignment(words: readonly ShellWord[]): Assignment | null {
    const { cursor } = this;
    const at = cursor.at;
    const first = plainText(words[0]);
    const declaring = ['local', 'declare', 'readonly', 'export', 'typeset'].includes(first);
    if (words.length > 0 && !declaring) return null;
    const name = cursor.match(ASSIGNMENT)?.[1];
    if (name === undefined) return null;
    let index = null;
    if (cursor.take('[')) {
      index = this.words.parts((char) => char === ']' || char === '\n', /[^\]\n'"\\$`]+/y);
      cursor.take(']');
    }
    const append = cursor.take('+=');
    if (!append && !cursor.take('=')) {
      cursor.at = at;
      return null;
    }
    if (cursor.peek() !== '(' && words.length > 0) {
      cursor.at = at;
      return null;
    }
    if (cursor.take('(')) return { name, index, append, value: this.arrayWords(at), at };
    const value = this.words.word() ?? { parts: [], at: cursor.at };
    return { name, index, append, value, at };
  }

  private arrayWords(at: number): ShellWord[] {
    const words: ShellWord[] = [];
    for (;;) {
      this.skipLines();
      if (this.cursor.take(')')) return words;
      const word = this.words.word();
      if (word === null) throw this.open('(', at);
      words.push(word);
    }
  }
}
