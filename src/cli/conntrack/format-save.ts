import type { ConntrackDto, ConntrackEventDto, EventName, TupleDto } from '../../control/index.ts';
import { causeSuffix } from './format-line.ts';
import { protocolName, settableStatus } from './names.ts';
import { isDestinationNat, isSourceNat } from './nat.ts';

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
  if (orig.sport !== undefined) return [...words, ...portWords(orig, reply)];
  if (orig.icmpType === undefined) return words;
  const option = proto === 58 ? '--icmpv6' : '--icmp';
  words.push(`${option}-type`, String(orig.icmpType), `${option}-code`, String(orig.icmpCode ?? 0));
  words.push(`${option}-id`, String(orig.icmpId ?? 0));
  return words;
}

function portWords(orig: TupleDto, reply: TupleDto): string[] {
  return [
    ...['--sport', String(orig.sport ?? 0), '--dport', String(orig.dport ?? 0)],
    ...['--reply-port-src', String(reply.sport ?? 0)],
    ...['--reply-port-dst', String(reply.dport ?? 0)],
  ];
}
