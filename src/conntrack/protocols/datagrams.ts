import type { Clock } from '../../base/index.ts';
import { type Packet, Proto } from '../../wire/index.ts';
import { type DirectionCode, Status } from '../constants.ts';
import { Field } from '../fields.ts';
import { TrackReason, type TrackReasonCode } from '../reasons.ts';
import type { ConntrackTable } from '../table.ts';
import type { Timeouts } from '../timeouts.ts';
import { type ProtocolTracker, Tracked, type TrackedCode } from '../tracked.ts';

/** Two-way UDP traffic must have lasted this long to count as a stream (nf_conntrack_proto_udp.c). */
const STREAM_AFTER_MS = 2000;
/** Word of the row: the moment from which the stream timeout applies. */
const STREAM_AT = Field.Track;

/** Protocols without a state machine: only their timeout is kept fresh. */
export class DatagramTracker implements ProtocolTracker {
  reason: TrackReasonCode = TrackReason.None;
  private readonly table: ConntrackTable;
  private readonly clock: Clock;

  constructor(table: ConntrackTable, clock: Clock) {
    this.table = table;
    this.clock = clock;
  }

  startRefusal(packet: Packet): TrackReasonCode {
    return datagramStartRefusal(packet);
  }

  start(): void {}

  follow(row: number, _: DirectionCode, packet: Packet, timeouts: Timeouts): TrackedCode {
    return trackDatagram(this.table, row, packet.protocol, this.clock, timeouts);
  }
}

function trackDatagram(
  table: ConntrackTable,
  row: number,
  protocol: number,
  clock: Clock,
  timeouts: Timeouts,
): TrackedCode {
  if (protocol === Proto.Udp || protocol === Proto.UdpLite) {
    return trackUdp(table, row, clock, timeouts);
  }
  table.refresh(row, clock, datagramTimeout(protocol, timeouts));
  return Tracked.Ok;
}

function trackUdp(
  table: ConntrackTable,
  row: number,
  clock: Clock,
  timeouts: Timeouts,
): TrackedCode {
  if (!table.hasStatus(row, Status.Confirmed)) {
    table.set(row, STREAM_AT, (clock.ms + STREAM_AFTER_MS) | 0);
  }
  const untilStream = (table.get(row, STREAM_AT) - clock.ms) | 0;
  if (!table.hasStatus(row, Status.SeenReply) || untilStream >= 0) {
    table.refresh(row, clock, timeouts.udp);
    return Tracked.Ok;
  }
  table.refresh(row, clock, timeouts.udpStream);
  if (table.hasStatus(row, Status.Assured)) return Tracked.Ok;
  table.addStatus(row, Status.Assured);
  return Tracked.Changed;
}

function datagramTimeout(protocol: number, timeouts: Timeouts): number {
  switch (protocol) {
    case Proto.Icmp:
      return timeouts.icmp;
    case Proto.Icmpv6:
      return timeouts.icmpv6;
    case Proto.Gre:
      return timeouts.gre;
    case Proto.Sctp:
      return timeouts.sctp[4]!;
    default:
      return timeouts.generic;
  }
}

/** Why a packet without a connection may not start one, or None. */
function datagramStartRefusal(packet: Packet): TrackReasonCode {
  switch (packet.protocol) {
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
