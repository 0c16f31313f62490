import { Proto } from '../wire/index.ts';
import { Status } from './constants.ts';
import { Field } from './fields.ts';
import type { ConntrackTable } from './table.ts';
import { Tracked, type TrackedCode } from './tcp-tracker.ts';
import type { Timeouts } from './timeouts.ts';

/** Two-way UDP traffic must have lasted this long to count as a stream (nf_conntrack_proto_udp.c). */
const STREAM_AFTER_SEC = 2;

/** Protocols without a state machine: only their timeout is kept fresh. */
export function trackDatagram(
  table: ConntrackTable,
  row: number,
  protocol: number,
  nowSec: number,
  timeouts: Timeouts,
): TrackedCode {
  if (protocol === Proto.Udp || protocol === Proto.UdpLite) {
    return trackUdp(table, row, nowSec, timeouts);
  }
  table.set(row, Field.ExpiresAtSec, nowSec + datagramTimeout(protocol, timeouts));
  return Tracked.Ok;
}

function trackUdp(
  table: ConntrackTable,
  row: number,
  nowSec: number,
  timeouts: Timeouts,
): TrackedCode {
  if (!table.hasStatus(row, Status.Confirmed)) {
    table.set(row, Field.UdpStreamAtSec, nowSec + STREAM_AFTER_SEC);
  }
  if (!table.hasStatus(row, Status.SeenReply) || nowSec <= table.get(row, Field.UdpStreamAtSec)) {
    table.set(row, Field.ExpiresAtSec, nowSec + timeouts.udp);
    return Tracked.Ok;
  }
  table.set(row, Field.ExpiresAtSec, nowSec + timeouts.udpStream);
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
      return timeouts.sctp;
    default:
      return timeouts.generic;
  }
}
