/**
 * Regular expressions of grep and sed (POSIX, 9.3 and 9.4, with the backslashes of GNU) as those of
 * JavaScript. What is not surely the same in both is not translated.
 */

/** How much searching one use may cost: the product of what its repetitions may run over. */
const MAX_COST = 2e8;

/** In how many ways repetitions may have to be tried. */
interface Ways {
  /** Those without an end, each of which may step back over the whole line. */
  readonly open: number;
  /** The product of the others. */
  readonly counted: number;
}

export class Regular {
  private readonly source: string;
  private readonly flags: string;
  private readonly ways: Ways;
  private cost = 0;

  private constructor(source: string, flags: string, ways: Ways) {
    this.source = source;
    this.flags = flags;
    this.ways = ways;
  }

  /** The expression, or null where it is not understood. */
  static read(text: string, extended: boolean, ignoreCase = false): Regular | null {
    const reader = new Reader(text, extended);
    const source = reader.read();
    if (source === null) return null;
    return new Regular(source, ignoreCase ? 'i' : '', reader.ways);
  }

  /** The text itself, as grep -F takes it. */
  static literal(text: string, ignoreCase: boolean): Regular {
    return new Regular(text.replace(SPECIAL, '\\$&'), ignoreCase ? 'i' : '', {
      open: 0,
      counted: 1,
    });
  }

  /** The expression as a word, or as the whole line, of its own. */
  within(before: string, after: string): Regular {
    return new Regular(`${before}(?:${this.source})${after}`, this.flags, this.ways);
  }

  canBeEmpty(): boolean {
    return new RegExp(this.source).test('');
  }

  /** An expression to search `text` with; null where that may take too long. */
  searcher(text: string, everywhere: boolean): RegExp | null {
    this.cost += this.ways.counted * (text.length + 1) ** (this.ways.open + 1);
    if (this.cost > MAX_COST) return null;
    return new RegExp(this.source, everywhere ? `${this.flags}g` : this.flags);
  }
}

const SPECIAL = /[.*+?^${}()|[\]\\/]/g;

/** The expression that matches this text alone. */
export function literalExpression(text: string): string {
  return text.replace(SPECIAL, '\\$&');
}

const classes: Readonly<Record<string, string>> = {
  alpha: 'A-Za-z',
  digit: '0-9',
  alnum: 'A-Za-z0-9',
  upper: 'A-Z',
  lower: 'a-z',
  space: '\\s',
  blank: ' \\t',
  xdigit: '0-9A-Fa-f',
};

class Reader {
  private readonly text: string;
  private readonly extended: boolean;
  private at = 0;
  private made = '';
  /** The ways before each of the groups that are open. */
  private readonly groups: Ways[] = [];
  /** The ways within the group that ended last. */
  private within: Ways = { open: 0, counted: 1 };
  /** What a repetition would repeat. */
  private last: 'nothing' | 'one' | 'group' | 'repetition' = 'nothing';
  ways: Ways = { open: 0, counted: 1 };

  constructor(text: string, extended: boolean) {
    this.text = text;
    this.extended = extended;
  }

  read(): string | null {
    if (this.text.length > 200) return null;
    while (this.at < this.text.length) {
      if (!this.piece()) return null;
    }
    return this.groups.length === 0 ? this.made : null;
  }

  private piece(): boolean {
    const char = this.text[this.at++]!;
    if (char === '\\') {
      const next = this.text[this.at++];
      return next !== undefined && this.escaped(next);
    }
    if (char === '[') return this.bracket();
    if (char === '.') return this.one('.');
    if (char === '*') return this.repeat(char, 0, Number.POSITIVE_INFINITY);
    if (char === '^' || char === '$') return this.anchor(char);
    if (this.extended && '(){}|+?'.includes(char)) return this.operator(char);
    return this.one(char.replace(SPECIAL, '\\$&'));
  }

