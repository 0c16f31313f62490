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
  | 'help'
  | 'version';

export type TableName = 'conntrack' | 'expect' | 'dying' | 'unconfirmed';

function command(key: CommandName, short: string, long: string): OptionSpec {
  return { key, short, long: [long], argument: 'optional' };
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
  { key: 'count', short: 'C', long: ['count', 'counter'], argument: 'optional' },
  command('stats', 'S', 'stats'),
  command('help', 'h', 'help'),
  command('version', 'V', 'version'),
];

function option(
  key: string,
  short: string | null,
  long: readonly string[] = [key],
  argument: OptionSpec['argument'] = 'required',
): OptionSpec {
  return short === null ? { key, long, argument } : { key, short, long, argument };
}

/** The options of every protocol, in the order in which conntrack(8) checks them. */
export const plainOptions: readonly OptionSpec[] = [
  option('src', 's', ['orig-src', 'src']),
  option('dst', 'd', ['orig-dst', 'dst']),
  option('reply-src', 'r'),
  option('reply-dst', 'q'),
  option('protonum', 'p', ['protonum', 'proto']),
  option('timeout', 't'),
  option('status', 'u'),
  option('zero', 'z', ['zero'], 'none'),
  option('event-mask', 'e'),
  option('tuple-src', null),
  option('tuple-dst', null),
  option('mask-src', null),
  option('mask-dst', null),
  option('nat-range', 'a'),
  option('mark', 'm'),
  option('id', 'i'),
  option('family', 'f'),
  option('src-nat', 'n', ['src-nat'], 'optional'),
  option('dst-nat', 'g', ['dst-nat'], 'optional'),
  option('output', 'o'),
  option('secmark', 'c'),
  option('buffer-size', 'b'),
  option('any-nat', 'j', ['any-nat'], 'optional'),
  option('zone', 'w'),
  option('label', 'l'),
  option('label-add', null),
  option('label-del', null, ['label-del'], 'optional'),
  option('orig-zone', null),
  option('reply-zone', null),
];

/**
 * How an option goes with a command: '.' not at all, '+' it must be given, '?' it may be, '&' it
 * must or may not depending on its partner (source and destination of one direction).
 */
export type Rule = '.' | '+' | '?' | '&';

//                                s d r q p t u z e [ ] { } a m i f n g o c b j w l < > ( )
const rules: Readonly<Record<string, string>> = {
  'list conntrack': /*     */ '?????.??...??.?.?????.???..??',
  'create conntrack': /*   */ '&&&&++?.......?..??....?.?.??',
  'add conntrack': /*      */ '&&&&++?.......?..??....?.?.??',
  'update conntrack': /*   */ '???????....??.??????....???..',
  'delete conntrack': /*   */ '???????....??.??????...??..??',
  'get conntrack': /*      */ '&&&&+..........?...?....?....',
  'flush conntrack': /*    */ '................?............',
  'event conntrack': /*    */ '?????...?..??.?.?????????..??',
  'help conntrack': /*     */ '....?........................',
  'list expect': /*        */ '................?..?.........',
  'create expect': /*      */ '++??++?..++++................',
  'delete expect': /*      */ '++??+........................',
  'get expect': /*         */ '++??+........................',
  'event expect': /*       */ '...................?.........',
};
const nothing = '.'.repeat(plainOptions.length);

/** Which plain options go with a command, one character each, in their order. */
export function rulesFor(command: CommandName | null, table: TableName): string {
  return rules[`${command} ${table === 'expect' ? 'expect' : 'conntrack'}`] ?? nothing;
}
