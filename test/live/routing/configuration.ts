/** Random but replayable rules, routes and packets, as `ip` is told them. */
import type { Prng } from '../../../src/base/index.ts';
import { formatIpv4, formatIpv6, parseIpv4, parseIpv6 } from '../../../src/wire/index.ts';
import { devices } from './namespace.ts';

export interface Question {
  readonly dst: string;
  readonly src: string;
  /** '' where this host sends it. */
  readonly iif: string;
  readonly mark: number;
  readonly tos: number;
  readonly protocol: number;
  readonly sport: number;
  readonly dport: number;
}

const tables = ['100', '101', '1000', '70000', 'main', 'default'] as const;
const protocolNames = {
  4: { 6: 'tcp', 17: 'udp', 1: 'icmp' },
  6: { 6: 'tcp', 17: 'udp', 58: 'ipv6-icmp' },
};
/** The kernel takes no more of the octet in IPv4 rules and routes. */
const tosOf = { 4: [0x04, 0x08, 0x10], 6: [0x04, 0x10, 0xb8, 0x28] } as const;
const lengths = {
  4: [8, 13, 15, 16, 22, 23, 24, 30, 31, 32],
  6: [8, 16, 31, 32, 33, 63, 64, 65, 127, 128],
} as const;

export class Configuration {
  private readonly random: Prng;
  private readonly family: 4 | 6;

  constructor(random: Prng, family: 4 | 6) {
    this.random = random;
    this.family = family;
  }

  routes(count: number): string[] {
    return Array.from({ length: count }, () => this.route());
  }

  rules(count: number): string[] {
    return Array.from({ length: count }, () => this.rule());
  }

  /** A packet that comes in from outside, or with `own` one that this host sends. */
  question(own: boolean): Question {
    const protocol = this.pick(Object.keys(protocolNames[this.family]).map(Number));
    const hasPorts = protocol === 6 || protocol === 17;
    return {
      dst: this.chance(6) ? this.local() : this.address(0),
      src: own ? this.local() : this.address(8),
      iif: own ? '' : this.pick(devices),
      mark: this.chance(50) ? this.pick([1, 2, 0x11, 0x12, 0x21, 0x80000001]) : 0,
      tos: this.chance(40) ? this.pick([...tosOf[this.family], 0xb8, 0x50]) & 0xfc : 0,
      protocol,
      sport: hasPorts ? 1 + this.random.below(6) : 0,
      dport: hasPorts ? 1 + this.random.below(6) : 0,
    };
  }

  /** The arguments of `ip route get` for it. */
  argumentsOf(question: Question): string {
    const { dport, dst, iif, mark, protocol, sport, src, tos } = question;
    const names: Readonly<Record<number, string>> = protocolNames[this.family];
    const words = [dst, 'from', src];
    // Rules for users: one that no rule names.
    words.push(...(iif === '' ? ['uid', '4000'] : ['iif', iif]));
    words.push('mark', String(mark), 'tos', `0x${tos.toString(16)}`, 'ipproto', names[protocol]!);
    if (sport > 0) words.push('sport', String(sport), 'dport', String(dport));
    return words.join(' ');
  }

  private route(): string {
    const { family } = this;
    const words: string[] = [this.prefix(0)];
    const type = this.chance(20)
      ? this.pick(['blackhole', 'unreachable', 'prohibit', 'throw'])
      : '';
    if (type !== '') words.unshift(type);
    else words.push(...this.way());
    if (family === 4 && this.chance(15)) words.push('tos', `0x${this.pick(tosOf[4]).toString(16)}`);
    if (family === 6 && this.chance(25)) words.push('from', this.prefix(8));
    if (this.chance(30)) words.push('metric', String(1 + this.random.below(9)));
    if (type === '' && this.chance(20))
      words.push('mtu', ...this.pick([['1400'], ['lock', '1350']]));
    if (family === 6 && this.chance(20)) words.push('pref', this.pick(['low', 'high']));
    words.push('table', this.pick(tables));
    return `route add ${words.join(' ')}`;
  }

