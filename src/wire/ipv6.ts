import { Decode, type DecodeCode, Proto } from './codes.ts';
import type { Packet } from './packet.ts';

/** Length of the fixed IPv6 header. */
const IPV6_HEADER_LEN = 40;
/** More extension headers than this is an attack, not a packet. */
const MAX_EXTENSIONS = 8;

/** Takes an IPv6 header and its extension headers apart (RFC 8200). */
export function decodeIpv6(packet: Packet): DecodeCode {
  const { view, l3Offset: at } = packet;
  if (at + IPV6_HEADER_LEN > packet.frameEnd) return Decode.TruncatedIp;
  const first = view.getUint16(at);
  if (first >>> 12 !== 6) return Decode.BadIpVersion;
  const payloadLen = view.getUint16(at + 4);
  const end = at + IPV6_HEADER_LEN + payloadLen;
  if (end > packet.frameEnd) return Decode.BadIpTotalLength;

  packet.l3End = end;
  packet.tos = (first >>> 4) & 0xff;
  packet.ttl = view.getUint8(at + 7);
  packet.ipId = 0;
  packet.dontFragment = true;
  packet.isFragment = false;
  packet.hasFragmentHeader = false;
  packet.fragmentOffset = 0;
  packet.src0 = view.getInt32(at + 8);
  packet.src1 = view.getInt32(at + 12);
  packet.src2 = view.getInt32(at + 16);
  packet.src3 = view.getInt32(at + 20);
  packet.dst0 = view.getInt32(at + 24);
  packet.dst1 = view.getInt32(at + 28);
  packet.dst2 = view.getInt32(at + 32);
  packet.dst3 = view.getInt32(at + 36);
  return walkExtensions(packet, view.getUint8(at + 6));
}

/** Steps over extension headers; sets protocol, l3HeaderLen and the fragment fields. */
function walkExtensions(packet: Packet, firstHeader: number): DecodeCode {
  const { view, l3End } = packet;
  let next = firstHeader;
  let at = packet.l3Offset + IPV6_HEADER_LEN;
  let seenFragment = false;
  for (let seen = 0; isExtension(next); seen++) {
    if (seen === MAX_EXTENSIONS) return Decode.TooManyExtensions;
    if (at + 8 > l3End) return Decode.TruncatedExtension;
    const following = view.getUint8(at);
    const length = extensionLength(next, view.getUint8(at + 1));
    if (at + length > l3End) return Decode.TruncatedExtension;
    if (next === Proto.Fragment) {
      // RFC 8200 section 4.1 allows one. A second, atomic one would pass a fragment off as whole.
      if (seenFragment) return Decode.TooManyExtensions;
      seenFragment = true;
      readFragment(packet, at);
      if (packet.fragmentOffset > 0) {
        // What follows is the middle of some packet, not a header.
        next = following;
        at += length;
        break;
      }
    }
    next = following;
    at += length;
  }
  packet.protocol = next;
  packet.l3HeaderLen = at - packet.l3Offset;
  return Decode.Ok;
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

/** RFC 8200 counts in 8 bytes beyond the first 8; AH (RFC 4302) in 4 bytes beyond the first 8. */
function extensionLength(header: number, lengthField: number): number {
  if (header === Proto.Fragment) return 8;
  return header === Proto.Ah ? (lengthField + 2) << 2 : (lengthField + 1) << 3;
}

function readFragment(packet: Packet, at: number): void {
  packet.hasFragmentHeader = true;
  const offsetAndMore = packet.view.getUint16(at + 2);
  packet.fragmentOffset = offsetAndMore & 0xfff8;
  packet.isFragment = (offsetAndMore & 0xfff9) !== 0;
  packet.ipId = packet.view.getInt32(at + 4);
}
