import { formatWords } from '../address.ts';
import { RuleFault } from '../errors.ts';
import { splitSaveLine, type Word } from '../parse/words.ts';
import { type FtpKey, ftpKey, ftpKeys, readFtpSetting } from './keys.ts';
import type { FtpDirective, FtpScope, FtpSettings } from './model.ts';
import { network } from './values.ts';
import { isKnownVerb, nearMiss } from './verbs.ts';

/** Where a comment stands: the place of its `#`. */
export interface CommentPlace {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** What a comment is read against. */
export interface DirectiveScope {
  /** The directives that stand before it. */
  readonly earlier: readonly FtpDirective[];
  warn(message: string, at: Word): void;
}

/** `# pinhole: …`, `#Pinhole:…`, `## PINHOLE :…`. */
const ADDRESSED = /^#+[ \t]*pinhole[ \t]*:/i;
/** The colon forgotten. */
const NEARLY_ADDRESSED = /^#+[ \t]*pinhole[ \t]+ftp[ \t]+[a-z-]+=/i;
/** Longest `--comment` that a rule keeps (XT_MAX_COMMENT_LEN). */
const MAX_COMMENT_BYTES = 255;

/** Whether a comment may be one that `readDirective` has something to say about. Cheap. */
export function concernsPinhole(comment: string): boolean {
  return ADDRESSED.test(comment) || NEARLY_ADDRESSED.test(comment);
}

/**
 * Reads a comment, from its `#` on. Null where it is not addressed to Pinhole, or repeats what
 * another file says. Throws a RuleFault where it is, and cannot be understood.
 */
export function readDirective(
  comment: string,
  place: CommentPlace,
  scope: DirectiveScope,
): FtpDirective | null {
  const text = comment.trimEnd();
  const head = ADDRESSED.exec(text)?.[0];
  if (head !== undefined) return new DirectiveReader(text, place, scope).read(head.length);
  if (NEARLY_ADDRESSED.test(text)) {
    const words = 'this comment is not read: a directive begins with "# pinhole: ftp"';
    scope.warn(words, { text, line: place.line, column: place.column });
  }
  return null;
}

/** One KEY=VALUE. */
interface Pair {
  readonly key: FtpKey;
  readonly word: Word;
  readonly settings: Partial<FtpSettings>;
}

class DirectiveReader {
  private readonly text: string;
  private readonly place: CommentPlace;
  private readonly outer: DirectiveScope;
  private scope: FtpScope | null = null;
  private scopeWord: Word | null = null;
  private readonly pairs: Pair[] = [];

  constructor(text: string, place: CommentPlace, outer: DirectiveScope) {
    this.text = text;
    this.place = place;
    this.outer = outer;
  }

  read(from: number): FtpDirective | null {
    const [subject, ...words] = this.words(from);
    if (subject === undefined || subject.text.toLowerCase() !== 'ftp') {
      const message =
        subject === undefined
          ? 'nothing stands behind "pinhole:"'
          : `unknown directive "${subject.text}"`;
      throw fault('unknown-directive', `${message}: expected ftp`, subject ?? this.place);
    }
    for (const word of words) this.take(word);
    if (this.pairs.length === 0) {
      const words = 'the directive sets nothing: expected KEY=VALUE, as in upload=no';
      throw fault('bad-directive', words, this.scopeWord ?? subject);
    }
    return this.finish();
  }

  /** Words as iptables-restore splits a line, with a quote that must be closed. */
  private words(from: number): Word[] {
    const { line, column } = this.place;
    let words: Word[];
    try {
      words = splitSaveLine(this.text, line, from);
    } catch (found) {
      if (found instanceof RuleFault && found.position !== null) {
        found.position = { line, column: found.position.column + column - 1 };
      }
      throw found;
    }
    const shifted = words.map((word) => ({ ...word, column: word.column + column - 1 }));
    const last = shifted.at(-1);
    if (last?.text.endsWith('\n')) {
      throw fault('bad-quoting', 'a double quote is not closed', last);
    }
    return shifted;
  }

  private take(word: Word): void {
    const equals = word.text.indexOf('=');
    if (equals <= 0) {
      throw fault('bad-directive', `"${word.text}" is no setting: expected KEY=VALUE`, word);
    }
    const name = word.text.slice(0, equals).toLowerCase();
    const value = word.text.slice(equals + 1);
    const at = { ...word, column: word.column + equals + 1 };
    if (name === 'server' || name === 'rule') {
      this.takeScope(name, value, word, at);
      return;
    }
    const key = ftpKey(name);
    if (key === undefined) throw fault('unknown-directive', unknownKey(name), word);
    if (this.pairs.some((pair) => pair.key === key)) {
      throw fault('directive-conflict', `${key.name}= is given twice`, word);
    }
    try {
      this.pairs.push({ key, word, settings: readFtpSetting(key, value) });
    } catch (found) {
      if (found instanceof RuleFault) found.position ??= at;
      throw found;
    }
    if (key.name === 'allow' || key.name === 'deny') this.warnOfVerbs(key.name, value, at);
  }

