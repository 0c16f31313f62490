import { Status } from '../../conntrack/index.ts';
import type {
  ConntrackDto,
  ConntrackEventDto,
  ExpectDto,
  ExpectEventDto,
  TupleDto,
} from '../../control/index.ts';
import { Proto } from '../../wire/index.ts';
import { causeSuffix, expectFlagNames, keyText, showsMark } from './format-line.ts';
import type { FormatOptions } from './format-options.ts';
import { protocolName, stateNames } from './names.ts';
import { hasPorts } from './protocol-options.ts';

/** `<flow>…</flow>` of a listed entry. The identifier is always there; `-o id` changes nothing. */
export function entryXml(entry: ConntrackDto, options: FormatOptions): string {
  return `<flow>${flowBody(entry, options, null)}</flow>`;
}

export function eventXml(event: ConntrackEventDto, options: FormatOptions): string {
  const type = event.event.toLowerCase();
  const flow = `<flow type="${type}">${flowBody(event.entry, options, event)}</flow>`;
  return flow + causeSuffix(event.cause);
}

/** `<flow>` of an expectation; `time` is when it is shown. */
export function expectXml(expect: ExpectDto, options: FormatOptions, time: number): string {
  return `<flow>${expectBody(expect, options, time)}</flow>`;
}

export function expectEventXml(event: ExpectEventDto, options: FormatOptions): string {
  const type = event.event.toLowerCase();
  return `<flow type="${type}">${expectBody(event.entry, options, event.time)}</flow>`;
}

function flowBody(
  e: ConntrackDto,
  options: FormatOptions,
  event: ConntrackEventDto | null,
): string {
  const isEnd = event?.event === 'DESTROY';
  const withCounters = e.accounting && (event === null || isEnd);
  const original = metaXml(e, 'original', withCounters);
  const reply = metaXml(e, 'reply', withCounters);
  const when = event !== null && options.timestamp ? whenXml(event.time) : '';
  const helper = e.helper === '' || isEnd ? '' : `<helper>${escaped(e.helper)}</helper>`;
  return original + reply + independentXml(e, options, event) + when + helper;
}

function metaXml(e: ConntrackDto, direction: 'original' | 'reply', counted: boolean): string {
  const isOriginal = direction === 'original';
  const tuple = isOriginal ? e.orig : e.reply;
  const zone = isOriginal ? e.origZone : e.replyZone;
  const zoneXml = zone === 0 ? '' : `<zone>${zone}</zone>`;
  const counters = counted
    ? `<counters><packets>${tuple.packets}</packets><bytes>${tuple.bytes}</bytes></counters>`
    : '';
  const layer3 = `<layer3 ${layer3Names(e.family)}>${addressesXml(tuple)}</layer3>`;
  const layer4 = `<layer4 ${layer4Names(e.proto)}>${portsXml(tuple, e.proto)}</layer4>`;
  return `<meta direction="${direction}">${layer3}${layer4}${zoneXml}${counters}</meta>`;
}

function independentXml(
  e: ConntrackDto,
  options: FormatOptions,
  event: ConntrackEventDto | null,
): string {
  const isEnd = event?.event === 'DESTROY';
  let xml = e.state === '' ? '' : `<state>${stateXml(e)}</state>`;
  xml += `<timeout>${e.timeout}</timeout>`;
  if (event === null || showsMark(event)) xml += `<mark>${e.mark >>> 0}</mark>`;
  if (options.labels) xml += labelsXml(e, options);
  if (e.zone !== 0) xml += `<zone>${e.zone}</zone>`;
  if (event === null) xml += `<use>${e.use}</use>`;
  xml += `<id>${e.id >>> 0}</id>`;
  if ((e.status & Status.Assured) !== 0) xml += '<assured/>';
  if ((e.status & Status.SeenReply) === 0) xml += '<unreplied/>';
  if (e.timestamped && (event === null || isEnd)) xml += timesXml(e, options, isEnd);
  return `<meta direction="independent">${xml}</meta>`;
}

/**
 * libnetfilter_conntrack takes the state of every protocol from the names of TCP in this format, so
 * that an established SCTP association is in FIN_WAIT.
 */
