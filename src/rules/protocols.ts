import { RuleFault } from './errors.ts';
import { parseUnsigned } from './numbers.ts';

/** Protocol numbers and names (IANA; the spellings of /etc/protocols). The first name is printed. */
const entries: readonly (readonly [number, ...string[]])[] = [
  [1, 'icmp'],
  [2, 'igmp'],
  [3, 'ggp'],
  [4, 'ipencap', 'ip-encap'],
  [5, 'st'],
  [6, 'tcp'],
  [8, 'egp'],
  [9, 'igp'],
  [12, 'pup'],
  [17, 'udp'],
  [20, 'hmp'],
  [22, 'xns-idp'],
  [27, 'rdp'],
  [29, 'iso-tp4'],
  [33, 'dccp'],
  [36, 'xtp'],
  [37, 'ddp'],
  [38, 'idpr-cmtp'],
  [41, 'ipv6'],
  [43, 'ipv6-route'],
  [44, 'ipv6-frag'],
  [45, 'idrp'],
  [46, 'rsvp'],
  [47, 'gre'],
  [50, 'esp', 'ipsec-esp'],
  [51, 'ah', 'ipsec-ah'],
  [57, 'skip'],
  [58, 'ipv6-icmp', 'icmpv6', 'icmp6'],
  [59, 'ipv6-nonxt'],
  [60, 'ipv6-opts'],
  [73, 'rspf'],
  [81, 'vmtp'],
  [88, 'eigrp'],
  [89, 'ospf', 'ospfigp'],
  [93, 'ax.25'],
  [94, 'ipip'],
  [97, 'etherip'],
  [98, 'encap'],
  [103, 'pim'],
  [108, 'ipcomp'],
  [112, 'vrrp'],
  [115, 'l2tp'],
  [124, 'isis'],
  [132, 'sctp'],
  [133, 'fc'],
  [135, 'mobility-header', 'ipv6-mh', 'mh'],
  [136, 'udplite'],
  [137, 'mpls-in-ip'],
  [138, 'manet'],
  [139, 'hip'],
  [140, 'shim6'],
  [141, 'wesp'],
  [142, 'rohc'],
  [143, 'ethernet'],
];

const byName = new Map<string, number>([
  ['all', 0],
  ['ip', 0],
]);
const byNumber = new Map<number, string>();
for (const [number, ...names] of entries) {
  for (const name of names) byName.set(name, number);
  byNumber.set(number, names[0] ?? String(number));
}

/** Protocol number of a name or number in text; throws `unknown-protocol`. 0 means all. */
export function parseProtocol(text: string): number {
  const number = parseUnsigned(text, 255) ?? byName.get(text.toLowerCase());
  if (number === undefined) {
    throw new RuleFault('unknown-protocol', `unknown protocol "${text.toLowerCase()}" specified`);
  }
  return number;
}

/** The name of a protocol, or its number as text where it has none. */
export function protocolName(number: number): string {
  return byNumber.get(number) ?? String(number);
}
