import type { Tuple } from '../conntrack/index.ts';
import type { NatRange } from '../rules/index.ts';
import { Proto } from '../wire/index.ts';

/** Which end of the connection is translated. */
export const Manip = { Source: 0, Destination: 1 } as const;
export type ManipCode = 0 | 1;

/** True where the range says something of ports, ids or keys. */
export function namesPorts(range: NatRange): boolean {
  return range.minPort !== 0 || range.maxPort !== 0;
}

export function isIcmp(protocol: number): boolean {
  return protocol === Proto.Icmp || protocol === Proto.Icmpv6;
}

/** Protocols whose header begins with a source and a destination port. */
export function hasPorts(protocol: number): boolean {
  return (
    protocol === Proto.Tcp ||
    protocol === Proto.Udp ||
    protocol === Proto.UdpLite ||
    protocol === Proto.Sctp
  );
}

/** The number that a translation of this side may change; an ICMP query has one for both. */
export function portOf(tuple: Tuple, manip: ManipCode): number {
  return manip === Manip.Source || isIcmp(tuple.protocol) ? tuple.srcPort : tuple.dstPort;
}

export function setPort(tuple: Tuple, port: number, manip: ManipCode): void {
  if (manip === Manip.Source || isIcmp(tuple.protocol)) tuple.setPorts(port, tuple.dstPort);
  else tuple.setPorts(tuple.srcPort, port);
}

/** True where a connection whose source shows as in `tuple` meets what the range asks for. */
export function sourceFits(tuple: Tuple, range: NatRange): boolean {
  const { minAddress: min, maxAddress: max } = range;
  if (min !== null && compareSource(tuple, min) < 0) return false;
  if (max !== null && compareSource(tuple, max) > 0) return false;
  return !namesPorts(range) || portFits(tuple, range, 0);
}

/** True where the port lies in a range that names ports, or the protocol has none. */
export function portFits(tuple: Tuple, range: NatRange, manip: ManipCode): boolean {
  const { protocol } = tuple;
  if (!hasPorts(protocol) && !isIcmp(protocol) && protocol !== Proto.Gre) return true;
  const port = portOf(tuple, manip);
  return port >= range.minPort && port <= range.maxPort;
}

function compareSource(tuple: Tuple, words: readonly number[]): number {
  for (let i = 0; i < words.length; i++) {
    const difference = (sourceWord(tuple, i) >>> 0) - (words[i]! >>> 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

export function sourceWord(tuple: Tuple, index: number): number {
  if (index < 2) return index === 0 ? tuple.s0 : tuple.s1;
  return index === 2 ? tuple.s2 : tuple.s3;
}

export function destinationWord(tuple: Tuple, index: number): number {
  if (index < 2) return index === 0 ? tuple.d0 : tuple.d1;
  return index === 2 ? tuple.d2 : tuple.d3;
}

/** A range of a single address, filled anew for each connection: nothing is allocated for it. */
export class PinnedRange implements NatRange {
  minAddress: readonly number[] | null = null;
  maxAddress: readonly number[] | null = null;
  minPort = 0;
  maxPort = 0;
  basePort = 0;
  random = false;
  randomFully = false;
  persistent = false;

  private readonly narrow = [0];
  private readonly wide = [0, 0, 0, 0];

  /** One address, of one word or four, and the rest as `range` has it. */
  like(range: NatRange, address: readonly number[]): this {
    this.minAddress = address;
    this.maxAddress = address;
    this.minPort = range.minPort;
    this.maxPort = range.maxPort;
    this.basePort = range.basePort ?? 0;
    this.random = range.random;
    this.randomFully = range.randomFully;
    this.persistent = range.persistent;
    return this;
  }

  /** One address, given as four words of which IPv4 uses the first, and one port or none (0). */
  at(family: number, w0: number, w1: number, w2: number, w3: number, port: number): this {
    const address = family === 4 ? this.narrow : this.wide;
    address[0] = w0;
    if (family !== 4) {
      address[1] = w1;
      address[2] = w2;
      address[3] = w3;
    }
    this.minAddress = address;
    this.maxAddress = address;
    this.minPort = port;
    this.maxPort = port;
    return this;
  }
}
