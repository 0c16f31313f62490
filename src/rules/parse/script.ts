import { RuleFault } from '../errors.ts';
import type { Family } from '../model.ts';
import { applyCommand } from './apply.ts';
import { readHostCommand } from './host-commands.ts';
import { readRuleLine } from './rule-line.ts';
import { readModprobe, setSysctl } from './settings.ts';
import { ShellReader, type Statement } from './shell-words.ts';
import type { Source } from './source.ts';
import type { Word } from './words.ts';

/**
 * Reads a shell script of plain iptables lines. Nothing is executed: commands that are not known
 * here are errors.
 */
export function readScript(source: Source): void {
  new ScriptReader(source).read();
}

const iptables = ['iptables', 'iptables-legacy', 'iptables-nft'];
const ip6tables = ['ip6tables', 'ip6tables-legacy', 'ip6tables-nft'];
const shellWords =
  /^(if|then|else|elif|fi|for|while|until|do|done|case|esac|function|select|\{|\}|\[|\[\[|!|\w+\(\))$/;

class ScriptReader {
  private readonly source: Source;
  private readonly reader: ShellReader;
  private readonly variables = new Map<string, string>();
  /** The script has stored its rules. */
  private saved = false;
  private skipNext = false;
  private ended = false;

  constructor(source: Source) {
    this.source = source;
    this.reader = new ShellReader(source.lines.join('\n'));
  }

  read(): void {
    const { source, reader } = this;
    while (!this.ended) {
      try {
        const statement = reader.next(this.variables);
        if (statement === null) return;
        this.perform(statement);
      } catch (fault) {
        if (!(fault instanceof RuleFault)) throw fault;
        const line = reader.startLine;
        const column = /^\s*/.exec(source.lineText(line))![0].length + 1;
        source.error(fault, { line, column });
        // What stands behind it on the line would only be misread.
        reader.skipLineAfterFault(fault.position?.line ?? line);
      }
    }
  }

  private perform(statement: Statement): void {
    const { words, end } = statement;
    const skipped = this.skipNext;
    this.skipNext = end === '||';
    if (skipped && words[0] !== undefined) {
      this.source.warn('taken as not needed: the command before || succeeds', words[0]);
    } else if (words.length > 0) {
      this.command(words, statement);
    } else if (statement.redirections.length > 0) {
      throw new RuleFault('not-understood', 'a redirection without a command');
    }
    if (end === '|' || end === '&' || end === '(' || end === ')' || end === ';;') {
      throw new RuleFault('not-understood', `shell operator \`${end}' is not understood`);
    }
  }

  private command(all: readonly Word[], statement: Statement): void {
    const rest = this.takeAssignments(all);
    const [program, ...words] = rest;
    if (program === undefined) return;
    if (this.hostCommand(program, words)) return;
    const name = program.text.replace(/^.*\//, '');
    if (name !== 'echo') this.refuseRedirections(statement);
    if (iptables.includes(name)) this.rule(words, 4, program);
    else if (ip6tables.includes(name)) this.rule(words, 6, program);
    else if (name === 'modprobe')
      this.note(readModprobe(words, this.source.ruleSet.modules), program);
    else if (name === 'sysctl') this.sysctl(words, program);
    else if (name === 'echo') this.echo(words, statement);
    else if (name === 'exit') this.ended = true;
    else if (name === 'export' || name === 'readonly') this.exported(words);
    else if (name === 'set') this.shellFlags(words);
    else if (name !== ':' && name !== 'true') {
      const kind = shellWords.test(program.text) ? 'shell construct' : 'command';
      const words = `${kind} \`${program.text}' is not understood`;
      throw new RuleFault('not-understood', words, 'scripts are read, never run', program);
    }
  }

  /** Saving rules, restarting their service, waiting: understood, and without effect here. */
  private hostCommand(program: Word, words: readonly Word[]): boolean {
    const known = readHostCommand(program, words, this.saved);
    if (known === null) return false;
    this.saved ||= known.saves;
    this.source.warn(
      `\`${program.text}' has no effect here: the rules are read from this file`,
      program,
    );
    return true;
  }

  private note(warning: string | null, at: Word): void {
    if (warning !== null) this.source.warn(warning, at);
  }

  /** Takes `NAME=value` words from the front; they hold for the rest of the script. */
  private takeAssignments(words: readonly Word[]): readonly Word[] {
    let count = 0;
    for (const word of words) {
      const match = /^([A-Za-z_]\w*)=(.*)$/s.exec(word.text);
      if (match === null) break;
      this.variables.set(match[1]!, match[2]!);
      count++;
    }
    return words.slice(count);
  }

  private exported(words: readonly Word[]): void {
    const [left] = this.takeAssignments(words);
    if (left === undefined) return;
    if (!this.variables.has(left.text)) {
      throw new RuleFault('not-understood', `\`${left.text}' is not a variable set here`, '', left);
    }
  }

  private shellFlags(words: readonly Word[]): void {
    for (const word of words) {
      if (/^[-+][euxv]+$/.test(word.text)) continue;
      throw new RuleFault('not-understood', `set \`${word.text}' is not understood`, '', word);
    }
  }

  private refuseRedirections(statement: Statement): void {
    for (const { operator, target } of statement.redirections) {
      if (target.text === '/dev/null' || (operator.endsWith('>&') && /^[12]$/.test(target.text))) {
        continue;
      }
      const words = `redirection \`${operator} ${target.text}' is not understood`;
      throw new RuleFault('not-understood', words, '', target);
    }
  }

  private rule(words: readonly Word[], family: Family, program: Word): void {
    const { source } = this;
    const { ruleSet } = source;
    if (words.length === 0) throw new RuleFault('bad-command', 'no command specified', '', program);
    const command = readRuleLine(words, {
      family,
      services: source.services,
      fixedTable: null,
      file: source.file,
      sourceLine: source.lineText(program.line),
      hasChain: (table, name) => ruleSet.ensureTable(family, table).chains.has(name),
    });
    try {
      applyCommand(ruleSet, command);
    } catch (fault) {
      if (fault instanceof RuleFault) fault.position ??= command.chainWord;
      throw fault;
    }
  }

  private sysctl(words: readonly Word[], program: Word): void {
    const settings = words.filter((word) => !/^-[weqn]+$/.test(word.text));
    if (settings.length === 0)
      throw new RuleFault('not-understood', 'sysctl: no setting', '', program);
    for (const word of settings) {
      const [key = '', value] = word.text.split(/=(.*)/s, 2);
      if (value === undefined) {
        const words = `sysctl: \`${word.text}' sets nothing`;
        throw new RuleFault('not-understood', words, '', word);
      }
      this.note(setSysctl(key.trim(), value, this.source.ruleSet.modules, word), word);
    }
  }

  /** `echo 1 > /proc/sys/net/ipv4/ip_forward`; an echo to the screen says nothing to us. */
  private echo(words: readonly Word[], statement: Statement): void {
    const proc = '/proc/sys/';
    const into = statement.redirections.find(({ target }) => target.text.startsWith(proc));
    const others = statement.redirections.filter((redirection) => redirection !== into);
    this.refuseRedirections({ ...statement, redirections: others });
    if (into === undefined) return;
    const value = words.filter((word) => !/^-[ne]+$/.test(word.text)).map((word) => word.text);
    const key = into.target.text.slice(proc.length);
    const { modules } = this.source.ruleSet;
    this.note(setSysctl(key, value.join(' '), modules, into.target), into.target);
  }
}
