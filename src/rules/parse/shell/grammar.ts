import {
  type AndOr,
  type CaseItem,
  type Command,
  type Compound,
  type List,
  type Pipeline,
  plainText,
  type Redirection,
  type ShellWord,
} from './ast.ts';
import type { Cursor } from './cursor.ts';
import { SimpleReader } from './simple-reader.ts';
import { closingParentheses, WordReader } from './word-reader.ts';

/** Words that end the list before them, where a command could begin. */
const closers = ['then', 'else', 'elif', 'fi', 'do', 'done', 'esac', '}'];
const FUNCTION_HEAD = /([A-Za-z_][\w.:-]*)[ \t]*\([ \t]*\)/y;

/**
 * The shell's grammar: POSIX sh and what scripts use of bash. A line at a time, as shells read, so
 * that what stands before a mistake has been seen.
 */
export class Grammar extends SimpleReader {
  constructor(cursor: Cursor) {
    super(cursor, readListAt);
  }

  /** The commands of the next line that has some (with all that belongs to them), or null. */
  line(): List | null {
    this.skipLines();
    if (this.cursor.peek() === undefined) return null;
    const items: AndOr[] = [];
    do {
      items.push(this.andOr());
    } while (this.separator() && !this.atLineEnd());
    const next = this.cursor.peek();
    if (next !== undefined && next !== '\n') throw this.unexpected();
    if (next === '\n') {
      this.cursor.at++;
      this.redirections.takeBodies();
    }
    return items;
  }

  /** Commands up to one of the words that close, or the end. */
  list(): List {
    const items: AndOr[] = [];
    for (;;) {
      this.skipLines();
      const char = this.cursor.peek();
      if (char === undefined || char === ')' || this.cursor.startsWith(';;')) return items;
      if (this.cursor.startsWith(';&')) return items;
      if (closers.includes(this.keyword())) return items;
      items.push(this.andOr());
      if (!this.separator() && this.cursor.peek() !== '\n') return items;
    }
  }

  private bodyList(closing: string): List {
    const at = this.cursor.at;
    const body = this.list();
    if (body.length === 0 && this.cursor.peek() !== undefined) {
      throw this.cursor.fault(`no command stands before \`${closing}'`, at);
    }
    return body;
  }

  private andOr(): AndOr {
    const at = this.cursor.at;
    const first = this.pipeline();
    const rest: { operator: '&&' | '||'; pipeline: Pipeline }[] = [];
    for (;;) {
      this.skipBlanks();
      const operator = this.cursor.take('&&') ? '&&' : this.cursor.take('||') ? '||' : null;
      if (operator === null) return { first, rest, at };
      this.skipLines();
      rest.push({ operator, pipeline: this.pipeline() });
    }
  }

  private pipeline(): Pipeline {
    let negated = false;
    this.skipBlanks();
    while (this.keyword() === '!') {
      negated = !negated;
      this.cursor.at++;
      this.skipBlanks();
    }
    const commands = [this.command()];
    for (;;) {
      this.skipBlanks();
      if (this.cursor.startsWith('||') || !this.cursor.take('|')) return { commands, negated };
      this.cursor.take('&');
      this.skipLines();
      commands.push(this.command());
    }
  }

  private command(): Command {
    const { cursor } = this;
    const at = cursor.at;
    const body = cursor.nested(() => this.compound());
    if (body === null) return this.simple();
    return { kind: 'compound', body, redirections: this.trailingRedirections(), at };
  }

  private trailingRedirections(): Redirection[] {
    const found: Redirection[] = [];
    for (;;) {
      this.skipBlanks();
      const next = this.redirections.read();
      if (next === null) return found;
      found.push(next);
    }
  }

  private compound(): Compound | null {
    const { cursor } = this;
    const at = cursor.at;
    if (cursor.startsWith('((')) {
      const close = closingParentheses(cursor, at + 2);
      if (close !== null) return this.arithmeticCommand(close);
    }
    if (cursor.take('(')) {
      const body = this.bodyList(')');
      if (!cursor.take(')')) throw this.open('(', at);
      return { kind: 'subshell', body };
    }
    const head = cursor.match(FUNCTION_HEAD);
    if (head !== null) return this.functionBody(head[1]!);
    const keyword = this.keyword();
    const read = this.compounds[keyword];
    if (read === undefined) {
      if (closers.includes(keyword)) throw this.unexpected();
      return null;
    }
    cursor.at += keyword.length;
    return read.call(this, at);
  }

  private readonly compounds: Readonly<Record<string, (at: number) => Compound>> = {
    if: (at) => this.ifCommand(at),
    for: (at) => this.forCommand(at),
    while: (at) => this.whileCommand(at, false),
    until: (at) => this.whileCommand(at, true),
    case: (at) => this.caseCommand(at),
    function: (at) => {
      const name = plainText(this.nextWord('function', at));
      this.cursor.match(/[ \t]*\([ \t]*\)/y);
      return this.functionBody(name);
    },
    '{': (at) => {
      const body = this.bodyList('}');
      this.expect('}', '{', at);
      return { kind: 'group', body };
    },
    '[[': (at) => this.condition(at),
  };

