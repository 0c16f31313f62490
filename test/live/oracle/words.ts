/** Names and addresses of the lab in one family, for traffic and for rules. */

export type Side = 'lan' | 'wan';
export type FamilyNumber = 4 | 6;

/** Ethernet addresses of the lab's four interface ends. */
export const macs = {
  client: '02:00:00:00:77:10',
  lan: '02:00:00:00:77:01',
  wan: '02:00:00:00:99:01',
  server: '02:00:00:00:99:21',
} as const;

const heads = {
  4: { lan: '192.168.77.', wan: '203.0.113.' },
  6: { lan: 'fd77:1::', wan: '2001:db8:77::' },
} as const;
/** The hosts that take part in dialogues, by the last part of their addresses. */
const lastParts = [100, 101, 102, 103, 130];
/** Addresses that IPv6 hosts make of the MAC addresses above (RFC 4291 appendix A). */
const fromMacs = { lan: 'fd77:1::ff:fe00:7710', wan: '2001:db8:77::ff:fe00:9921' } as const;

export class Words {
  readonly family: FamilyNumber;
  /** Hosts that exist on neither side: nobody answers for them but the test. */
  readonly hosts: Readonly<Record<Side, readonly string[]>>;
  /** The gateway's own addresses. */
  readonly gateway: Readonly<Record<Side, string>>;
  readonly icmp: 'icmp' | 'ipv6-icmp';

  constructor(family: FamilyNumber) {
    this.family = family;
    this.icmp = family === 4 ? 'icmp' : 'ipv6-icmp';
    const hostsOf = (side: Side) => [
      ...lastParts.map((last) => this.at(side, last)),
      ...(family === 6 ? [fromMacs[side]] : []),
    ];
    this.hosts = { lan: hostsOf('lan'), wan: hostsOf('wan') };
    this.gateway = { lan: this.at('lan', 1), wan: this.at('wan', 1) };
  }

  /** An address by its last part. */
  at(side: Side, last: number): string {
    return heads[this.family][side] + last.toString(this.family === 4 ? 10 : 16);
  }

  /** A network that leaves so many bits free. */
  net(side: Side, last: number, freeBits: number): string {
    return `${this.at(side, last)}/${this.bits - freeBits}`;
  }

  /** Bits of an address. */
  get bits(): 32 | 128 {
    return this.family === 4 ? 32 : 128;
  }

  /** All of one side. */
  link(side: Side): string {
    return this.family === 4 ? this.net(side, 0, 8) : this.net(side, 0, 64);
  }

  /** An address with a port, as targets write it. */
  endpoint(address: string, port: number | string): string {
    return this.family === 4 ? `${address}:${port}` : `[${address}]:${port}`;
  }

  /** All hosts of the test, and all that rules translate to. */
  neighbours(side: Side): readonly string[] {
    const all = Array.from({ length: 36 }, (_, i) => this.at(side, 96 + i));
    return this.family === 4 ? all : [...all, fromMacs[side]];
  }
}

export const otherSide = { lan: 'wan', wan: 'lan' } as const satisfies Record<Side, Side>;
export const allWords = { 4: new Words(4), 6: new Words(6) } as const;
