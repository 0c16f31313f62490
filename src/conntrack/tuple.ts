import { mix32, mixFinish } from '../base/index.ts';
import { icmpQueryReplyType, type Packet, Proto } from '../wire/index.ts';

/**
 * One direction of a connection as four 32-bit words, and six more where it is an IPv6 one:
 *
 *   word   0           1              2         3              wide   0..2       3..5
 *         zone<<16    srcPort<<16    source    destination           the rest   the rest
 *         | family<<8 | dstPort      address   address               of source  of destination
 *         | proto
 *
 * The zone stands in the tuple, so that the same addresses in two zones are two tuples
 * (nf_conntrack_zones.h), and a lookup costs no more for it.
 *
 * For ICMP queries the id stands in place of the source port and type<<8|code in place of the
 * destination port (struct nf_conntrack_tuple, include/net/netfilter/nf_conntrack_tuple.h). An IPv4
 * address is in the first of its four words; the others are zero in hand, and stored nowhere.
 */
export const TUPLE_WORDS = 4;
/** Words that an IPv6 tuple has beside them. */
export const WIDE_WORDS = 6;
/** The bit of word 0 that tells family 6 from 4. */
const WIDE = 2 << 8;

/** True where a tuple with this word 0 is an IPv6 one. */
export function isWide(meta: number): boolean {
  return (meta & WIDE) !== 0;
}

/** A tuple in hand: reused, never stored. */
export class Tuple {
  meta = 0;
  ports = 0;
  s0 = 0;
  s1 = 0;
  s2 = 0;
  s3 = 0;
  d0 = 0;
  d1 = 0;
  d2 = 0;
  d3 = 0;

  get family(): number {
    return (this.meta >>> 8) & 0xff;
  }

  /** Zone of `CT --zone`, 0 to 65535; 0 unless a rule gave one. */
  get zone(): number {
    return this.meta >>> 16;
  }

  set zone(zone: number) {
    this.meta = (zone << 16) | (this.meta & 0xffff);
  }

  get protocol(): number {
    return this.meta & 0xff;
  }

  get srcPort(): number {
    return this.ports >>> 16;
  }

  get dstPort(): number {
    return this.ports & 0xffff;
  }

  setPorts(src: number, dst: number): void {
    this.ports = (src << 16) | dst;
  }

  /** The tuple of a packet, in zone 0. */
  fromPacket(packet: Packet): void {
    this.meta = (packet.family << 8) | packet.protocol;
    this.ports = (packet.srcPortOrIcmpId << 16) | packet.dstPortOrIcmpTypeCode;
    this.s0 = packet.src0;
    this.s1 = packet.src1;
    this.s2 = packet.src2;
    this.s3 = packet.src3;
    this.d0 = packet.dst0;
    this.d1 = packet.dst1;
    this.d2 = packet.dst2;
    this.d3 = packet.dst3;
  }

  copyFrom(other: Tuple): void {
    this.meta = other.meta;
    this.ports = other.ports;
    this.s0 = other.s0;
    this.s1 = other.s1;
    this.s2 = other.s2;
    this.s3 = other.s3;
    this.d0 = other.d0;
    this.d1 = other.d1;
    this.d2 = other.d2;
    this.d3 = other.d3;
  }

  /** Becomes the tuple that answers `other`. */
  invertFrom(other: Tuple): void {
    this.meta = other.meta;
    this.ports = invertPorts(other.meta, other.ports);
    const { s0, s1, s2, s3 } = other;
    this.s0 = other.d0;
    this.s1 = other.d1;
    this.s2 = other.d2;
    this.s3 = other.d3;
    this.d0 = s0;
    this.d1 = s1;
    this.d2 = s2;
    this.d3 = s3;
  }

  /** The rest of IPv6 addresses comes with `readRest`, and is zeros until then. */
  read(words: Int32Array, at: number): void {
    this.meta = words[at]!;
    this.ports = words[at + 1]!;
    this.s0 = words[at + 2]!;
    this.d0 = words[at + 3]!;
    this.s1 = 0;
    this.s2 = 0;
    this.s3 = 0;
    this.d1 = 0;
    this.d2 = 0;
    this.d3 = 0;
  }

  readRest(wide: Int32Array, at: number): void {
    this.s1 = wide[at]!;
    this.s2 = wide[at + 1]!;
    this.s3 = wide[at + 2]!;
    this.d1 = wide[at + 3]!;
    this.d2 = wide[at + 4]!;
    this.d3 = wide[at + 5]!;
  }

  /** All but the rest of IPv6 addresses. */
  write(words: Int32Array, at: number): void {
    words[at] = this.meta;
    words[at + 1] = this.ports;
    words[at + 2] = this.s0;
    words[at + 3] = this.d0;
  }

  writeRest(wide: Int32Array, at: number): void {
    wide[at] = this.s1;
    wide[at + 1] = this.s2;
    wide[at + 2] = this.s3;
    wide[at + 3] = this.d1;
    wide[at + 4] = this.d2;
    wide[at + 5] = this.d3;
  }

  /** Whether all but the rest of IPv6 addresses is the same. */
  equalsAt(words: Int32Array, at: number): boolean {
    return (
      words[at] === this.meta &&
      words[at + 1] === this.ports &&
      words[at + 2] === this.s0 &&
      words[at + 3] === this.d0
    );
  }

  restEqualsAt(wide: Int32Array, at: number): boolean {
    return (
      wide[at] === this.s1 &&
      wide[at + 1] === this.s2 &&
      wide[at + 2] === this.s3 &&
      wide[at + 3] === this.d1 &&
      wide[at + 4] === this.d2 &&
      wide[at + 5] === this.d3
    );
  }

  /** True where source and destination addresses of both tuples are the same. */
  sameAddresses(other: Tuple): boolean {
    return this.sameSource(other) && this.sameDestination(other);
  }

  sameSource(other: Tuple): boolean {
    return (
      this.s0 === other.s0 && this.s1 === other.s1 && this.s2 === other.s2 && this.s3 === other.s3
    );
  }

  sameDestination(other: Tuple): boolean {
    return (
      this.d0 === other.d0 && this.d1 === other.d1 && this.d2 === other.d2 && this.d3 === other.d3
    );
  }

  /** True where nothing differs, the zone included. */
  equals(other: Tuple): boolean {
    return this.meta === other.meta && this.ports === other.ports && this.sameAddresses(other);
  }

  /** Destination address, as four words of which IPv4 uses the first. */
  setDestination(w0: number, w1: number, w2: number, w3: number): void {
    this.d0 = w0;
    this.d1 = w1;
    this.d2 = w2;
    this.d3 = w3;
  }

  hash(seed: number): number {
    let h = mix32(mix32(seed, this.s0), this.d0);
    if (isWide(this.meta)) {
      h = mix32(mix32(mix32(h, this.s1), this.s2), this.s3);
      h = mix32(mix32(mix32(h, this.d1), this.d2), this.d3);
    }
    return mixFinish(mix32(mix32(h, this.ports), this.meta));
  }
}

/** Ports of the answering direction: swapped; for ICMP the same id with the answering type. */
function invertPorts(meta: number, ports: number): number {
  const protocol = meta & 0xff;
  if (protocol !== Proto.Icmp && protocol !== Proto.Icmpv6) {
    return (ports << 16) | (ports >>> 16);
  }
  const type = (ports >>> 8) & 0xff;
  const reply = icmpQueryReplyType((meta >>> 8) & 0xff, type);
  return (ports & 0xffff00ff) | ((reply < 0 ? type : reply) << 8);
}
