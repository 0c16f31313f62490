import type {
  ConntrackDto,
  ConntrackEventDto,
  CountedTupleDto,
  EncryptedEventDto,
  ExpectDto,
  ExpectEventDto,
  HelperEventDto,
} from '../../control/index.ts';
import { Proto } from '../../wire/index.ts';
import { protocolName, statusNames } from './names.ts';
import { hasPorts, isIcmp } from './protocol-options.ts';

/** `-o json`, which conntrack(8) does not have. One object each, without newline. */

export function entryJson(entry: ConntrackDto): string {
  return JSON.stringify(entryObject(entry));
}

export function eventJson(event: ConntrackEventDto): string {
  const cause = event.cause === undefined ? {} : { cause: event.cause };
  const head = { event: event.event, time: event.time };
  return JSON.stringify({ ...head, ...entryObject(event.entry), ...cause });
}

export function expectJson(expect: ExpectDto): string {
  return JSON.stringify(expectObject(expect));
}

export function expectEventJson(
  event: ExpectEventDto | HelperEventDto | EncryptedEventDto,
): string {
  if (event.event === 'REFUSED' || event.event === 'ENCRYPTED') return JSON.stringify(event);
  return JSON.stringify({ event: event.event, time: event.time, ...expectObject(event.entry) });
}

function entryObject(e: ConntrackDto): Record<string, unknown> {
  return {
    id: e.id,
    family: e.family,
    proto: protoText(e.proto),
    state: e.state === '' ? null : e.state,
    timeout: e.timeout,
    orig: directionObject(e, e.orig),
    reply: directionObject(e, e.reply),
    status: statusNames.filter(([, bit]) => (e.status & bit) !== 0).map(([name]) => name),
    mark: e.mark >>> 0,
    zone: e.zone,
    ...(e.origZone !== 0 && { zoneOrig: e.origZone }),
    ...(e.replyZone !== 0 && { zoneReply: e.replyZone }),
    ...(e.labels !== null && { labels: e.labels }),
    use: e.use,
    helper: e.helper === '' ? null : e.helper,
    master: e.masterId,
    ...(e.timestamped && { start: e.startSec }),
  };
}

/** Written out, so that a field added to the DTO does not slip into a documented format. */
function directionObject(
  { proto, accounting }: ConntrackDto,
  t: CountedTupleDto,
): Record<string, unknown> {
  const { src, dst, sport, dport, packets, bytes } = t;
  const counters = accounting ? { packets, bytes } : {};
  if (isIcmp(proto)) {
    return { src, dst, type: t.icmpType, code: t.icmpCode, id: t.icmpId, ...counters };
  }
  if (proto === Proto.Gre) return { src, dst, srckey: sport, dstkey: dport, ...counters };
  return hasPorts(proto) ? { src, dst, sport, dport, ...counters } : { src, dst, ...counters };
}

function expectObject(e: ExpectDto): Record<string, unknown> {
  return {
    id: e.id,
    family: e.family,
    proto: protoText(e.proto),
    timeout: e.timeout,
    src: e.src,
    dst: e.dst,
    sport: e.sport,
    dport: e.dport,
    ...(e.dportLast !== undefined && { dportLast: e.dportLast }),
    mask: { src: e.maskSrc, dst: e.maskDst, sport: e.maskSport, dport: e.maskDport },
    master: e.master,
    class: e.class,
    helper: e.helper === '' ? null : e.helper,
    kind: e.kind,
  };
}

/** A name where conntrack(8) has one, else the number, as text in both cases. */
function protoText(proto: number): string {
  const name = protocolName(proto);
  return name === 'unknown' ? String(proto) : name;
}
