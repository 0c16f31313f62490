import { readFileSync } from 'node:fs';
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

/** Names of protocols both ways. The first name of a number is the one printed. */
export class ProtocolTable {
  private readonly numbers = new Map<string, number>();
  private readonly names = new Map<number, string>();

  /** Reads the format of protocols(5), `name number aliases… # comment`; the built-in names fill up. */
  static parse(text: string): ProtocolTable {
    const table = new ProtocolTable();
    for (const line of text.replace(/#.*/g, '').split('\n')) {
      const [name = '', number = '', ...aliases] = line.trim().split(/\s+/);
      if (/^\d{1,3}$/.test(number) && Number(number) <= 255) {
        table.add(Number(number), [name, ...aliases]);
      }
    }
    for (const [number, ...names] of entries) table.add(number, names);
    table.add(0, ['ip', 'all']);
    // What iptables itself takes for "any", whatever the table says.
    table.numbers.set('all', 0);
    return table;
  }

  private add(number: number, names: readonly string[]): void {
    for (const name of names) {
      const lower = name.toLowerCase();
      if (!this.numbers.has(lower)) this.numbers.set(lower, number);
    }
    if (names[0] !== undefined && !this.names.has(number)) this.names.set(number, names[0]);
  }

  number(name: string): number | undefined {
    return this.numbers.get(name.toLowerCase());
  }

  name(number: number): string | undefined {
    return this.names.get(number);
  }
}

let system: ProtocolTable | null = null;

/** The machine's /etc/protocols, read once; the built-in table where it cannot be read. */
function systemProtocols(): ProtocolTable {
  if (system === null) {
    let text = '';
    try {
      text = readFileSync('/etc/protocols', 'utf8');
    } catch {
      // The built-in names are all there is.
    }
    system = ProtocolTable.parse(text);
  }
  return system;
}

/** Protocol number of a name or number in text; throws `unknown-protocol`. 0 means all. */
export function parseProtocol(text: string): number {
  const number = parseUnsigned(text, 255) ?? systemProtocols().number(text);
  if (number === undefined) {
    throw new RuleFault('unknown-protocol', `unknown protocol "${text.toLowerCase()}" specified`);
  }
  return number;
}

/** Routing, fragment, AH and destination options: no packet of IPv6 has these as its protocol. */
export function isExtensionHeader(number: number): boolean {
  return number === 43 || number === 44 || number === 51 || number === 60;
}

/** The name of a protocol, or its number as text where it has none. */
export function protocolName(number: number): string {
  return systemProtocols().name(number) ?? String(number);
}
