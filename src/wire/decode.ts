import { Decode, type DecodeCode, Proto } from './codes.ts';
import { decodeGre } from './gre.ts';
import { decodeIcmp } from './icmp.ts';
import { decodeIpv4 } from './ipv4.ts';
import { decodeIpv6 } from './ipv6.ts';
import { decodeLink } from './link.ts';
import type { Packet } from './packet.ts';
import { decodeSctp } from './sctp.ts';
import { decodeTcp } from './tcp.ts';
import { decodeUdp } from './udp.ts';

/**
 * Takes the frame in the cursor apart, link header to transport header. Returns `Decode.Ok`, or the
 * first fault found; the fields of the layers below the fault are valid then.
 */
export function decodeFrame(packet: Packet): DecodeCode {
  const link = decodeLink(packet);
  if (link !== Decode.Ok) return link;
  return decodeFromL3(packet);
}

/** The same for a cursor whose `l3Offset` and `family` are set already. */
function decodeFromL3(packet: Packet): DecodeCode {
  const ip = packet.family === 4 ? decodeIpv4(packet) : decodeIpv6(packet);
  if (ip !== Decode.Ok) return ip;
  packet.l4Offset = packet.l3Offset + packet.l3HeaderLen;
  clearL4(packet);
  // Only the first fragment carries the transport header.
  if (packet.fragmentOffset > 0) return Decode.Ok;
  return decodeL4(packet);
}

function clearL4(packet: Packet): void {
  packet.srcPortOrIcmpId = 0;
  packet.dstPortOrIcmpTypeCode = 0;
  packet.icmpType = 0;
  packet.icmpCode = 0;
  packet.tcpFlags = 0;
  packet.seq = 0;
  packet.ack = 0;
  packet.window = 0;
  packet.tcpHeaderLen = 0;
  packet.payloadOffset = packet.l4Offset;
  packet.payloadLen = packet.l3End - packet.l4Offset;
}

function decodeL4(packet: Packet): DecodeCode {
  switch (packet.protocol) {
    case Proto.Tcp:
      return decodeTcp(packet);
    case Proto.Udp:
    case Proto.UdpLite:
      return decodeUdp(packet);
    case Proto.Sctp:
      return decodeSctp(packet);
    case Proto.Gre:
      return decodeGre(packet);
    case Proto.Icmp:
      return packet.family === 4 ? decodeIcmp(packet) : Decode.Ok;
    case Proto.Icmpv6:
      return packet.family === 6 ? decodeIcmp(packet) : Decode.Ok;
    default:
      return Decode.Ok;
  }
}
