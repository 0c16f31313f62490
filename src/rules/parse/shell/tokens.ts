import type { RuleFault } from '../../errors.ts';
import { concernsPinhole } from '../../ftp/read.ts';
import type { ShellWord } from './ast.ts';
import type { Cursor } from './cursor.ts';
import { RedirectionReader } from './redirections.ts';
import { type ListReader, WordReader } from './word-reader.ts';

/** The small steps of the grammar: blanks, keywords, separators, and what is said of a mistake. */
export class Tokens {
  protected readonly cursor: Cursor;
  protected readonly words: WordReader;
  protected readonly redirections: RedirectionReader;

  constructor(cursor: Cursor, readList: ListReader) {
    this.cursor = cursor;
    this.words = new WordReader(cursor, readList);
    this.redirections = new RedirectionReader(cursor, this.words, readList);
  }

  protected nextWord(opener: string, at: number): ShellWord {
    this.skipBlanks();
    const word = this.words.word();
    if (word === null) throw this.open(opener, at);
    return word;
  }

  /** The bare word that stands here, not taken. */
  protected keyword(): string {
    this.skipBlanks();
    const { cursor } = this;
    const at = cursor.at;
    const found = cursor.match(/([a-z]+|[{}!]|\[\[)(?=[ \t\n;|&()<>]|$)/y);
    cursor.at = at;
    return found?.[1] ?? '';
  }

  protected takeKeyword(word: string): boolean {
    if (this.keyword() !== word) return false;
    this.cursor.at += word.length;
    return true;
  }

  protected expect(word: string, opener: string, at: number): void {
    this.skipLines();
    if (this.takeKeyword(word)) return;
    throw this.cursor.peek() === undefined ? this.open(opener, at) : this.unexpected();
  }

  protected open(opener: string, at: number): RuleFault {
    return this.cursor.fault(`\`${opener}' is not closed`, at);
  }

  protected unexpected(): RuleFault {
    const { cursor } = this;
    const at = cursor.at;
    const text = cursor.match(/\n|;;|&&|\|\||[|&;()<>]|[^ \t\n;|&()<>]+/y)?.[0] ?? 'end of file';
    return cursor.fault(`\`${text === '\n' ? 'newline' : text}' is not expected here`, at);
  }

  protected skipBlanks(): void {
    const { cursor } = this;
    cursor.match(/(?:[ \t]|\\\n)*/y);
    if (cursor.peek() === '#') {
      const { at } = cursor;
      const comment = cursor.match(/[^\n]*/y)?.[0] ?? '';
      if (concernsPinhole(comment)) cursor.script.comments.set(at, comment);
    }
  }

  /** Over blanks, comments and newlines; here-documents are taken where they begin. */
  protected skipLines(): void {
    for (;;) {
      this.skipBlanks();
      if (this.cursor.peek() !== '\n') return;
      this.cursor.at++;
      this.redirections.takeBodies();
    }
  }

  /** Takes `;` or `&`; newlines are left for `skipLines`. */
  protected separator(): boolean {
    this.skipBlanks();
    const { cursor } = this;
    if (cursor.startsWith(';;') || cursor.startsWith(';&')) return false;
    return cursor.take(';') || cursor.take('&');
  }

  protected atLineEnd(): boolean {
    this.skipBlanks();
    const next = this.cursor.peek();
    return next === undefined || next === '\n';
  }
}
