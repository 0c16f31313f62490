import type { Prng } from '../base/index.ts';
import { type Conntrack, Direction, Tuple } from '../conntrack/index.ts';
import type { NatRange } from '../rules/index.ts';
import { Proto } from '../wire/index.ts';
import {
  hasPorts,
  isIcmp,
  Manip,
  type ManipCode,
  namesPorts,
  portFits,
  portOf,
  setPort,
  sourceFits,
} from './ranges.ts';
import { spreadAddress } from './spread.ts';
import { TakenTuples } from './taken.ts';

/** Ports tried in one round before the range is entered at another random place. */
const FIRST_ROUND_ATTEMPTS = 128;
/** A round of fewer attempts than this is the last one. */
const LAST_ROUND_ATTEMPTS = 16;

/**
 * Finds the tuple a new connection shall be seen with: the one it has, else that of its source's
 * other connections, else an address of the range with the port it has, else another port. Follows
 * get_unique_tuple and nf_nat_l4proto_unique_tuple of net/netfilter/nf_nat_core.c.
 *
 * Where nothing is free the tuple found last stays: that it is taken shows at confirm.
 */
export class TupleAllocator {
  private readonly conntrack: Conntrack;
  private readonly random: Prng;
  private readonly taken: TakenTuples;
  private readonly candidate = new Tuple();

  // The numbers that may be tried for a port: set by `fillPorts`.
  private firstPort = 0;
  private portCount = 0;

  constructor(conntrack: Conntrack, random: Prng) {
    this.conntrack = conntrack;
    this.random = random;
    this.taken = new TakenTuples(conntrack);
  }

  /** Changes `tuple`, the one that `row` has so far, in place. */
  choose(tuple: Tuple, range: NatRange, manip: ManipCode, row: number): void {
    const isRandom = range.random || range.randomFully;
    if (manip === Manip.Source && !isRandom && this.keepsMapping(tuple, range, row)) return;
    spreadAddress(tuple, range, manip, this.conntrack.zoneOf(row));
    if (!isRandom && this.keepsPort(tuple, range, manip)) return;
    this.searchPort(tuple, range, manip, row);
  }

  /** The tuple as it is, or with the source that the client's other connections are seen with. */
  private keepsMapping(tuple: Tuple, range: NatRange, row: number): boolean {
    if (sourceFits(tuple, range)) return !this.taken.hasBesidesReverse(tuple, row);
    if (!this.findMapping(tuple, range, row) || this.taken.has(this.candidate)) return false;
    tuple.copyFrom(this.candidate);
    return true;
  }

  /** Leaves the newest mapping of the source that fits the range in `candidate`. */
  private findMapping(tuple: Tuple, range: NatRange, row: number): boolean {
    const { candidate } = this;
    const { sources, table } = this.conntrack;
    sources.search(tuple, row);
    for (let other = sources.next(); other >= 0; other = sources.next()) {
      table.readTuple(other, Direction.Reply, candidate);
      candidate.invertFrom(candidate);
      candidate.meta = tuple.meta;
      candidate.setPorts(candidate.srcPort, tuple.dstPort);
      candidate.setDestination(tuple.d0, tuple.d1, tuple.d2, tuple.d3);
      if (sourceFits(candidate, range)) return true;
    }
    return false;
  }

  private keepsPort(tuple: Tuple, range: NatRange, manip: ManipCode): boolean {
    if (!namesPorts(range)) return !this.taken.has(tuple);
    if (basePort(range) !== 0 || !portFits(tuple, range, manip)) return false;
    // A single port leaves no choice: it is taken as it is.
    return range.minPort === range.maxPort || !this.taken.has(tuple);
  }

  private searchPort(tuple: Tuple, range: NatRange, manip: ManipCode, row: number): void {
    if (!this.fillPorts(tuple, range, manip, row)) return;
    const { firstPort, portCount } = this;
    let offset = this.firstOffset(tuple, range, manip);
    let attempts = Math.min(portCount, FIRST_ROUND_ATTEMPTS);
    for (;;) {
      for (let left = attempts; left > 0; left--, offset++) {
        setPort(tuple, (firstPort + ((offset & 0xffff) % portCount)) & 0xffff, manip);
        if (!this.taken.hasUnlessClosed(tuple, row, left)) return;
      }
      if (attempts >= portCount || attempts < LAST_ROUND_ATTEMPTS) return;
      attempts >>= 1;
      offset = this.random.next16();
    }
  }

  /** What may stand in the port's place. False where it cannot be changed. */
  private fillPorts(tuple: Tuple, range: NatRange, manip: ManipCode, row: number): boolean {
    const { protocol } = tuple;
    if (protocol === Proto.Gre) {
      // Only calls of a known control connection have keys of their own.
      if (this.conntrack.masterOf(row) < 0) return false;
    } else if (!hasPorts(protocol) && !isIcmp(protocol)) return false;
    if (namesPorts(range)) this.mayBe(range.minPort, range.maxPort);
    else if (isIcmp(protocol)) this.mayBe(0, 65_535);
    else if (protocol === Proto.Gre) this.mayBe(1, 65_535);
    // Nobody asked for another destination port: it stays.
    else if (manip === Manip.Destination) return false;
    else this.mayBeLike(tuple.srcPort);
    return true;
  }

  /** A translated port stays in its class: who may use a low port may use another low one. */
  private mayBeLike(port: number): void {
    if (port >= 1024) this.mayBe(1024, 65_535);
    else if (port < 512) this.mayBe(1, 511);
    else this.mayBe(600, 1023);
  }

  private mayBe(first: number, last: number): void {
    this.firstPort = first;
    this.portCount = last - first + 1;
  }

  /** Where in the range the search begins. */
  private firstOffset(tuple: Tuple, range: NatRange, manip: ManipCode): number {
    const base = basePort(range);
    if (base !== 0) return portOf(tuple, manip) - base;
    const anywhere = manip === Manip.Source || range.random || range.randomFully;
    return anywhere ? this.random.next16() : 0;
  }
}

/** The port that is mapped to the first of the range; 0 where the range is not shifted. */
function basePort(range: NatRange): number {
  return range.basePort ?? 0;
}
