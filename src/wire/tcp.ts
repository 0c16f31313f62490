import { Decode, type DecodeCode } from './codes.ts';
import type { Packet } from './packet.ts';

/** Length of a TCP header without options. */
export const TCP_HEADER_LEN = 20;

/** Takes a TCP header apart (RFC 9293 section 3.1). Options are found by `findTcpOption`. */
export function decodeTcp(packet: Packet): DecodeCode {
  const { view, l4Offset: at } = packet;
  if (at + TCP_HEADER_LEN > packet.l3End) return Decode.TruncatedL4;
  // Rules see ports and flags in a whole header, whatever it says of its options.
  packet.srcPortOrIcmpId = view.getUint16(at);
  packet.dstPortOrIcmpTypeCode = view.getUint16(at + 2);
  packet.seq = view.getInt32(at + 4);
  packet.ack = view.getInt32(at + 8);
  packet.tcpFlags = view.getUint8(at + 13);
  packet.window = view.getUint16(at + 14);
  const headerLen = (view.getUint8(at + 12) >>> 4) << 2;
  if (headerLen < TCP_HEADER_LEN) return Decode.BadTcpOffset;
  if (at + headerLen > packet.l3End) {
    // In a first fragment the options may continue in the next one; otherwise the offset lies.
    return packet.isFragment ? Decode.TruncatedL4 : Decode.BadTcpOffset;
  }
  packet.tcpHeaderLen = headerLen;
  packet.payloadOffset = at + headerLen;
  packet.payloadLen = packet.l3End - packet.payloadOffset;
  return Decode.Ok;
}
