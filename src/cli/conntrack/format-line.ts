import { Status } from '../../conntrack/index.ts';
import type {
  ConntrackDto,
  ConntrackEventDto,
  CountedTupleDto,
  EncryptedEventDto,
  EventCauseDto,
  ExpectDto,
  ExpectEventDto,
  HelperEventDto,
  TupleDto,
} from '../../control/index.ts';
import { Proto } from '../../wire/index.ts';
import type { FormatOptions } from './format-options.ts';
import { protocolName } from './names.ts';
import { hasPorts, isIcmp } from './protocol-options.ts';

/** What of an entry is shown: a listing, a change, and the end of an entry differ in it. */
interface Parts {
  counters: boolean;
  mark: boolean;
  times: boolean;
  stop: boolean;
  helper: boolean;
  use: boolean;
  labels: boolean;
}

/** The plain line of a listed entry, without newline. */
export function entryLine(entry: ConntrackDto, options: FormatOptions): string {
  return entryWithParts(entry, options, {
    counters: entry.accounting,
    mark: true,
    times: entry.timestamped,
    stop: false,
    helper: entry.helper !== '',
    use: true,
    labels: options.labels,
  });
}

/** The plain line of an event. Counters and times are shown when an entry ends, as ctnetlink does. */
export function eventLine(event: ConntrackEventDto, options: FormatOptions): string {
  const { entry } = event;
  const isEnd = event.event === 'DESTROY';
  const line = entryWithParts(entry, options, {
    counters: isEnd && entry.accounting,
    mark: showsMark(event),
    times: isEnd && entry.timestamped,
    stop: isEnd,
    helper: !isEnd && entry.helper !== '',
    use: false,
    labels: options.labels,
  });
  return `${timePrefix(event.time, options)}${eventTag(event.event)} ${line}${causeSuffix(event.cause)}`;
}

/**
 * Whether an event tells the mark: where there is one, and always where a command made or changed
 * the entry (ctnetlink_change_conntrack reports everything that a command may set).
 */
export function showsMark({ event, entry, cause }: ConntrackEventDto): boolean {
  return entry.mark !== 0 || (cause !== undefined && event !== 'DESTROY');
}

/** The plain line of an expectation; `time` is when it is shown. */
export function expectLine(expect: ExpectDto, options: FormatOptions, time: number): string {
  return timePrefix(time, options) + expectText(expect);
}

export function expectEventLine(event: ExpectEventDto, options: FormatOptions): string {
  const tag = eventTag(event.event);
  return `${timePrefix(event.time, options)}${tag} ${expectText(event.entry)}`;
}

/**
 * The line of an announcement that a helper did not follow. conntrack(8) has no such event; the
 * bracketed word has the width of the others.
 */
export function helperEventLine(event: HelperEventDto, options: FormatOptions): string {
  const head = `${timePrefix(event.time, options)}${eventTag(event.event)}`;
  const what = `helper=${event.helper} kind=${event.kind} reason=${event.reason}`;
  return `${head} ${what} line=${JSON.stringify(event.line)} ${masterText(event.master)}`;
}

/** The line of a control connection that can no longer be read: no word of conntrack(8) either. */
export function encryptedEventLine(event: EncryptedEventDto, options: FormatOptions): string {
  const { helper, server, passiveRange: range, master } = event;
  const head = `${timePrefix(event.time, options)}${eventTag(event.event)} helper=${helper}`;
  const ports = range === null ? '' : ` passive-range=${range.first}:${range.last}`;
  return `${head} server=${server}${ports} ${masterText(master)}`;
}

/** ` [USERSPACE] portid=N progname=NAME` for what a command caused, else ''. */
export function causeSuffix(cause: EventCauseDto | undefined): string {
  if (cause === undefined) return '';
  const program = cause.program === undefined ? '' : ` progname=${cause.program}`;
  return ` [USERSPACE] portid=${cause.portid}${program}`;
}

function entryWithParts(entry: ConntrackDto, options: FormatOptions, parts: Parts): string {
  let line = options.extended ? layer3Text(entry.family) : '';
  line += `${protocolName(entry.proto).padEnd(8)} ${entry.proto} ${entry.timeout} `;
  if (entry.state !== '') line += `${entry.state} `;
  line += directionText(entry, 'orig', parts.counters);
  if ((entry.status & Status.SeenReply) === 0) line += '[UNREPLIED] ';
  line += directionText(entry, 'reply', parts.counters);
  if ((entry.status & Status.Assured) !== 0) line += '[ASSURED] ';
  if (parts.mark) line += `mark=${entry.mark >>> 0} `;
  if (entry.zone !== 0) line += `zone=${entry.zone} `;
  if (parts.times) line += timesText(entry, options.ktimestamp, parts.stop);
  if (parts.helper) line += `helper=${entry.helper} `;
  if (parts.use) line += `use=${entry.use} `;
  if (parts.labels) line += labelsText(entry, options);
  if (options.id) line += `id=${entry.id >>> 0} `;
  return line.trimEnd();
}

