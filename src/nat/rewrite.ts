import type { Tuple } from '../conntrack/index.ts';
import {
  completeL4Checksum,
  isEnhancedGre,
  type Packet,
  Proto,
  quotesDatagram,
  updateChecksum16,
  updateChecksum32,
} from '../wire/index.ts';
import { hasPorts } from './ranges.ts';

/**
 * Writes new addresses and ports into a packet's headers and mends the checksums as it goes
 * (RFC 1624). The packet cursor's fields follow the bytes. Whole packets only, not fragments.
 */

/** Makes source address and port (or ICMP id) those of `target`. */
export function rewriteSource(packet: Packet, target: Tuple): void {
  const addressAt = packet.l3Offset + (packet.family === 4 ? 12 : 8);
  if (packet.family === 4) {
    packet.src0 = replaceAddressWord(packet, addressAt, packet.src0, target.s0);
  } else {
    packet.src0 = replaceAddressWord(packet, addressAt, packet.src0, target.s0);
    packet.src1 = replaceAddressWord(packet, addressAt + 4, packet.src1, target.s1);
    packet.src2 = replaceAddressWord(packet, addressAt + 8, packet.src2, target.s2);
    packet.src3 = replaceAddressWord(packet, addressAt + 12, packet.src3, target.s3);
  }
  if (hasPorts(packet.protocol)) {
    replacePort(packet, 0, packet.srcPortOrIcmpId, target.srcPort);
    packet.srcPortOrIcmpId = target.srcPort;
  } else rewriteIcmpId(packet, target);
}

/** Makes destination address and port those of `target`. An ICMP query keeps type and id. */
export function rewriteDestination(packet: Packet, target: Tuple): void {
  const addressAt = packet.l3Offset + (packet.family === 4 ? 16 : 24);
  if (packet.family === 4) {
    packet.dst0 = replaceAddressWord(packet, addressAt, packet.dst0, target.d0);
  } else {
    packet.dst0 = replaceAddressWord(packet, addressAt, packet.dst0, target.d0);
    packet.dst1 = replaceAddressWord(packet, addressAt + 4, packet.dst1, target.d1);
    packet.dst2 = replaceAddressWord(packet, addressAt + 8, packet.dst2, target.d2);
    packet.dst3 = replaceAddressWord(packet, addressAt + 12, packet.dst3, target.d3);
  }
  if (hasPorts(packet.protocol)) {
    replacePort(packet, 2, packet.dstPortOrIcmpTypeCode, target.dstPort);
    packet.dstPortOrIcmpTypeCode = target.dstPort;
  } else if (packet.protocol === Proto.Gre) {
    rewriteCallId(packet, target);
  } else {
    // The id of an answer is translated together with its destination.
    rewriteIcmpId(packet, target);
  }
}

/**
 * Makes the identifier of an ICMP query or answer that of `target`. Node information (types 139 and
 * 140) has none: what stands in its place says what is asked (RFC 4620 section 4).
 */
function rewriteIcmpId(packet: Packet, target: Tuple): void {
  const { protocol } = packet;
  if (protocol !== Proto.Icmp && protocol !== Proto.Icmpv6) return;
  if (protocol === Proto.Icmpv6 && packet.icmpType >= 139) return;
  // In an error something else stands there: an MTU, a gateway, a pointer.
  if (quotesDatagram(packet)) return;
  replacePort(packet, 4, packet.srcPortOrIcmpId, target.srcPort);
  packet.srcPortOrIcmpId = target.srcPort;
}

/** The call id of PPTP's GRE names the receiver's end of the call (RFC 2637 section 4.1). */
function rewriteCallId(packet: Packet, target: Tuple): void {
  if (!isEnhancedGre(packet.view, packet.l4Offset)) return;
  replacePort(packet, 6, packet.dstPortOrIcmpTypeCode, target.dstPort);
  packet.dstPortOrIcmpTypeCode = target.dstPort;
}

function replaceAddressWord(packet: Packet, at: number, before: number, after: number): number {
  if (before === after) return after;
  packet.view.setInt32(at, after);
  if (packet.family === 4) {
    const field = packet.l3Offset + 10;
    packet.view.setUint16(field, updateChecksum32(packet.view.getUint16(field), before, after));
  }
  const l4 = pseudoChecksumAt(packet);
  if (l4 > 0)
    setTransportChecksum(packet, l4, updateChecksum32(packet.view.getUint16(l4), before, after));
  return after;
}

function replacePort(packet: Packet, offsetInHeader: number, before: number, after: number): void {
  if (before === after) return;
  packet.view.setUint16(packet.l4Offset + offsetInHeader, after);
  if (packet.protocol === Proto.Sctp) {
    // A CRC over everything: it is not mended, but made anew, as the kernel does.
    completeL4Checksum(packet);
    return;
  }
  const at = packet.protocol === Proto.Icmp ? packet.l4Offset + 2 : pseudoChecksumAt(packet);
  if (at > 0)
    setTransportChecksum(packet, at, updateChecksum16(packet.view.getUint16(at), before, after));
}

/** Where the checksum stands that covers the addresses too; 0 where there is none to mend. */
function pseudoChecksumAt(packet: Packet): number {
  switch (packet.protocol) {
    case Proto.Tcp:
      return packet.l4Offset + 16;
    case Proto.UdpLite:
      return packet.l4Offset + 6;
    case Proto.Udp:
      // RFC 768: zero means that the sender computed none.
      return packet.view.getUint16(packet.l4Offset + 6) === 0 ? 0 : packet.l4Offset + 6;
    case Proto.Icmpv6:
      return packet.l4Offset + 2;
    default:
      return 0;
  }
}

function setTransportChecksum(packet: Packet, at: number, value: number): void {
  packet.view.setUint16(at, value === 0 && needsNonZero(packet.protocol) ? 0xffff : value);
}

/** A computed zero is sent as all ones: zero means "no checksum" (RFC 768, RFC 3828). */
function needsNonZero(protocol: number): boolean {
  return protocol === Proto.Udp || protocol === Proto.UdpLite;
}
