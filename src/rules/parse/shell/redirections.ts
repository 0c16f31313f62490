import type { Part, Redirection, ShellWord } from './ast.ts';
import type { Cursor } from './cursor.ts';
import { type ListReader, WordReader } from './word-reader.ts';

const REDIRECTION = /([0-9]*)(<<<|<<-|<<|<>|<&|<|>>|>\||>&|>)|&(>>|>)/y;

interface HereDocument {
  readonly delimiter: string;
  readonly stripTabs: boolean;
  readonly plain: boolean;
  /** Filled when the line that asked for it ends. */
  readonly parts: Part[];
  readonly word: { parts: Part[]; at: number };
}

/** Reads redirections, and the here-documents that follow the line of theirs. */
export class RedirectionReader {
  private readonly cursor: Cursor;
  private readonly words: WordReader;
  private readonly readList: ListReader;
  private waiting: HereDocument[] = [];

  constructor(cursor: Cursor, words: WordReader, readList: ListReader) {
    this.cursor = cursor;
    this.words = words;
    this.readList = readList;
  }

  /** The redirection that stands here, or null. */
  read(): Redirection | null {
    const { cursor } = this;
    const at = cursor.at;
    const found = cursor.match(REDIRECTION);
    if (found === null) return null;
    const text = found[2] ?? found[3] ?? '';
    const both = found[3] !== undefined;
    const digits = found[1] ?? '';
    const fallback = text.startsWith('<') ? 0 : 1;
    const descriptor = both ? -1 : digits === '' ? fallback : Number(digits);
    cursor.match(/(?:[ \t]|\\\n)*/y);
    if (text === '<<' || text === '<<-') return this.hereDocument(descriptor, text, at);
    if (text === '<' && cursor.take('<(')) {
      const process = cursor.nested(() => this.readList(cursor, ')'));
      return { descriptor, operator: '<', target: { parts: [], at }, process, at };
    }
    const target = this.words.word();
    if (target === null) throw cursor.fault('a redirection needs a file name');
    const operator = text as Redirection['operator'];
    return { descriptor, operator, target, process: null, at };
  }

  private hereDocument(descriptor: number, operator: string, at: number): Redirection {
    const word = this.words.word();
    if (word === null) throw this.cursor.fault('a here-document needs a word that ends it');
    const texts = word.parts.map((part) => {
      if (part.kind === 'text') return part.text;
      throw this.cursor.fault('the end of a here-document must be a plain word', word.at);
    });
    const plain = word.parts.some((part) => part.kind === 'text' && part.quoted);
    const body: { parts: Part[]; at: number } = { parts: [], at: word.at };
    const stripTabs = operator === '<<-';
    this.waiting.push({
      delimiter: texts.join(''),
      stripTabs,
      plain,
      parts: body.parts,
      word: body,
    });
    const target: ShellWord = body;
    return { descriptor, operator: '<<', target, process: null, at };
  }

  /** Takes the bodies of the here-documents of the line that has just ended. */
  takeBodies(): void {
    const { waiting } = this;
    this.waiting = [];
    for (const document of waiting) this.takeBody(document);
  }

  private takeBody(document: HereDocument): void {
    const { cursor } = this;
    const start = cursor.at;
    document.word.at = start;
    let end = start;
    for (;;) {
      if (end >= cursor.end) break;
      const found = cursor.text.indexOf('\n', end);
      const lineEnd = found < 0 || found > cursor.end ? cursor.end : found;
      const line = cursor.text.slice(end, lineEnd);
      const shown = document.stripTabs ? line.replace(/^\t+/, '') : line;
      if (shown === document.delimiter) {
        this.readBody(document, start, end);
        // The newline behind the delimiter ends the command, so it is left.
        cursor.at = lineEnd;
        return;
      }
      end = lineEnd + 1;
    }
    this.readBody(document, start, cursor.end);
    cursor.at = cursor.end;
  }

  private readBody({ plain, stripTabs, parts }: HereDocument, from: number, to: number): void {
    const { cursor } = this;
    if (plain) {
      const text = cursor.text.slice(from, to);
      parts.push({
        kind: 'text',
        text: stripTabs ? text.replace(/^\t+/gm, '') : text,
        quoted: true,
      });
      return;
    }
    const inner = cursor.within(from, to);
    parts.push(...new WordReader(inner, this.readList).quotedParts('', stripTabs));
  }
}
