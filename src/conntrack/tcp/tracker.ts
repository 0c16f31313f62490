import type { Clock } from '../../base/index.ts';
import type { Packet } from '../../wire/index.ts';
import { Direction, type DirectionCode, Status } from '../constants.ts';
import { Field, ROW_WORDS } from '../fields.ts';
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
import { beginConnection } from './begin.ts';
import { acceptChallenge, answersIgnoredSyn, rememberIgnored, resync } from './ignored.ts';
import { tcpLifetime } from './lifetime.ts';
import { ResetVerdict, weighReset } from './resets.ts';
import { TcpIndex, TcpState, tcpIndex, tcpTransition } from './states.ts';
import { Fit, TcpWindow } from './window.ts';
import {
  addSideFlag,
  lastDirection,
  lastFlags,
  lastIndex,
  SideFlag,
  setLastFlags,
  setLastKind,
  setSideFlags,
  setSideScale,
  sideFlags,
  sideScale,
} from './words.ts';

/** Out of its window, a FIN or RST shortens the life of a connection that has more than this left. */
const LONG_LIFE_MS = 120_000;

/**
 * The TCP tracker: nf_conntrack_tcp_packet() of nf_conntrack_proto_tcp.c. Flag sets that no honest
 * segment has are refused before it.
 */
export class TcpTracker implements ProtocolTracker {
  /** Why the last packet was Invalid; after Uncounted, the bound that it broke, if it broke one. */
  reason: TrackReasonCode = TrackReason.None;
  private readonly table: ConntrackTable;
  private readonly clock: Clock;
  private readonly settings: ConntrackSettings;
  private readonly window: TcpWindow;

  constructor(table: ConntrackTable, clock: Clock, settings: ConntrackSettings) {
    this.table = table;
    this.clock = clock;
    this.settings = settings;
    this.window = new TcpWindow(table, settings);
  }

  /** Asked anew each time: a table that grows beyond its reserve moves. */
  private get rows(): Int32Array {
    return this.table.rows;
  }

  /** Set where translations change lengths. */
  set offsets(offsets: SequenceOffsets | null) {
    this.window.offsets = offsets;
  }

  startRefusal(packet: Packet): TrackReasonCode {
    const may = mayStart(packet, this.settings.tcpLoose);
    return may ? TrackReason.None : TrackReason.TcpInvalidNew;
  }

  start(row: number, packet: Packet): void {
    beginConnection(this.rows, row, packet);
    setLastKind(this.rows, row * ROW_WORDS, TcpIndex.None, Direction.Original);
  }

  follow(row: number, direction: DirectionCode, packet: Packet, timeouts: Timeouts): TrackedCode {
    const { rows } = this;
    const at = row * ROW_WORDS;
    const index = tcpIndex(packet.tcpFlags);
    const from = rows[at + Field.State]!;
    const to = tcpTransition(direction, index, from);
    switch (to) {
      case TcpState.Invalid:
        return this.refuse(TrackReason.TcpInvalidState);
      case TcpState.Ignore:
        return this.outOfStep(row, direction, packet, timeouts);
      case TcpState.SynSent:
        if (from < TcpState.TimeWait) break;
        if (mayReopen(rows, at, direction)) return Tracked.Reopen;
        return this.outOfStep(row, direction, packet, timeouts);
      case TcpState.TimeWait:
        if (from === TcpState.LastAck && acceptChallenge(rows, at, direction, index)) {
          return this.pass();
        }
        break;
      case TcpState.SynSent2:
        setLastFlags(rows, at, lastFlags(rows, at) | SideFlag.SimultaneousOpen);
        break;
      case TcpState.SynRecv:
        if (endsSimultaneousOpen(rows, at, direction, index)) {
          return this.fitAndMove(row, direction, packet, from, TcpState.Established, timeouts);
        }
        break;
      case TcpState.Close:
        if (index === TcpIndex.Rst) return this.reset(row, direction, packet, timeouts);
        break;
    }
    return this.fitAndMove(row, direction, packet, from, to, timeouts);
  }

