/**
 * Shell patterns (`*`, `?`, `[a-z]`, `\x`) on texts. Matching steps back to the last `*` only, so its
 * time is bounded by the product of both lengths.
 */

interface Piece {
  readonly kind: 'one' | 'any' | 'many' | 'set';
  readonly char: string;
  readonly negated: boolean;
}

const classes: Readonly<Record<string, RegExp>> = {
  alpha: /[A-Za-z]/,
  digit: /[0-9]/,
  alnum: /[A-Za-z0-9]/,
  upper: /[A-Z]/,
  lower: /[a-z]/,
  space: /\s/,
  blank: /[ \t]/,
  punct: /[!-/:-@[-`{-~]/,
  xdigit: /[0-9A-Fa-f]/,
};

export class Pattern {
  private readonly pieces: readonly Piece[];

  /** A backslash in `source` makes the next character stand for itself. */
  constructor(source: string) {
    const pieces: Piece[] = [];
    for (let i = 0; i < source.length; i++) {
      const char = source[i]!;
      const close = char === '[' ? closingBracket(source, i) : -1;
      if (char === '\\' && i + 1 < source.length) {
        pieces.push({ kind: 'one', char: source[++i]!, negated: false });
      } else if (char === '*') pieces.push({ kind: 'many', char, negated: false });
      else if (char === '?') pieces.push({ kind: 'any', char, negated: false });
      else if (close > 0) {
        const negated = source[i + 1] === '!' || source[i + 1] === '^';
        pieces.push({ kind: 'set', char: source.slice(i + (negated ? 2 : 1), close), negated });
        i = close;
      } else pieces.push({ kind: 'one', char, negated: false });
    }
    this.pieces = pieces;
  }

  /** Whether the text from `from` to `to` matches as a whole. */
  matches(text: string, from = 0, to = text.length): boolean {
    const { pieces } = this;
    let at = from;
    let piece = 0;
    let star = -1;
    let starAt = from;
    while (at < to) {
      const current = pieces[piece];
      if (current?.kind === 'many') {
        star = piece++;
        starAt = at;
      } else if (current !== undefined && fits(current, text[at]!)) {
        piece++;
        at++;
      } else if (star >= 0) {
        piece = star + 1;
        at = ++starAt;
      } else return false;
    }
    while (pieces[piece]?.kind === 'many') piece++;
    return piece === pieces.length;
  }
}

function closingBracket(source: string, open: number): number {
  let at = open + 1;
  if (source[at] === '!' || source[at] === '^') at++;
  if (source[at] === ']') at++;
  for (; at < source.length; at++) {
    if (source[at] === '[' && source[at + 1] === ':') {
      const end = source.indexOf(':]', at + 2);
      if (end > 0) at = end + 1;
    } else if (source[at] === ']') return at;
  }
  return -1;
}

function fits(piece: Piece, char: string): boolean {
  if (piece.kind === 'any') return true;
  if (piece.kind === 'one') return piece.char === char;
  return inSet(piece.char, char) !== piece.negated;
}

function inSet(set: string, char: string): boolean {
  for (let i = 0; i < set.length; i++) {
    const named = /^\[:([a-z]+):\]/.exec(set.slice(i, i + 12));
    if (named !== null) {
      if (classes[named[1]!]?.test(char)) return true;
      i += named[0].length - 1;
    } else if (set[i + 1] === '-' && i + 2 < set.length) {
      if (char >= set[i]! && char <= set[i + 2]!) return true;
      i += 2;
    } else if (set[i] === char) return true;
  }
  return false;
}

/** Makes every character of a text stand for itself in a pattern. */
export function literalPattern(text: string): string {
  return text.replace(/[*?[\]\\]/g, '\\$&');
}

/** Texts longer than this are not searched with patterns: the work grows with the square. */
export const MAX_SEARCHED = 4096;

/** `${text#pattern}`, `##`, `%`, `%%`. */
export function removeAffix(text: string, operator: string, pattern: Pattern): string {
  const greedy = operator.length === 2;
  const fromStart = operator.startsWith('#');
  for (let i = 0; i <= text.length; i++) {
    const length = greedy ? text.length - i : i;
    if (fromStart && pattern.matches(text, 0, length)) return text.slice(length);
    const start = text.length - length;
    if (!fromStart && pattern.matches(text, start)) return text.slice(0, start);
  }
  return text;
}

/** `${text/pattern/by}`, with `//` for all, `/#` at the start, `/%` at the end. */
export function replacePattern(text: string, mode: string, pattern: Pattern, by: string): string {
  let result = '';
  let at = 0;
  const last = mode === '/#' ? 0 : text.length;
  while (at <= last) {
    let end = text.length;
    while (end > at && !pattern.matches(text, at, end)) end--;
    const found = end > at && (mode !== '/%' || end === text.length);
    if (!found) {
      result += text[at] ?? '';
      at++;
      continue;
    }
    result += by;
    at = end;
    if (mode !== '//') break;
  }
  return result + text.slice(at);
}
