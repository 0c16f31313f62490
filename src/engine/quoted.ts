import { Packet, Proto } from '../wire/index.ts';

/**
 * The beginning of the datagram that an ICMP error quotes, as a cursor over a copy of its bytes: as
 * much as is there, which need not be a whole transport header. Null where not even the IP header
 * is. Cold path: log lines only.
 */
export function quotedDatagram(error: Packet): Packet | null {
  const { family, payloadOffset: from, l3End } = error;
  const bytes = error.bytes.slice(from, l3End);
  if (bytes.length < (family === 4 ? 20 : 40)) return null;
  const packet = new Packet(new ArrayBuffer(bytes.length));
  packet.bytes.set(bytes);
  packet.family = family;
  packet.l3Offset = 0;
  packet.l3End = bytes.length;
  if (family === 4) readIpv4(packet);
  else readIpv6(packet);
  packet.l4Offset = packet.l3HeaderLen;
  if (packet.l4Offset < 20 || packet.l4Offset > packet.l3End) return null;
  readTransport(packet);
  return packet;
}

function readIpv4(packet: Packet): void {
  const { view } = packet;
  packet.l3HeaderLen = (view.getUint8(0) & 15) << 2;
  packet.tos = view.getUint8(1);
  packet.ipId = view.getUint16(4);
  packet.dontFragment = (view.getUint8(6) & 0x40) !== 0;
  packet.fragmentOffset = (view.getUint16(6) & 0x1fff) << 3;
  packet.ttl = view.getUint8(8);
  packet.protocol = view.getUint8(9);
  packet.src0 = view.getInt32(12);
  packet.dst0 = view.getInt32(16);
}

function readIpv6(packet: Packet): void {
  const { view } = packet;
  packet.l3HeaderLen = 40;
  packet.tos = (view.getUint16(0) >>> 4) & 0xff;
  packet.protocol = view.getUint8(6);
  packet.ttl = view.getUint8(7);
  packet.src0 = view.getInt32(8);
  packet.src1 = view.getInt32(12);
  packet.src2 = view.getInt32(16);
  packet.src3 = view.getInt32(20);
  packet.dst0 = view.getInt32(24);
  packet.dst1 = view.getInt32(28);
  packet.dst2 = view.getInt32(32);
  packet.dst3 = view.getInt32(36);
  stepOverExtensions(packet);
}

/** As far as they are there: what is cut short is left as the last header. */
function stepOverExtensions(packet: Packet): void {
  const { view, l3End } = packet;
  while (extensions.includes(packet.protocol)) {
    const at = packet.l3HeaderLen;
    if (at + 8 > l3End) return;
    const { protocol } = packet;
    if (protocol === Proto.Fragment) packet.fragmentOffset = view.getUint16(at + 2) & 0xfff8;
    const units = view.getUint8(at + 1);
    packet.protocol = view.getUint8(at);
    if (protocol === Proto.Fragment) packet.l3HeaderLen += 8;
    else packet.l3HeaderLen += protocol === Proto.Ah ? (units + 2) << 2 : (units + 1) << 3;
    if (packet.fragmentOffset > 0) return;
  }
}

const extensions: readonly number[] = [
  Proto.HopByHop,
  Proto.Routing,
  Proto.Fragment,
  Proto.DestOptions,
  Proto.Ah,
];

/** The fields a log line wants, where the header they stand in is all there. */
function readTransport(packet: Packet): void {
  const { view, l4Offset: at, protocol } = packet;
  const present = packet.l3End - at;
  if (present < 8) return;
  if (protocol === Proto.Icmp || protocol === Proto.Icmpv6) {
    packet.icmpType = view.getUint8(at);
    packet.icmpCode = view.getUint8(at + 1);
    packet.srcPortOrIcmpId = view.getUint16(at + 4);
    return;
  }
  packet.srcPortOrIcmpId = view.getUint16(at);
  packet.dstPortOrIcmpTypeCode = view.getUint16(at + 2);
  if (protocol !== Proto.Tcp || present < 20) return;
  packet.seq = view.getInt32(at + 4);
  packet.ack = view.getInt32(at + 8);
  const headerLen = (view.getUint8(at + 12) >>> 4) << 2;
  packet.tcpHeaderLen = Math.min(headerLen, present);
  packet.tcpFlags = view.getUint8(at + 13);
  packet.window = view.getUint16(at + 14);
}
