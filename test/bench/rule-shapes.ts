/** Rule files of many shapes and sizes for the benchmark, and packets that meet their last rule. */
import type { Prng } from '../../src/base/index.ts';

export interface Shape {
  readonly name: string;
  readonly family: 4 | 6;
  /** The conditions of rule `n` of `count`. */
  rule(random: Prng, n: number, count: number): string;
  /** Where given: how the rules are spread over user chains. */
  readonly chains?: 'one' | 'dispatch';
}

const CHAIN_RULES = 100;

const byte = (random: Prng) => random.below(256);
export const host4 = (random: Prng) =>
  `${1 + random.below(223)}.${byte(random)}.${byte(random)}.${byte(random)}`;
export const host6 = (random: Prng) =>
  `2001:db8:${random.below(0x10000).toString(16)}:${random.below(16).toString(16)}::${random.below(0x10000).toString(16)}`;
const prefix4 = (random: Prng) => `${host4(random)}/${16 + random.below(17)}`;
const prefix6 = (random: Prng) => `${host6(random)}/${48 + random.below(81)}`;
const port = (random: Prng) => random.below(65_536);
const protocol = (random: Prng) => (random.below(3) === 0 ? 'udp' : 'tcp');

function range(random: Prng): string {
  const low = random.below(65_000);
  return `${low}:${low + random.below(400)}`;
}

function multiport(random: Prng): string {
  const ports = Array.from({ length: 2 + random.below(8) }, () => port(random));
  return `-p ${protocol(random)} -m multiport --dports ${ports.join(',')}`;
}

function iprange(random: Prng): string {
  const [a, b, c] = [1 + random.below(223), byte(random), byte(random)];
  const low = random.below(200);
  return `-m iprange --src-range ${a}.${b}.${c}.${low}-${a}.${b}.${c}.${low + random.below(50)}`;
}

function service(random: Prng): string {
  return `-d ${host4(random)} -p ${protocol(random)} --dport ${port(random)}`;
}

/** What real files have, side by side. */
function mixed(random: Prng, n: number): string {
  switch (n % 10) {
    case 0:
      return `-s ${host4(random)}`;
    case 1:
      return `-s ${prefix4(random)}`;
    case 2:
      return `-d ${prefix4(random)} -p tcp`;
    case 3:
      return service(random);
    case 4:
      return `-s ${prefix4(random)} -d ${host4(random)} -m conntrack --ctstate NEW`;
    case 5:
      return `-d ${host4(random)} -p tcp -m tcp --dport ${range(random)}`;
    case 6:
      return `-d ${host4(random)} ${multiport(random)}`;
    case 7:
      return `-i vlan${random.below(500)} -s ${host4(random)}`;
    case 8:
      return iprange(random);
    default:
      return n % 100 === 9
        ? `-p icmp --icmp-type ${1 + random.below(7)}/${random.below(200)}`
        : `-s ${host4(random)} -p udp --sport ${range(random)}`;
  }
}

function sortedHost(_random: Prng, n: number): string {
  const value = 0x0b00_0000 + n * 7;
  return `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`;
}

export const shapes: readonly Shape[] = [
  { name: 'hosts', family: 4, rule: (r) => `-s ${host4(r)}` },
  { name: 'hosts, sorted', family: 4, rule: (r, n) => `-d ${sortedHost(r, n)}` },
  { name: 'prefixes', family: 4, rule: (r) => `-s ${prefix4(r)}` },
  { name: 'source and destination', family: 4, rule: (r) => `-s ${prefix4(r)} -d ${prefix4(r)}` },
  { name: 'services', family: 4, rule: service },
  { name: 'ports', family: 4, rule: (r) => `-p ${protocol(r)} --dport ${port(r) | 1}` },
  {
    name: 'port ranges of hosts',
    family: 4,
    rule: (r) => `-d ${host4(r)} -p tcp --dport ${range(r)}`,
  },
  { name: 'multiport', family: 4, rule: (r) => `-s ${prefix4(r)} ${multiport(r)}` },
  { name: 'ipranges', family: 4, rule: iprange },
  { name: 'interfaces', family: 4, rule: (_r, n) => `-i vlan${n} -o wan0` },
  { name: 'mixed', family: 4, rule: mixed },
  { name: 'mixed, one user chain', family: 4, rule: mixed, chains: 'one' },
  { name: 'mixed, many user chains', family: 4, rule: mixed, chains: 'dispatch' },
  { name: 'IPv6 hosts', family: 6, rule: (r) => `-s ${host6(r)}` },
  {
    name: 'IPv6 mixed',
    family: 6,
    rule: (r, n) =>
      n % 2 === 0 ? `-s ${prefix6(r)}` : `-d ${host6(r)} -p ${protocol(r)} --dport ${port(r)}`,
  },
];

/** A save file of `count` rules of a shape that drop, and one behind them that accepts. */
export function ruleFile(shape: Shape, count: number, random: Prng): string {
  const lines: string[] = [];
  const declared: string[] = [];
  const chain = (n: number): string => {
    if (shape.chains === undefined) return 'FORWARD';
    return shape.chains === 'one' ? 'ALL' : `CHAIN${Math.trunc(n / CHAIN_RULES)}`;
  };
  for (let n = 0; n < count; n++) {
    const name = chain(n);
    if (name !== 'FORWARD' && !declared.includes(`:${name} - [0:0]`)) {
      declared.push(`:${name} - [0:0]`);
      // A dispatch rule sends the packets of one part of the network to each chain.
      const part = (n / CHAIN_RULES) * 5;
      const to = `-d ${(part >> 3) & 255}.${(part & 7) << 5}.0.0/11`;
      lines.push(`-A FORWARD ${shape.chains === 'dispatch' ? to : ''} -j ${name}`);
    }
    lines.push(`-A ${name} ${shape.rule(random, n, count)} -j DROP`);
  }
  return [
    '*filter',
    ':FORWARD DROP [0:0]',
    ...declared,
    ...lines,
    '-A FORWARD -i lan0 -j ACCEPT',
    'COMMIT',
    '',
  ].join('\n');
}
