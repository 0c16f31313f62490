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
      return decodeTagged(packet, 12);
    case LinkType.RawIp:
      return decodeRaw(packet, packet.frameOffset);
    case LinkType.LinuxCooked:
      // libpcap puts a VLAN tag that the card took off back in front of the protocol field.
      return decodeTagged(packet, 14);
    case LinkType.LinuxCooked2:
      return decodeCooked2(packet);
    default:
      // BSD loopback: four bytes of address family, in the byte order of whoever captured.
      return decodeRaw(packet, packet.frameOffset + 4);
  }
}

/** An EtherType at `typeAt`, perhaps that of a VLAN tag, and what follows it. */
function decodeTagged(packet: Packet, typeAt: number): DecodeCode {
  let typeOffset = packet.frameOffset + typeAt;
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

/** Linux cooked capture v2: 20 bytes, the EtherType first. */
function decodeCooked2(packet: Packet): DecodeCode {
  const l3Offset = packet.frameOffset + 20;
  if (l3Offset > packet.frameEnd) return Decode.TruncatedLink;
  return setNetwork(packet, packet.view.getUint16(packet.frameOffset), l3Offset);
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
