import { RuleFault } from '../../errors.ts';
import { evaluate } from './arithmetic.ts';
import type { AndOr, Part, ShellWord } from './ast.ts';
import { expandBraces } from './braces.ts';
import { isKeyed } from './keyed.ts';
import { expandParameter } from './parameter.ts';
import { literalPattern } from './pattern.ts';
import { literalExpression } from './regular.ts';
import type { ShellState } from './state.ts';

/** Turns words into texts: parameters, `$(…)`, arithmetic, splitting at IFS. */
export class Expander {
  private readonly state: ShellState;
  private readonly substitute: (body: readonly AndOr[]) => string;

  constructor(state: ShellState, substitute: (body: readonly AndOr[]) => string) {
    this.state = state;
    this.substitute = substitute;
  }

  /** The words that a word becomes: none, one or several. */
  fields(word: ShellWord): string[] {
    const made: string[] = [];
    for (const parts of expandBraces(word, this.state)) {
      made.push(...this.fieldsOf(parts, word.at));
    }
    return made;
  }

  private fieldsOf(parts: readonly Part[], at: number): string[] {
    const fields = new FieldBuilder(this.state, at);
    for (const part of parts) {
      if (part.kind === 'text') fields.literal(part.text, part.quoted);
      else if (part.kind === 'parameter') {
        const { values, several } = expandParameter(part, this.state, this);
        if (!part.quoted) for (const [i, value] of values.entries()) fields.split(value, i > 0);
        else if (several) fields.several(values);
        else fields.literal(values.join(''), true);
      } else {
        const text = this.valueOf(part);
        if (part.quoted) fields.literal(text, true);
        else fields.split(text, false);
      }
    }
    return fields.finish();
  }

  /** The one text of a word that is not split: an assignment, a file name. */
  single(parts: readonly Part[], at: number): string {
    let text = '';
    for (const part of parts) text += this.valueOf(part);
    return this.state.count(text, at);
  }

  text(word: ShellWord): string {
    return this.single(word.parts, word.at);
  }

  /** A word as a pattern: what is quoted stands for itself. */
  pattern(word: ShellWord): string {
    let text = '';
    for (const part of word.parts) {
      const value = this.valueOf(part);
      text += part.quoted ? literalPattern(value) : value;
    }
    return this.state.count(text, word.at);
  }

  /** A word on the right of `=~`: what is quoted stands for itself. */
  expression(word: ShellWord): string {
    const texts = word.parts.map((part) => {
      const value = this.valueOf(part);
      return part.quoted ? literalExpression(value) : value;
    });
    return this.state.count(texts.join(''), word.at);
  }

  private valueOf(part: Part): string {
    switch (part.kind) {
      case 'text':
        return part.text;
      case 'parameter':
        return expandParameter(part, this.state, this).values.join(' ');
      case 'command':
        return this.state.count(this.substitute(part.body).replace(/\n+$/, ''), part.at);
      case 'arithmetic':
        return String(this.arithmetic(part.expression, part.at));
    }
  }

  /** The value of an arithmetic expression, which must be known. */
  arithmetic(parts: readonly Part[], at: number): bigint {
    const { state } = this;
    const text = state.require(this.single(parts, at), at, 'this arithmetic');
    try {
      return evaluate(text, {
        read: (name) => {
          const value = state.get(name) ?? '';
          const first = isKeyed(value) ? value.get('0') : [value].flat()[0];
          return state.require(first ?? '', at, 'this arithmetic');
        },
        write: (name, value) => state.set(name, value),
      });
    } catch (fault) {
      if (fault instanceof RuleFault) fault.position ??= state.position(at);
      throw fault;
    }
  }
}

/** Puts the pieces of a word together and takes it apart again where IFS says so. */
class FieldBuilder {
  private readonly state: ShellState;
  private readonly at: number;
  private readonly done: string[] = [];
  private current: string | null = null;
  private pattern = false;
  /** The last field was ended by white space, so a separator that follows belongs to that. */
  private ended = false;

  constructor(state: ShellState, at: number) {
    this.state = state;
    this.at = at;
  }

  literal(text: string, quoted: boolean): void {
    this.current = (this.current ?? '') + text;
    if (!quoted && /[*?]/.test(text)) this.pattern = true;
  }

  /** The values of "$@", each a word of its own. */
  several(values: readonly string[]): void {
    if (values.length === 0 && this.current === '') this.current = null;
    for (const [i, value] of values.entries()) {
      if (i > 0) this.end();
      this.literal(value, true);
    }
  }

  /** An unquoted expansion; `apart` where it is not the first of several. */
  split(text: string, apart: boolean): void {
    if (apart && this.current !== null) this.end();
    const separators = this.state.get('IFS');
    const ifs = typeof separators === 'string' ? separators : ' \t\n';
    this.ended = false;
    let start = 0;
    for (let i = 0; i <= text.length; i++) {
      const char = text[i];
      if (char !== undefined && !ifs.includes(char)) continue;
      if (i > start) {
        this.literal(text.slice(start, i), false);
        this.ended = false;
      }
      start = i + 1;
      if (char !== undefined) this.separate(char);
    }
  }

  private separate(char: string): void {
    const blank = char === ' ' || char === '\t' || char === '\n';
    if (blank) {
      if (this.current === null) return;
      this.end();
      this.ended = true;
    } else if (this.ended && this.current === null) {
      this.ended = false;
    } else {
      this.current ??= '';
      this.end();
    }
  }

  private end(): void {
    const text = this.current ?? '';
    const { state } = this;
    // Patterns of settings in /proc are kept: all settings of that name are meant.
    const unknown = this.pattern && !state.flags.noPatterns && !/^\/(proc|sys)\//.test(text);
    const known = state.unknowns.find(text) !== null || !unknown;
    this.done.push(known ? text : state.mark('pattern', `the files of \`${text}'`, this.at, text));
    this.current = null;
    this.pattern = false;
  }

  finish(): string[] {
    if (this.current !== null) this.end();
    for (const text of this.done) this.state.count(text, this.at);
    return this.done;
  }
}
