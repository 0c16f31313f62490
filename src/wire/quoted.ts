import { Proto } from './codes.ts';
import { crc32c, crc32cEnd, crc32cStart } from './crc32c.ts';
import { icmpQueryReplyType, isIcmpError, isIcmpv6Error } from './icmp.ts';
import type { Packet } from './packet.ts';

const ICMP_HEADER_LEN = 8;
const IPV4_HEADER_LEN = 20;
const IPV6_HEADER_LEN = 40;

/** True for an ICMP or ICMPv6 error: a message that quotes the datagram it speaks about. */
export function quotesDatagram(packet: Packet): boolean {
  if (packet.protocol === Proto.Icmp) return packet.family === 4 && isIcmpError(packet.icmpType);
  return packet.protocol === Proto.Icmpv6 && packet.family === 6 && isIcmpv6Error(packet.icmpType);
}

/**
 * The datagram that an ICMP error quotes, as plain integers over the error's own bytes. A quote may
 * end anywhere (RFC 792 asks for no more than 8 bytes of the transport header), so every read here
 * and of whoever works on it is measured against `end`. One reused cursor. Hot.
 */
export class QuotedDatagram {
  family = 0;
  /** Where its IP header begins in the buffer of the error. */
  offset = 0;
  l4Offset = 0;
  /** End of the quote, which is that of the error itself. */
  end = 0;
  /** The final protocol number. */
  protocol = 0;
  src0 = 0;
  src1 = 0;
  src2 = 0;
  src3 = 0;
  dst0 = 0;
  dst1 = 0;
  dst2 = 0;
  dst3 = 0;
  /** As in a packet: source port, ICMP id; 0 where the protocol has neither. */
  srcPortOrIcmpId = 0;
  /** Destination port, ICMP type<<8|code, key of an enhanced GRE header; else 0. */
  dstPortOrIcmpTypeCode = 0;

  /** Bytes of the transport header and what follows it that are quoted. */
  get l4Len(): number {
    return this.end - this.l4Offset;
  }

  /**
   * Reads the headers that the error in `packet` quotes, as far as a connection is told by them.
   * False where they are cut short before that, or belong to the middle of a datagram: a later
   * fragment has no transport header.
   */
  read(packet: Packet): boolean {
    this.family = packet.family;
    this.offset = packet.l4Offset + ICMP_HEADER_LEN;
    this.end = packet.l3End;
    this.srcPortOrIcmpId = 0;
    this.dstPortOrIcmpTypeCode = 0;
    const { view } = packet;
    const hasIp = this.family === 4 ? this.readIpv4(view) : this.readIpv6(view);
    return hasIp && this.readTransport(view);
  }

  private readIpv4(view: DataView): boolean {
    const { offset: at, end } = this;
    if (at + IPV4_HEADER_LEN > end) return false;
    const headerLen = (view.getUint8(at) & 15) << 2;
    if (headerLen < IPV4_HEADER_LEN || at + headerLen > end) return false;
    if ((view.getUint16(at + 6) & 0x1fff) !== 0) return false;
    this.l4Offset = at + headerLen;
    this.protocol = view.getUint8(at + 9);
    this.src0 = view.getInt32(at + 12);
    this.src1 = 0;
    this.src2 = 0;
    this.src3 = 0;
    this.dst0 = view.getInt32(at + 16);
    this.dst1 = 0;
    this.dst2 = 0;
    this.dst3 = 0;
    return true;
  }

  private readIpv6(view: DataView): boolean {
    const { offset: at, end } = this;
    if (at + IPV6_HEADER_LEN > end) return false;
    this.src0 = view.getInt32(at + 8);
    this.src1 = view.getInt32(at + 12);
    this.src2 = view.getInt32(at + 16);
    this.src3 = view.getInt32(at + 20);
    this.dst0 = view.getInt32(at + 24);
    this.dst1 = view.getInt32(at + 28);
    this.dst2 = view.getInt32(at + 32);
    this.dst3 = view.getInt32(at + 36);
    return this.skipExtensions(view, view.getUint8(at + 6), at + IPV6_HEADER_LEN);
  }