  /** A SYN or what may answer one that was let pass: the ends may know better than the table. */
  private outOfStep(
    row: number,
    direction: DirectionCode,
    packet: Packet,
    timeouts: Timeouts,
  ): TrackedCode {
    const { rows } = this;
    const at = row * ROW_WORDS;
    if (!answersIgnoredSyn(rows, at, direction, packet)) {
      rememberIgnored(rows, at, direction, packet);
      return this.pass();
    }
    resync(rows, at, direction);
    const { SynSent, SynRecv } = TcpState;
    return this.fitAndMove(row, direction, packet, SynSent, SynRecv, timeouts);
  }

  private reset(
    row: number,
    direction: DirectionCode,
    packet: Packet,
    timeouts: Timeouts,
  ): TrackedCode {
    const from = this.rows[row * ROW_WORDS + Field.State]!;
    const ignoreInvalid = this.settings.tcpIgnoreInvalidRst;
    switch (weighReset(this.rows, row, direction, packet, ignoreInvalid)) {
      case ResetVerdict.Refused:
        return this.refuse(TrackReason.TcpBadReset);
      case ResetVerdict.ClosesAnyway:
        return this.move(row, direction, TcpIndex.Rst, from, TcpState.Close, timeouts);
      case ResetVerdict.Questionable:
        return this.fitAndMove(row, direction, packet, from, from, timeouts);
      default:
        return this.fitAndMove(row, direction, packet, from, TcpState.Close, timeouts);
    }
  }

  /** The move `from` one state `to` another, if the segment fits the windows. */
  private fitAndMove(
    row: number,
    direction: DirectionCode,
    packet: Packet,
    from: number,
    to: number,
    timeouts: Timeouts,
  ): TrackedCode {
    const index = tcpIndex(packet.tcpFlags);
    const fit = this.window.check(row, direction, packet, index);
    if (fit === Fit.Fits) return this.move(row, direction, index, from, to, timeouts);
    this.reason = this.window.reason;
    if (fit === Fit.Passes) return Tracked.Uncounted;
    this.noteMisfit(row, direction, index, timeouts);
    return Tracked.Invalid;
  }

  private move(
    row: number,
    direction: DirectionCode,
    index: number,
    from: number,
    to: number,
    timeouts: Timeouts,
  ): TrackedCode {
    const { rows } = this;
    const at = row * ROW_WORDS;
    setLastKind(rows, at, index, direction);
    rows[at + Field.State] = to;
    if (to === TcpState.FinWait && from !== to) {
      addSideFlag(rows, at, direction, SideFlag.CloseInit);
    }
    if ((rows[at + Field.Status]! & Status.SeenReply) === 0) {
      // Reset before anybody answered: nothing need be remembered.
      if (index === TcpIndex.Rst) return Tracked.Ends;
      // Else a client that knocks again and again would keep an entry alive that nobody answers.
      if (index === TcpIndex.Syn && from === TcpState.SynSent) return this.pass();
    }
    const { tcpMaxRetrans } = this.settings;
    const seconds = tcpLifetime(rows, row, to, index, timeouts, tcpMaxRetrans);
    this.table.refresh(row, this.clock, seconds);
    return this.assure(at, from, to) || from !== to ? Tracked.Changed : Tracked.Ok;
  }

  /** ASSURED once the handshake is complete, or a picked-up flow is seen in both directions. */
  private assure(at: number, from: number, to: number): boolean {
    if (to !== TcpState.Established) return false;
    if (from !== TcpState.SynRecv && from !== TcpState.Established) return false;
    const status = this.rows[at + Field.Status]!;
    if ((status & (Status.SeenReply | Status.Assured)) !== Status.SeenReply) return false;
    this.rows[at + Field.Status] = status | Status.Assured;
    return true;
  }

