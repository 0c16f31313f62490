import {
  type Conntrack,
  Direction,
  givesWay,
  isOpening,
  Status,
  Tuple,
} from '../conntrack/index.ts';
import { Proto } from '../wire/index.ts';

/** With this many attempts left a closed TCP connection gives way (NF_NAT_HARDER_THRESH). */
const EVICTION_BEGINS_AT = 32;
const TRANSLATED = Status.SrcNat | Status.DstNat | Status.SeqAdjust;

/**
 * Whether a tuple can be given to a new connection. The tracker knows connections by what comes in,
 * so what is asked for is the tuple of the answers: no two connections may have that in common.
 */
export class TakenTuples {
  private readonly conntrack: Conntrack;
  private readonly reply = new Tuple();
  private readonly other = new Tuple();

  constructor(conntrack: Conntrack) {
    this.conntrack = conntrack;
  }

  /** True where another connection has the tuple that answers `tuple`. */
  has(tuple: Tuple): boolean {
    if (this.holderOf(tuple) < 0) return false;
    this.conntrack.stats.found++;
    return true;
  }

  private holderOf(tuple: Tuple): number {
    this.reply.invertFrom(tuple);
    return this.conntrack.lookup(this.reply);
  }

  /**
   * For the tuple that a connection has by itself. Where its first packet crossed one of the other
   * end's, both shall be entered as they are, and the tracker sees that they are one connection; a
   * new port would tear them apart (nf_nat_used_tuple_new).
   */
  hasBesidesReverse(tuple: Tuple, row: number): boolean {
    const ref = this.holderOf(tuple);
    if (ref < 0) return false;
    const { stats, table } = this.conntrack;
    stats.found++;
    if (!mayCross(tuple.protocol) || table.hasStatus(row, TRANSLATED)) return true;
    if ((ref & 1) !== Direction.Original || table.hasStatus(ref >> 1, TRANSLATED)) return true;
    table.readTuple(ref >> 1, Direction.Reply, this.other);
    return !this.other.equals(tuple);
  }

  /** For a port that is tried: few attempts before the last one, closed connections are ended for it. */
  hasUnlessClosed(tuple: Tuple, row: number, attemptsLeft: number): boolean {
    const { conntrack } = this;
    const { table } = conntrack;
    if (attemptsLeft > EVICTION_BEGINS_AT || !isOpening(table, row)) return this.has(tuple);
    const ref = this.holderOf(tuple);
    if (ref < 0) return false;
    if (!givesWay(table, ref, row)) return true;
    conntrack.destroy(ref >> 1);
    return false;
  }
}

/** Protocols of which two entries for one connection can be put right (allow_clash). */
function mayCross(protocol: number): boolean {
  return protocol === Proto.Udp || protocol === Proto.UdpLite;
}
