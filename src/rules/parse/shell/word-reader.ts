import { RuleFault } from '../../errors.ts';
import type { AndOr, ParameterPart, Part, ShellWord } from './ast.ts';
import { type Cursor, MAX_NESTING } from './cursor.ts';

/**
 * Reads words: quoting, `$…`, backticks. Positions in the text are kept, nothing is expanded yet.
 */

/** What ends a word outside quotes. Other white space, a carriage return say, is part of it. */
const WORD_END = ' \t\n;|&()<>';
const PLAIN = /[^ \t\n;|&()<>'"\\$`]+/y;
const PLAIN_IN_QUOTES = /[^"\\$`]+/y;
const NAME = /[A-Za-z_][A-Za-z0-9_]*|[0-9]+|[@*#?$!-]/y;
const OPERATOR = /:?[-=+?]|##?|%%?|\/[/#%]?|\^\^?|,,?|:/y;

const escapes: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  a: '\x07',
  b: '\b',
  e: '\x1b',
  f: '\f',
  v: '\v',
};

/** Reads the commands of `$(…)`; given by the grammar, which needs this reader in turn. */
export type ListReader = (cursor: Cursor, closing: ')' | '') => readonly AndOr[];

export class WordReader {
  private readonly cursor: Cursor;
  private readonly readList: ListReader;

  constructor(cursor: Cursor, readList: ListReader) {
    this.cursor = cursor;
    this.readList = readList;
  }

  /** The word that begins here, or null where none does. */
  word(): ShellWord | null {
    const { cursor } = this;
    const at = cursor.at;
    const parts = this.parts((char) => WORD_END.includes(char), PLAIN);
    return cursor.at === at ? null : { parts, at };
  }

  /** Pieces up to a character that ends them (which is left), outside quotes. */
  parts(ends: (char: string) => boolean, plain: RegExp): Part[] {
    const { cursor } = this;
    const parts: Part[] = [];
    for (;;) {
      const char = cursor.peek();
      if (char === undefined || ends(char)) return parts;
      if (char === "'") parts.push(this.singleQuoted());
      else if (char === '"') this.doubleQuoted(parts);
      else if (char === '\\') {
        const next = cursor.peek(1);
        cursor.at += next === undefined ? 1 : 2;
        if (next === undefined) parts.push({ kind: 'text', text: '\\', quoted: true });
        else if (next !== '\n') parts.push({ kind: 'text', text: next, quoted: true });
      } else if (char === '$' || char === '`') parts.push(this.expansion(false));
      else {
        const run = cursor.match(plain)?.[0];
        if (run === undefined) cursor.at++;
        parts.push({ kind: 'text', text: run ?? char, quoted: false });
      }
    }
  }

  private singleQuoted(): Part {
    const { cursor } = this;
    const start = cursor.at;
    const close = cursor.text.indexOf("'", start + 1);
    if (close < 0 || close >= cursor.end) throw this.notClosed('a single quote', start);
    cursor.at = close + 1;
    return { kind: 'text', text: cursor.text.slice(start + 1, close), quoted: true };
  }

  private notClosed(what: string, at: number): RuleFault {
    const position = this.cursor.script.position(at);
    return new RuleFault('bad-quoting', `${what} is not closed`, '', position);
  }

  private doubleQuoted(parts: Part[]): void {
    const { cursor } = this;
    const start = cursor.at++;
    // An empty piece, so that "" is a word of its own.
    parts.push({ kind: 'text', text: '', quoted: true });
    parts.push(...this.quotedParts('"'));
    if (!cursor.take('"')) throw this.notClosed('a double quote', start);
  }

  /** Pieces as between double quotes, up to `"` or, with '', to the end (here-documents). */
  quotedParts(closing: '"' | '', stripTabs = false): Part[] {
    const { cursor } = this;
    const parts: Part[] = [];
    const add = (text: string) => parts.push({ kind: 'text', text, quoted: true });
    for (;;) {
      const char = cursor.peek();
      if (char === undefined || (char === '"' && closing === '"')) return parts;
      if (char === '$' || char === '`') parts.push(this.expansion(true));
      else if (char === '\\') {
        const next = cursor.peek(1) ?? '';
        const escaped = '\\$`\n'.includes(next) || (next === '"' && closing === '"');
        if (next !== '' && escaped) {
          cursor.at += 2;
          if (next !== '\n') add(next);
        } else {
          cursor.at++;
          add('\\');
        }
      } else {
        const run = closing === '"' ? cursor.match(PLAIN_IN_QUOTES)?.[0] : this.hereText(stripTabs);
        add(run ?? char);
        if (run === undefined) cursor.at++;
      }
    }
  }

  private hereText(stripTabs: boolean): string {
    const { cursor } = this;
    const start = cursor.at;
    while (cursor.at < cursor.end && !'$`\\'.includes(cursor.text[cursor.at]!)) cursor.at++;
    const text = cursor.text.slice(start, cursor.at);
    if (!stripTabs) return text;
    const atLineStart = cursor.text[start - 1] === '\n';
    return (atLineStart ? text.replace(/^\t+/, '') : text).replace(/\n\t+/g, '\n');
  }

  /** What `$` or a backtick begins; a lone `$` is itself. */
  private expansion(quoted: boolean): Part {
    const { cursor } = this;
    const at = cursor.at;
    if (cursor.peek() === '`') return this.backticks(quoted);
    cursor.at++;
    if (cursor.startsWith('((')) {
      const part = this.arithmetic(quoted, at);
      if (part !== null) return part;
    }
    if (cursor.take('(')) {
      const body = cursor.nested(() => this.readList(cursor, ')'));
      return { kind: 'command', body, quoted, at };
    }
    if (cursor.take('{')) return cursor.nested(() => this.braced(quoted, at));
    if (!quoted && cursor.peek() === "'") return this.ansiQuoted();
    if (!quoted && cursor.peek() === '"') return { kind: 'text', text: '', quoted: true };
    const name = cursor.match(NAME)?.[0];
    if (name === undefined) return { kind: 'text', text: '$', quoted };
    // `$12` is `$1` and a 2.
    if (/^[0-9]{2}/.test(name)) cursor.at -= name.length - 1;
    const first = /^[0-9]/.test(name) ? name[0]! : name;
    return plainParameter(first, quoted, at);
  }

  /** `$((…))`; null where it turns out to be `$( (…) )`. */
  private arithmetic(quoted: boolean, at: number): Part | null {
    const { cursor } = this;
    const close = closingParentheses(cursor, cursor.at + 2);
    if (close === null) return null;
    const inner = cursor.within(cursor.at + 2, close);
    const expression = new WordReader(inner, this.readList).quotedParts('');
    cursor.at = close + 2;
    return { kind: 'arithmetic', expression, quoted, at };
  }

  private backticks(quoted: boolean): Part {
    const { cursor } = this;
    const at = cursor.at;
    let close = at + 1;
    while (close < cursor.end && cursor.text[close] !== '`') {
      close += cursor.text[close] === '\\' ? 2 : 1;
    }
    if (close >= cursor.end) throw this.notClosed('a backtick', at);
    const inner = cursor.unescaped(at + 1, close, quoted ? /\\([$`\\"])/g : /\\([$`\\])/g);
    const body = cursor.nested(() => this.readList(inner, ''));
    cursor.at = close + 1;
    return { kind: 'command', body, quoted, at };
  }

  /** `$'a\tb'`. */
  private ansiQuoted(): Part {
    const { cursor } = this;
    const start = cursor.at++;
    let text = '';
    for (;;) {
      const char = cursor.peek();
      if (char === undefined) throw this.notClosed('a single quote', start);
      cursor.at++;
      if (char === "'") return { kind: 'text', text, quoted: true };
      if (char !== '\\') text += char;
      else {
        const next = cursor.peek() ?? '';
        cursor.at++;
        text += escapes[next] ?? next;
      }
    }
  }

  /** `${…}`, behind the brace. */
  private braced(quoted: boolean, at: number): ParameterPart {
    const { cursor } = this;
    const strange = () => cursor.fault('this use of ${ is not understood', at);
    let prefix: '' | '#' | '!' = '';
    if (/^[#!][A-Za-z_0-9@*]/.test(cursor.text.slice(cursor.at, cursor.at + 2))) {
      prefix = cursor.peek() as '#' | '!';
      cursor.at++;
    }
    const name = cursor.match(NAME)?.[0];
    if (name === undefined) throw strange();
    let index: Part[] | null = null;
    if (cursor.take('[')) {
      index = this.parts((char) => char === ']', /[^\]'"\\$`]+/y);
      if (!cursor.take(']')) throw strange();
    }
    const operator = cursor.match(OPERATOR)?.[0] ?? '';
    const operands: ShellWord[] = [];
    if (operator !== '') {
      const stop = operator.startsWith('/') ? '/' : operator === ':' ? ':' : '';
      operands.push(this.operand(quoted, stop));
      if (stop !== '' && cursor.take(stop)) operands.push(this.operand(quoted, ''));
    }
    if (!cursor.take('}')) {
      throw cursor.peek() === undefined ? this.notClosed('${', at) : strange();
    }
    return { kind: 'parameter', name, index, prefix, operator, operands, quoted, at };
  }

  private operand(quoted: boolean, stop: string): ShellWord {
    const { cursor } = this;
    const at = cursor.at;
    const parts = this.parts((char) => char === '}' || char === stop, /[^}/:'"\\$`]+/y);
    return { parts: quoted ? parts.map((part) => ({ ...part, quoted: true })) : parts, at };
  }
}

function plainParameter(name: string, quoted: boolean, at: number): ParameterPart {
  return {
    kind: 'parameter',
    name,
    index: null,
    prefix: '',
    operator: '',
    operands: [],
    quoted,
    at,
  };
}

/** Where the `))` stands that closes an arithmetic expression opened before `from`, or null. */
export function closingParentheses(cursor: Cursor, from: number): number | null {
  let depth = 0;
  for (let at = from; at < cursor.end && depth <= MAX_NESTING; at++) {
    const char = cursor.text[at];
    if (char === '(') depth++;
    else if (char === ')') {
      if (depth === 0) return cursor.text[at + 1] === ')' && at + 1 < cursor.end ? at : null;
      depth--;
    }
  }
  return null;
}
