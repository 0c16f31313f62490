import type { Clock } from '../../base/index.ts';
import { icmpQueryReplyType, type Packet, Proto } from '../../wire/index.ts';
import type { DirectionCode } from '../constants.ts';
import { TrackReason, type TrackReasonCode } from '../reasons.ts';
import type { ConntrackTable } from '../table.ts';
import type { Timeouts } from '../timeouts.ts';
import { type ProtocolTracker, Tracked, type TrackedCode } from '../tracked.ts';

/**
 * Queries of ICMP and ICMPv6 and their answers, told apart by identifier, type and code
 * (nf_conntrack_proto_icmp.c, nf_conntrack_proto_icmpv6.c). Errors never come here.
 */
export class IcmpTracker implements ProtocolTracker {
  readonly reason: TrackReasonCode = TrackReason.None;
  private readonly table: ConntrackTable;
  private readonly clock: Clock;

  constructor(table: ConntrackTable, clock: Clock) {
    this.table = table;
    this.clock = clock;
  }

  startRefusal(packet: Packet): TrackReasonCode {
    const { family, icmpType } = packet;
    if (icmpQueryReplyType(family, icmpType) < 0) return TrackReason.IcmpNotAQuery;
    const isQuery = family === 4 ? isIcmpQuery(icmpType) : isIcmpv6Query(icmpType);
    return isQuery ? TrackReason.None : TrackReason.IcmpUnasked;
  }

  start(): void {}

  follow(row: number, _: DirectionCode, packet: Packet, timeouts: Timeouts): TrackedCode {
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
