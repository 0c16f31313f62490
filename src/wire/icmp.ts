import { Decode, type DecodeCode } from './codes.ts';
import type { Packet } from './packet.ts';

const ICMP_HEADER_LEN = 8;

/** Takes an ICMP (RFC 792) or ICMPv6 (RFC 4443) header apart. */
export function decodeIcmp(packet: Packet): DecodeCode {
  const { view, l4Offset: at } = packet;
  if (at + ICMP_HEADER_LEN > packet.l3End) return Decode.TruncatedL4;
  packet.icmpType = view.getUint8(at);
  packet.icmpCode = view.getUint8(at + 1);
  // Only queries and their answers carry an identifier; in errors this is an MTU, a gateway, nothing.
  if (icmpQueryReplyType(packet.family, packet.icmpType) >= 0) {
    packet.srcPortOrIcmpId = view.getUint16(at + 4);
  }
  packet.dstPortOrIcmpTypeCode = (packet.icmpType << 8) | packet.icmpCode;
  packet.payloadOffset = at + ICMP_HEADER_LEN;
  packet.payloadLen = packet.l3End - packet.payloadOffset;
  return Decode.Ok;
}

/**
 * The type that answers an ICMP query of `type`, or -1 where `type` is no query and no answer.
 * Queries and answers pair up as in nf_conntrack_proto_icmp.c: echo, timestamp, information and
 * address mask; for ICMPv6 echo and node information (RFC 4620), whose kind of question stands where
 * others have their identifier.
 */
export function icmpQueryReplyType(family: number, type: number): number {
  if (family === 6) {
    if (type === 128 || type === 139) return type + 1;
    return type === 129 || type === 140 ? type - 1 : -1;
  }
  switch (type) {
    case 8:
      return 0;
    case 0:
      return 8;
    case 13:
    case 15:
    case 17:
      return type + 1;
    case 14:
    case 16:
    case 18:
      return type - 1;
    default:
      return -1;
  }
}

/** ICMP messages that speak about another packet: unreachable, quench, redirect, exceeded, problem. */
export function isIcmpError(type: number): boolean {
  return type === 3 || type === 4 || type === 5 || type === 11 || type === 12;
}

/** ICMPv6 errors are the types below 128 (RFC 4443 section 2.1). */
export function isIcmpv6Error(type: number): boolean {
  return type < 128;
}

/** Router and neighbour discovery and redirect (RFC 4861): link business that is never tracked. */
export function isNeighbourDiscovery(type: number): boolean {
  return type >= 133 && type <= 137;
}
