import { type Position, RuleFault } from '../../errors.ts';
import type { Source } from '../source.ts';
import type { AndOr, Command, List } from './ast.ts';
import type { ScriptText } from './cursor.ts';
import { type Status, type Unknown, type UnknownKind, Unknowns } from './unknown.ts';

/** Bounds of what one script may ask of its reader, so that none hangs it or eats its memory. */
export const limits = {
  steps: 600_000,
  loopRounds: 16_384,
  calls: 60,
  files: 64,
  wordBytes: 1 << 20,
  producedBytes: 48 << 20,
} as const;

/** A text that is being read: the script, a file that it includes, or a word given to `eval`. */
export interface Unit {
  readonly source: Source;
  readonly script: ScriptText;
}

/** A text, a list, or texts by key (`declare -A`). A map is never changed, but replaced. */
export type Value = string | string[] | ReadonlyMap<string, string>;

export interface Input {
  /** What is left to read. */
  text: string;
  /** Offset in the script where a here-document begins. */
  readonly at?: number;
  /** The file it comes from. */
  readonly path?: string;
}

/** Where a command's input comes from and its output goes. */
export interface Streams {
  /** null for the terminal. */
  readonly input: Input | null;
  /** null for the screen, which nobody here reads. */
  readonly output: { text: string } | null;
  /** Whether error messages go where nobody sees them: refusals are then expected. */
  readonly silenced: boolean;
}

export type Jump =
  | { readonly kind: 'exit' }
  | { readonly kind: 'return' }
  | { readonly kind: 'break'; levels: number }
  | { readonly kind: 'continue'; levels: number };

/** Runs commands; what builtins need of the interpreter. */
export interface Runner {
  list(list: List): Status;
  subshell(run: () => Status): Status;
  /** Reads and runs a text, as `eval` and `.` do. */
  unit(unit: Unit): Status;
  substitute(body: readonly AndOr[]): string;
}

