import { type Position, RuleFault } from '../../errors.ts';

/** How deeply constructs of a script may stand within each other. */
export const MAX_NESTING = 100;

/** A script's text with the lines found, so that offsets can be told as line and column. */
export class ScriptText {
  readonly text: string;
  /** Comments that concern Pinhole, by where their `#` stands. */
  readonly comments: Map<number, string>;
  /** How far it has been read. */
  readTo = 0;
  private readonly lineStarts: number[] = [0];

  constructor(text: string, comments = new Map<number, string>()) {
    this.text = text;
    this.comments = comments;
    for (let i = text.indexOf('\n'); i >= 0; i = text.indexOf('\n', i + 1)) {
      this.lineStarts.push(i + 1);
    }
  }

  /** Where a line begins; lines count from 1. */
  startOf(line: number): number {
    return this.lineStarts[line - 1] ?? this.text.length;
  }

  position(at: number): Position {
    let low = 0;
    let high = this.lineStarts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.lineStarts[middle]! <= at) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: at - this.lineStarts[low]! + 1 };
  }
}

/** A place in a script that moves forward. */
export class Cursor {
  readonly script: ScriptText;
  readonly text: string;
  readonly end: number;
  at: number;
  private depth: number;

  constructor(script: ScriptText, from = 0, end = script.text.length, depth = 0) {
    this.script = script;
    this.text = script.text;
    this.at = from;
    this.end = end;
    this.depth = depth;
  }

  /** The character here (or some way on), undefined at the end. */
  peek(ahead = 0): string | undefined {
    const at = this.at + ahead;
    return at < this.end ? this.text[at] : undefined;
  }

  startsWith(text: string): boolean {
    return this.at + text.length <= this.end && this.text.startsWith(text, this.at);
  }

  take(text: string): boolean {
    if (!this.startsWith(text)) return false;
    this.at += text.length;
    return true;
  }

  /** What a sticky expression finds here; moves behind it. */
  match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text);
    if (found === null || this.at + found[0].length > this.end) return null;
    this.at += found[0].length;
    return found;
  }

  fault(message: string, at = this.at): RuleFault {
    return new RuleFault('not-understood', message, '', this.script.position(at));
  }

  /** Runs one level deeper; a script nested beyond all reason is refused. */
  nested<T>(read: () => T): T {
    this.refuseDepth();
    this.depth++;
    try {
      return read();
    } finally {
      this.depth--;
    }
  }

  private refuseDepth(): void {
    if (this.depth < MAX_NESTING) return;
    throw this.fault(`constructs are nested more than ${MAX_NESTING} deep`);
  }

  /**
   * A cursor over what backticks hold, without the backslashes that stand for them alone (POSIX,
   * 2.6.3). Places within are told as if those were not there.
   */
  unescaped(from: number, end: number, escapes: RegExp): Cursor {
    const written = this.text.slice(from, end);
    const text = written.replace(escapes, '$1');
    if (text === written) return this.within(from, end);
    this.refuseDepth();
    const script = new ScriptText(this.text.slice(0, from) + text, this.script.comments);
    return new Cursor(script, from, script.text.length, this.depth + 1);
  }

  /** A cursor over a part of the same text. */
  within(from: number, end: number): Cursor {
    this.refuseDepth();
    return new Cursor(this.script, from, end, this.depth + 1);
  }
}
