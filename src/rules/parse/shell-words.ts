import { RuleFault } from '../errors.ts';
import type { Word } from './words.ts';

/**
 * The part of the shell's grammar that plain rule scripts use: words with quoting, `#` comments,
 * continuation lines, `$VAR`, and the operators between commands. Nothing is ever executed; what
 * would need execution (substitutions, globs, loops) is refused.
 */

/** A redirection such as `> /dev/null` or `2>&1`. */
export interface Redirection {
  readonly operator: string;
  readonly target: Word;
}

export interface Statement {
  readonly words: readonly Word[];
  readonly redirections: readonly Redirection[];
  /** What ended it: a newline, `;`, `&&`, `||`, … */
  readonly end: string;
}

const OPERATORS = ['&&', '||', ';;', ';', '|', '&', '(', ')'] as const;
/** What ends a word outside quotes. Other white space, a carriage return say, is part of it. */
const WORD_END = /[ \t\n;|&()<>]/;

/** Takes statements from a script one at a time, so that variables set before are known. */
export class ShellReader {
  private readonly text: string;
  private at = 0;
  private line = 1;
  private lineStart = 0;
  /** Where the statement being read began, for the reader that catches its fault. */
  startLine = 1;

  constructor(text: string) {
    this.text = text;
  }

  /** The next statement, or null at the end of the script. */
  next(variables: ReadonlyMap<string, string>): Statement | null {
    if (this.at >= this.text.length) return null;
    this.skipBlanks();
    this.startLine = this.line;
    const words: Word[] = [];
    const redirections: Redirection[] = [];
    for (;;) {
      this.skipBlanks();
      const char = this.text[this.at];
      if (char === undefined) return { words, redirections, end: '' };
      if (char === '#') {
        this.skipComment();
        continue;
      }
      if (char === '\n') {
        this.newline();
        return { words, redirections, end: '\n' };
      }
      const redirect = /^(\d*|&)(>>|>&|>|<<|<)/.exec(this.text.slice(this.at, this.at + 8));
      if (redirect !== null) {
        this.at += redirect[0].length;
        redirections.push({ operator: redirect[0], target: this.redirectTarget(variables) });
        continue;
      }
      const operator = OPERATORS.find((op) => this.text.startsWith(op, this.at));
      if (operator !== undefined) {
        this.at += operator.length;
        return { words, redirections, end: operator };
      }
      words.push(...this.readWord(variables));
    }
  }

  /** Goes on behind line `line`, where a fault was found. */
  skipLineAfterFault(line: number): void {
    if (this.line > line && this.at === this.lineStart) return;
    while (this.at < this.text.length && this.text[this.at] !== '\n') {
      if (this.text[this.at] === '\\' && this.text[this.at + 1] === '\n') {
        this.at++;
        this.newline();
      } else {
        this.at++;
      }
    }
    if (this.at < this.text.length) this.newline();
  }

  private newline(): void {
    this.at++;
    this.line++;
    this.lineStart = this.at;
  }

  private skipBlanks(): void {
    for (;;) {
      const char = this.text[this.at];
      if (char === ' ' || char === '\t') this.at++;
      else if (char === '\\' && this.text[this.at + 1] === '\n') {
        this.at++;
        this.newline();
      } else return;
    }
  }

  private skipComment(): void {
    while (this.at < this.text.length && this.text[this.at] !== '\n') this.at++;
  }

  private position() {
    return { line: this.line, column: this.at - this.lineStart + 1 };
  }

  private redirectTarget(variables: ReadonlyMap<string, string>): Word {
    this.skipBlanks();
    const position = this.position();
    const [target] = /[\n;|&]/.test(this.text[this.at] ?? '\n') ? [] : this.readWord(variables);
    if (target === undefined) {
      throw new RuleFault('not-understood', 'a redirection needs a file name', '', position);
    }
    return target;
  }

  /** One word as written; several or none where an unquoted variable is split at its blanks. */
  private readWord(variables: ReadonlyMap<string, string>): Word[] {
    const place = this.position();
    const done: Word[] = [];
    let text = '';
    let present = false;
    for (;;) {
      const char = this.text[this.at];
      if (char === undefined || WORD_END.test(char)) break;
      if (char === "'") {
        text += this.singleQuoted();
        present = true;
      } else if (char === '"') {
        text += this.doubleQuoted(variables);
        present = true;
      } else if (char === '\\') {
        if (this.text[this.at + 1] === '\n') {
          this.at++;
          this.newline();
          continue;
        }
        text += this.text[this.at + 1] ?? '';
        this.at += 2;
        present = true;
      } else if (char === '$' || char === '`') {
        const parts = this.expand(variables).split(/[ \t\n]+/);
        for (const part of parts.slice(0, -1)) {
          text += part;
          if (text !== '' || present) done.push({ text, ...place });
          [text, present] = ['', false];
        }
        text += parts.at(-1) ?? '';
      } else {
        if (char === '*' || char === '?') {
          const words = 'file name patterns are not expanded; quote this character';
          throw new RuleFault('not-understood', words, '', this.position());
        }
        text += char;
        this.at++;
        present = true;
      }
    }
    if (text !== '' || present) done.push({ text, ...place });
    return done;
  }

  private singleQuoted(): string {
    const place = this.position();
    const end = this.text.indexOf("'", this.at + 1);
    if (end < 0) throw new RuleFault('bad-quoting', 'a single quote is not closed', '', place);
    const text = this.text.slice(this.at + 1, end);
    this.at++;
    while (this.at < end) {
      if (this.text[this.at] === '\n') this.newline();
      else this.at++;
    }
    this.at++;
    return text;
  }

  private doubleQuoted(variables: ReadonlyMap<string, string>): string {
    const place = this.position();
    let text = '';
    this.at++;
    for (;;) {
      const char = this.text[this.at];
      if (char === undefined) {
        throw new RuleFault('bad-quoting', 'a double quote is not closed', '', place);
      }
      if (char === '"') {
        this.at++;
        return text;
      }
      if (char === '$' || char === '`') text += this.expand(variables);
      else if (char === '\\' && /["\\$`\n]/.test(this.text[this.at + 1] ?? '')) {
        this.at++;
        if (this.text[this.at] === '\n') this.newline();
        else text += this.text[this.at++]!;
      } else {
        text += char;
        if (char === '\n') this.newline();
        else this.at++;
      }
    }
  }

  /** `$NAME`, `${NAME}`, `${NAME:-text}`; a lone `$` is itself. */
  private expand(variables: ReadonlyMap<string, string>): string {
    const rest = this.text.slice(this.at, this.at + 512);
    const position = this.position();
    if (rest.startsWith('`') || rest.startsWith('$(')) {
      const words = 'command substitution is not understood: nothing is executed';
      throw new RuleFault('not-understood', words, '', position);
    }
    const match = /^\$(?:(\w+)|\{(\w+)(?::?-([^}$`"']*))?\})/.exec(rest);
    if (match === null) {
      if (/^\$[{@*#?!$-]/.test(rest)) {
        const words = `this use of $ is not understood`;
        throw new RuleFault('not-understood', words, '', position);
      }
      this.at++;
      return '$';
    }
    const name = match[1] ?? match[2] ?? '';
    const value = variables.get(name) ?? match[3];
    if (value === undefined) {
      throw new RuleFault('not-understood', `variable \`${name}' is not set`, '', position);
    }
    this.at += match[0].length;
    return value;
  }
}
