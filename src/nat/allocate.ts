import { mix32, mixFinish, type Prng } from '../base/index.ts';
import { Tuple } from '../conntrack/index.ts';
import type { NatRange } from '../rules/index.ts';
import { Proto } from '../wire/index.ts';
import { hasPorts } from './rewrite.ts';

/** Which end of the connection is translated. */
export const Manip = { Source: 0, Destination: 1 } as const;
export type ManipCode = 0 | 1;

/** Ports tried in one round before the range is entered at another random place. */
const FIRST_ROUND_ATTEMPTS = 128;
/** A round of fewer attempts than this is the last one. */
const LAST_ROUND_ATTEMPTS = 16;

/** Who knows which tuples are in use: the tracker, or its table alone. */
export interface TupleFinder {
  /** row << 1 | direction of the connection with this tuple, or -1. */
  lookup(tuple: Tuple): number;
}

/**
 * Finds the tuple a new connection shall be seen with: the one it has where that fits the range and
 * is free, else an address of the range and a port near the old one, else a random port. Follows
 * get_unique_tuple and nf_nat_l4proto_unique_tuple of net/netfilter/nf_nat_core.c.
 */
export class TupleAllocator {
  private readonly connections: TupleFinder;
  private readonly random: Prng;
  private readonly seed: number;
  private readonly reply = new Tuple();

  constructor(connections: TupleFinder, random: Prng, seed: number) {
    this.connections = connections;
    this.random = random;
    this.seed = seed;
  }

  /** Changes `tuple` in place. False where every port tried is taken. */
  choose(tuple: Tuple, range: NatRange, manip: ManipCode, row: number): boolean {
    const keep = !range.randomFully && !range.random;
    if (
      keep &&
      manip === Manip.Source &&
      inRange(tuple, range, manip) &&
      !this.isTaken(tuple, row)
    ) {
      return true;
    }
    this.pickAddress(tuple, range, manip);
    if (keep && basePort(range) === 0 && portFits(tuple, range, manip)) {
      // A single fixed port is taken as it is: the clash, if there is one, shows at confirm.
      if (range.minPort !== 0 && range.minPort === range.maxPort) return true;
      if (!this.isTaken(tuple, row)) return true;
    }
    return this.pickPort(tuple, range, manip, row);
  }

  /** True where another connection is answered under the tuple that answers `tuple`. */
  isTaken(tuple: Tuple, row: number): boolean {
    this.reply.invertFrom(tuple);
    const holder = this.connections.lookup(this.reply);
    return holder >= 0 && holder >> 1 !== row;
  }

  /** Several addresses: spread by a hash of the ends, the same client always to the same one. */
  private pickAddress(tuple: Tuple, range: NatRange, manip: ManipCode): void {
    const { minAddress: min, maxAddress: max } = range;
    if (min === null || max === null) return;
    const hash = this.hashEnds(tuple, range.persistent) >>> 0;
    const words: number[] = [];
    let atMin = true;
    let atMax = true;
    // Word by word, as long as the words before leave a bound to be kept.
    for (let i = 0; i < min.length; i++) {
      const low: number = atMin ? min[i]! >>> 0 : 0;
      const high: number = atMax ? max[i]! >>> 0 : 0xffffffff;
      const word: number = low + Math.floor((hash / 0x100000000) * (high - low + 1));
      words.push(word | 0);
      atMin &&= word === low;
      atMax &&= word === high;
    }
    setAddress(tuple, words, manip);
  }

  private hashEnds(tuple: Tuple, persistent: boolean): number {
    let h = mix32(mix32(mix32(mix32(this.seed, tuple.s0), tuple.s1), tuple.s2), tuple.s3);
    if (!persistent) h = mix32(mix32(mix32(mix32(h, tuple.d0), tuple.d1), tuple.d2), tuple.d3);
    return mixFinish(h);
  }