  private escaped(char: string): boolean {
    if (!this.extended && '(){}|+?'.includes(char)) return this.operator(char);
    if (char === '<' || char === '>' || char === 'b') {
      this.made += '\\b';
      return true;
    }
    if ('wWsS'.includes(char)) return this.one(`\\${char}`);
    if (/[A-Za-z0-9]/.test(char)) return false;
    return this.one(char.replace(SPECIAL, '\\$&'));
  }

  private one(piece: string): boolean {
    this.made += piece;
    this.last = 'one';
    return true;
  }

  /** A sign that repeats what stands before it, from `least` to `most` times. */
  private repeat(sign: string, least: number, most: number): boolean {
    // A sign that repeats nothing is itself.
    const isSign = this.last === 'nothing' && !this.extended && sign.length === 1;
    if (isSign) return this.one(`\\${sign}`);
    if (this.last !== 'one' && this.last !== 'group') return false;
    // A group that is repeated without an end may match in too many ways.
    if (this.last === 'group' && most > 20) return false;
    const { open, counted } = this.ways;
    if (most === Number.POSITIVE_INFINITY) this.ways = { open: open + 1, counted };
    else {
      const again = this.last === 'group' ? Math.max(0, most - 1) : 0;
      const ways = (most - least + 1) * this.within.counted ** again;
      this.ways = { open: open + this.within.open * again, counted: counted * ways };
    }
    this.made += sign;
    this.last = 'repetition';
    return true;
  }

  private operator(char: string): boolean {
    if (char === '+') return this.repeat(char, 1, Number.POSITIVE_INFINITY);
    if (char === '?') return this.repeat(char, 0, 1);
    if (char === '{' || char === '}') return this.count(char);
    if (char === '(') this.groups.push(this.ways);
    if (char === ')') {
      const before = this.groups.pop();
      if (before === undefined) return false;
      const { open, counted } = this.ways;
      this.within = { open: open - before.open, counted: counted / before.counted };
    }
    this.made += char;
    this.last = char === ')' ? 'group' : 'nothing';
    return true;
  }

  private count(char: string): boolean {
    const close = this.extended ? '}' : '\\}';
    const end = this.text.indexOf(close, this.at);
    const found = /^(\d{1,3})(,(\d{0,3}))?$/.exec(this.text.slice(this.at, end));
    if (char !== '{' || end < 0 || found === null) return false;
    this.at = end + close.length;
    const [range, least, comma, most] = found;
    const last = comma === undefined ? least : most;
    if (last !== '' && Number(last) < Number(least)) return false;
    const limit = last === '' ? Number.POSITIVE_INFINITY : Number(last);
    return this.repeat(`{${range}}`, Number(least), limit);
  }

  /** `^` and `$` are themselves within a basic expression. */
  private anchor(char: string): boolean {
    const [before, behind] = [this.text.slice(0, this.at - 1), this.text.slice(this.at)];
    const isEdge = char === '^' ? /(^|\\\(|\\\|)$/.test(before) : /^($|\\\)|\\\|)/.test(behind);
    if (!this.extended && !isEdge) return this.one(`\\${char}`);
    this.made += char;
    this.last = 'nothing';
    return true;
  }

  private bracket(): boolean {
    const rest = this.text.slice(this.at);
    const found = /^(\^?)(\]?(?:\[:[a-z]+:\]|[^\]])*)\]/.exec(rest);
    if (found === null) return false;
    const [whole, not, inner = ''] = found;
    this.at += whole.length;
    let made = '';
    for (const piece of inner.match(/\[:[a-z]+:\]|[\s\S]/g) ?? []) {
      if (piece.length > 1) {
        const set = classes[piece.slice(2, -2)];
        if (set === undefined) return false;
        made += set;
      } else made += /[\]\\[^]/.test(piece) ? `\\${piece}` : piece;
    }
    return this.one(`[${not}${made}]`);
  }
}
