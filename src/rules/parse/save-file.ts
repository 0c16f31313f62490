import { RuleFault } from '../errors.ts';
import {
  Chain,
  type Counters,
  type Family,
  NO_COUNTERS,
  type Table,
  type TableCode,
  tableCode,
} from '../model.ts';
import { applyCommand, setPolicy } from './apply.ts';
import { readRuleLine } from './rule-line.ts';
import { MAX_CHAIN_BYTES } from './rule-state.ts';
import type { Source } from './source.ts';
import { splitSaveLine, type Word } from './words.ts';

/** Reads a file in the format of iptables-save, line by line, as iptables-restore does. */
export function readSaveFile(source: Source): void {
  new SaveReader(source).read();
}

class SaveReader {
  private readonly source: Source;
  /** The open table; null outside, 'refused' inside a block whose table does not exist. */
  private table: TableCode | null | 'refused' = null;
  /** Families whose table was emptied for the present block. */
  private readonly opened = new Set<Family>();
  private line = 0;

  constructor(source: Source) {
    this.source = source;
  }

  read(): void {
    const { source } = this;
    if (this.refuseCarriageReturns()) return;
    for (const text of source.lines) {
      this.line++;
      try {
        this.readLine(text);
      } catch (fault) {
        if (!(fault instanceof RuleFault)) throw fault;
        const indent = /^[ \t]*/.exec(text)![0].length;
        source.error(fault, { line: this.line, column: indent + 1 });
      }
    }
    if (!source.endsWithNewline) {
      const column = source.lineText(this.line).length + 1;
      source.warn('no newline at the end of the file; iptables-restore would refuse it', {
        line: this.line,
        column,
      });
    }
    if (this.table !== null) {
      const words = `COMMIT expected at line ${this.line + 1}`;
      source.error(new RuleFault('no-commit', words), { line: this.line, column: 1 });
    }
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
    const column = source.lines[index]!.length;
    source.error(new RuleFault('bad-argument', words, detail), { line: index + 1, column });
    return true;
  }

  private readLine(text: string): void {
    if (text === '' || text.startsWith('#')) return;
    const { table } = this;
    if (table === null) {
      if (text.startsWith('*')) this.openTable(text);
      else if (/[^ \t]/.test(text)) {
        const detail = 'no *table line stands before it';
        throw new RuleFault('line-outside-table', `line ${this.line} failed`, detail);
      }
    } else if (text === 'COMMIT') this.table = null;
    else if (table === 'refused') return;
    else if (text.startsWith(':')) this.declareChain(text, table);
    else this.readRule(text, table);
  }

  private openTable(text: string): void {
    const name = text.slice(1).trim().split(/\s+/)[0] ?? '';
    const code = tableCode(name);
    this.opened.clear();
    if (code === null) {
      this.table = 'refused';
      const position = { line: this.line, column: 2 };
      const words = `unable to initialize table '${name}'`;
      throw new RuleFault('unknown-table', words, '', position);
    }
    this.table = code;
    this.tableOf(this.source.family, code);
  }

  /** The table of a family, emptied when a block first speaks of it; policies stay. */
  private tableOf(family: Family, code: TableCode): Table {
    const table = this.source.ruleSet.ensureTable(family, code);
    if (!this.opened.has(family)) {
      this.opened.add(family);
      for (const chain of [...table.chains.values()]) {
        if (chain.hook < 0) table.chains.delete(chain.name);
        chain.rules = [];
      }
    }
    return table;
  }

  /** `:INPUT DROP [12:720]`, `:LOGDROP - [0:0]`. */
  private declareChain(text: string, code: TableCode): void {
    const [name, policy, counters] = splitSaveLine(text, this.line, 1);
    const table = this.tableOf(this.source.family, code);
    if (name === undefined) {
      throw new RuleFault('bad-chain-name', `line ${this.line} chain name invalid`);
    }
    if (Buffer.byteLength(name.text) > MAX_CHAIN_BYTES) {
      const words = `Invalid chain name \`${name.text}' (${MAX_CHAIN_BYTES} chars max)`;
      throw new RuleFault('bad-chain-name', words, '', name);
    }
    if (policy === undefined) {
      throw new RuleFault('bad-policy', `line ${this.line} policy invalid`, '', name);
    }
    if (policy.text === '-') {
      this.declareUserChain(table, name.text);
      return;
    }
    try {
      const given = counters === undefined ? null : this.policyCounters(counters);
      const place = { file: this.source.file, line: this.line };
      setPolicy(table, name.text, policy.text, given, place);
    } catch (fault) {
      throw this.policyFault(fault, name.text, policy);
    }
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

  private declareUserChain(table: Table, name: string): void {
    const chain = table.chains.get(name);
    if (chain === undefined) table.chains.set(name, new Chain(name, -1));
    else if (chain.hook < 0) {
      const words = `error creating chain '${name}':File exists`;
      throw new RuleFault('chain-exists', words, '', { line: this.line, column: 2 });
    }
  }

  private policyCounters(word: Word): Counters | null {
    const match = /^\[?(\d{1,15}):(\d{1,15})\]?$/.exec(word.text);
    if (match === null) {
      throw new RuleFault('bad-value', 'invalid policy counters for chain', '', word);
    }
    if (!this.source.keepCounters) return null;
    return { packets: Number(match[1]), bytes: Number(match[2]) };
  }

  private readRule(text: string, code: TableCode): void {
    const start = /^[ \t]*/.exec(text)![0].length;
    const { counters, from } = this.ruleCounters(text, start);
    let words = splitSaveLine(text, this.line, from);
    if (words.length === 0) return;
    let { family } = this.source;
    // `-4` and `-6` before a rule: it is for that family alone.
    while (/^(-4|-6|--ipv4|--ipv6)$/.test(words[0]?.text ?? '')) {
      family = words[0]!.text.endsWith('4') ? 4 : 6;
      words = words.slice(1);
    }
    const table = this.tableOf(family, code);
    const command = readRuleLine(words, {
      family,
      services: this.source.services,
      fixedTable: code,
      file: this.source.file,
      sourceLine: text,
      hasChain: (_code, name) => table.chains.has(name),
    });
    const rules = command.rules.map((rule) =>
      rule.counters === NO_COUNTERS && counters !== null ? { ...rule, counters } : rule,
    );
    try {
      applyCommand(this.source.ruleSet, { ...command, rules });
    } catch (fault) {
      if (fault instanceof RuleFault) fault.position ??= command.chainWord;
      throw fault;
    }
  }

  /** `[packets:bytes]` before a rule. */
  private ruleCounters(text: string, start: number): { counters: Counters | null; from: number } {
    if (text[start] !== '[') return { counters: null, from: start };
    const end = text.indexOf(']', start);
    if (end < 0) throw new RuleFault('bad-value', `Bad line ${this.line}: need ]`);
    const [packets = '', bytes] = text.slice(start + 1, end).split(':', 2);
    if (bytes === undefined) throw new RuleFault('bad-value', `Bad line ${this.line}: need :`);
    if (!/^\d{1,15}$/.test(packets)) {
      throw new RuleFault('bad-value', '-c packet counter not numeric');
    }
    if (!/^\d{1,15}$/.test(bytes)) throw new RuleFault('bad-value', '-c byte counter not numeric');
    const counters = { packets: Number(packets), bytes: Number(bytes) };
    return { counters: this.source.keepCounters ? counters : null, from: end + 1 };
  }
}