  private takeScope(name: 'server' | 'rule', value: string, word: Word, at: Word): void {
    if (this.scopeWord !== null) {
      const words = 'server= and rule= may be given once, and not both: expected one scope';
      throw fault('directive-conflict', words, word);
    }
    this.scopeWord = word;
    if (name === 'rule') {
      if (value === '' || Buffer.byteLength(value) > MAX_COMMENT_BYTES) {
        const words = `bad value "${value}" of rule=: expected the --comment of a rule`;
        throw fault('bad-value', `${words}, 1 to ${MAX_COMMENT_BYTES} bytes`, at);
      }
      this.scope = { kind: 'rule', comment: value };
      return;
    }
    const found = network(value);
    if (found === undefined) {
      const words = `bad value "${value}" of server=: expected an address or a network`;
      throw fault('bad-value', `${words}, as in 192.0.2.1, 192.0.2.0/24 or 2001:db8::/32`, at);
    }
    this.scope = { kind: 'server', network: found };
  }

  private warnOfVerbs(name: string, value: string, at: Word): void {
    if (/^(all|none)$/i.test(value)) return;
    let { column } = at;
    for (const word of value.split(',')) {
      const verb = word.toUpperCase();
      if (!isKnownVerb(verb)) {
        const near = nearMiss(verb);
        const hint = near === '' ? '' : `: is ${near} meant?`;
        this.outer.warn(`${name}= names ${verb}, a verb that FTP does not have${hint}`, {
          ...at,
          column,
        });
      }
      column += word.length + 1;
    }
  }

  private finish(): FtpDirective | null {
    const { file, line } = this.place;
    const scope = this.scope ?? { kind: 'all' };
    const pairs = this.pairs.filter((pair) => !this.isRepeated(pair, scope));
    if (pairs.length === 0) return null;
    const settings: Partial<FtpSettings> = Object.assign({}, ...pairs.map((pair) => pair.settings));
    const text = pairs.length === this.pairs.length ? this.text : this.textOf(pairs);
    return { scope, settings, file, line, text };
  }

  /**
   * Whether another file says the very same: rules for IPv4 and for IPv6 may both carry their
   * directives. Throws where the same is said otherwise, or twice in one file.
   */
  private isRepeated({ key, word, settings }: Pair, scope: FtpScope): boolean {
    const before = this.outer.earlier.find(
      (other) => key.field in other.settings && scopeName(other.scope) === scopeName(scope),
    );
    if (before === undefined) return false;
    const { file, line } = before;
    const isSame =
      JSON.stringify(before.settings[key.field]) === JSON.stringify(settings[key.field]);
    // A file that a script includes twice, or text that it restores in a loop, is one line.
    if (isSame && (file !== this.place.file || line === this.place.line)) return true;
    const how = isSame ? 'is given twice' : 'contradicts an earlier directive';
    const words = `${key.name}= ${how} for ${scopeName(scope)}`;
    throw fault('directive-conflict', words, word, `see ${file}:${line}`);
  }

  /** The line with some of its settings, each as it was written. */
  private textOf(pairs: readonly Pair[]): string {
    const words = [
      ...(this.scopeWord === null ? [] : [this.scopeWord]),
      ...pairs.map((p) => p.word),
    ];
    return ['# pinhole: ftp', ...words.map((word) => this.written(word))].join(' ');
  }

  private written({ column }: Word): string {
    // As `splitSaveLine` has it: the end of a quoted part ends the word.
    const found = /^[^" \t]*(?:"(?:\\.|[^"\\])*")?/.exec(
      this.text.slice(column - this.place.column),
    );
    return found![0];
  }
}

function fault(
  code: 'bad-directive' | 'unknown-directive' | 'directive-conflict' | 'bad-value' | 'bad-quoting',
  words: string,
  { line, column }: { readonly line: number; readonly column: number },
  detail = '',
): RuleFault {
  return new RuleFault(code, words, detail, { line, column });
}

function unknownKey(name: string): string {
  const names = ['server', 'rule', ...ftpKeys.map((key) => key.name)];
  const near = nearMiss(name, names);
  const expected = near === '' ? `one of ${names.join(', ')}` : near;
  return `unknown key "${name}": expected ${expected}`;
}

/** What a scope is called; the same for scopes that are the same. */
function scopeName(scope: FtpScope): string {
  if (scope.kind === 'all') return 'all servers';
  if (scope.kind === 'rule') return `rules with the comment "${scope.comment}"`;
  const { family, words, prefixLen } = scope.network;
  return `server ${formatWords(family === 4 ? words.slice(0, 1) : words)}/${prefixLen}`;
}
