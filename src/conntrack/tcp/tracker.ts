import type { Clock } from '../../base/index.ts';
import type { Packet } from '../../wire/index.ts';
import { Direction, type DirectionCode, Status } from '../constants.ts';
import { Field } from '../fields.ts';
import { TrackReason, type TrackReasonCode } from '../reasons.ts';
import type { ConntrackSettings } from '../settings.ts';
import type { ConntrackTable } from '../table.ts';
import { TcpTimeout, type Timeouts } from '../timeouts.ts';
import {
  type ProtocolTracker,
  type SequenceOffsets,
  Tracked,
  type TrackedCode,
} from '../tracked.ts';
import { TcpIndex, TcpState, tcpIndex, tcpTransition } from './states.ts';

/** Words of the row that are this tracker's. */
const Word = {
  /** Index and direction of the last packet. */
  Last: Field.Track,
  /** What was seen, per direction. */
  Flags: Field.Track + 1,
  /** Sequence number behind the last ignored SYN. */
  LastEnd: Field.Track + 2,
} as const;

/** Flags bits: a FIN of an orderly close was seen (IP_CT_TCP_FLAG_CLOSE_INIT), by direction. */
const CLOSE_INIT = 1;

/** The TCP tracker: nf_conntrack_proto_tcp.c. */
export class TcpTracker implements ProtocolTracker {
  reason: TrackReasonCode = TrackReason.None;
  /** Set where translations change lengths. */
  offsets: SequenceOffsets | null = null;
  private readonly table: ConntrackTable;
  private readonly clock: Clock;
  private readonly settings: ConntrackSettings;

  constructor(table: ConntrackTable, clock: Clock, settings: ConntrackSettings) {
    this.table = table;
    this.clock = clock;
    this.settings = settings;
  }

  startRefusal(packet: Packet): TrackReasonCode {
    const may = tcpMayStart(packet, this.settings.tcpLoose);
    return may ? TrackReason.None : TrackReason.TcpInvalidNew;
  }

  start(): void {}

  follow(row: number, direction: DirectionCode, packet: Packet, timeouts: Timeouts): TrackedCode {
    this.reason = TrackReason.TcpInvalidState;
    return trackTcp(this.table, row, direction, packet, this.clock, timeouts);
  }
}

/** True where a segment may start (or, `loose`, be picked up as) a connection: tcp_new(). */
function tcpMayStart(packet: Packet, loose: boolean): boolean {
  const state = tcpTransition(Direction.Original, tcpIndex(packet.tcpFlags), TcpState.None);
  if (state === TcpState.SynSent) return true;
  return loose && state < TcpState.Invalid;
}

/**
 * One segment through the state machine of nf_conntrack_proto_tcp.c (nf_conntrack_tcp_packet),
 * without the window checks. Sets state and timeout in the row.
 */
function trackTcp(
  table: ConntrackTable,
  row: number,
  direction: DirectionCode,
  packet: Packet,
  clock: Clock,
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
    table.set(row, Word.Flags, 0);
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
    table.set(row, Word.Flags, table.get(row, Word.Flags) | (CLOSE_INIT << direction));
  }
  table.refresh(row, clock, timeoutFor(table, row, newState, timeouts));
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
  table.set(row, Word.LastEnd, (packet.seq + packet.payloadLen + 1) | 0);
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
    return Math.min(timeout, timeouts.tcp[TcpTimeout.Unacknowledged]!);
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
  if (table.get(row, Word.Flags) !== 0) return true;
  const last = table.get(row, Word.Last);
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
  const last = table.get(row, Word.Last);
  const ignoredFromThere = last >> 1 === TcpIndex.Syn && (last & 1) !== direction;
  return ignoredFromThere && packet.ack === table.get(row, Word.LastEnd);
}

function remember(table: ConntrackTable, row: number, direction: number, index: number): void {
  table.set(row, Word.Last, (index << 1) | direction);
}
