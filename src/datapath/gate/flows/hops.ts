import { HOP_WORDS, HOPS, HopFamily, HopFlag, HopWord } from '../layout.ts';
import { asInPacket } from './keys.ts';

/** Twice as many as hops: the search always ends. */
const TABLE_SLOTS = 2 * HOPS;

/**
 * The ways out: each is written once and known by its number. Numbers are given back all at once, by
 * `recycle`; whoever keeps one asks for it again after that.
 */
export class HopTable {
  private readonly hops: Int32Array;
  /** Hop numbers + 1 by the hash of what they stand for, open addressing; 0: empty. */
  private readonly table = new Int16Array(TABLE_SLOTS);
  private inUse = 0;
  /**
   * The next number. Goes on where it was after `recycle`: a packet that is just on its way by a hop
   * of before finds that hop as it was, not one being rewritten.
   */
  private cursor = 0;

  constructor(hops: Int32Array) {
    this.hops = hops;
  }

  /**
   * The number of a way out: kernel index of the interface, MTU in bytes of IP datagram, family of
   * the next hop (4 or 6; 0: the packet's own destination, then without address) and its address as
   * words of a tuple. `managed`: the gate's program sits there. -1: no room.
   */
  intern(
    ifindex: number,
    mtu: number,
    family: number,
    address0: number,
    address1: number,
    address2: number,
    address3: number,
    managed: boolean,
  ): number {
    const flags = managed ? HopFlag.Managed : 0;
    const addressFamily = hopFamilyOf(family);
    const a0 = family === 0 ? 0 : asInPacket(address0);
    const a1 = family === 6 ? asInPacket(address1) : 0;
    const a2 = family === 6 ? asInPacket(address2) : 0;
    const a3 = family === 6 ? asInPacket(address3) : 0;
    const { hops, table } = this;
    let slot = hashHop(ifindex, mtu, addressFamily, flags, a0, a1, a2, a3);
    for (; table[slot] !== 0; slot = (slot + 1) & (TABLE_SLOTS - 1)) {
      const at = (table[slot]! - 1) * HOP_WORDS;
      if (
        hops[at + HopWord.Ifindex] === ifindex &&
        hops[at + HopWord.Mtu] === mtu &&
        hops[at + HopWord.Family] === addressFamily &&
        hops[at + HopWord.Flags] === flags &&
        hops[at + HopWord.Address] === a0 &&
        hops[at + HopWord.Address + 1] === a1 &&
        hops[at + HopWord.Address + 2] === a2 &&
        hops[at + HopWord.Address + 3] === a3
      ) {
        return table[slot]! - 1;
      }
    }
    if (this.inUse === HOPS) return -1;
    const hop = this.cursor;
    this.cursor = (hop + 1) % HOPS;
    this.inUse++;
    table[slot] = hop + 1;
    const at = hop * HOP_WORDS;
    hops[at + HopWord.Ifindex] = ifindex;
    hops[at + HopWord.Mtu] = mtu;
    hops[at + HopWord.Family] = addressFamily;
    hops[at + HopWord.Flags] = flags;
    hops[at + HopWord.Address] = a0;
    hops[at + HopWord.Address + 1] = a1;
    hops[at + HopWord.Address + 2] = a2;
    hops[at + HopWord.Address + 3] = a3;
    return hop;
  }

  /** All numbers are free again. */
  recycle(): void {
    this.table.fill(0);
    this.inUse = 0;
  }
}

function hopFamilyOf(family: number): number {
  if (family === 0) return HopFamily.None;
  return family === 6 ? HopFamily.Ipv6 : HopFamily.Ipv4;
}

/** Where the search for a hop begins. Unseeded: next hops come from the routes, not from packets. */
function hashHop(
  ifindex: number,
  mtu: number,
  family: number,
  flags: number,
  a0: number,
  a1: number,
  a2: number,
  a3: number,
): number {
  let h = mix(mix(ifindex, mtu), (family << 8) | flags);
  h = mix(mix(mix(mix(h, a0), a1), a2), a3);
  return (h ^ (h >>> 16)) & (TABLE_SLOTS - 1);
}

function mix(hash: number, word: number): number {
  const h = Math.imul(hash ^ word, 0x9e3779b1);
  return h ^ (h >>> 15);
}