  /**
   * Both ends say goodbye, but out of their windows: the table has lost step with them, and must not
   * keep the connection for days (nf_tcp_handle_invalid).
   */
  private noteMisfit(
    row: number,
    direction: DirectionCode,
    index: number,
    timeouts: Timeouts,
  ): void {
    const { rows } = this;
    const at = row * ROW_WORDS;
    const status = rows[at + Field.Status]!;
    if ((status & (Status.Assured | Status.FixedTimeout)) !== Status.Assured) return;
    if (!isGoodbye(index)) return;
    if (lastDirection(rows, at) === direction || !isGoodbye(lastIndex(rows, at))) {
      setLastKind(rows, at, index, direction);
      return;
    }
    const leftMs = (rows[at + Field.ExpiresAt]! - this.clock.ms) | 0;
    const seconds = timeouts.tcp[TcpTimeout.Unacknowledged]!;
    if (leftMs < LONG_LIFE_MS || leftMs <= seconds * 1000) return;
    this.table.refresh(row, this.clock, seconds);
  }

  private refuse(reason: TrackReasonCode): TrackedCode {
    this.reason = reason;
    return Tracked.Invalid;
  }

  private pass(): TrackedCode {
    this.reason = TrackReason.None;
    return Tracked.Uncounted;
  }

  /** `SideFlag` bits of a direction (CTA_PROTOINFO_TCP_FLAGS_*). */
  flags(row: number, direction: DirectionCode): number {
    return sideFlags(this.rows, row * ROW_WORDS, direction);
  }

  /** Shift of a direction's windows, 0 to 14 (CTA_PROTOINFO_TCP_WSCALE_*). */
  scale(row: number, direction: DirectionCode): number {
    return sideScale(this.rows, row * ROW_WORDS, direction);
  }

  /**
   * Sets the state of an entry by command, a `TcpState` up to SynSent2, and nothing else: what is
   * not known of the windows begins with the next segments.
   */
  setState(row: number, state: number): void {
    this.rows[row * ROW_WORDS + Field.State] = state;
  }

  /** Sets those of a direction's flags by command that `mask` names. */
  setFlags(row: number, direction: DirectionCode, flags: number, mask: number): void {
    const kept = this.flags(row, direction) & ~mask;
    setSideFlags(this.rows, row * ROW_WORDS, direction, kept | (flags & mask));
  }

  /** Sets both scales (0 to 14) by command, where both sides have their WindowScale flag. */
  setScales(row: number, original: number, reply: number): void {
    const both = this.flags(row, Direction.Original) & this.flags(row, Direction.Reply);
    if ((both & SideFlag.WindowScale) === 0) return;
    setSideScale(this.rows, row * ROW_WORDS, Direction.Original, original);
    setSideScale(this.rows, row * ROW_WORDS, Direction.Reply, reply);
  }
}

/** True where a segment may start (or, `loose`, be picked up as) a connection: tcp_new(). */
function mayStart(packet: Packet, loose: boolean): boolean {
  const state = tcpTransition(Direction.Original, tcpIndex(packet.tcpFlags), TcpState.None);
  if (state === TcpState.SynSent) return true;
  return loose && state < TcpState.Invalid;
}

/** A SYN may reuse the tuple after an orderly close, or after a reset from the same side. */
function mayReopen(rows: Int32Array, at: number, direction: number): boolean {
  const either = sideFlags(rows, at, Direction.Original) | sideFlags(rows, at, Direction.Reply);
  if ((either & SideFlag.CloseInit) !== 0) return true;
  return lastDirection(rows, at) === direction && lastIndex(rows, at) === TcpIndex.Rst;
}

/** After crossed SYNs the reply direction's ACK completes the handshake as well as the other's. */
function endsSimultaneousOpen(
  rows: Int32Array,
  at: number,
  direction: number,
  index: number,
): boolean {
  if (direction !== Direction.Reply || index !== TcpIndex.Ack) return false;
  return (lastFlags(rows, at) & SideFlag.SimultaneousOpen) !== 0;
}

function isGoodbye(index: number): boolean {
  return index === TcpIndex.Fin || index === TcpIndex.Rst;
}
