import { Status, sctpStateNames, tcpStateNames } from '../../conntrack/index.ts';

/** Names that conntrack(8) prints and reads. */

/** Protocols with a name of their own on screen (libnetfilter_conntrack); others are `unknown`. */
const screenNames = new Map<number, string>([
  [1, 'icmp'],
  [6, 'tcp'],
  [17, 'udp'],
  [33, 'dccp'],
  [47, 'gre'],
  [58, 'icmpv6'],
  [132, 'sctp'],
  [136, 'udplite'],
]);

/** Further names that `-p` accepts: the IANA protocol numbers, as in /etc/protocols. */
const ianaNumbers: Readonly<Record<string, number>> = {
  ip: 0,
  hopopt: 0,
  igmp: 2,
  ggp: 3,
  ipencap: 4,
  st: 5,
  egp: 8,
  igp: 9,
  pup: 12,
  hmp: 20,
  'xns-idp': 22,
  rdp: 27,
  'iso-tp4': 29,
  xtp: 36,
  ddp: 37,
  'idpr-cmtp': 38,
  ipv6: 41,
  'ipv6-route': 43,
  'ipv6-frag': 44,
  idrp: 45,
  rsvp: 46,
  esp: 50,
  'ipsec-esp': 50,
  ah: 51,
  'ipsec-ah': 51,
  skip: 57,
  'ipv6-icmp': 58,
  'ipv6-nonxt': 59,
  'ipv6-opts': 60,
  rspf: 73,
  vmtp: 81,
  eigrp: 88,
  ospf: 89,
  'ax.25': 93,
  ipip: 94,
  etherip: 97,
  encap: 98,
  pim: 103,
  ipcomp: 108,
  vrrp: 112,
  l2tp: 115,
  isis: 124,
  fc: 133,
  'mobility-header': 135,
  'mpls-in-ip': 137,
  manet: 138,
  hip: 139,
  shim6: 140,
  wesp: 141,
  rohc: 142,
};

/** `tcp`, or `unknown` for a protocol that conntrack(8) prints no name for. */
export function protocolName(proto: number): string {
  return screenNames.get(proto) ?? 'unknown';
}

/** Protocol number for `tcp`, `TCP`, `6` or `0x6`; null for anything else. */
export function parseProtocol(word: string): number | null {
  const name = word.toLowerCase();
  for (const [proto, screenName] of screenNames) if (screenName === name) return proto;
  const number = Object.hasOwn(ianaNumbers, name) ? ianaNumbers[name]! : parseNumber(word);
  return number !== null && number <= 255 ? number : null;
}

/** A number as strtoul(3) reads it with base 0: decimal, 0x hexadecimal, 0 octal. Null if none. */
export function parseNumber(word: string): number | null {
  if (/^0[xX][0-9a-fA-F]+$/.test(word)) return Number.parseInt(word.slice(2), 16);
  if (/^0[0-7]+$/.test(word)) return Number.parseInt(word, 8);
  return /^(0|[1-9][0-9]*)$/.test(word) ? Number(word) : null;
}

/** States of protocols that have them; what `--state` accepts. */
export const stateNames: Readonly<Record<string, readonly string[]>> = {
  // LISTEN is the old name of SYN_SENT2's number: conntrack(8) takes both.
  TCP: [...tcpStateNames.slice(0, -1), 'LISTEN', 'SYN_SENT2'],
  SCTP: sctpStateNames,
  DCCP: ['NONE', 'REQUEST', 'RESPOND', 'PARTOPEN', 'OPEN', 'CLOSEREQ', 'CLOSING', 'TIMEWAIT'],
};

// IPS_OFFLOAD and IPS_HW_OFFLOAD (nf_conntrack_common.h): never set by this engine, but a filter
// may ask for them.
const OFFLOAD = 1 << 14;
const HW_OFFLOAD = 1 << 15;

/** Status bits by the name that JSON shows, in the order of the bits. */
export const statusNames: readonly (readonly [string, number])[] = [
  ['EXPECTED', Status.Expected],
  ['SEEN_REPLY', Status.SeenReply],
  ['ASSURED', Status.Assured],
  ['CONFIRMED', Status.Confirmed],
  ['SRC_NAT', Status.SrcNat],
  ['DST_NAT', Status.DstNat],
  ['SEQ_ADJUST', Status.SeqAdjust],
  ['SRC_NAT_DONE', Status.SrcNatDone],
  ['DST_NAT_DONE', Status.DstNatDone],
  ['DYING', Status.Dying],
  ['FIXED_TIMEOUT', Status.FixedTimeout],
  ['HELPER', Status.Helper],
  ['OFFLOAD', OFFLOAD],
  ['HW_OFFLOAD', HW_OFFLOAD],
];

/** Status bits that `-o save` shows and `-u` takes: the others cannot be set from outside. */
export const settableStatus: readonly (readonly [string, number])[] = [
  ['EXPECTED', Status.Expected],
  ['SEEN_REPLY', Status.SeenReply],
  ['ASSURED', Status.Assured],
  ['FIXED_TIMEOUT', Status.FixedTimeout],
  ['OFFLOAD', OFFLOAD],
  ['HW_OFFLOAD', HW_OFFLOAD],
];
