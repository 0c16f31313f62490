import { type Packet, TcpFlag } from '../../wire/index.ts';
import { Direction, type DirectionCode } from '../constants.ts';
import { Field, ROW_WORDS } from '../fields.ts';
import { TrackReason, type TrackReasonCode } from '../reasons.ts';
import type { ConntrackSettings } from '../settings.ts';
import type { ConntrackTable } from '../table.ts';
import type { SequenceOffsets } from '../tracked.ts';
import { beginBySyn, beginInMidStream, beginsAgain, segmentEnd } from './begin.ts';
import { highestSackEdge } from './options.ts';
import { TcpIndex, TcpState } from './states.ts';
import {
  addSideFlag,
  isAfter,
  isBefore,
  lastDirection,
  lastWindow,
  retransmissions,
  Side,
  SideFlag,
  setLastSeen,
  setRetransmissions,
  sideAt,
  sideFlags,
  sideScale,
  TcpWord,
} from './words.ts';

/** How far back an acknowledgement may lie where the window is smaller (MAXACKWINCONST). */
const ACK_WINDOW_BYTES = 66_000;

/** What the windows say of a segment. */
export const Fit = {
  Fits: 0,
  /** Let pass, but nothing is to be learnt from it. */
  Passes: 1,
  /** INVALID. */
  Misfit: 2,
} as const;
export type FitCode = (typeof Fit)[keyof typeof Fit];

/**
 * The windows of both directions: tcp_in_window() of nf_conntrack_proto_tcp.c, after Guido van
 * Rooij's "Real Stateful TCP Packet Filtering in IP Filter". In the words of `Side`, for a sender S
 * and a receiver R, with `sack` the highest SACK edge or else the acknowledgement:
 *
 *     I    seq <= S.MaxEnd                      no more than R has room for
 *     II   end >= S.End - R.MaxWindow           not all of it acknowledged long ago
 *     III  sack <= R.End                        nothing acknowledged that was not sent
 *     IV   sack >= R.End - max(66000, S.MaxWindow)
 */
export class TcpWindow {
  /** Which bound the last segment broke, where it broke one; of those that pass, too. */
  reason: TrackReasonCode = TrackReason.None;
  offsets: SequenceOffsets | null = null;
  private readonly table: ConntrackTable;
  private readonly settings: ConntrackSettings;
  /** Of the segment in hand: its numbers, in those of the ends that gave them out. */
  private seq = 0;
  private end = 0;
  private ack = 0;
  private sack = 0;

  constructor(table: ConntrackTable, settings: ConntrackSettings) {
    this.table = table;
    this.settings = settings;
  }

  /** Asked anew each time: a table that grows beyond its reserve moves. */
  private get rows(): Int32Array {
    return this.table.rows;
  }

  /** Holds a segment of kind `index` against the windows, and learns from one that fits. */
  check(row: number, direction: DirectionCode, packet: Packet, index: number): FitCode {
    const { rows } = this;
    const at = row * ROW_WORDS;
    const side = at + sideAt(direction);
    const other = at + sideAt(1 - direction);
    this.read(row, direction, packet, index);
    const isKnown = rows[side + Side.MaxWindow] !== 0;
    if (!isKnown || index <= TcpIndex.SynAck) {
      // Of a SYN in the simultaneous open there is nothing more to check.
      if (this.begin(at, direction, packet, isKnown)) return Fit.Fits;
    }
    if (index !== TcpIndex.Ack) this.presume(at, side, other, packet);
    const broken = this.brokenBound(side, other);
    if (broken === TrackReason.None) {
      this.learn(at, direction, packet, index);
      if (index === TcpIndex.Ack) this.countRetransmission(at, direction, packet.window);
      return Fit.Fits;
    }
    this.reason = broken;
    return this.judge(at, direction);
  }

