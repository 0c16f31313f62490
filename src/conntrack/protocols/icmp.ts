import { icmpQueryReplyType, type Packet, Proto } from '../../wire/index.ts';
import type { DirectionCode } from '../constants.ts';
import { TrackReason, type TrackReasonCode } from '../reasons.ts';
import type { Timeouts } from '../timeouts.ts';
import { Tracked, type TrackedCode } from '../tracked.ts';
import { StatelessTracker } from './stateless.ts';

/**
 * Queries of ICMP and ICMPv6 and their answers, told apart by identifier, type and code
 * (nf_conntrack_proto_icmp.c, nf_conntrack_proto_icmpv6.c). Errors never come here.
 */
export class IcmpTracker extends StatelessTracker {
  override startRefusal(packet: Packet): TrackReasonCode {
    const { family, icmpType } = packet;
    if (icmpQueryReplyType(family, icmpType) < 0) return TrackReason.IcmpNotAQuery;
    const isQuery = family === 4 ? isIcmpQuery(icmpType) : isIcmpv6Query(icmpType);
    return isQuery ? TrackReason.None : TrackReason.IcmpUnasked;
  }

  override follow(row: number, _: DirectionCode, packet: Packet, timeouts: Timeouts): TrackedCode {
    // An answer does not end the connection: it may come twice.
    const seconds = packet.protocol === Proto.Icmp ? timeouts.icmp : timeouts.icmpv6;
    this.table.refresh(row, this.clock, seconds);
    return Tracked.Ok;
  }
}

/** Echo, timestamp, information and address mask requests. */
function isIcmpQuery(type: number): boolean {
  return type === 8 || type === 13 || type === 15 || type === 17;
}

/** Echo and node information requests. */
function isIcmpv6Query(type: number): boolean {
  return type === 128 || type === 139;
}
