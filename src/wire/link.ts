import { Decode, type DecodeCode, EtherType, LinkType } from './codes.ts';
import type { Packet } from './packet.ts';

/** At most this many stacked VLAN tags are looked through (802.1ad: two). */
const MAX_VLAN_TAGS = 2;

/** Finds the IP header: sets etherType, vlanId, family and l3Offset. */
export function decodeLink(packet: Packet): DecodeCode {
  packet.family = 0;
  packet.etherType = 0;
  packet.vlanId = -1;
  switch (packet.linkType) {
    case LinkType.Ethernet:
      return decodeEthernet(packet);
    case LinkType.RawIp:
      return decodeRaw(packet, packet.frameOffset);
    case LinkType.LinuxCooked:
      return decodeCooked(packet, 14, 16);
    case LinkType.LinuxCooked2:
      return decodeCooked(packet, 0, 20);
    default:
      // BSD loopback: four bytes of address family, in the byte order of whoever captured.
      return decodeRaw(packet, packet.frameOffset + 4);
  }
}

function decodeEthernet(packet: Packet): DecodeCode {
  let typeOffset = packet.frameOffset + 12;
  if (typeOffset + 2 > packet.frameEnd) return Decode.TruncatedLink;
  let etherType = packet.view.getUint16(typeOffset);
  for (let tags = 0; isVlanTag(etherType) && tags < MAX_VLAN_TAGS; tags++) {
    if (typeOffset + 6 > packet.frameEnd) return Decode.TruncatedLink;
    if (tags === 0) packet.vlanId = packet.view.getUint16(typeOffset + 2) & 0x0fff;
    typeOffset += 4;
    etherType = packet.view.getUint16(typeOffset);
  }
  return setNetwork(packet, etherType, typeOffset + 2);
}

function isVlanTag(etherType: number): boolean {
  return etherType === EtherType.Vlan || etherType === EtherType.QinQ;
}

/** Linux cooked captures: the protocol is an EtherType at `typeAt` of a header of `headerLen`. */
function decodeCooked(packet: Packet, typeAt: number, headerLen: number): DecodeCode {
  if (packet.frameOffset + headerLen > packet.frameEnd) return Decode.TruncatedLink;
  const etherType = packet.view.getUint16(packet.frameOffset + typeAt);
  return setNetwork(packet, etherType, packet.frameOffset + headerLen);
}

/** No link header worth reading: the version nibble says which IP it is. */
function decodeRaw(packet: Packet, offset: number): DecodeCode {
  if (offset + 1 > packet.frameEnd) return Decode.TruncatedLink;
  const version = packet.view.getUint8(offset) >>> 4;
  if (version === 4) return setNetwork(packet, EtherType.Ipv4, offset);
  if (version === 6) return setNetwork(packet, EtherType.Ipv6, offset);
  return Decode.NotIp;
}

function setNetwork(packet: Packet, etherType: number, l3Offset: number): DecodeCode {
  packet.etherType = etherType;
  packet.l3Offset = l3Offset;
  if (etherType === EtherType.Ipv4) packet.family = 4;
  else if (etherType === EtherType.Ipv6) packet.family = 6;
  else return Decode.NotIp;
  return Decode.Ok;
}