  private read(row: number, direction: DirectionCode, packet: Packet, index: number): void {
    const { offsets } = this;
    const { ack } = packet;
    let sack = ack;
    this.seq = packet.seq;
    this.end = index === TcpIndex.Ack ? (packet.seq + packet.payloadLen) | 0 : segmentEnd(packet);
    const theirs = sideFlags(this.rows, row * ROW_WORDS, 1 - direction);
    // Most segments have no options.
    if ((theirs & SideFlag.SackPermitted) !== 0 && packet.tcpHeaderLen > 20) {
      sack = highestSackEdge(packet, ack);
    }
    const own = offsets === null ? ack : (ack - offsets.ackOffset(row, direction, ack)) | 0;
    this.ack = own;
    if (sack === ack) this.sack = own;
    else this.sack = offsets === null ? sack : (sack - offsets.ackOffset(row, direction, sack)) | 0;
  }

  /** Begins a side, or begins it again. True where the segment needs no further look. */
  private begin(at: number, direction: number, packet: Packet, isKnown: boolean): boolean {
    const { rows } = this;
    const isSyn = (packet.tcpFlags & TcpFlag.Syn) !== 0;
    const hasAck = (packet.tcpFlags & TcpFlag.Ack) !== 0;
    if (!isSyn) {
      beginInMidStream(rows, at, direction, packet, this.sack);
      return false;
    }
    if (isKnown && !beginsAgain(rows, at, direction, this.end)) return false;
    beginBySyn(rows, at, direction, packet);
    return !hasAck && (!isKnown || direction === Direction.Reply);
  }

  /** Numbers that the segment does not have, or that broken stacks leave out. */
  private presume(at: number, side: number, other: number, packet: Packet): void {
    const { rows } = this;
    const { tcpFlags } = packet;
    const isReset = (tcpFlags & TcpFlag.Rst) !== 0;
    if ((tcpFlags & TcpFlag.Ack) === 0 || (isReset && this.ack === 0)) {
      this.ack = rows[other + Side.End]!;
      this.sack = this.ack;
    }
    // A reset that answers a SYN bears no number.
    if (isReset && this.seq === 0 && rows[at + Field.State] === TcpState.SynSent) {
      this.seq = rows[side + Side.End]!;
      this.end = this.seq;
    }
  }

  /** The first bound that the segment breaks, or None. */
  private brokenBound(side: number, other: number): TrackReasonCode {
    const { rows, sack } = this;
    const theirEnd = rows[other + Side.End]!;
    const theirWindow = rows[other + Side.MaxWindow]!;
    if (!isBefore(this.seq, (rows[side + Side.MaxEnd]! + 1) | 0)) return TrackReason.TcpSeqOver;
    if (!isBefore(sack, (theirEnd + 1) | 0)) return TrackReason.TcpAckOver;
    if (theirWindow !== 0 && this.isUnder(side, theirWindow)) return TrackReason.TcpSeqUnder;
    return this.isAckUnder(side, theirEnd) ? TrackReason.TcpAckUnder : TrackReason.None;
  }

  private isUnder(side: number, theirWindow: number): boolean {
    return !isAfter(this.end, (this.rows[side + Side.End]! - theirWindow - 1) | 0);
  }

  private isAckUnder(side: number, theirEnd: number): boolean {
    const window = this.rows[side + Side.MaxWindow]!;
    // Above 2^31 it shows as negative.
    const back = window >= 0 && window < ACK_WINDOW_BYTES ? ACK_WINDOW_BYTES : window;
    return !isAfter(this.sack, (theirEnd - back - 1) | 0);
  }

  /** What becomes of a segment that broke a bound. */
  private judge(at: number, direction: number): FitCode {
    const { reason } = this;
    const isOver = reason === TrackReason.TcpSeqOver || reason === TrackReason.TcpAckOver;
    const overshoots = reason === TrackReason.TcpSeqOver && this.overshoots(at, direction);
    if (overshoots) {
      // Let through, so it will be acknowledged: that acknowledgement must not be over its bound.
      this.rows[at + sideAt(direction) + Side.End] = this.end;
      addSideFlag(this.rows, at, direction, SideFlag.Unacknowledged);
    }
    const isLiberal = (sideFlags(this.rows, at, direction) & SideFlag.BeLiberal) !== 0;
    if (isLiberal || this.settings.tcpBeLiberal) return Fit.Fits;
    return isOver && !overshoots ? Fit.Misfit : Fit.Passes;
  }

