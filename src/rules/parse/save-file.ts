import { RuleFault } from '../errors.ts';
import { addComment } from '../ftp/take.ts';
import {
  Chain,
  type Counters,
  type Family,
  type Table,
  type TableCode,
  tableCode,
} from '../model.ts';
import { standardTargets } from '../registry.ts';
import { applyCommand, setPolicy } from './apply.ts';
import type { Command } from './command.ts';
import { echoCommand } from './echo.ts';
import { readRuleLine } from './rule-line.ts';
import { MAX_CHAIN_BYTES } from './rule-state.ts';
import type { Source } from './source.ts';
import { splitSaveLine, type Word } from './words.ts';

/**
 * What iptables-restore does beside reading, for a text that is restored on running rules: it stops
 * at the first mistake, skips lines of the other family, and says what it does where asked to.
 */
export interface Restore {
  /** Only this table is taken; the others are passed over without a look (-T). */
  readonly onlyTable: string | null;
  /** -v: comments and what is done go to `show`. */
  readonly verbose: boolean;
  show(text: string): void;
  /** Hears of each command that was carried out; the text of it where it is a listing. */
  list(command: Command): string;
  /** The checks of the kernel at a COMMIT; throws where it would refuse the table. */
  commit(table: Table): void;
}

/** Reads a file in the format of iptables-save, line by line, as iptables-restore does. */
export function readSaveFile(source: Source, restore: Restore | null = null): void {
  new SaveReader(source, restore).read();
}

class SaveReader {
  private readonly source: Source;
  private readonly restore: Restore | null;
  /** The open table; null outside, 'refused' inside a block whose table does not exist. */
  private table: TableCode | null | 'refused' | 'skipped' = null;
  /** Families whose table was emptied for the present block. */
  private readonly opened = new Set<Family>();
  /** Declarations of the present block, for a family that lines of it speak of later. */
  private declared: { readonly words: readonly Word[]; readonly line: number }[] = [];
  private line = 0;

  constructor(source: Source, restore: Restore | null) {
    this.source = source;
    this.restore = restore;
  }

  read(): void {
    const { source } = this;
    if (this.restore !== null && this.refuseCarriageReturns()) return;
    this.warnOfCarriageReturns();
    for (const text of source.lines) {
      this.line++;
      try {
        this.readLine(text.endsWith('\r') ? text.slice(0, -1) : text);
      } catch (fault) {
        if (!(fault instanceof RuleFault)) throw fault;
        const indent = /^[ \t]*/.exec(text)![0].length;
        source.error(fault, { line: this.line, column: indent + 1 });
        if (this.restore !== null) return;
      }
    }
    if (!source.endsWithNewline) {
      const column = source.lineText(this.line).length + 1;
      const words = 'no newline at the end of the file; iptables-restore would refuse it';
      source.warn(words, { line: this.line, column }, 'final-newline');
    }
    if (this.table !== null && this.table !== 'skipped') {
      const words = `COMMIT expected at line ${this.line + 1}`;
      source.error(new RuleFault('no-commit', words), { line: this.line, column: 1 });
    }
  }

  private warnOfCarriageReturns(): void {
    const { source } = this;
    const index = source.lines.findIndex((text) => text.endsWith('\r'));
    if (index < 0) return;
    const column = source.lines[index]!.length;
    const words = 'lines end in CR LF; iptables-restore would refuse the file';
    source.warn(words, { line: index + 1, column }, 'carriage-returns');
  }

  /** Lines that end in CR LF: said once, for every line of the file would be wrong. */
  private refuseCarriageReturns(): boolean {
    const { source } = this;
    const index = source.lines.findIndex((text) => text.endsWith('\r'));
    if (index < 0) return false;
    const detail = 'lines end in CR LF; convert the file to LF';
    const name = /^\*(\S+)/.exec(source.lines[index]!)?.[1];
    const words =
      name === undefined ? `line ${index + 1} failed` : `unable to initialize table '${name}'`;
    const code = name === undefined ? 'line-outside-table' : 'bad-argument';
    const column = source.lines[index]!.length;
    source.error(new RuleFault(code, words, detail), { line: index + 1, column });
    return true;
  }

