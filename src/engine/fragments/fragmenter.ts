import { Prng } from '../../base/index.ts';
import { checksum, HEADROOM_BYTES, Packet, Proto } from '../../wire/index.ts';
import { Cuts } from './cuts.ts';

/** Where the IP header of a fragment lies: room for any link header before it. */
const L3_AT = HEADROOM_BYTES + 32;
const IPV4_HEADER = 20;
const IPV6_HEADER = 40;
const FRAGMENT_HEADER = 8;
const MORE_FRAGMENTS = 0x2000;
const DONT_FRAGMENT = 0x4000;
const OPTION_END = 0;
const OPTION_NOP = 1;
/** Set in options that every fragment carries (RFC 791 section 3.1). */
const COPIED = 0x80;
/** Every IPv6 link takes this (RFC 8200 section 5): nothing is cut smaller. */
const IPV6_MIN_MTU = 1280;

/**
 * Cuts datagrams for the way out: what came in fragments, and what IPv4 allows to be fragmented
 * (RFC 791 section 2.3, RFC 8200 section 4.5). As ip_do_fragment and ip6_fragment do, a datagram
 * that came in fragments is cut where it had been cut, if the pieces fit; else evenly, and no piece
 * larger than the largest that came. Allocates nothing once constructed.
 *
 *     if (fragmenter.mustCut(packet, mtu) && fragmenter.begin(packet, mtu)) {
 *       while (fragmenter.next()) send(fragmenter.fragment);
 *     } else send(packet);
 */
export class IpFragmenter {
  /** The present fragment, with the link header of the whole before its `l3Offset`. */
  readonly fragment = new Packet();
  private readonly cuts: Cuts;
  private readonly random: Prng;
  private source: Packet | null = null;
  /** Bytes that stand before the payload of every fragment, an IPv6 fragment header left out. */
  private headerLen = 0;
  /** Payload bytes of the whole, of the largest piece, and those that are out. */
  private dataLen = 0;
  private limit = 0;
  private done = 0;
  private asReceived = false;
  private index = 0;
  /** IPv6: the new identification, and where the field lies that will name the fragment header. */
  private identification = 0;
  private nextHeaderAt = 0;

  /** `cuts` is how datagrams came that have `fragMaxSize`; `seed` is of identifications. */
  constructor(cuts = new Cuts(), seed = 1) {
    this.cuts = cuts;
    this.random = new Prng(seed);
  }

  /** True where the decoded datagram in the cursor cannot leave as one piece. */
  mustCut(packet: Packet, mtu: number): boolean {
    const length = packet.l3End - packet.l3Offset;
    if (length > mtu) return true;
    if (packet.fragMaxSize === 0) return false;
    return packet.family === 4 || length > packet.fragMaxSize;
  }

  /**
   * Begins with the decoded datagram in the cursor. False where nothing fits behind its header, or
   * where only its sender may fragment it.
   */
  begin(packet: Packet, mtu: number): boolean {
    const sound = packet.family === 4 ? this.beginIpv4(packet, mtu) : this.beginIpv6(packet);
    this.dataLen = packet.l3End - packet.l3Offset - this.headerLen;
    if (!sound || (this.limit < 8 && this.limit < this.dataLen)) return false;
    this.asReceived = packet.fragMaxSize > 0 && this.cuts.kept && this.cutsFit();
    this.source = packet;
    this.done = 0;
    this.index = 0;
    return true;
  }

  /** Makes the next fragment. False after the last one. */
  next(): boolean {
    const { source, fragment } = this;
    if (source === null) return false;
    const length = this.nextLength();
    const last = this.done + length >= this.dataLen;
    const extra = source.family === 4 ? 0 : FRAGMENT_HEADER;
    const linkLen = source.l3Offset - source.frameOffset;
    const dataAt = L3_AT + this.headerLen + extra;
    copy(source, source.frameOffset, linkLen + this.headerLen, L3_AT - linkLen, fragment);
    copy(source, source.l3Offset + this.headerLen + this.done, length, dataAt, fragment);
    this.describe(source, linkLen, dataAt, dataAt + length);
    if (source.family === 4) this.writeIpv4(source, last);
    else this.writeIpv6(source, last);
    this.done += length;
    this.index++;
    if (last) this.source = null;
    return true;
  }

  private beginIpv4(packet: Packet, mtu: number): boolean {
    const { fragMaxSize } = packet;
    this.headerLen = (packet.bytes[packet.l3Offset]! & 15) << 2;
    this.limit = (fragMaxSize > 0 ? Math.min(mtu, fragMaxSize) : mtu) - this.headerLen;
    return true;
  }

  private beginIpv6(packet: Packet): boolean {
    this.findFragmentablePart(packet);
    const largest = Math.max(packet.fragMaxSize, IPV6_MIN_MTU);
    this.limit = largest - this.headerLen - FRAGMENT_HEADER;
    // Under translation the identifications of several hosts would meet in one address.
    this.identification = this.random.next() | 0;
    return packet.fragMaxSize > 0;
  }

