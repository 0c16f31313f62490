import type { CommandKind } from './command.ts';

/**
 * The options of iptables itself, apart from those of matches and targets. `args` 'rest' means that
 * following words belong to it where they look like arguments (getopt's optional argument).
 */
export interface MainOption {
  readonly key: MainKey;
  readonly short: string;
  readonly names: readonly string[];
  readonly args: 0 | 1 | 'rest';
  /** 'command': an action; 'rule': part of a rule's description; 'list': for -L; 'other': for all. */
  readonly role: 'command' | 'rule' | 'list' | 'other';
  /** For help: the argument, and what the option does. */
  readonly argument: string;
  readonly help: string;
}

export type MainKey =
  | CommandKind
  | 'source'
  | 'destination'
  | 'protocol'
  | 'in-interface'
  | 'out-interface'
  | 'fragments'
  | 'jump'
  | 'goto'
  | 'match'
  | 'counters'
  | 'table'
  | 'wait'
  | 'wait-interval'
  | 'verbose'
  | 'numeric'
  | 'exact'
  | 'line-numbers'
  | 'modprobe'
  | 'ipv4'
  | 'ipv6'
  | 'help'
  | 'version';

type Arity = 0 | 1 | 'rest';
type Row = readonly [MainKey, string, readonly string[], Arity, MainOption['role'], string, string];

const CHAIN = 'CHAIN';
const ADDRESS = 'ADDRESS[/MASK][,...]';

const rows: readonly Row[] = [
  ['append', 'A', ['append'], 1, 'command', `${CHAIN} RULE`, 'add a rule at the end of a chain'],
  ['check', 'C', ['check'], 1, 'command', `${CHAIN} RULE`, 'look whether a chain has this rule'],
  [
    'delete',
    'D',
    ['delete'],
    1,
    'command',
    `${CHAIN} RULE|NUMBER`,
    'take a rule out of a chain, by its words or its number',
  ],
  ['rename', 'E', ['rename-chain'], 1, 'command', 'OLD NEW', 'give a chain another name'],
  ['flush', 'F', ['flush'], 'rest', 'command', `[${CHAIN}]`, 'take all rules out'],
  [
    'insert',
    'I',
    ['insert'],
    1,
    'command',
    `${CHAIN} [NUMBER] RULE`,
    'put a rule before others (default: the first)',
  ],
  ['list', 'L', ['list'], 'rest', 'command', `[${CHAIN} [NUMBER]]`, 'show rules as a table'],
  [
    'list-rules',
    'S',
    ['list-rules'],
    'rest',
    'command',
    `[${CHAIN} [NUMBER]]`,
    'show rules as commands',
  ],
  ['new-chain', 'N', ['new-chain'], 1, 'command', CHAIN, 'make a chain'],
  ['policy', 'P', ['policy'], 1, 'command', `${CHAIN} POLICY`, 'what becomes of all the rest'],
  ['replace', 'R', ['replace'], 1, 'command', `${CHAIN} NUMBER RULE`, 'put a rule in place of one'],
  ['delete-chain', 'X', ['delete-chain'], 'rest', 'command', `[${CHAIN}]`, 'remove empty chains'],
  ['zero', 'Z', ['zero'], 'rest', 'command', `[${CHAIN} [NUMBER]]`, 'set counters to zero'],
  ['source', 's', ['source', 'src'], 1, 'rule', ADDRESS, 'where packets come from'],
  ['destination', 'd', ['destination', 'dst'], 1, 'rule', ADDRESS, 'where packets go to'],
  ['protocol', 'p', ['protocol'], 1, 'rule', 'PROTOCOL', 'protocol by name or number'],
  ['in-interface', 'i', ['in-interface'], 1, 'rule', 'NAME[+]', 'interface it came in by'],
  ['out-interface', 'o', ['out-interface'], 1, 'rule', 'NAME[+]', 'interface it leaves by'],
  ['fragments', 'f', ['fragments'], 0, 'rule', '', 'fragments after the first (IPv4)'],
  ['jump', 'j', ['jump'], 1, 'rule', 'TARGET', 'target or chain for what matches'],
  ['goto', 'g', ['goto'], 1, 'rule', CHAIN, 'as -j, without coming back'],
  ['match', 'm', ['match'], 1, 'other', 'MATCH', 'match by an extension'],
  ['counters', 'c', ['set-counters'], 1, 'rule', 'PACKETS BYTES', 'counters to begin with'],
  ['table', 't', ['table'], 1, 'other', 'TABLE', 'the table meant (default: filter)'],
  ['wait', 'w', ['wait'], 'rest', 'other', '[SECONDS]', 'taken; there is no lock to wait for'],
  ['wait-interval', 'W', ['wait-interval'], 'rest', 'other', 'USECS', 'taken beside -w'],
  ['verbose', 'v', ['verbose'], 0, 'other', '', 'say more; counters and interfaces with -L'],
  ['numeric', 'n', ['numeric'], 0, 'list', '', 'numbers instead of names'],
  ['exact', 'x', ['exact'], 0, 'list', '', 'counters in full'],
  ['line-numbers', '0', ['line-numbers'], 0, 'list', '', 'number the rules'],
  ['modprobe', 'M', ['modprobe'], 1, 'other', 'COMMAND', 'taken; nothing is loaded'],
  ['ipv4', '4', ['ipv4'], 0, 'other', '', 'this is meant for IPv4 alone'],
  ['ipv6', '6', ['ipv6'], 0, 'other', '', 'this is meant for IPv6 alone'],
  ['help', 'h', ['help'], 'rest', 'other', '[NAME]', 'this help, with that of -m, -j and -p'],
  ['version', 'V', ['version'], 0, 'other', '', 'the version'],
];

export const mainOptions: readonly MainOption[] = rows.map(
  ([key, short, names, args, role, argument, help]) => ({
    key,
    short,
    names,
    args,
    role,
    argument,
    help,
  }),
);

/** The option of a letter, or null. The letter of --line-numbers cannot be typed. */
export function shortOption(letter: string): MainOption | null {
  if (letter === '0') return null;
  return mainOptions.find((option) => option.short === letter) ?? null;
}
