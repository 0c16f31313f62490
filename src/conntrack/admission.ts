import { icmpQueryReplyType, type Packet, Proto, quotesDatagram } from '../wire/index.ts';
import { TrackReason, type TrackReasonCode } from './reasons.ts';
import { tcpFlagsValid } from './tcp/states.ts';

/**
 * Listener discovery, router and neighbour discovery without its redirects, advertisement and
 * solicitation of multicast routers: the types that nf_conntrack_proto_icmpv6.c leaves untracked.
 */
export function isUntrackedByNature(packet: Packet): boolean {
  if (packet.protocol !== Proto.Icmpv6 || packet.family !== 6) return false;
  const type = packet.icmpType;
  return (type >= 130 && type <= 136) || type === 143 || type === 151 || type === 152;
}

/** Why a packet belongs to no connection whatever the table holds, or None. */
export function refusalOf(packet: Packet): TrackReasonCode {
  if (packet.isFragment) return TrackReason.Fragment;
  switch (packet.protocol) {
    case Proto.Tcp:
      return tcpFlagsValid(packet.tcpFlags) ? TrackReason.None : TrackReason.BadTcpFlags;
    case Proto.Icmp:
      return icmpRefusal(packet, 4);
    case Proto.Icmpv6:
      return icmpRefusal(packet, 6);
    case Proto.UdpLite:
      return hasUdpChecksum(packet) ? TrackReason.None : TrackReason.BadChecksum;
    case Proto.NoNext:
      // ipv6_skip_exthdr finds nothing there that could be tracked; in IPv4 it is a number like any.
      return packet.family === 6 ? TrackReason.Malformed : TrackReason.None;
    default:
      return TrackReason.None;
  }
}

/** UDP-Lite must have one (RFC 3828 section 3.1), whether it is verified or not (udplite_error). */
function hasUdpChecksum(packet: Packet): boolean {
  return packet.view.getUint16(packet.l4Offset + 6) !== 0;
}

/** Errors are settled by what they quote; else a query or an answer is needed, of the own family. */
function icmpRefusal(packet: Packet, family: number): TrackReasonCode {
  if (packet.family !== family) return TrackReason.IcmpNotAQuery;
  if (icmpQueryReplyType(family, packet.icmpType) >= 0) return TrackReason.None;
  return quotesDatagram(packet) ? TrackReason.None : TrackReason.IcmpNotAQuery;
}

/** The highest type of icmp_pointers[]: NR_ICMP_TYPES. */
const LAST_ICMP_TYPE = 18;

/**
 * Whether an INVALID packet is counted as `error` and not as `invalid`: what the trackers of ICMP
 * and ICMPv6 refuse before any connection is looked for (nf_conntrack_handle_icmp).
 */
export function isIcmpFault(packet: Packet, reason: TrackReasonCode): boolean {
  if (packet.protocol === Proto.Icmp && packet.family === 4) {
    if (packet.icmpType > LAST_ICMP_TYPE) return true;
  } else if (packet.protocol !== Proto.Icmpv6 || packet.family !== 6) return false;
  switch (reason) {
    case TrackReason.Malformed:
    case TrackReason.BadChecksum:
    case TrackReason.IcmpErrorUnmatched:
    case TrackReason.IcmpErrorMisdirected:
    case TrackReason.IcmpErrorUnreadable:
      return true;
    default:
      return false;
  }
}
