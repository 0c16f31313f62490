import { RuleFault } from '../errors.ts';
import type { ParseScope } from '../extension.ts';
import type { Family, TableCode } from '../model.ts';
import { type BoundOption, resolveLong } from '../options.ts';
import { parseProtocol } from '../protocols.ts';
import { findMatch, findProtocolMatch, findTarget, isForeignTarget } from '../registry.ts';
import type { ServiceTable } from '../services.ts';
import { readAction } from './action.ts';
import type { Command } from './command.ts';
import { finishCommand, unknownTarget } from './finish.ts';
import { type MainOption, mainOptions, shortOption } from './main-options.ts';
import { parseInterface, RuleState, refuseSecond } from './rule-state.ts';
import { placed, restOfWord, WordStream } from './word-stream.ts';
import type { Word } from './words.ts';

/** What the reader of a line must know about the rest of the rule set. */
export interface LineScope {
  readonly family: Family;
  readonly services: ServiceTable;
  /** The table of the `*table` block, or null in scripts, where -t names it. */
  readonly fixedTable: TableCode | null;
  readonly file: string;
  readonly sourceLine: string;
  hasChain(table: TableCode, name: string): boolean;
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

  private readLong(word: Word): void {
    const equals = word.text.indexOf('=');
    const name = word.text.slice(2, equals < 0 ? undefined : equals);
    const attached = equals < 0 ? null : restOfWord(word, equals + 1);
    const found = this.resolve(name) ?? (this.loadProtocolMatch() ? this.resolve(name) : null);
    if (found === null) {
      this.refuseForeignTarget();
      throw new RuleFault('unknown-option', `unknown option "--${name}"`);
    }
    if ('main' in found) {
      if (attached !== null && found.main.args === 0) throw unexpectedArgument(name);
      this.apply(found.main, word, attached);
    } else {
      this.applyBound(found.bound, name, attached);
    }
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

  /** An option of a target that iptables has and Pinhole has not: the target is what is wrong. */
  private refuseForeignTarget(): void {
    const { jump, target } = this.state;
    if (jump === null || target !== null || !isForeignTarget(jump.text)) return;
    throw placed(unknownTarget(jump.text), jump);
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
    if (bound.args === 0 && attached !== null) throw unexpectedArgument(name);
    const first = bound.args === 0 ? null : this.words.required(`--${name}`, attached);
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
    if (option.role === 'rule' || option.role === 'list') state.givenOptions.push({ option, word });
    if (option.role === 'command') {
      if (this.takeBang()) throw new RuleFault('bad-argument', "unexpected '!' flag");
      const takesChain = option.args === 1;
      const chain = takesChain
        ? this.words.required(shown, attached)
        : (attached ?? this.words.optional());
      readAction(state, this.words, option, word, chain);
      return;
    }
    if (option.args === 'rest') {
      if (attached === null) this.words.optional();
      this.takeBang();
      return;
    }
    const argument = option.args === 1 ? this.words.required(shown, attached) : null;
    try {
      this.applyOption(option, word, argument);
    } catch (fault) {
      throw placed(fault, argument ?? word);
    }
  }

  private applyOption(option: MainOption, word: Word, argument: Word | null): void {
    const { state, scope } = this;
    const negated = this.takeBang();
    const text = argument?.text ?? '';
    switch (option.key) {
      case 'source':
      case 'destination':
        refuseSecond(state[option.key], option);
        state[option.key] = { word: argument!, negated };
        return;
      case 'protocol':
        refuseSecond(state.protocol, option);
        state.protocol = { number: parseProtocol(text), negated };
        if (state.protocol.number === 0 && negated) {
          throw new RuleFault('bad-value', 'rule would never match protocol');
        }
        return;
      case 'in-interface':
        refuseSecond(state.inInterface, option);
        [state.inInterface, state.inWord] = [parseInterface(text, negated), word];
        return;
      case 'out-interface':
        refuseSecond(state.outInterface, option);
        [state.outInterface, state.outWord] = [parseInterface(text, negated), word];
        return;
      case 'fragments':
        refuseSecond(state.fragment, option);
        if (scope.family === 6) {
          const words = "`-f' is not supported in IPv6, use -m frag instead";
          throw new RuleFault('unknown-option', words);
        }
        state.fragment = negated ? 'none' : 'only';
        return;
      case 'match':
        if (negated) throw new RuleFault('bad-argument', 'unexpected ! flag before --match');
        this.addMatch(text);
        return;
      default:
        if (negated) throw new RuleFault('bad-argument', `cannot have ! before -${option.short}`);
        this.applyPlain(option, text, argument);
    }
  }

  private applyPlain(option: MainOption, text: string, argument: Word | null): void {
    const { state, scope } = this;
    if (option.key === 'jump' || option.key === 'goto') {
      refuseSecond(state.jump, option);
      if (text === '') throw new RuleFault('bad-value', 'Invalid target name (too short)');
      [state.jump, state.isGoto] = [argument, option.key === 'goto'];
      if (option.key === 'jump') state.target = findTarget(text, scope.family)?.start() ?? null;
    } else if (option.key === 'counters') {
      this.readCounters(text);
    } else if (option.key === 'table') {
      if (scope.fixedTable !== null) {
        const words = 'The -t option cannot be used in iptables-restore.';
        throw new RuleFault('bad-argument', words);
      }
      state.table = argument;
    }
  }

  private readCounters(packets: string): void {
    const bytes = this.words.optional();
    if (bytes === null) {
      throw new RuleFault('missing-argument', '-c requires packet and byte counter');
    }
    const number = (text: string, what: string) => {
      if (/^\d{1,15}$/.test(text)) return Number(text);
      throw new RuleFault('bad-value', `-c ${what} counter not numeric`);
    };
    const counters = { packets: number(packets, 'packet'), bytes: number(bytes.text, 'byte') };
    this.state.counters = counters;
  }

  private addMatch(name: string): void {
    const match = findMatch(name, this.scope.family);
    if (match === null) {
      const detail = 'Pinhole has no match of this name';
      const words = `Couldn't load match \`${name}':No such file or directory`;
      throw new RuleFault('unknown-match', words, detail);
    }
    this.state.matches.push(match.start());
  }
}

function unexpectedArgument(name: string): RuleFault {
  return new RuleFault('unknown-option', `unknown option "--${name}"`, 'it takes no argument');
}