function stateXml({ proto, state }: ConntrackDto): string {
  const names = stateNames[proto === Proto.Sctp ? 'SCTP' : 'TCP'] ?? [];
  return stateNames.TCP?.[names.indexOf(state)] ?? state;
}

function labelsXml({ labels }: ConntrackDto, { labelName }: FormatOptions): string {
  const names = (labels ?? []).map(labelName).filter((name) => name !== null);
  if (names.length === 0) return '';
  return `<labels>${names.map((name) => `<label>${escaped(name)}</label>`).join('')}</labels>`;
}

function timesXml(e: ConntrackDto, options: FormatOptions, withStop: boolean): string {
  const delta = `<deltatime>${e.deltaTime}</deltatime>`;
  if (!options.ktimestamp) return delta;
  const stop = withStop ? `<stop>${nanoseconds(e.startSec + e.deltaTime)}</stop>` : '';
  return `<timestamp><start>${nanoseconds(e.startSec)}</start>${stop}</timestamp>${delta}`;
}

/** Times are nanoseconds since 1970 here, more than a number holds exactly. */
function nanoseconds(epochSec: number): string {
  return `${Math.floor(epochSec)}000000000`;
}

function expectBody(e: ExpectDto, options: FormatOptions, time: number): string {
  const mask = { src: e.maskSrc, dst: e.maskDst, sport: e.maskSport, dport: e.maskDport };
  const three = (part: (tuple: TupleDto, proto: number) => string) =>
    `<expected>${part(e, e.proto)}</expected><mask>${part(mask, e.proto)}</mask>` +
    `<master>${part(e.master, Proto.Tcp)}</master>`;
  const helper = e.helper === '' ? '' : `<helper-name>${escaped(e.helper)}</helper-name>`;
  const zone = e.zone === 0 ? '' : `<zone>${e.zone}</zone>`;
  const when = options.timestamp ? whenXml(time) : '';
  const last = e.dportLast === undefined ? '' : `<dport-last>${e.dportLast}</dport-last>`;
  const flags = expectFlagNames(e.flags).map((name) => `<${name.toLowerCase()}/>`);
  return (
    `<layer3 ${layer3Names(e.family)}>${three(addressesXml)}</layer3>` +
    `<layer4 ${layer4Names(e.proto)}>${three(portsXml)}</layer4>` +
    `<meta>${helper}<timeout>${e.timeout}</timeout><class>${e.class}</class>${last}${zone}${when}${flags.join('')}</meta>`
  );
}

function layer3Names(family: 4 | 6): string {
  return family === 4 ? 'protonum="2" protoname="ipv4"' : 'protonum="10" protoname="ipv6"';
}

function layer4Names(proto: number): string {
  return `protonum="${proto}" protoname="${protocolName(proto)}"`;
}

function addressesXml(tuple: TupleDto): string {
  return `<src>${tuple.src}</src><dst>${tuple.dst}</dst>`;
}

/** Ports, or keys of GRE: an ICMP query has an empty `<layer4>` in conntrack(8). */
function portsXml({ sport = 0, dport = 0 }: TupleDto, proto: number): string {
  if (proto === Proto.Gre) {
    return `<srckey>${keyText(sport)}</srckey><dstkey>${keyText(dport)}</dstkey>`;
  }
  return hasPorts(proto) ? `<sport>${sport}</sport><dport>${dport}</dport>` : '';
}

/** When an event was seen, in local time; Sunday is day 1 of the week. */
function whenXml(time: number): string {
  const date = new Date(time * 1000);
  const parts: readonly (readonly [string, number])[] = [
    ['hour', date.getHours()],
    ['min', date.getMinutes()],
    ['sec', date.getSeconds()],
    ['wday', date.getDay() + 1],
    ['day', date.getDate()],
    ['month', date.getMonth() + 1],
    ['year', date.getFullYear()],
  ];
  return `<when>${parts.map(([name, value]) => `<${name}>${value}</${name}>`).join('')}</when>`;
}

function escaped(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
}
