import { type Packet, updateChecksum16, updateChecksum32 } from '../../../wire/index.ts';

/**
 * Changes of header fields by targets: bytes, checksums (RFC 1624) and the cursor's fields together.
 * Hot: integers only. All offsets lie within the frame, for the packet was decoded.
 */

const IPV4_CHECKSUM_AT = 10;
const TCP_CHECKSUM_AT = 16;

/** Writes the 16-bit word at an even `offset` of the IPv4 header and corrects its checksum. */
function writeIpv4Word(packet: Packet, offset: number, word: number): void {
  const { view, l3Offset } = packet;
  const before = view.getUint16(l3Offset + offset);
  const field = view.getUint16(l3Offset + IPV4_CHECKSUM_AT);
  view.setUint16(l3Offset + offset, word);
  view.setUint16(l3Offset + IPV4_CHECKSUM_AT, updateChecksum16(field, before, word));
}

/** Time to live, or hop limit. */
export function writeTtl(packet: Packet, ttl: number): void {
  if (packet.family === 4) {
    const word = packet.view.getUint16(packet.l3Offset + 8);
    writeIpv4Word(packet, 8, (ttl << 8) | (word & 0xff));
  } else {
    // RFC 8200: the IPv6 header has no checksum, and no pseudo header covers the hop limit.
    packet.view.setUint8(packet.l3Offset + 7, ttl);
  }
  packet.ttl = ttl;
}

/** Type of service, or traffic class: DSCP and ECN together. */
export function writeTos(packet: Packet, tos: number): void {
  const { view, l3Offset } = packet;
  const word = view.getUint16(l3Offset);
  if (packet.family === 4) writeIpv4Word(packet, 0, (word & 0xff00) | tos);
  else view.setUint16(l3Offset, (word & 0xf00f) | (tos << 4));
  packet.tos = tos;
}

/** The TCP checksum after one of its 16-bit words changed from `before` to `after`. */
export function fixTcpChecksum16(packet: Packet, before: number, after: number): void {
  const at = packet.l4Offset + TCP_CHECKSUM_AT;
  packet.view.setUint16(at, updateChecksum16(packet.view.getUint16(at), before, after));
}

/** The TCP checksum after one of its 32-bit words, at an even offset, changed. */
export function fixTcpChecksum32(packet: Packet, before: number, after: number): void {
  const at = packet.l4Offset + TCP_CHECKSUM_AT;
  packet.view.setUint16(at, updateChecksum32(packet.view.getUint16(at), before, after));
}

/** Writes the word of data offset and flags (RFC 9293 3.1, bytes 12 and 13). */
export function writeTcpFlagWord(packet: Packet, word: number): void {
  const { view, l4Offset } = packet;
  const before = view.getUint16(l4Offset + 12);
  view.setUint16(l4Offset + 12, word);
  fixTcpChecksum16(packet, before, word);
  packet.tcpHeaderLen = (word >>> 12) << 2;
  packet.tcpFlags = word & 0xff;
}

/**
 * Says that the IP datagram ends `bytes` later: total or payload length, and the cursor. What was
 * Ethernet padding behind it is used up first. The caller has seen to it that there is room.
 */
export function growDatagram(packet: Packet, bytes: number): void {
  const { view, l3Offset } = packet;
  packet.l3End += bytes;
  if (packet.frameEnd < packet.l3End) packet.frameEnd = packet.l3End;
  if (packet.family === 4) writeIpv4Word(packet, 2, packet.l3End - l3Offset);
  else view.setUint16(l3Offset + 4, packet.l3End - l3Offset - 40);
}

/** True for a TCP packet whose header is here: no later fragment. */
export function hasTcpHeader(packet: Packet): boolean {
  return packet.tcpHeaderLen > 0;
}
