import { Decode, type DecodeCode, Proto } from './codes.ts';
import type { Packet } from './packet.ts';

const UDP_HEADER_LEN = 8;

/** Takes a UDP (RFC 768) or UDP-Lite (RFC 3828) header apart. */
export function decodeUdp(packet: Packet): DecodeCode {
  const { view, l4Offset: at } = packet;
  if (at + UDP_HEADER_LEN > packet.l3End) return Decode.TruncatedL4;
  // Rules see ports in a whole header, whatever it says of the length.
  packet.srcPortOrIcmpId = view.getUint16(at);
  packet.dstPortOrIcmpTypeCode = view.getUint16(at + 2);
  const length = view.getUint16(at + 4);
  // UDP-Lite has the checksum coverage in this place, 0 meaning all (RFC 3828 section 3.1).
  const coversAll = packet.protocol === Proto.UdpLite && length === 0;
  // A first fragment is shorter than it says.
  if (!packet.isFragment && !coversAll) {
    if (length < UDP_HEADER_LEN || at + length > packet.l3End) return Decode.BadUdpLength;
  }
  packet.payloadOffset = at + UDP_HEADER_LEN;
  // Bytes between the end of the UDP datagram and that of the IP datagram are no payload.
  const bounded = packet.protocol === Proto.Udp && !packet.isFragment;
  packet.payloadLen = (bounded ? at + length : packet.l3End) - packet.payloadOffset;
  return Decode.Ok;
}
