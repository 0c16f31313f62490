import { foldSum, sumBytes } from './checksum.ts';
import { Decode, type DecodeCode } from './codes.ts';
import type { Packet } from './packet.ts';

/** Length of an IPv4 header without options. */
const IPV4_HEADER_LEN = 20;

/** Takes an IPv4 header apart (RFC 791). The header checksum is checked: it covers few bytes. */
export function decodeIpv4(packet: Packet): DecodeCode {
  const { view, l3Offset: at } = packet;
  if (at + IPV4_HEADER_LEN > packet.frameEnd) return Decode.TruncatedIp;
  const versionAndLength = view.getUint8(at);
  if (versionAndLength >>> 4 !== 4) return Decode.BadIpVersion;
  const headerLen = (versionAndLength & 15) << 2;
  if (headerLen < IPV4_HEADER_LEN) return Decode.BadIpHeaderLength;
  if (at + headerLen > packet.frameEnd) return Decode.TruncatedIp;
  const totalLen = view.getUint16(at + 2);
  if (totalLen < headerLen || at + totalLen > packet.frameEnd) return Decode.BadIpTotalLength;
  if (foldSum(sumBytes(view, at, at + headerLen)) !== 0xffff) return Decode.BadIpChecksum;

  packet.l3HeaderLen = headerLen;
  packet.l3End = at + totalLen;
  packet.tos = view.getUint8(at + 1);
  packet.ipId = view.getUint16(at + 4);
  const flagsAndOffset = view.getUint16(at + 6);
  packet.dontFragment = (flagsAndOffset & 0x4000) !== 0;
  packet.isFragment = (flagsAndOffset & 0x3fff) !== 0;
  packet.hasFragmentHeader = packet.isFragment;
  packet.fragmentOffset = (flagsAndOffset & 0x1fff) << 3;
  packet.ttl = view.getUint8(at + 8);
  packet.protocol = view.getUint8(at + 9);
  packet.src0 = view.getInt32(at + 12);
  packet.src1 = 0;
  packet.src2 = 0;
  packet.src3 = 0;
  packet.dst0 = view.getInt32(at + 16);
  packet.dst1 = 0;
  packet.dst2 = 0;
  packet.dst3 = 0;
  return Decode.Ok;
}