  /** True of a segment that goes beyond the window by no more than the window, and else fits. */
  private overshoots(at: number, direction: number): boolean {
    const { rows } = this;
    const side = at + sideAt(direction);
    const other = at + sideAt(1 - direction);
    const theirEnd = rows[other + Side.End]!;
    const theirWindow = rows[other + Side.MaxWindow]!;
    if (theirWindow === 0 || this.isUnder(side, theirWindow)) return false;
    const overshot = (this.end - rows[side + Side.MaxEnd]! + 1) >>> 0;
    if (overshot > theirWindow >>> 0 || this.isAckUnder(side, theirEnd)) return false;
    return isBefore(this.sack, (theirEnd + 1) | 0);
  }

  private learn(at: number, direction: number, packet: Packet, index: number): void {
    const scale = index <= TcpIndex.SynAck ? 0 : sideScale(this.rows, at, direction);
    const window = packet.window << scale;
    const hasAck = (packet.tcpFlags & TcpFlag.Ack) !== 0;
    const before = this.rows[at + TcpWord.FlagsAndScales]!;
    const gained = this.learnOfSender(
      at + sideAt(direction),
      window,
      hasAck,
      before >>> (direction << 3),
    );
    this.learnOfReceiver(at + sideAt(direction), at + sideAt(1 - direction), window);
    let flags = before | (gained << (direction << 3));
    if (this.ack === this.rows[at + sideAt(1 - direction) + Side.End]) {
      flags &= ~(SideFlag.Unacknowledged << ((1 - direction) << 3));
    }
    if (flags !== before) this.rows[at + TcpWord.FlagsAndScales] = flags;
  }

  /** Returns the flags that the sender gets. */
  private learnOfSender(side: number, window: number, hasAck: boolean, flags: number): number {
    const { rows, end, ack } = this;
    let gained = 0;
    // What SACK covers lies within the window that begins at the acknowledgement.
    const announced = (window + this.sack - ack) | 0;
    if (rows[side + Side.MaxWindow]! >>> 0 < announced >>> 0) {
      rows[side + Side.MaxWindow] = announced;
    }
    if (isAfter(end, rows[side + Side.End]!)) {
      rows[side + Side.End] = end;
      gained = SideFlag.Unacknowledged;
    }
    if (!hasAck) return gained;
    const isFirst = (flags & SideFlag.AckKnown) === 0;
    if (isFirst || isAfter(ack, rows[side + Side.MaxAck]!)) rows[side + Side.MaxAck] = ack;
    return gained | SideFlag.AckKnown;
  }

  private learnOfReceiver(side: number, other: number, window: number): void {
    const { rows, end, sack } = this;
    const theirRoom = rows[side + Side.MaxEnd]!;
    if (isAfter(end, theirRoom) && rows[other + Side.MaxWindow] !== 0) {
      rows[other + Side.MaxWindow]! += end - theirRoom;
    }
    const room = (sack + window) | 0;
    if (isAfter(room, (rows[other + Side.MaxEnd]! - 1) | 0)) {
      // A closed window is probed with one byte.
      rows[other + Side.MaxEnd] = window === 0 ? room + 1 : room;
    }
  }

  /** Counts how often the same acknowledging segment came in a row. */
  private countRetransmission(at: number, direction: number, window: number): void {
    const { rows, seq, ack, end } = this;
    const isSame =
      rows[at + TcpWord.LastSeq] === seq &&
      rows[at + TcpWord.LastAck] === ack &&
      rows[at + TcpWord.LastEnd] === end &&
      lastWindow(rows, at) === window &&
      lastDirection(rows, at) === direction;
    const count = retransmissions(rows, at);
    if (isSame) {
      setRetransmissions(rows, at, count + 1);
      return;
    }
    rows[at + TcpWord.LastSeq] = seq;
    rows[at + TcpWord.LastAck] = ack;
    rows[at + TcpWord.LastEnd] = end;
    setLastSeen(rows, at, window, TcpIndex.Ack, direction);
    if (count !== 0) setRetransmissions(rows, at, 0);
  }
}