  private functionBody(name: string): Compound {
    this.skipLines();
    return { kind: 'function', name, body: this.command() };
  }

  private ifCommand(at: number): Compound {
    const clauses: { test: List; body: List }[] = [];
    for (;;) {
      const test = this.bodyList('then');
      this.expect('then', 'if', at);
      clauses.push({ test, body: this.bodyList('fi') });
      if (this.takeKeyword('elif')) continue;
      const otherwise = this.takeKeyword('else') ? this.bodyList('fi') : [];
      this.expect('fi', 'if', at);
      return { kind: 'if', clauses, otherwise };
    }
  }

  private forCommand(at: number): Compound {
    this.skipBlanks();
    if (this.cursor.startsWith('((')) return this.countCommand(at);
    const name = plainText(this.nextWord('for', at));
    if (!/^[A-Za-z_]\w*$/.test(name)) throw this.cursor.fault("`for' needs a variable", at);
    this.skipLines();
    let words: ShellWord[] | null = null;
    if (this.takeKeyword('in')) {
      words = [];
      for (;;) {
        this.skipBlanks();
        const word = this.words.word();
        if (word === null) break;
        words.push(word);
      }
    }
    this.separator();
    return { kind: 'for', name, words, body: this.doBody('for', at) };
  }

  /** `for ((i = 1; i <= 5; i++))`. */
  private countCommand(at: number): Compound {
    const { cursor } = this;
    const close = closingParentheses(cursor, cursor.at + 2);
    if (close === null) throw this.open('((', cursor.at);
    const inner = cursor.within(cursor.at + 2, close);
    const reader = new WordReader(inner, readListAt);
    const piece = () => {
      const parts = reader.parts((char) => char === ';', /[^;'"\\$`]+/y);
      inner.take(';');
      return parts;
    };
    const [start, test, step] = [piece(), piece(), piece()];
    cursor.at = close + 2;
    this.separator();
    return { kind: 'count', start, test, step, body: this.doBody('for', at) };
  }

  private doBody(opener: string, at: number): List {
    this.skipLines();
    this.expect('do', opener, at);
    const body = this.bodyList('done');
    this.expect('done', opener, at);
    return body;
  }

  private whileCommand(at: number, until: boolean): Compound {
    const test = this.bodyList('do');
    return { kind: 'while', until, test, body: this.doBody(until ? 'until' : 'while', at) };
  }

  private caseCommand(at: number): Compound {
    const { cursor } = this;
    const word = this.nextWord('case', at);
    this.skipLines();
    this.expect('in', 'case', at);
    const items: CaseItem[] = [];
    for (;;) {
      this.skipLines();
      if (this.takeKeyword('esac')) return { kind: 'case', word, items };
      cursor.take('(');
      const patterns: ShellWord[] = [];
      do {
        patterns.push(this.nextWord('case', at));
        this.skipBlanks();
      } while (cursor.take('|'));
      if (!cursor.take(')')) throw this.unexpected();
      const body = this.list();
      const end = cursor.match(/;;&|;;|;&/y)?.[0] as CaseItem['end'] | undefined;
      items.push({ patterns, body, end: end ?? ';;' });
      if (end !== undefined) continue;
      this.skipLines();
      this.expect('esac', 'case', at);
      return { kind: 'case', word, items };
    }
  }

  /** `[[ … ]]`: words up to the brackets; `&&`, `||`, `(`, `)`, `<`, `>` are words of their own. */
  private condition(at: number): Compound {
    const { cursor } = this;
    const words: ShellWord[] = [];
    for (;;) {
      this.skipLines();
      const start = cursor.at;
      const operator = cursor.match(/&&|\|\||[()<>]/y)?.[0];
      // Behind =~ stands an expression in which bars and parentheses are its own.
      const pattern = plainText(words.at(-1)) === '=~';
      if (operator !== undefined && !pattern) {
        words.push({ parts: [{ kind: 'text', text: operator, quoted: false }], at: start });
        continue;
      }
      cursor.at = start;
      const ends = (char: string) => ' \t\n'.includes(char);
      const parts = pattern ? this.words.parts(ends, /[^ \t\n'"\\$`]+/y) : null;
      const word = parts === null ? this.words.word() : { parts, at: start };
      if (word === null || cursor.at === start) throw this.open('[[', at);
      if (plainText(word) === ']]') return { kind: 'condition', words };
      words.push(word);
    }
  }

  private arithmeticCommand(close: number): Compound {
    const { cursor } = this;
    const inner = cursor.within(cursor.at + 2, close);
    const expression = new WordReader(inner, readListAt).quotedParts('');
    cursor.at = close + 2;
    return { kind: 'arithmetic', expression };
  }
}

/** The list within `$(…)` or backticks. */
function readListAt(cursor: Cursor, closing: ')' | ''): List {
  const at = cursor.at;
  const items = new Grammar(cursor).list();
  if (closing === ')' ? !cursor.take(')') : cursor.peek() !== undefined) {
    throw cursor.fault('a command substitution is not closed', at);
  }
  return items;
}
