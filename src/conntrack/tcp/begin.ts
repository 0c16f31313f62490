import { type Packet, TcpFlag } from '../../wire/index.ts';
import { Direction } from '../constants.ts';
import { Field, ROW_WORDS } from '../fields.ts';
import { offeredFlags, offeredOptions, offeredScale } from './options.ts';
import { TcpIndex, TcpState, tcpIndex } from './states.ts';
import {
  isAfter,
  Side,
  SideFlag,
  setSideFlags,
  setSideScale,
  sideAt,
  sideFlags,
  sideScale,
} from './words.ts';

/** The sequence number behind a segment; SYN and FIN take one each. */
export function segmentEnd(packet: Packet): number {
  const { tcpFlags } = packet;
  const syn = (tcpFlags & TcpFlag.Syn) !== 0 ? 1 : 0;
  const fin = (tcpFlags & TcpFlag.Fin) !== 0 ? 1 : 0;
  return (packet.seq + packet.payloadLen + syn + fin) | 0;
}

/** Prepares a new connection's windows from its first segment (tcp_new); its words are zero. */
export function beginConnection(rows: Int32Array, row: number, packet: Packet): void {
  const at = row * ROW_WORDS;
  beginSide(rows, at, Direction.Original, segmentEnd(packet), packet.window);
  if (tcpIndex(packet.tcpFlags) === TcpIndex.Syn) {
    takeOffer(rows, at, Direction.Original, packet);
    return;
  }
  extendByWindow(rows, at, Direction.Original);
  // In mid-stream: which options the ends agreed on, and how windows are scaled, is not known.
  const unknown = SideFlag.SackPermitted | SideFlag.BeLiberal;
  setSideFlags(rows, at, Direction.Original, unknown);
  setSideFlags(rows, at, Direction.Reply, unknown);
}

/**
 * True of a SYN that begins its side again in a connection that is still being opened: an end that
 * starts afresh takes higher numbers (RFC 9293 section 3.4.2).
 */
export function beginsAgain(rows: Int32Array, at: number, direction: number, end: number): boolean {
  const state = rows[at + Field.State];
  if (state !== TcpState.SynSent && state !== TcpState.SynRecv) return false;
  return isAfter(end, rows[at + sideAt(direction) + Side.End]!);
}

/** A side begins with its SYN or SYN/ACK (tcp_init_sender). */
export function beginBySyn(rows: Int32Array, at: number, direction: number, packet: Packet): void {
  beginSide(rows, at, direction, segmentEnd(packet), packet.window);
  takeOffer(rows, at, direction, packet);
  const both = sideFlags(rows, at, Direction.Original) & sideFlags(rows, at, Direction.Reply);
  if (direction !== Direction.Reply || (both & SideFlag.WindowScale) !== 0) return;
  // Scaled only where both ends have offered it (RFC 7323 section 2.2).
  setSideScale(rows, at, Direction.Original, 0);
  setSideScale(rows, at, Direction.Reply, 0);
}

/** A side of which nothing is known begins with a segment that acknowledges up to `sack`. */
export function beginInMidStream(
  rows: Int32Array,
  at: number,
  direction: number,
  packet: Packet,
  sack: number,
): void {
  const window = packet.window << sideScale(rows, at, direction);
  beginSide(rows, at, direction, segmentEnd(packet), window);
  extendByWindow(rows, at, direction);
  const other = at + sideAt(1 - direction);
  if (rows[other + Side.MaxWindow] === 0) {
    // Nothing seen of the other side either: it has sent what is acknowledged here.
    rows[other + Side.End] = sack;
    rows[other + Side.MaxEnd] = sack;
  } else if (((rows[other + Side.End]! + 1) | 0) === sack) {
    // Probably the answer to a keep-alive, whose number lies one behind.
    rows[other + Side.End] = sack;
  }
}

function beginSide(
  rows: Int32Array,
  at: number,
  direction: number,
  end: number,
  window: number,
): void {
  const side = at + sideAt(direction);
  rows[side + Side.End] = end;
  rows[side + Side.MaxEnd] = end;
  rows[side + Side.MaxWindow] = window === 0 ? 1 : window;
}

function extendByWindow(rows: Int32Array, at: number, direction: number): void {
  const side = at + sideAt(direction);
  rows[side + Side.MaxEnd] = rows[side + Side.End]! + rows[side + Side.MaxWindow]!;
}

function takeOffer(rows: Int32Array, at: number, direction: number, packet: Packet): void {
  const offer = offeredOptions(packet);
  if (offer < 0) return;
  const kept = sideFlags(rows, at, direction) & SideFlag.BeLiberal;
  setSideFlags(rows, at, direction, kept | offeredFlags(offer));
  setSideScale(rows, at, direction, offeredScale(offer));
}