  private way(): string[] {
    const number = this.random.below(devices.length);
    const dev = devices[number]!;
    const host = 2 + this.random.below(4);
    if (this.chance(15)) return ['dev', dev];
    if (this.family === 6) return ['via', `fd00:${number}::${host}`, 'dev', dev];
    if (this.chance(15)) return ['via', 'inet6', `fd00:${number}::${host}`, 'dev', dev];
    if (this.chance(15)) return ['via', `192.0.2.${host}`, 'dev', dev, 'onlink'];
    return ['via', `10.0.${number}.${host}`, 'dev', dev];
  }

  private rule(): string {
    const priority = 100 + this.random.below(800);
    const words: string[] = [];
    if (this.chance(12)) words.push('not');
    if (this.chance(35)) words.push('from', this.prefix(8));
    if (this.chance(30)) words.push('to', this.prefix(0));
    if (this.chance(25)) words.push('iif', this.pick([...devices, 'lo', 'gone0']));
    if (this.chance(4)) words.push('oif', this.pick(devices));
    if (this.chance(30))
      words.push('fwmark', this.pick(['1', '2', '0x10/0xf0', '0/1', '0x80000000/0x80000000']));
    if (this.chance(15)) words.push('tos', `0x${this.pick(tosOf[this.family]).toString(16)}`);
    if (this.chance(15)) {
      words.push('ipproto', this.pick(Object.values(protocolNames[this.family])));
    }
    if (this.chance(10)) words.push('sport', this.pick(['1', '2-3', '4-6']));
    if (this.chance(10)) words.push('dport', this.pick(['1', '2-3', '4-6']));
    // Of IPv6 packets from outside `ip route get` knows no user, the kernel itself takes 0.
    const users = this.family === 4 ? ['0-0', '1000-2000'] : ['1000-2000'];
    if (this.chance(4)) words.push('uidrange', this.pick(users));
    return `rule add pref ${priority} ${[...words, ...this.action(priority)].join(' ')}`;
  }

  private action(priority: number): string[] {
    if (this.chance(10)) return [this.pick(['blackhole', 'unreachable', 'prohibit'])];
    if (this.chance(12)) return ['goto', String(priority + 1 + this.random.below(200))];
    if (this.chance(3)) return ['nop'];
    if (this.chance(3)) return ['l3mdev'];
    const words = ['lookup', this.pick(tables)];
    if (this.chance(20)) words.push('suppress_prefixlength', this.pick(['0', '8', '16', '32']));
    else if (this.chance(12)) words.push('suppress_ifgroup', this.pick(['1', '2']));
    return words;
  }

  /** Of few addresses, so that prefixes hold some and packets meet many rules. */
  private address(net: number): string {
    const { random } = this;
    const [a, b, c] = [random.below(4), random.below(4), 1 + random.below(6)];
    return this.family === 4 ? `10.${16 + net + a}.${b}.${c}` : `fd${16 + net + a}:${b + 1}::${c}`;
  }

  private prefix(net: number): string {
    if (this.chance(8)) return 'default';
    const length = this.pick(lengths[this.family]);
    return `${masked(this.family, this.address(net), length)}/${length}`;
  }

  private local(): string {
    const number = this.random.below(devices.length);
    return this.family === 4 ? `10.0.${number}.1` : `fd00:${number}::1`;
  }

  private chance(percent: number): boolean {
    return this.random.below(100) < percent;
  }

  private pick<T>(choices: readonly T[]): T {
    return choices[this.random.below(choices.length)]!;
  }
}

/** Without the bits behind the length: `ip` takes no others. */
function masked(family: 4 | 6, address: string, length: number): string {
  const words = family === 4 ? [parseIpv4(address)!] : parseIpv6(address)!;
  const [w0 = 0, w1 = 0, w2 = 0, w3 = 0] = words.map((word, index) => {
    const bits = Math.min(32, Math.max(0, length - 32 * index));
    return bits === 0 ? 0 : word & (-1 << (32 - bits));
  });
  return family === 4 ? formatIpv4(w0) : formatIpv6(w0, w1, w2, w3);
}
