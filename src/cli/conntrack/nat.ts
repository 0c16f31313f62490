import { Status } from '../../conntrack/index.ts';
import type { ConntrackDto } from '../../control/index.ts';

/**
 * Whether and how a connection is translated, told as libnetfilter_conntrack does: translation was
 * set up (a status bit), and the reply goes to another place than the original came from.
 */

export function isSourceNat(entry: ConntrackDto): boolean {
  return hasSourceSetup(entry) && entry.reply.dst !== entry.orig.src;
}

export function isSourcePortNat(entry: ConntrackDto): boolean {
  return hasSourceSetup(entry) && entry.reply.dport !== entry.orig.sport;
}

export function isDestinationNat(entry: ConntrackDto): boolean {
  return hasDestinationSetup(entry) && entry.reply.src !== entry.orig.dst;
}

export function isDestinationPortNat(entry: ConntrackDto): boolean {
  return hasDestinationSetup(entry) && entry.reply.sport !== entry.orig.dport;
}

function hasSourceSetup(entry: ConntrackDto): boolean {
  return (entry.status & (Status.SrcNat | Status.SrcNatDone)) !== 0;
}

function hasDestinationSetup(entry: ConntrackDto): boolean {
  return (entry.status & (Status.DstNat | Status.DstNatDone)) !== 0;
}