  /** Hop-by-hop and routing headers, and options for the hops of a route, are in every fragment. */
  private findFragmentablePart(packet: Packet): void {
    const { view, l3Offset } = packet;
    this.nextHeaderAt = 6;
    this.headerLen = IPV6_HEADER;
    let header = view.getUint8(l3Offset + 6);
    let routed = false;
    while (header === Proto.HopByHop || header === Proto.Routing || header === Proto.DestOptions) {
      if (header === Proto.DestOptions && routed) return;
      if (header === Proto.Routing) routed = true;
      this.nextHeaderAt = this.headerLen;
      this.headerLen += (view.getUint8(l3Offset + this.nextHeaderAt + 1) + 1) << 3;
      header = view.getUint8(l3Offset + this.nextHeaderAt);
    }
  }

  /** The pieces that came, with the headers of the first one, make up this datagram and fit. */
  private cutsFit(): boolean {
    const { cuts, limit } = this;
    const first = cuts.firstLen - this.headerLen;
    let sum = first;
    if (first <= 0 || first > limit || (first & 7) !== 0) return false;
    for (let i = 1; i < cuts.count; i++) {
      const length = cuts.lengths[i]!;
      if (length > limit) return false;
      sum += length;
    }
    return sum === this.dataLen;
  }

  private nextLength(): number {
    const { cuts, index, limit } = this;
    if (this.asReceived) return index === 0 ? cuts.firstLen - this.headerLen : cuts.lengths[index]!;
    const left = this.dataLen - this.done;
    // Offsets count in units of eight bytes; the last piece may end anywhere.
    return left <= limit ? left : limit & ~7;
  }

  private describe(source: Packet, linkLen: number, dataAt: number, end: number): void {
    const { fragment } = this;
    fragment.begin(end - L3_AT, source.linkType);
    fragment.frameOffset = L3_AT - linkLen;
    fragment.frameEnd = end;
    fragment.family = source.family;
    fragment.l3Offset = L3_AT;
    fragment.l3End = end;
    fragment.l3HeaderLen = dataAt - L3_AT;
    fragment.l4Offset = dataAt;
    fragment.protocol = source.protocol;
    fragment.isFragment = true;
    fragment.src0 = source.src0;
    fragment.src1 = source.src1;
    fragment.src2 = source.src2;
    fragment.src3 = source.src3;
    fragment.dst0 = source.dst0;
    fragment.dst1 = source.dst1;
    fragment.dst2 = source.dst2;
    fragment.dst3 = source.dst3;
  }

  private writeIpv4(source: Packet, last: boolean): void {
    const { fragment, headerLen } = this;
    const { view } = fragment;
    if (this.done > 0) this.blankUncopiedOptions();
    // ip_do_fragment keeps the flag only where it cuts anew.
    const before = this.asReceived ? 0 : source.view.getUint16(source.l3Offset + 6);
    const flags =
      (source.fragMaxSize > 0 ? before & DONT_FRAGMENT : 0) | (last ? 0 : MORE_FRAGMENTS);
    fragment.ipId = source.ipId;
    view.setUint16(L3_AT + 2, fragment.l3End - L3_AT);
    view.setUint16(L3_AT + 6, flags | (this.done >> 3));
    view.setUint16(L3_AT + 10, 0);
    view.setUint16(L3_AT + 10, checksum(view, L3_AT, L3_AT + headerLen));
  }

  private writeIpv6(source: Packet, last: boolean): void {
    const { fragment, headerLen, identification } = this;
    const { view } = fragment;
    const following = source.view.getUint8(source.l3Offset + this.nextHeaderAt);
    fragment.ipId = identification;
    view.setUint16(L3_AT + 4, fragment.l3End - L3_AT - IPV6_HEADER);
    view.setUint8(L3_AT + this.nextHeaderAt, Proto.Fragment);
    view.setUint16(L3_AT + headerLen, following << 8);
    view.setUint16(L3_AT + headerLen + 2, this.done | (last ? 0 : 1));
    view.setInt32(L3_AT + headerLen + 4, identification);
  }

  /** Options without the copied flag stand in the first fragment only. */
  private blankUncopiedOptions(): void {
    const { bytes } = this.fragment;
    const end = L3_AT + this.headerLen;
    let at = L3_AT + IPV4_HEADER;
    while (at < end && bytes[at] !== OPTION_END) {
      const kind = bytes[at]!;
      const length = kind === OPTION_NOP ? 1 : Math.max(2, bytes[at + 1] ?? 2);
      if ((kind & COPIED) === 0) bytes.fill(OPTION_NOP, at, Math.min(end, at + length));
      at += length;
    }
  }
}

function copy(from: Packet, at: number, length: number, to: number, into: Packet): void {
  for (let i = 0; i < length; i++) into.bytes[to + i] = from.bytes[at + i]!;
}
