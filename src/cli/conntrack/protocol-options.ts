import { Proto } from '../../wire/index.ts';
import type { OptionSpec } from './getopt.ts';
import type { CommandName, TableName } from './option-table.ts';

/** The options that `-p PROTOCOL` brings in; they are unknown before it. */
export interface ProtocolOptions {
  /** In the order in which conntrack(8) checks them. */
  specs: readonly OptionSpec[];
  /** Which of them go with a command, one character each: see `rulesFor` of option-table. */
  rules: (command: CommandName, table: TableName) => string;
  /** What a message names as the pair of either direction. */
  pairNames: readonly [Pair, Pair];
}

export type Pair = readonly [string, string];

const DCCP = 33;

function option(key: string, ...long: string[]): OptionSpec {
  return { key, long: long.length > 0 ? long : [key], argument: 'required' };
}

const stateOption = option('state');
const portMasks = [option('mask-port-src'), option('mask-port-dst')];
const portTuples = [option('tuple-port-src'), option('tuple-port-dst')];
const ports = [
  option('sport', 'orig-port-src', 'sport'),
  option('dport', 'orig-port-dst', 'dport'),
  option('reply-port-src'),
  option('reply-port-dst'),
];
const keys = [
  option('srckey', 'orig-key-src', 'srckey'),
  option('dstkey', 'orig-key-dst', 'dstkey'),
  option('reply-key-src'),
  option('reply-key-dst'),
  option('mask-key-src'),
  option('mask-key-dst'),
  option('tuple-key-src'),
  option('tuple-key-dst'),
];
// The names are those of the messages, which are not always those of the options.
const portPairs: readonly [Pair, Pair] = [
  ['sport', 'dport'],
  ['reply-src-port', 'reply-dst-port'],
];
const dccpPairs: readonly [Pair, Pair] = [
  ['sport', 'dport'],
  ['reply-port-src', 'report-port-dst'],
];

/** Rules of the four ports (or keys) of both directions, the two masks, and the two of a tuple. */
function portRules(command: CommandName, table: TableName): [string, string, string] {
  if (table === 'expect') return command === 'create' ? ['++..', '++', '++'] : ['++++', '..', '..'];
  const isWhole = command === 'create' || command === 'add' || command === 'get';
  return [isWhole ? '&&&&' : '????', '..', '..'];
}

/** `--state`: what a connection must be given when it is made, and may be found by. */
function stateRule(command: CommandName, table: TableName): string {
  if (table === 'expect') return '.';
  return command === 'create' || command === 'add' ? '+' : '?';
}

/** Verification tags and the role: of connections that are made, not of those that are sought. */
function makingRule(command: CommandName, table: TableName, changes: string): string {
  if (command === 'create' || command === 'add') return '+';
  return table !== 'expect' && (command === 'update' || command === 'get') ? changes : '.';
}

const plainPorts: ProtocolOptions = {
  specs: [...ports, ...portMasks, ...portTuples],
  rules: (command, table) => portRules(command, table).join(''),
  pairNames: portPairs,
};

function statefulPorts(
  extra: readonly OptionSpec[],
  changes: string,
  pairNames = portPairs,
): ProtocolOptions {
  return {
    specs: [...ports, ...portMasks, stateOption, ...portTuples, ...extra],
    rules: (command, table) => {
      const [four, masks, tuple] = portRules(command, table);
      const rest = makingRule(command, table, changes).repeat(extra.length);
      return four + masks + stateRule(command, table) + tuple + rest;
    },
    pairNames,
  };
}

function icmpOptions(prefix: string): ProtocolOptions {
  return {
    specs: ['type', 'code', 'id'].map((part) => option(`${prefix}-${part}`)),
    rules: (command, table) => {
      if (table === 'expect') return '...';
      const isWhole = command === 'create' || command === 'add' || command === 'get';
      return isWhole ? '++?' : '???';
    },
    pairNames: portPairs,
  };
}

const gre: ProtocolOptions = {
  specs: keys,
  rules: plainPorts.rules,
  pairNames: [
    ['srckey', 'dstkey'],
    ['reply-src-key', 'reply-dst-key'],
  ],
};

const byProtocol: Readonly<Record<number, ProtocolOptions>> = {
  [Proto.Icmp]: icmpOptions('icmp'),
  [Proto.Tcp]: statefulPorts([], '.'),
  [Proto.Udp]: plainPorts,
  [DCCP]: statefulPorts([option('role')], '.', dccpPairs),
  [Proto.Gre]: gre,
  [Proto.Icmpv6]: icmpOptions('icmpv6'),
  [Proto.Sctp]: statefulPorts([option('orig-vtag'), option('reply-vtag')], '?'),
  [Proto.UdpLite]: plainPorts,
};

/** The options of a protocol number; null for a protocol without any. */
export function protocolOptions(proto: number): ProtocolOptions | null {
  return byProtocol[proto] ?? null;
}

/** Whether `proto` tells its connections apart by ports (or, GRE, by keys). */
export function hasPorts(proto: number): boolean {
  const options = byProtocol[proto];
  return options !== undefined && !isIcmp(proto);
}

export function isIcmp(proto: number): boolean {
  return proto === Proto.Icmp || proto === Proto.Icmpv6;
}