  private readLine(text: string): void {
    if (text === '') return;
    if (text.startsWith('#')) {
      if (this.restore?.verbose) this.restore.show(`${text}\n`);
      addComment(this.source, text, { line: this.line, column: 1 });
      return;
    }
    const { table } = this;
    if (table === null || table === 'skipped') {
      if (text.startsWith('*')) this.openTable(text);
      else if (table === null) {
        const detail = 'no *table line stands before it';
        throw new RuleFault('line-outside-table', `line ${this.line} failed`, detail);
      }
    } else if (text === 'COMMIT') this.closeTable(table);
    else if (table === 'refused') return;
    else if (text.startsWith(':')) this.declareChain(text, table);
    else this.readRule(text, table, this.source.family);
  }

  private openTable(text: string): void {
    const name = /[^ \t]+/.exec(text.slice(1))?.[0];
    this.opened.clear();
    this.declared = [];
    const only = this.restore?.onlyTable ?? null;
    if (only !== null && name !== undefined && name !== only) {
      this.table = 'skipped';
      return;
    }
    const code = name === undefined ? null : tableCode(name);
    if (code === null) {
      this.table = 'refused';
      const position = { line: this.line, column: 2 };
      if (name === undefined) {
        throw new RuleFault('bad-argument', `line ${this.line} table name invalid`, '', position);
      }
      const words = `unable to initialize table '${name}'`;
      throw new RuleFault('unknown-table', words, '', position);
    }
    this.table = code;
    this.tableOf(this.source.family, code);
  }

  private closeTable(table: TableCode | 'refused'): void {
    this.table = null;
    if (table === 'refused' || this.restore === null) return;
    this.restore.commit(this.source.ruleSet.ensureTable(this.source.family, table));
  }

  /** The table of a family, emptied when a block first speaks of it; policies stay. */
  private tableOf(family: Family, code: TableCode): Table {
    const table = this.source.ruleSet.ensureTable(family, code);
    if (this.opened.has(family)) return table;
    this.opened.add(family);
    if (!this.source.keepRules) this.empty(table);
    if (family !== this.source.family) this.declareAgain(table);
    return table;
  }

  private empty(table: Table): void {
    const chains = table.sortedChains();
    const users = chains.filter((chain) => chain.hook < 0);
    if (this.restore?.verbose) {
      for (const { name } of chains) this.restore.show(`Flushing chain \`${name}'\n`);
      for (const { name } of users) this.restore.show(`Deleting chain \`${name}'\n`);
    }
    for (const chain of chains) chain.rules = [];
    for (const { name } of users) table.chains.delete(name);
  }

  /** Chains that a mixed file declares are there for both of its families. */
  private declareAgain(table: Table): void {
    for (const { words, line } of this.declared) this.declareFor(table, words, line);
  }

  private declareFor(table: Table, words: readonly Word[], line: number): void {
    const [name, policy] = words;
    const chain = table.chains.get(name!.text);
    if (policy!.text === '-') {
      if (chain === undefined) table.chains.set(name!.text, new Chain(name!.text, -1));
    } else if (chain !== undefined && chain.hook >= 0) {
      setPolicy(table, name!.text, policy!.text, null, { file: this.source.file, line });
    }
  }

  private alsoDeclared(words: readonly Word[], code: TableCode): void {
    this.declared.push({ words, line: this.line });
    for (const family of this.opened) {
      if (family === this.source.family) continue;
      this.declareFor(this.tableOf(family, code), words, this.line);
    }
  }

  /** `:INPUT DROP [12:720]`, `:LOGDROP - [0:0]`. */
  private declareChain(text: string, code: TableCode): void {
    const [name, policy, counters] = this.plainWords(text, 1);
    const table = this.tableOf(this.source.family, code);
    if (name === undefined) {
      throw new RuleFault('bad-chain-name', `line ${this.line} chain name invalid`);
    }
    if (Buffer.byteLength(name.text) > MAX_CHAIN_BYTES) {
      const words = `Invalid chain name \`${name.text}' (${MAX_CHAIN_BYTES} chars max)`;
      throw new RuleFault('bad-chain-name', words, '', name);
    }
    const isBuiltIn = (table.chains.get(name.text)?.hook ?? -1) >= 0;
    if (!isBuiltIn) this.makeChain(table, name.text, policy?.text === '-');
    if (policy === undefined) {
      throw new RuleFault('bad-argument', `line ${this.line} policy invalid`, '', name);
    }
    if (policy.text === '-') {
      this.alsoDeclared([name, policy], code);
      return;
    }
    try {
      const given = this.policyCounters(counters, name.text);
      const place = { file: this.source.file, line: this.line };
      setPolicy(table, name.text, policy.text, given, place);
    } catch (fault) {
      throw this.policyFault(fault, name.text, policy);
    }
    this.alsoDeclared([name, policy], code);
  }

