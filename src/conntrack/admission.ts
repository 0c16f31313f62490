import {
  icmpQueryReplyType,
  isIcmpError,
  isIcmpv6Error,
  isMulticastListener,
  isNeighbourDiscovery,
  type Packet,
  Proto,
} from '../wire/index.ts';
import { TrackReason, type TrackReasonCode } from './reasons.ts';
import { tcpFlagsValid } from './tcp-states.ts';
import { tcpMayStart } from './tcp-tracker.ts';

/** Neighbour and listener discovery: nf_conntrack_proto_icmpv6.c leaves them untracked. */
export function isUntrackedByNature(packet: Packet): boolean {
  if (packet.protocol !== Proto.Icmpv6) return false;
  return isNeighbourDiscovery(packet.icmpType) || isMulticastListener(packet.icmpType);
}

/** Why a packet belongs to no connection whatever the table holds, or None. */
export function refusalOf(packet: Packet): TrackReasonCode {
  if (packet.isFragment) return TrackReason.Fragment;
  if (packet.protocol === Proto.Tcp) {
    return tcpFlagsValid(packet.tcpFlags) ? TrackReason.None : TrackReason.BadTcpFlags;
  }
  if (packet.protocol === Proto.Icmp || packet.protocol === Proto.Icmpv6) {
    if (icmpQueryReplyType(packet.family, packet.icmpType) >= 0) return TrackReason.None;
    const isError =
      packet.family === 4 ? isIcmpError(packet.icmpType) : isIcmpv6Error(packet.icmpType);
    return isError ? TrackReason.IcmpErrorUnmatched : TrackReason.IcmpNotAQuery;
  }
  return TrackReason.None;
}

/** Why a packet without a connection may not start one, or None. */
export function startRefusalOf(packet: Packet, tcpLoose: boolean): TrackReasonCode {
  switch (packet.protocol) {
    case Proto.Tcp:
      return tcpMayStart(packet, tcpLoose) ? TrackReason.None : TrackReason.TcpInvalidNew;
    case Proto.Icmp:
      return startsIcmpQuery(packet.icmpType) ? TrackReason.None : TrackReason.IcmpNotAQuery;
    case Proto.Icmpv6:
      return startsIcmpv6Query(packet.icmpType) ? TrackReason.None : TrackReason.IcmpNotAQuery;
    default:
      return TrackReason.None;
  }
}

/** ICMP types that open a connection: echo, timestamp, information, address mask requests. */
function startsIcmpQuery(type: number): boolean {
  return type === 8 || type === 13 || type === 15 || type === 17;
}

/** Echo and node information requests (nf_conntrack_proto_icmpv6.c). */
function startsIcmpv6Query(type: number): boolean {
  return type === 128 || type === 139;
}
