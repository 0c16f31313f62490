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
import { tcpFlagsValid } from './tcp/states.ts';

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