  /** Words as strtok finds them: quotes mean nothing in a chain's line. */
  private plainWords(text: string, from: number): Word[] {
    return [...text.slice(from).matchAll(/[^ \t]+/g)].map((found) => ({
      text: found[0],
      line: this.line,
      column: from + found.index + 1,
    }));
  }

  private policyFault(fault: unknown, name: string, policy: Word): unknown {
    if (!(fault instanceof RuleFault) || fault.position !== null) return fault;
    const reason =
      policy.text === 'ACCEPT' || policy.text === 'DROP'
        ? 'Bad built-in chain name'
        : 'Bad policy name';
    const words = `Can't set policy \`${policy.text}' on \`${name}' line ${this.line}: ${reason}`;
    return new RuleFault('bad-policy', words, fault.detail, policy);
  }

  /** A user's chain is made where it is not there, and emptied where rules are kept (-n). */
  private makeChain(table: Table, name: string, isPlain: boolean): void {
    const chain = table.chains.get(name);
    if (chain === undefined && !standardTargets.includes(name)) {
      // With a policy the line is refused next, and the chain must not hide that.
      if (isPlain) table.chains.set(name, new Chain(name, -1));
    } else if (chain !== undefined && this.source.keepRules) chain.rules = [];
    else {
      const words = `error creating chain '${name}':File exists`;
      throw new RuleFault('bad-chain-name', words, '', { line: this.line, column: 2 });
    }
  }

  private policyCounters(word: Word | undefined, name: string): Counters | null {
    if (!this.source.keepCounters) return null;
    const match = /^\[\s*(\d{1,20}):\s*(\d{1,20})/.exec(word?.text ?? '');
    if (match === null) {
      const words = `invalid policy counters for chain '${name}'`;
      throw new RuleFault('bad-value', words, '', word ?? { line: this.line, column: 1 });
    }
    return { packets: Number(match[1]), bytes: Number(match[2]) };
  }

  private readRule(text: string, code: TableCode, family: Family): void {
    const words = this.ruleWords(text);
    const table = this.tableOf(family, code);
    let command: Command;
    try {
      command = readRuleLine(words, {
        family,
        services: this.source.services,
        sets: this.source.ruleSet.sets,
        resolveHost: this.source.resolveHost,
        warn: (message, at) => this.source.warn(message, at),
        fixedTable: code,
        file: this.source.file,
        sourceLine: text,
        hasChain: (_code, name) => table.chains.has(name),
      });
    } catch (fault) {
      if (!(fault instanceof RuleFault) || fault.code !== 'other-family') throw fault;
      // `-4` and `-6` in a rule: it is for that family alone, which a mixed file has as well.
      if (this.restore !== null || family !== this.source.family) return;
      this.readRule(text, code, family === 4 ? 6 : 4);
      return;
    }
    this.carryOut(command, table);
  }

  private carryOut(command: Command, table: Table): void {
    if (this.restore !== null) {
      // As measured: with -n the rules are not shown, unless a line has a -v of its own.
      const verbose = this.restore.verbose && !this.source.keepRules;
      if (verbose || command.verbosity > 0) this.restore.show(echoCommand(table, command));
    }
    try {
      applyCommand(this.source.ruleSet, command);
    } catch (fault) {
      if (fault instanceof RuleFault) fault.position ??= command.chainWord;
      throw fault;
    }
    if (this.restore !== null) this.restore.show(this.restore.list(command));
  }

  /** The words of a rule's line; with -c its `[packets:bytes]` become a --set-counters. */
  private ruleWords(text: string): Word[] {
    const start = /^[ \t]*/.exec(text)![0].length;
    if (text[start] !== '[') return splitSaveLine(text, this.line, start);
    const end = text.indexOf(']', start);
    const [packets = '', bytes] = text.slice(start + 1, end).split(/:(.*)/s, 2);
    if (end < 0 || bytes === undefined) {
      throw new RuleFault('bad-value', `Bad line ${this.line}: need ]`);
    }
    const words = splitSaveLine(text, this.line, end + 1);
    if (!this.source.keepCounters) return words;
    const at = { line: this.line, column: start + 1 };
    const given = ['--set-counters', packets, bytes].map((word) => ({ text: word, ...at }));
    return [...given, ...words];
  }
}
