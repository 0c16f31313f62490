import { IptablesUsageError } from './usage-error.ts';

/** What `pinhole iptables` can be asked to show. */
export interface ListRequest {
  readonly command: 'list' | 'specs' | 'zero';
  readonly table: string;
  readonly chain: string | null;
  readonly ruleNumber: number | null;
  readonly verbose: boolean;
  readonly numeric: boolean;
  readonly exact: boolean;
  readonly lineNumbers: boolean;
  /** -Z beside -L or -S: shown first, then set to zero. */
  readonly thenZero: boolean;
}

type CommandKey = ListRequest['command'];

const commands: Readonly<Record<string, CommandKey>> = {
  L: 'list',
  list: 'list',
  S: 'specs',
  'list-rules': 'specs',
  Z: 'zero',
  zero: 'zero',
};
const flags: Readonly<Record<string, 'verbose' | 'numeric' | 'exact' | 'lineNumbers'>> = {
  v: 'verbose',
  verbose: 'verbose',
  n: 'numeric',
  numeric: 'numeric',
  x: 'exact',
  exact: 'exact',
  'line-numbers': 'lineNumbers',
};
/** Commands that change rules: they belong to the rule files in this version. */
const editing = new Set(
  'A D I R C N X E P F append delete insert replace check new-chain delete-chain rename-chain policy flush'.split(
    ' ',
  ),
);
const longNames = [...Object.keys(commands), ...Object.keys(flags), ...editing, 'table'].filter(
  (name) => name.length > 1,
);

/** Reads a command line of iptables -L, -S or -Z: flags in any order, run together or not. */
export function parseListOptions(program: string, argv: readonly string[]): ListRequest {
  return new Parser(program, argv).parse();
}

class Parser {
  private readonly program: string;
  private readonly argv: readonly string[];
  private at = 0;
  private command: CommandKey | null = null;
  private thenZero = false;
  private commandFlag = '';
  private table = 'filter';
  private chain: string | null = null;
  private ruleNumber: number | null = null;
  private readonly set = { verbose: false, numeric: false, exact: false, lineNumbers: false };

  constructor(program: string, argv: readonly string[]) {
    this.program = program;
    this.argv = argv;
  }

  parse(): ListRequest {
    while (this.at < this.argv.length) {
      const word = this.argv[this.at++]!;
      if (word.startsWith('--')) this.long(word);
      else if (word.startsWith('-') && word.length > 1) this.short(word);
      else throw this.usage(`Bad argument \`${word}'`, false);
    }
    if (this.command === null) throw this.usage('no command specified');
    const { command, table, chain, ruleNumber, thenZero } = this;
    return { command, table, chain, ruleNumber, thenZero, ...this.set };
  }

  private long(word: string): void {
    const [name = '', attached = null] = splitOnce(word.slice(2));
    const full = longNames.includes(name) ? name : this.abbreviated(name, word);
    this.apply(full, attached, word);
  }

  private abbreviated(name: string, word: string): string {
    const close = longNames.filter((candidate) => candidate.startsWith(name));
    if (name === '' || close.length !== 1) throw this.usage(`unknown option "${word}"`);
    return close[0]!;
  }

  private short(word: string): void {
    for (let i = 1; i < word.length; i++) {
      const letter = word[i]!;
      const rest = word.slice(i + 1);
      if (letter === 't') {
        this.apply('t', rest === '' ? null : rest, word);
        break;
      }
      this.apply(letter, null, `-${letter}`);
    }
  }

  private apply(name: string, attached: string | null, word: string): void {
    if (editing.has(name)) {
      throw this.usage(
        `${word} is not available in this version: change the rule file and send the gateway SIGHUP`,
      );
    }
    const flag = flags[name];
    const command = commands[name];
    if (name === 't' || name === 'table') this.table = attached ?? this.argument(word);
    else if (flag !== undefined) this.set[flag] = true;
    else if (command !== undefined) this.begin(command, word);
    else throw this.usage(`unknown option "${word}"`);
  }

  private begin(command: CommandKey, word: string): void {
    if (this.command !== null) {
      // Of two commands, one must be -Z.
      this.thenZero = this.command !== command && (command === 'zero' || this.command === 'zero');
      if (!this.thenZero) throw this.usage(`Cannot use ${word} with ${this.commandFlag}`);
    }
    if (this.command === null || this.command === 'zero') this.command = command;
    this.commandFlag = word;
    this.chain = this.optionalWord() ?? this.chain;
    const number = this.chain === null ? null : this.optionalWord();
    if (number === null) return;
    this.ruleNumber = /^\d+$/.test(number) ? Number(number) : 0;
    if (this.ruleNumber === 0) throw this.usage(`Invalid rule number \`${number}'`);
  }

  private optionalWord(): string | null {
    const next = this.argv[this.at];
    if (next === undefined || next.startsWith('-')) return null;
    this.at++;
    return next;
  }

  private argument(word: string): string {
    const next = this.argv[this.at++];
    if (next === undefined) throw this.usage(`option "${word}" requires an argument`);
    return next;
  }

  private usage(message: string, prefixed = true): IptablesUsageError {
    return new IptablesUsageError(this.program, message, prefixed);
  }
}

function splitOnce(text: string): [string, (string | null)?] {
  const equals = text.indexOf('=');
  return equals < 0 ? [text] : [text.slice(0, equals), text.slice(equals + 1)];
}
