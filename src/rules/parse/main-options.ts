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
  | 'flag'
  | 'modprobe'
  | 'ipv4'
  | 'ipv6';

type Row = readonly [MainKey, string, readonly string[], 0 | 1 | 'rest', MainOption['role']];

const rows: readonly Row[] = [
  ['append', 'A', ['append'], 1, 'command'],
  ['check', 'C', ['check'], 1, 'command'],
  ['delete', 'D', ['delete'], 1, 'command'],
  ['rename', 'E', ['rename-chain'], 1, 'command'],
  ['flush', 'F', ['flush'], 'rest', 'command'],
  ['insert', 'I', ['insert'], 1, 'command'],
  ['list', 'L', ['list'], 'rest', 'command'],
  ['list-rules', 'S', ['list-rules'], 'rest', 'command'],
  ['new-chain', 'N', ['new-chain'], 1, 'command'],
  ['policy', 'P', ['policy'], 1, 'command'],
  ['replace', 'R', ['replace'], 1, 'command'],
  ['delete-chain', 'X', ['delete-chain'], 'rest', 'command'],
  ['zero', 'Z', ['zero'], 'rest', 'command'],
  ['source', 's', ['source', 'src'], 1, 'rule'],
  ['destination', 'd', ['destination', 'dst'], 1, 'rule'],
  ['protocol', 'p', ['protocol'], 1, 'rule'],
  ['in-interface', 'i', ['in-interface'], 1, 'rule'],
  ['out-interface', 'o', ['out-interface'], 1, 'rule'],
  ['fragments', 'f', ['fragments'], 0, 'rule'],
  ['jump', 'j', ['jump'], 1, 'rule'],
  ['goto', 'g', ['goto'], 1, 'rule'],
  ['match', 'm', ['match'], 1, 'rule'],
  ['counters', 'c', ['set-counters'], 1, 'rule'],
  ['table', 't', ['table'], 1, 'other'],
  ['wait', 'w', ['wait'], 'rest', 'other'],
  ['wait', 'W', ['wait-interval'], 'rest', 'other'],
  ['flag', 'v', ['verbose'], 0, 'other'],
  ['flag', 'n', ['numeric'], 0, 'list'],
  ['flag', 'x', ['exact'], 0, 'list'],
  ['flag', '0', ['line-numbers'], 0, 'list'],
  ['modprobe', 'M', ['modprobe'], 1, 'other'],
  ['ipv4', '4', ['ipv4'], 0, 'other'],
  ['ipv6', '6', ['ipv6'], 0, 'other'],
];

export const mainOptions: readonly MainOption[] = rows.map(([key, short, names, args, role]) => ({
  key,
  short,
  names,
  args,
  role,
}));

/** The option of a letter, or null. The letter of --line-numbers cannot be typed. */
export function shortOption(letter: string): MainOption | null {
  if (letter === '0') return null;
  return mainOptions.find((option) => option.short === letter) ?? null;
}
