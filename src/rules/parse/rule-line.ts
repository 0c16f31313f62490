import type { HostResolver } from '../address.ts';
import { RuleFault } from '../errors.ts';
import type { ParseScope } from '../extension.ts';
import type { Family, TableCode } from '../model.ts';
import { type BoundOption, resolveLong } from '../options.ts';
import { findProtocolMatch } from '../registry.ts';
import type { ServiceTable } from '../services.ts';
import type { SetRegistry } from '../sets/definition.ts';
import { readAction } from './action.ts';
import type { Command } from './command.ts';
import { finishCommand } from './finish.ts';
import { type MainOption, mainOptions, shortOption } from './main-options.ts';
import { applyMainOption } from './main-values.ts';
import { RuleState } from './rule-state.ts';
import { placed, restOfWord, WordStream } from './word-stream.ts';
import type { Word } from './words.ts';

/** What the reader of a line must know about the rest of the rule set. */
export interface LineScope {
  readonly family: Family;
  readonly services: ServiceTable;
  readonly sets: SetRegistry;
  /** The table of the `*table` block, or null in scripts, where -t names it. */
  readonly fixedTable: TableCode | null;
  readonly file: string;
  readonly sourceLine: string;
  /** True for a command typed at a prompt, which may also ask for help or the version. */
  readonly isTyped?: boolean;
  hasChain(table: TableCode, name: string): boolean;
  /** Looks host names up; names are errors where it is not given. */
  readonly resolveHost?: HostResolver | null;
  /** Takes warnings about how the line is written. */
  warn?(message: string, at: Word): void;
}

type Found =
  | { readonly main: MainOption; readonly names: readonly string[] }
  | { readonly bound: BoundOption; readonly names: readonly string[] };

/**
 * Reads the words of one iptables line (without the program's name) the way getopt_long and
 * iptables' own loop do. Throws a RuleFault, with a position, for the first thing that is wrong.
 */
export function readRuleLine(words: readonly Word[], scope: LineScope): Command {
  return new LineReader(words, scope).read();
}

/** Options of iptables itself that may be negated. */
const negatableMain: readonly string[] = [
  'source',
  'destination',
  'protocol',
  'in-interface',
  'out-interface',
];

class LineReader {
  private readonly words: WordStream;
  private readonly first: Word | undefined;
  private readonly scope: LineScope;
  private readonly state = new RuleState();
  private negated = false;
  private bang: Word | null = null;

  constructor(words: readonly Word[], scope: LineScope) {
    this.words = new WordStream(words);
    this.first = words[0];
    this.scope = scope;
  }

  read(): Command {
    let word = this.first;
    try {
      for (;;) {
        const next = this.words.next();
        if (next === undefined) break;
        word = next;
        this.readWord(word);
      }
      if (this.bang !== null) {
        word = this.bang;
        throw new RuleFault('bad-argument', 'nothing appropriate following !');
      }
      return finishCommand(this.state, this.scope, this.parseScope());
    } catch (fault) {
      throw placed(fault, word);
    }
  }

  private parseScope(): ParseScope {
    const { protocol } = this.state;
    return {
      family: this.scope.family,
      services: this.scope.services,
      sets: this.scope.sets,
      protocol: protocol?.number ?? 0,
      protocolNegated: protocol?.negated ?? false,
    };
  }

  private readWord(word: Word): void {
    const { text } = word;
    if (text === '!') {
      if (this.negated) throw new RuleFault('bad-argument', 'multiple consecutive ! not allowed');
      this.negated = true;
      this.bang = word;
      return;
    }
    if (text === '--') {
      if (this.words.next() === undefined) return;
      throw new RuleFault('bad-argument', 'unknown arguments found on commandline');
    }
    if (text.startsWith('--')) this.readLong(word);
    else if (text.startsWith('-') && text.length > 1) this.readShorts(word);
    else throw new RuleFault('bad-argument', `Bad argument \`${text}'`);
  }

  private takeBang(): boolean {
    const { negated } = this;
    this.negated = false;
    this.bang = null;
    return negated;
  }

  /** `-s ! 10.0.0.1`, the form of iptables before 1.4.3, which later ones refuse. */
  private takeOldBang(option: string): void {
    // What is typed is answered as the iptables of today answers it.
    const bang = this.scope.isTyped ? null : this.words.bang();
    if (bang === null) return;
    if (this.negated) throw new RuleFault('bad-argument', 'multiple consecutive ! not allowed');
    this.negated = true;
    this.bang = bang;
    const words = `\`${option} ! …' is the old form; iptables of today wants \`! ${option} …'`;
    this.scope.warn?.(words, bang);
  }