  /** Bounded by the quote: every extension header is at least 8 bytes long. */
  private skipExtensions(view: DataView, first: number, from: number): boolean {
    const { end } = this;
    let next = first;
    let at = from;
    while (isExtension(next)) {
      if (at + 2 > end) return false;
      const lengthField = view.getUint8(at + 1);
      if (next === Proto.Fragment) {
        if (at + 4 > end || (view.getUint16(at + 2) & 0xfff8) !== 0) return false;
        next = view.getUint8(at);
        at += 8;
        continue;
      }
      const length = next === Proto.Ah ? (lengthField + 2) << 2 : (lengthField + 1) << 3;
      next = view.getUint8(at);
      at += length;
    }
    this.protocol = next;
    this.l4Offset = at;
    return next !== Proto.NoNext;
  }

  /** What tells connections of one protocol apart; nf_ct_get_tuple in nf_conntrack_core.c. */
  private readTransport(view: DataView): boolean {
    switch (this.protocol) {
      case Proto.Tcp:
      case Proto.Udp:
      case Proto.UdpLite:
      case Proto.Sctp:
        if (this.l4Len < 4) return false;
        this.srcPortOrIcmpId = view.getUint16(this.l4Offset);
        this.dstPortOrIcmpTypeCode = view.getUint16(this.l4Offset + 2);
        return true;
      case Proto.Icmp:
        return this.family === 6 || this.readIcmp(view);
      case Proto.Icmpv6:
        return this.family === 4 || this.readIcmp(view);
      case Proto.Gre:
        return this.readGre(view);
      default:
        return true;
    }
  }

  /** Queries and their answers only: an error about an error belongs to nothing. */
  private readIcmp(view: DataView): boolean {
    const { l4Offset: at } = this;
    if (this.l4Len < ICMP_HEADER_LEN) return false;
    if (icmpQueryReplyType(this.family, view.getUint8(at)) < 0) return false;
    this.srcPortOrIcmpId = view.getUint16(at + 4);
    this.dstPortOrIcmpTypeCode = view.getUint16(at);
    return true;
  }

  /** Version 1 (RFC 2637) carries a call id; every other GRE is told by its addresses alone. */
  private readGre(view: DataView): boolean {
    const { l4Offset: at } = this;
    if (this.l4Len < GRE_WITH_CALL_ID_LEN || !isEnhancedGre(view, at)) return true;
    this.dstPortOrIcmpTypeCode = view.getUint16(at + 6);
    return view.getUint16(at + 2) === PPP_IN_GRE;
  }
}

const GRE_WITH_CALL_ID_LEN = 8;
/** The protocol number of PPP in a GRE header (RFC 2637 section 4.1). */
const PPP_IN_GRE = 0x880b;

/** A GRE header of version 1, as PPTP uses it (RFC 2637 section 4.1). */
export function isEnhancedGre(view: DataView, at: number): boolean {
  return (view.getUint16(at) & 7) === 1;
}

/** Where the CRC stands in an SCTP header, and the length of that header (RFC 9260 section 3.1). */
const SCTP_CRC_AT = 8;
const SCTP_HEADER_LEN = 12;

/**
 * Computes the CRC of a quoted SCTP header, if it is there, over what is quoted: that of the packet
 * itself only where all of it is, and elsewhere it hardly matters (sctp_manip_pkt in nf_nat_proto.c).
 */
export function completeQuotedSctp(packet: Packet, quoted: QuotedDatagram): void {
  if (quoted.l4Len < SCTP_HEADER_LEN) return;
  const { bytes, view } = packet;
  const { l4Offset: at, end } = quoted;
  view.setInt32(at + SCTP_CRC_AT, 0);
  // RFC 9260 appendix A: the remainder goes out least significant byte first.
  view.setInt32(at + SCTP_CRC_AT, crc32cEnd(crc32c(crc32cStart, bytes, at, end)), true);
}

function isExtension(header: number): boolean {
  return (
    header === Proto.HopByHop ||
    header === Proto.Routing ||
    header === Proto.Fragment ||
    header === Proto.DestOptions ||
    header === Proto.Ah
  );
}
