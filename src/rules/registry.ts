import { comment } from './ext/comment.ts';
import { conntrack } from './ext/conntrack.ts';
import { ct, notrack } from './ext/ct.ts';
import { dnat } from './ext/dnat.ts';
import { helper } from './ext/helper.ts';
import { icmp } from './ext/icmp.ts';
import { icmp6 } from './ext/icmp6.ts';
import { iprange } from './ext/iprange.ts';
import { length } from './ext/length.ts';
import { limit } from './ext/limit.ts';
import { log } from './ext/log.ts';
import { mark } from './ext/mark.ts';
import { masquerade } from './ext/masquerade.ts';
import { multiport } from './ext/multiport.ts';
import { redirect } from './ext/redirect.ts';
import { reject4, reject6 } from './ext/reject.ts';
import { snat } from './ext/snat.ts';
import { state } from './ext/state.ts';
import { tcp } from './ext/tcp.ts';
import { ttl } from './ext/ttl.ts';
import { udp } from './ext/udp.ts';
import type { Extension, MatchExtension, TargetExtension } from './extension.ts';
import type { Family } from './model.ts';

/** All matches and targets: a new one is a file in ext/ and a line here. */

const matches: readonly MatchExtension[] = [
  comment,
  conntrack,
  helper,
  icmp,
  icmp6,
  iprange,
  length,
  limit,
  mark,
  multiport,
  state,
  tcp,
  ttl,
  udp,
];

const targets: readonly TargetExtension[] = [
  ct,
  dnat,
  log,
  masquerade,
  notrack,
  redirect,
  reject4,
  reject6,
  snat,
];

/** Target names of iptables that a chain may not take, although Pinhole does not have them. */
const foreignTargets: readonly string[] = [
  'AUDIT',
  'CHECKSUM',
  'CLASSIFY',
  'CLUSTERIP',
  'CONNMARK',
  'CONNSECMARK',
  'DNPT',
  'DSCP',
  'ECN',
  'HL',
  'HMARK',
  'IDLETIMER',
  'LED',
  'MARK',
  'NETMAP',
  'NFLOG',
  'NFQUEUE',
  'RATEEST',
  'SECMARK',
  'SET',
  'SNPT',
  'SYNPROXY',
  'TCPMSS',
  'TCPOPTSTRIP',
  'TEE',
  'TOS',
  'TPROXY',
  'TRACE',
  'TTL',
  'ULOG',
];
const standardTargets: readonly string[] = ['ACCEPT', 'DROP', 'QUEUE', 'RETURN', ''];

function find<I>(all: readonly Extension<I>[], name: string, family: Family): Extension<I> | null {
  return all.find((ext) => ext.name === name && ext.families.includes(family)) ?? null;
}

export function findMatch(name: string, family: Family): MatchExtension | null {
  // ip6tables takes -m icmpv6 for -m icmp6.
  return find(matches, name === 'icmpv6' && family === 6 ? 'icmp6' : name, family);
}

/** The match that `-p` of this protocol brings along when one of its options is used. */
export function findProtocolMatch(protocol: number, family: Family): MatchExtension | null {
  if (protocol === 0) return null;
  return matches.find((m) => m.protocol === protocol && m.families.includes(family)) ?? null;
}

export function findTarget(name: string, family: Family): TargetExtension | null {
  return find(targets, name, family);
}

/** True for a target that iptables has and Pinhole has not. */
export function isForeignTarget(name: string): boolean {
  return foreignTargets.includes(name) && !targets.some((target) => target.name === name);
}

/** True where iptables has a target of this name, so that no chain may be called so. */
export function isTargetName(name: string): boolean {
  return (
    standardTargets.includes(name) ||
    foreignTargets.includes(name) ||
    targets.some((target) => target.name === name)
  );
}
