import type { Packet } from '../wire/index.ts';
import { Direction, type DirectionCode, Status } from './constants.ts';
import { Field } from './fields.ts';
import type { ConntrackTable } from './table.ts';
import { TcpIndex, TcpState, tcpIndex, tcpTransition } from './tcp-states.ts';
import type { Timeouts } from './timeouts.ts';

/** What a tracker says of a packet of a known connection. */
export const Tracked = {
  /** Part of the connection; state unchanged. */
  Ok: 0,
  /** Part of the connection; its state changed. */
  Changed: 1,
  Invalid: 2,
  /** The old connection is over and this packet starts a new one on the same tuple. */
  Reopen: 3,
  /** Part of the connection, which ends with it. */
  Ends: 4,
} as const;
export type TrackedCode = (typeof Tracked)[keyof typeof Tracked];

/** TcpFlags bits: a FIN of an orderly close was seen (IP_CT_TCP_FLAG_CLOSE_INIT), by direction. */
const CLOSE_INIT = 1;

/** True where a segment may start (or, `loose`, be picked up as) a connection: tcp_new(). */
export function tcpMayStart(packet: Packet, loose: boolean): boolean {
  const state = tcpTransition(Direction.Original, tcpIndex(packet.tcpFlags), TcpState.None);
  if (state === TcpState.SynSent) return true;
  return loose && state < TcpState.Invalid;
}

/**
 * One segment through the state machine of nf_conntrack_proto_tcp.c (nf_conntrack_tcp_packet),
 * without the window checks. Sets state and timeout in the row.
 */
export function trackTcp(
  table: ConntrackTable,
  row: number,
  direction: DirectionCode,
  packet: Packet,
  nowSec: number,
  timeouts: Timeouts,
): TrackedCode {
  const index = tcpIndex(packet.tcpFlags);
  let oldState = table.get(row, Field.State);
  let newState = tcpTransition(direction, index, oldState);

  if (newState === TcpState.Invalid) return Tracked.Invalid;
  const wouldReopen = newState === TcpState.SynSent && oldState >= TcpState.TimeWait;
  if (wouldReopen && mayReopen(table, row, direction)) return Tracked.Reopen;
  if (wouldReopen || newState === TcpState.Ignore) {
    if (!answersIgnoredSyn(table, row, direction, packet)) {
      return letPass(table, row, direction, packet);
    }
    // Both ends start afresh, and so does the state.
    table.set(row, Field.TcpFlags, 0);
    oldState = TcpState.SynSent;
    newState = TcpState.SynRecv;
  }
  const unanswered = !table.hasStatus(row, Status.SeenReply);
  if (unanswered && index === TcpIndex.Rst) {
    // Reset before anything was established: nothing need be remembered.
    table.set(row, Field.State, newState);
    return Tracked.Ends;
  }
  remember(table, row, direction, index);
  // Else a client that knocks again and again would keep an entry alive that nobody answers.
  const knocksAgain = newState === TcpState.SynSent && oldState === TcpState.SynSent;
  if (unanswered && knocksAgain) return Tracked.Ok;
  if (newState === TcpState.FinWait && oldState !== TcpState.FinWait) {
    table.set(row, Field.TcpFlags, table.get(row, Field.TcpFlags) | (CLOSE_INIT << direction));
  }
  table.set(row, Field.ExpiresAtSec, nowSec + timeoutFor(table, row, newState, timeouts));
  return enter(table, row, oldState, newState);
}

/** A segment that does not fit, but that the ends may understand: nothing changes by it. */
function letPass(
  table: ConntrackTable,
  row: number,
  direction: DirectionCode,
  packet: Packet,
): TrackedCode {
  remember(table, row, direction, tcpIndex(packet.tcpFlags));
  // Read for a SYN only, which takes one sequence number itself.
  table.set(row, Field.TcpLastEnd, (packet.seq + packet.payloadLen + 1) | 0);
  return Tracked.Ok;
}

function enter(
  table: ConntrackTable,
  row: number,
  oldState: number,
  newState: number,
): TrackedCode {
  table.set(row, Field.State, newState);
  const assuredNow = becomesAssured(table, row, oldState, newState);
  if (assuredNow) table.addStatus(row, Status.Assured);
  return assuredNow || newState !== oldState ? Tracked.Changed : Tracked.Ok;
}

function timeoutFor(table: ConntrackTable, row: number, state: number, timeouts: Timeouts): number {
  const timeout = timeouts.tcp[state]!;
  // Picked up in mid-stream and not yet answered: no five days for that.
  if (state === TcpState.Established && !table.hasStatus(row, Status.SeenReply)) {
    return Math.min(timeout, timeouts.tcpUnacknowledged);
  }
  return timeout;
}

/** ASSURED once the handshake is complete, or a picked-up flow is seen in both directions. */
function becomesAssured(
  table: ConntrackTable,
  row: number,
  oldState: number,
  newState: number,
): boolean {
  return (
    newState === TcpState.Established &&
    (oldState === TcpState.SynRecv || oldState === TcpState.Established) &&
    !table.hasStatus(row, Status.Assured) &&
    table.hasStatus(row, Status.SeenReply)
  );
}

/** A SYN may reuse the tuple after an orderly close, or after a reset from the same side. */
function mayReopen(table: ConntrackTable, row: number, direction: DirectionCode): boolean {
  if (table.get(row, Field.TcpFlags) !== 0) return true;
  const last = table.get(row, Field.TcpLast);
  return last >> 1 === TcpIndex.Rst && (last & 1) === direction;
}

/**
 * A SYN that did not fit was let pass, since the ends may know better. A SYN/ACK that acknowledges it
 * from the other side says that they do (nf_conntrack_tcp_packet, case TCP_CONNTRACK_IGNORE, b).
 */
function answersIgnoredSyn(
  table: ConntrackTable,
  row: number,
  direction: DirectionCode,
  packet: Packet,
): boolean {
  if (tcpIndex(packet.tcpFlags) !== TcpIndex.SynAck) return false;
  const last = table.get(row, Field.TcpLast);
  const ignoredFromThere = last >> 1 === TcpIndex.Syn && (last & 1) !== direction;
  return ignoredFromThere && packet.ack === table.get(row, Field.TcpLastEnd);
}

function remember(table: ConntrackTable, row: number, direction: number, index: number): void {
  table.set(row, Field.TcpLast, (index << 1) | direction);
}
