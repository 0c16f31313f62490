import { Status } from '../../conntrack/index.ts';
import type {
  ConntrackDto,
  ConntrackEventDto,
  CountedTupleDto,
  EventCauseDto,
  ExpectDto,
  ExpectEventDto,
  HelperEventDto,
  TupleDto,
} from '../../control/index.ts';
import type { FormatOptions } from './format-options.ts';
import { protocolName } from './names.ts';

/** What of an entry is shown: a listing, a change, and the end of an entry differ in it. */
interface Parts {
  counters: boolean;
  mark: boolean;
  times: boolean;
  stop: boolean;
  helper: boolean;
  use: boolean;
}

/** The plain line of a listed entry, without newline. */
export function entryLine(entry: ConntrackDto, options: FormatOptions): string {
  return entryWithParts(entry, options, {
    counters: options.accounting,
    mark: true,
    times: options.timestamps || options.ktimestamp,
    stop: false,
    helper: entry.helper !== '',
    use: true,
  });
}

/** The plain line of an event. Counters and times are shown when an entry ends, as ctnetlink does. */
export function eventLine(event: ConntrackEventDto, options: FormatOptions): string {
  const { entry } = event;
  const isEnd = event.event === 'DESTROY';
  const line = entryWithParts(entry, options, {
    counters: isEnd && options.accounting,
    mark: entry.mark !== 0,
    times: isEnd && (options.timestamps || options.ktimestamp),
    stop: isEnd,
    helper: !isEnd && entry.helper !== '',
    use: false,
  });
  return `${timePrefix(event.time, options)}${eventTag(event.event)} ${line}${causeSuffix(event.cause)}`;
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
  line += directionText(entry.orig, 'orig', entry.origZone, parts.counters);
  if ((entry.status & Status.SeenReply) === 0) line += '[UNREPLIED] ';
  line += directionText(entry.reply, 'reply', entry.replyZone, parts.counters);
  if ((entry.status & Status.Assured) !== 0) line += '[ASSURED] ';
  if (parts.mark) line += `mark=${entry.mark >>> 0} `;
  if (entry.zone !== 0) line += `zone=${entry.zone} `;
  if (parts.times) line += timesText(entry, options.ktimestamp, parts.stop);
  if (parts.helper) line += `helper=${entry.helper} `;
  if (parts.use) line += `use=${entry.use} `;
  if (options.id) line += `id=${entry.id >>> 0} `;
  return line.trimEnd();
}

function layer3Text(family: 4 | 6): string {
  return family === 4 ? 'ipv4     2 ' : 'ipv6     10 ';
}

function directionText(
  tuple: CountedTupleDto,
  side: 'orig' | 'reply',
  zone: number,
  withCounters: boolean,
): string {
  const zoneText = zone === 0 ? '' : `zone-${side}=${zone} `;
  const counters = withCounters ? `packets=${tuple.packets} bytes=${tuple.bytes} ` : '';
  return `src=${tuple.src} dst=${tuple.dst} ${layer4Text(tuple)}${zoneText}${counters}`;
}

function layer4Text(tuple: TupleDto): string {
  if (tuple.sport !== undefined) return `sport=${tuple.sport} dport=${tuple.dport ?? 0} `;
  if (tuple.icmpType === undefined) return '';
  return `type=${tuple.icmpType} code=${tuple.icmpCode ?? 0} id=${tuple.icmpId ?? 0} `;
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
  return (
    `${e.timeout} proto=${e.proto} src=${e.src} dst=${e.dst} sport=${e.sport} dport=${e.dport} ` +
    `mask-src=${e.maskSrc} mask-dst=${e.maskDst} sport=${e.maskSport} dport=${e.maskDport} ` +
    `${masterText(e.master)} class=${e.class}${helper}`
  );
}

function masterText(master: TupleDto): string {
  return `master-src=${master.src} master-dst=${master.dst} ${layer4Text(master)}`.trimEnd();
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
