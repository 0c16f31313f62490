import type { OptionSpec } from './getopt.ts';

/** What conntrack(8) can be told to do, and how. */

export type CommandName =
  | 'list'
  | 'create'
  | 'add'
  | 'update'
  | 'delete'
  | 'get'
  | 'flush'
  | 'event'
  | 'count'
  | 'stats'
  | 'load'
  | 'help'
  | 'version';

export type TableName = 'conntrack' | 'expect' | 'dying' | 'unconfirmed';

function command(key: CommandName, short: string, long: string): OptionSpec {
  return { key, short, long: [long], argument: key === 'load' ? 'required' : 'optional' };
}

export const commandOptions: readonly OptionSpec[] = [
  command('list', 'L', 'dump'),
  command('create', 'I', 'create'),
  command('add', 'A', 'add'),
  command('update', 'U', 'update'),
  command('delete', 'D', 'delete'),
  command('get', 'G', 'get'),
  command('flush', 'F', 'flush'),
  command('event', 'E', 'event'),
  command('count', 'C', 'count'),
  command('stats', 'S', 'stats'),
  command('load', 'R', 'load-file'),
  { key: 'help', short: 'h', long: ['help'], argument: 'none' },
  { key: 'version', short: 'V', long: ['version'], argument: 'none' },
];

function option(
  key: string,
  short: string | null,
  long: readonly string[],
  argument: OptionSpec['argument'] = 'required',
): OptionSpec {
  return short === null ? { key, long, argument } : { key, short, long, argument };
}

/** The options of every protocol, in the order in which conntrack(8) checks them. */
export const plainOptions: readonly OptionSpec[] = [
  option('src', 's', ['orig-src', 'src']),
  option('dst', 'd', ['orig-dst', 'dst']),
  option('reply-src', 'r', ['reply-src']),
  option('reply-dst', 'q', ['reply-dst']),
  option('protonum', 'p', ['protonum']),
  option('timeout', 't', ['timeout']),
  option('status', 'u', ['status']),
  option('zero', 'z', ['zero'], 'none'),
  option('event-mask', 'e', ['event-mask']),
  option('tuple-src', null, ['tuple-src']),
  option('tuple-dst', null, ['tuple-dst']),
  option('mask-src', null, ['mask-src']),
  option('mask-dst', null, ['mask-dst']),
  option('nat-range', 'a', ['nat-range']),
  option('mark', 'm', ['mark']),
  option('id', 'i', ['id']),
  option('family', 'f', ['family']),
  option('src-nat', 'n', ['src-nat'], 'optional'),
  option('dst-nat', 'g', ['dst-nat'], 'optional'),
  option('output', 'o', ['output']),
  option('secmark', 'c', ['secmark']),
  option('buffer-size', 'b', ['buffer-size']),
  option('any-nat', 'j', ['any-nat'], 'optional'),
  option('zone', 'w', ['zone']),
  option('label', 'l', ['label']),
  option('label-add', null, ['label-add']),
  option('label-del', null, ['label-del'], 'optional'),
  option('orig-zone', null, ['orig-zone']),
  option('reply-zone', null, ['reply-zone']),
];

const portOptions: readonly OptionSpec[] = [
  option('sport', null, ['orig-port-src', 'sport']),
  option('dport', null, ['orig-port-dst', 'dport']),
  option('reply-port-src', null, ['reply-port-src']),
  option('reply-port-dst', null, ['reply-port-dst']),
];
const statefulOptions = [...portOptions, option('state', null, ['state'])];

function icmpOptions(prefix: string): readonly OptionSpec[] {
  return ['type', 'code', 'id'].map((part) =>
    option(`${prefix}-${part}`, null, [`${prefix}-${part}`]),
  );
}

/** The options that `-p PROTOCOL` brings in; they are unknown before it. */
export const protocolOptions: Readonly<Record<number, readonly OptionSpec[]>> = {
  1: icmpOptions('icmp'),
  6: statefulOptions,
  17: portOptions,
  33: statefulOptions,
  58: icmpOptions('icmpv6'),
  132: statefulOptions,
  136: portOptions,
};

const addresses = ['src', 'dst', 'reply-src', 'reply-dst', 'protonum'];
const masks = ['mask-src', 'mask-dst'];
const nat = ['src-nat', 'dst-nat'];
const zones = ['zone', 'orig-zone', 'reply-zone'];
const common = [...addresses, ...masks, ...nat, ...zones, 'mark', 'family', 'output', 'label'];

interface Rules {
  required: readonly string[];
  allowed: readonly string[];
}

/**
 * Which plain options go with which command, as observed of conntrack 1.4.7. What is absent goes
 * with none: `-C`, `-S`, `-V`, and a command line without command.
 */
const rules: Readonly<Record<string, Rules>> = {
  'list conntrack': {
    required: [],
    allowed: [...common, 'status', 'zero', 'secmark', 'any-nat'],
  },
  'list expect': { required: [], allowed: ['family', 'output'] },
  'get conntrack': { required: ['protonum'], allowed: [...addresses, 'id', 'output'] },
  'get expect': { required: ['src', 'dst', 'protonum'], allowed: addresses },
  'delete conntrack': { required: [], allowed: [...common, 'timeout', 'status', 'id'] },
  'delete expect': { required: ['src', 'dst', 'protonum'], allowed: addresses },
  'flush conntrack': { required: [], allowed: ['family'] },
  'event conntrack': {
    required: [],
    allowed: [...common, 'event-mask', 'secmark', 'buffer-size', 'any-nat'],
  },
  'event expect': { required: [], allowed: ['output'] },
  'help conntrack': { required: [], allowed: ['protonum'] },
};
const nothing: Rules = { required: [], allowed: [] };

/** The rules of a command on a table; the tables of dying and unconfirmed entries list alike. */
export function rulesFor(command: CommandName | null, table: TableName): Rules {
  return rules[`${command} ${table === 'expect' ? 'expect' : 'conntrack'}`] ?? nothing;
}
