/** Connections made by hand for the tests of this room: no packets, no engine. */
import { Clock, Prng } from '../../src/base/index.ts';
import {
  Conntrack,
  type ConntrackTable,
  Direction,
  defaultConntrackSettings,
  Tuple,
} from '../../src/conntrack/index.ts';
import { Manip, type ManipCode, Nat } from '../../src/nat/index.ts';
import type { NatRange } from '../../src/rules/index.ts';
import { formatAddress, Proto } from '../../src/wire/index.ts';
import { addressWords } from '../support/gateway.ts';

export interface Ends {
  readonly src: string;
  readonly dst: string;
  readonly sport: number;
  readonly dport: number;
  readonly protocol?: number;
  /** Zones of the two directions, 0 unless given. */
  readonly zones?: readonly [original: number, reply: number];
}

/** A range as rules make it; ports `[0, 0]` for none. */
export function natRange(
  addresses: readonly [first: string, last: string] | null,
  [minPort, maxPort]: readonly [number, number] = [0, 0],
  more: Partial<NatRange> = {},
): NatRange {
  return {
    minAddress: addresses === null ? null : addressWords(addresses[0]),
    maxAddress: addresses === null ? null : addressWords(addresses[1]),
    minPort,
    maxPort,
    random: false,
    randomFully: false,
    persistent: false,
    ...more,
  };
}

export class Flows {
  readonly clock = new Clock();
  readonly conntrack: Conntrack;
  readonly table: ConntrackTable;
  readonly nat: Nat;

  constructor(seed = 7, maximum = 2048) {
    const settings = { ...defaultConntrackSettings(), maximum };
    this.conntrack = new Conntrack(this.clock, settings, seed);
    this.table = this.conntrack.table;
    this.nat = new Nat(this.conntrack, new Prng(seed));
  }

  /** A row with this original tuple, not yet in the index. */
  start(ends: Ends): number {
    const { table } = this;
    const row = table.allocate();
    const tuple = tupleOf(ends);
    const reply = new Tuple();
    reply.invertFrom(tuple);
    [tuple.zone, reply.zone] = ends.zones ?? [0, 0];
    table.writeTuple(row, Direction.Original, tuple);
    table.writeTuple(row, Direction.Reply, reply);
    table.refresh(row, this.clock, 600);
    return row;
  }

  /** Enters a row, or gives it back where its tuples are taken. */
  confirm(row: number): boolean {
    const isEntered = this.conntrack.confirm(row);
    if (!isEntered) this.conntrack.discard(row);
    return isEntered;
  }

  /** Starts, binds and enters a connection; how its packets look afterwards, or null. */
  open(ends: Ends, range: NatRange, manip: ManipCode = Manip.Source): string | null {
    const row = this.start(ends);
    this.nat.bind(row, range, manip);
    return this.confirm(row) ? this.translated(row) : null;
  }

  /** `SRC:PORT>DST:PORT` with which the connection's packets leave. */
  translated(row: number): string {
    const reply = new Tuple();
    this.table.readTuple(row, Direction.Reply, reply);
    const tuple = new Tuple();
    tuple.invertFrom(reply);
    const { family } = tuple;
    const src = formatAddress(family, tuple.s0, tuple.s1, tuple.s2, tuple.s3);
    const dst = formatAddress(family, tuple.d0, tuple.d1, tuple.d2, tuple.d3);
    return `${src}:${tuple.srcPort}>${dst}:${tuple.dstPort}`;
  }
}

export function tupleOf({ src, dst, sport, dport, protocol = Proto.Tcp }: Ends): Tuple {
  const tuple = new Tuple();
  const [s0 = 0, s1 = 0, s2 = 0, s3 = 0] = addressWords(src);
  const [d0 = 0, d1 = 0, d2 = 0, d3 = 0] = addressWords(dst);
  tuple.meta = ((src.includes(':') ? 6 : 4) << 8) | protocol;
  tuple.setPorts(sport, dport);
  Object.assign(tuple, { s0, s1, s2, s3, d0, d1, d2, d3 });
  return tuple;
}