  private pickPort(tuple: Tuple, range: NatRange, manip: ManipCode, row: number): boolean {
    const isIcmp = tuple.protocol === Proto.Icmp || tuple.protocol === Proto.Icmpv6;
    if (!isIcmp && !hasPorts(tuple.protocol)) {
      // Where two ways meet at one server, the source side may still tell them apart.
      return manip === Manip.Destination || !this.isTaken(tuple, row);
    }
    let min = range.minPort;
    let size = range.maxPort - range.minPort + 1;
    if (range.minPort === 0 && range.maxPort === 0) {
      // Nobody asked for another destination port: it stays.
      if (manip === Manip.Destination) return true;
      const port = tuple.srcPort;
      min = isIcmp ? 0 : lowestLikePort(port);
      size = isIcmp ? 65_536 : highestLikePort(port) - min + 1;
    }
    const start = this.firstOffset(tuple, range, manip, size);
    if (this.searchPort(tuple, manip, row, min, size, start)) return true;
    // Several ways to one server port may meet there: then the source side finds another port.
    return manip === Manip.Destination;
  }

  /** Where in a range of `size` ports the search begins. */
  private firstOffset(tuple: Tuple, range: NatRange, manip: ManipCode, size: number): number {
    const base = basePort(range);
    if (base !== 0) {
      const port = manip === Manip.Source ? tuple.srcPort : tuple.dstPort;
      return ((port - base) & 0xffff) % size;
    }
    const anywhere = manip === Manip.Source || range.random || range.randomFully;
    return anywhere ? this.random.below(size) : 0;
  }

  private searchPort(
    tuple: Tuple,
    manip: ManipCode,
    row: number,
    min: number,
    size: number,
    start: number,
  ): boolean {
    let offset = start;
    let attempts = Math.min(size, FIRST_ROUND_ATTEMPTS);
    for (;;) {
      for (let i = 0; i < attempts; i++, offset++) {
        setPort(tuple, min + (offset % size), manip);
        if (!this.isTaken(tuple, row)) return true;
      }
      if (attempts >= size || attempts < LAST_ROUND_ATTEMPTS) return false;
      attempts >>= 1;
      offset = this.random.below(size);
    }
  }
}

/** The port that is mapped to the first of the range; 0 where the range is not shifted. */
function basePort(range: NatRange): number {
  return range.basePort ?? 0;
}

/** A translated port stays in its class: 1-511, 600-1023, 1024-65535. */
function lowestLikePort(port: number): number {
  if (port >= 1024) return 1024;
  return port < 512 ? 1 : 600;
}

function highestLikePort(port: number): number {
  if (port >= 1024) return 65_535;
  return port < 512 ? 511 : 1023;
}

function inRange(tuple: Tuple, range: NatRange, manip: ManipCode): boolean {
  return addressInRange(tuple, range, manip) && portFits(tuple, range, manip);
}

function addressInRange(tuple: Tuple, range: NatRange, manip: ManipCode): boolean {
  const { minAddress: min, maxAddress: max } = range;
  if (min === null || max === null) return true;
  const words =
    manip === Manip.Source
      ? [tuple.s0, tuple.s1, tuple.s2, tuple.s3]
      : [tuple.d0, tuple.d1, tuple.d2, tuple.d3];
  return compareWords(words, min) >= 0 && compareWords(words, max) <= 0;
}

/** Unsigned comparison of addresses as words, most significant first. */
function compareWords(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < b.length; i++) {
    const difference = (a[i]! >>> 0) - (b[i]! >>> 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function portFits(tuple: Tuple, range: NatRange, manip: ManipCode): boolean {
  if (range.minPort === 0 && range.maxPort === 0) return true;
  const port = manip === Manip.Source ? tuple.srcPort : tuple.dstPort;
  return port >= range.minPort && port <= range.maxPort;
}

function setAddress(tuple: Tuple, words: readonly number[], manip: ManipCode): void {
  const [w0 = 0, w1 = 0, w2 = 0, w3 = 0] = words;
  if (manip === Manip.Source) {
    tuple.s0 = w0;
    tuple.s1 = w1;
    tuple.s2 = w2;
    tuple.s3 = w3;
  } else {
    tuple.d0 = w0;
    tuple.d1 = w1;
    tuple.d2 = w2;
    tuple.d3 = w3;
  }
}

function setPort(tuple: Tuple, port: number, manip: ManipCode): void {
  if (manip === Manip.Source) tuple.setPorts(port, tuple.dstPort);
  else tuple.setPorts(tuple.srcPort, port);
}