  private readLong(word: Word): void {
    const equals = word.text.indexOf('=');
    const name = word.text.slice(2, equals < 0 ? undefined : equals);
    const attached = equals < 0 ? null : restOfWord(word, equals + 1);
    const found = this.resolve(name) ?? (this.loadProtocolMatch() ? this.resolve(name) : null);
    if (found === null) {
      throw new RuleFault('unknown-option', `unknown option "${word.text}"`);
    }
    const option = 'main' in found ? found.main : found.bound;
    if (attached !== null && (option.args === 0 || option.args === 'optional')) {
      const words = `unknown option "${word.text}"`;
      throw new RuleFault('unknown-option', words, `--${name} takes no argument`);
    }
    if ('main' in found) this.apply(found.main, word, attached);
    else this.applyBound(found.bound, name, attached);
  }

  private resolve(name: string): Found | null {
    const { matches, target } = this.state;
    const found: Found[] = mainOptions.map((main) => ({ main, names: main.names }));
    // Of two matches that know the same name the one named last gets it, as in iptables.
    const drafts = target === null ? [...matches].reverse() : [target, ...[...matches].reverse()];
    for (const draft of drafts) {
      for (const bound of draft.options.options) found.push({ bound, names: bound.names });
    }
    return resolveLong(found, name);
  }

  /** `-p tcp --dport 21` means `-p tcp -m tcp --dport 21`. */
  private loadProtocolMatch(): boolean {
    const { state, scope } = this;
    if (state.protocol === null || state.protocolMatchUsed) return false;
    const match = findProtocolMatch(state.protocol.number, scope.family);
    if (match === null || state.matches.some((draft) => draft.name === match.name)) return false;
    state.protocolMatchUsed = true;
    state.matches.push(match.start());
    return true;
  }

  private readShorts(word: Word): void {
    for (let i = 1; i < word.text.length; i++) {
      const letter = word.text[i]!;
      const option = shortOption(letter);
      if (option === null) throw new RuleFault('unknown-option', `unknown option "-${letter}"`);
      const isLast = i + 1 === word.text.length;
      if (option.args === 0 || isLast) {
        this.apply(option, word, null);
        if (option.args !== 0) return;
      } else {
        this.apply(option, word, restOfWord(word, i + 1));
        return;
      }
    }
  }

  private applyBound(bound: BoundOption, name: string, attached: Word | null): void {
    const takes = bound.args === 1 || bound.args === 2;
    if (attached === null && takes && bound.negatable) this.takeOldBang(`--${name}`);
    const given = () => this.words.required(`--${name}`, attached);
    const first = takes ? given() : bound.args === 0 ? null : this.words.optional();
    const args = first === null ? [] : [first.text];
    if (bound.args === 2) {
      const second = this.words.optional();
      if (second === null) {
        throw new RuleFault('missing-argument', `--${bound.names[0]} requires two args.`);
      }
      args.push(second.text);
    }
    const negated = this.takeBang();
    try {
      bound.set(args, negated, this.parseScope());
    } catch (fault) {
      throw first === null ? fault : placed(fault, first);
    }
  }

  private apply(option: MainOption, word: Word, attached: Word | null): void {
    const { state } = this;
    const shown = word.text.startsWith('--') ? word.text : `-${option.short}`;
    if (option.role === 'command') {
      if (this.takeBang()) throw new RuleFault('bad-argument', "unexpected '!' flag");
      const takesChain = option.args === 1;
      const chain = takesChain
        ? this.words.required(shown, attached)
        : (attached ?? this.words.optional());
      readAction(state, this.words, option, word, chain);
      return;
    }
    let argument: Word | null = null;
    if (attached === null && negatableMain.includes(option.key)) this.takeOldBang(shown);
    if (option.args === 1) argument = this.words.required(shown, attached);
    else if (option.args === 'rest') argument = attached ?? this.words.optional();
    const given = { option, word, argument, negated: this.takeBang() };
    try {
      applyMainOption(given, state, this.words, this.scope);
    } catch (fault) {
      throw placed(fault, argument ?? word);
    }
  }
}
