import type { ConntrackDto, ConntrackEventDto, EventName, TupleDto } from '../../control/index.ts';
import { Proto } from '../../wire/index.ts';
import { causeSuffix } from './format-line.ts';
import { protocolName, settableStatus } from './names.ts';
import { isDestinationNat, isSourceNat } from './nat.ts';
import { hasPorts, isIcmp } from './protocol-options.ts';

const eventCommands: Readonly<Record<EventName, string>> = {
  NEW: '-A',
  UPDATE: '-U',
  DESTROY: '-D',
};

/** An entry as the options of a conntrack(8) command, `-A` for a listed one. */
export function entrySave(entry: ConntrackDto, command = '-A'): string {
  const words = [command, '-t', String(entry.timeout), '-u', statusWords(entry.status)];
  if (entry.zone !== 0) words.push('-w', String(entry.zone));
  if (entry.origZone !== 0) words.push('--orig-zone', String(entry.origZone));
  if (entry.replyZone !== 0) words.push('--reply-zone', String(entry.replyZone));
  words.push('-s', entry.orig.src, '-d', entry.orig.dst);
  words.push(isDestinationNat(entry) ? '-g' : '-r', entry.reply.src);
  words.push(isSourceNat(entry) ? '-n' : '-q', entry.reply.dst);
  words.push(...layer4Words(entry));
  if (entry.state !== '') words.push('--state', entry.state);
  if (entry.origVtag !== undefined) words.push('--orig-vtag', String(entry.origVtag));
  if (entry.replyVtag !== undefined) words.push('--reply-vtag', String(entry.replyVtag));
  return words.join(' ');
}

export function eventSave(event: ConntrackEventDto): string {
  return entrySave(event.entry, eventCommands[event.event]) + causeSuffix(event.cause);
}

function statusWords(status: number): string {
  const names = settableStatus.filter(([, bit]) => (status & bit) !== 0).map(([name]) => name);
  return names.length === 0 ? 'UNSET' : names.join(',');
}

function layer4Words({ proto, orig, reply }: ConntrackDto): string[] {
  const name = protocolName(proto);
  const words = ['-p', name === 'unknown' ? String(proto) : name];
  if (isIcmp(proto)) {
    const { icmpType = 0, icmpCode = 0, icmpId = 0 } = orig;
    const option = `--${protocolName(proto)}`;
    words.push(`${option}-type`, String(icmpType), `${option}-code`, String(icmpCode));
    words.push(`${option}-id`, String(icmpId));
  }
  // A protocol that is not tracked has names for its ports, and none of them.
  if (hasPorts(proto) && orig.sport !== undefined) words.push(...portWords(proto, orig, reply));
  return words;
}

const portNames = ['--sport', '--dport', '--reply-port-src', '--reply-port-dst'] as const;
const keyNames = ['--srckey', '--dstkey', '--reply-key-src', '--reply-key-dst'] as const;

function portWords(proto: number, orig: TupleDto, reply: TupleDto): string[] {
  const names = proto === Proto.Gre ? keyNames : portNames;
  const values = [orig.sport, orig.dport, reply.sport, reply.dport];
  return names.flatMap((name, index) => [name, String(values[index] ?? 0)]);
}