/** `start)`, `start|restart)`: what scripts for init have. */
const START_PATTERN = /^[ \t]*\(?[\w|"' -]*\bstart\b[\w|"' -]*\)/m;

/** Everything a script's run changes, but for the rules. */
export class ShellState {
  readonly unknowns = new Unknowns();
  variables = new Map<string, Value>();
  readonly functions = new Map<string, { readonly body: Command; readonly unit: Unit }>();
  /** Values to be put back when each of the running functions returns. */
  readonly frames: Map<string, Value | undefined>[] = [];
  /** $1, $2 …; null where they are the arguments of the script, which nobody knows. */
  positional: readonly string[] | null = null;
  status: Status = 0;
  jump: Jump | null = null;
  streams: Streams = { input: null, output: null, silenced: false };
  /** True where a refusal decides something, so that it is expected. */
  tested: false | 'check' | 'any' = false;
  readonly flags = { exitOnError: false, refuseUnset: false, noPatterns: false };
  /** What the script has written to files. */
  readonly files = new Map<string, string>();
  directory = '';
  /** The script has stored its rules: what loads them again changes nothing. */
  saved = false;
  unit: Unit;
  /** Files that were included, whose messages go with those of the script. */
  readonly included: Source[] = [];
  calls = 0;
  /** How many faults were reported, those said before included. */
  errorCount = 0;
  filesRead = 0;
  /** The script is read as if `start` were its argument. */
  private startTaken = false;
  private steps = 0;
  private produced = 0;
  private readonly warned = new Set<string>();
  private readonly failedLines = new Set<string>();
  private readonly readFile: (path: string) => string;
  readonly main: Unit;

  constructor(unit: Unit, readFile: (path: string) => string) {
    this.unit = unit;
    this.main = unit;
    this.readFile = readFile;
    this.variables.set('IFS', ' \t\n');
    for (const name of ['UID', 'EUID']) this.variables.set(name, '0');
    for (const name of ['USER', 'LOGNAME']) this.variables.set(name, 'root');
    this.variables.set('HOME', '/root');
    this.variables.set('PATH', '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin');
    this.variables.set('OPTIND', '1');
  }

  position(at: number): Position {
    return this.unit.script.position(at);
  }

  step(at: number): void {
    if (++this.steps > limits.steps) this.tooMuch(`more than ${limits.steps} commands`, at);
  }

  /** Counts text that was made. */
  count(text: string, at: number): string {
    this.produced += text.length;
    if (text.length > limits.wordBytes) this.tooMuch('a text of more than a megabyte', at);
    if (this.produced > limits.producedBytes) this.tooMuch('too much text is made', at);
    return text;
  }

  tooMuch(what: string, at: number): never {
    throw new ScriptTooLarge(what, this.position(at));
  }

  mark(kind: UnknownKind, what: string, at: number, subject = ''): string {
    return this.unknowns.mark(this.unknown(kind, what, at, subject));
  }

  unknown(kind: UnknownKind, what: string, at: number, subject = ''): Unknown {
    return { kind, what, position: this.position(at), subject };
  }

  require(text: string, at: number, use: string): string {
    return this.unknowns.require(text, this.position(at), use);
  }

  warn(message: string, at: number): void {
    const { source } = this.unit;
    const position = this.position(at);
    // What stands in a loop is said once.
    const key = `${source.file}:${position.line}:${message}`;
    if (this.warned.has(key)) return;
    this.warned.add(key);
    source.warn(message, position);
  }

  /** A warning that is given once in a load, whatever the place. */
  warnOnce(key: string, message: string, at: number): void {
    if (this.warned.has(key)) return;
    this.warned.add(key);
    this.warn(message, at);
  }

  /** Reports a fault, at most one per line. */
  report(fault: RuleFault, at: number): void {
    const fallback = this.position(at);
    const { source } = this.unit;
    // What is not known is said once for each cause, not for each line that it spoils.
    this.errorCount++;
    const cause = fault.message.endsWith('which is not known') ? fault.message : '';
    const key = cause || `${source.file}:${(fault.position ?? fallback).line}`;
    if (this.failedLines.has(key)) return;
    this.failedLines.add(key);
    source.error(fault, fallback);
  }

  /**
   * A script that tells `start` from other arguments is read as with `start`. Returns what an
   * unknown argument is then, where it is compared with `other`; null where that stays unknown.
   */
  takeStart(unknown: Unknown, other: string, at: number): string | null {
    if (unknown.kind !== 'argument') return null;
    if (!this.startTaken) {
      if (other !== 'start' && !START_PATTERN.test(this.main.script.text)) return null;
      this.startTaken = true;
      this.positional ??= ['start'];
      this.warn("the script asks for an argument; it is read as with `start'", at);
    }
    return unknown.subject === '#' ? '1' : unknown.subject === '1' ? 'start' : '';
  }

  get(name: string): Value | undefined {
    return this.variables.get(name);
  }

  set(name: string, value: Value): void {
    this.variables.set(name, value);
  }

  /** Makes a variable local to the running function. */
  makeLocal(name: string): void {
    const frame = this.frames.at(-1);
    if (frame === undefined || frame.has(name)) return;
    frame.set(name, this.variables.get(name));
    this.variables.delete(name);
  }

  /** The text of a file that the script wrote, or of one beside it; null where there is none. */
  fileText(path: string, at: number): string | null {
    const written = this.files.get(path);
    if (written !== undefined) return written;
    const tables = /^\/proc\/net\/(ip6?)_tables_names$/.exec(path);
    if (tables !== null) {
      const { ruleSet } = this.unit.source;
      const known = ruleSet.familyTables(tables[1] === 'ip6' ? 6 : 4);
      return known.map((table) => `${table.name}\n`).join('');
    }
    if (/^\/(dev|proc|sys)(\/|$)/.test(path) || path === '') return null;
    if (++this.filesRead > limits.files) this.tooMuch(`more than ${limits.files} files`, at);
    for (const candidate of this.candidates(path)) {
      try {
        return this.readFile(candidate);
      } catch {
        // The next place may have it.
      }
    }
    return null;
  }

  /** Relative paths are looked for beside the script first. */
  private candidates(path: string): string[] {
    if (path.startsWith('/')) return [path];
    const folder = this.main.source.file.replace(/[^/]*$/, '');
    const here = this.directory === '' ? [] : [`${this.directory}/${path}`];
    return [...new Set([...here, `${folder}${path.replace(/^\.\//, '')}`, path])];
  }
}

/** The script goes beyond `limits`; its reading ends. */
export class ScriptTooLarge extends RuleFault {
  constructor(what: string, position: Position) {
    const words = `the script is too much to be read here: ${what}`;
    super('out-of-range', words, 'load what iptables-save prints instead', position);
  }
}