function layer3Text(family: 4 | 6): string {
  return family === 4 ? 'ipv4     2 ' : 'ipv6     10 ';
}

function directionText(entry: ConntrackDto, side: 'orig' | 'reply', withCounters: boolean): string {
  const tuple: CountedTupleDto = entry[side];
  const zone = side === 'orig' ? entry.origZone : entry.replyZone;
  const zoneText = zone === 0 ? '' : `zone-${side}=${zone} `;
  const counters = withCounters ? `packets=${tuple.packets} bytes=${tuple.bytes} ` : '';
  const ports = layer4Text(tuple, entry.proto);
  return `src=${tuple.src} dst=${tuple.dst} ${ports}${zoneText}${counters}`;
}

/** What tells connections of a protocol apart beside the addresses. */
function layer4Text(tuple: TupleDto, proto: number): string {
  const { sport = 0, dport = 0, icmpType = 0, icmpCode = 0, icmpId = 0 } = tuple;
  if (isIcmp(proto)) return `type=${icmpType} code=${icmpCode} id=${icmpId} `;
  if (proto === Proto.Gre) return `srckey=${keyText(sport)} dstkey=${keyText(dport)} `;
  return hasPorts(proto) ? `sport=${sport} dport=${dport} ` : '';
}

/** A key of GRE: `0x1f`. */
export function keyText(key: number): string {
  return `0x${key.toString(16)}`;
}

/** Labels without a name are not shown. */
function labelsText({ labels }: ConntrackDto, { labelName }: FormatOptions): string {
  const names = (labels ?? []).map(labelName).filter((name) => name !== null);
  return names.length === 0 ? '' : `labels=${names.join(',')} `;
}

function timesText(entry: ConntrackDto, withClock: boolean, withStop: boolean): string {
  let text = `delta-time=${entry.deltaTime} `;
  if (withClock) text += `[start=${clockText(entry.startSec)}] `;
  if (withClock && withStop) text += `[stop=${clockText(entry.startSec + entry.deltaTime)}] `;
  return text;
}

// 299 proto=6 src=192.168.1.10 dst=203.0.113.21 sport=0 dport=50002 mask-src=… master-src=… helper=ftp
function expectText(e: ExpectDto): string {
  const helper = e.helper === '' ? '' : ` helper=${e.helper}`;
  const zone = e.zone === 0 ? '' : `zone=${e.zone} `;
  const mask: TupleDto = { src: '', dst: '', sport: e.maskSport, dport: e.maskDport };
  // At the very end: what reads conntrack(8) knows no expectation of several ports.
  const last = e.dportLast === undefined ? '' : ` dport-last=${e.dportLast}`;
  return (
    `${e.timeout} proto=${e.proto} src=${e.src} dst=${e.dst} ${layer4Text(e, e.proto)}` +
    `mask-src=${e.maskSrc} mask-dst=${e.maskDst} ${layer4Text(mask, e.proto)}` +
    `${masterText(e.master)} ${zone}${flagsText(e.flags)}class=${e.class}${helper}${last}`
  );
}

// NF_CT_EXPECT_ of nf_conntrack_common.h.
const expectFlags: readonly (readonly [string, number])[] = [
  ['PERMANENT', 1],
  ['INACTIVE', 2],
  ['USERSPACE', 4],
];

/** `PERMANENT` and so on. */
export function expectFlagNames(flags: number): string[] {
  return expectFlags.filter(([, bit]) => (flags & bit) !== 0).map(([name]) => name);
}

function flagsText(flags: number): string {
  return flags === 0 ? '' : `${expectFlagNames(flags).join(',')} `;
}

function masterText(master: TupleDto): string {
  const proto = master.icmpType === undefined ? Proto.Tcp : Proto.Icmp;
  return `master-src=${master.src} master-dst=${master.dst} ${layer4Text(master, proto)}`.trimEnd();
}

function eventTag(name: string): string {
  return `[${name}]`.padStart(9);
}

function timePrefix(time: number, options: FormatOptions): string {
  if (!options.timestamp) return '';
  const usec = Math.round(time * 1e6);
  const fraction = String(usec % 1_000_000).padStart(6, '0');
  return `[${Math.floor(usec / 1_000_000)}.${fraction}]\t`;
}

const weekdays = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'] as const;
const months = [
  'Jan',
  'Feb',
  'Mar',
  'Apr',
  'May',
  'Jun',
  'Jul',
  'Aug',
  'Sep',
  'Oct',
  'Nov',
  'Dec',
] as const;

/** `Sat Nov 21 08:11:10 2026`, in local time, as ctime(3) writes it. */
function clockText(epochSec: number): string {
  const date = new Date(epochSec * 1000);
  const two = (n: number) => String(n).padStart(2, '0');
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  const day = String(date.getDate()).padStart(2);
  return `${weekdays[date.getDay()]} ${months[date.getMonth()]} ${day} ${clock} ${date.getFullYear()}`;
}
