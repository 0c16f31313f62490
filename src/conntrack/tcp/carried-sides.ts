import type { Packet } from '../../wire/index.ts';
import { Direction, type DirectionCode } from '../constants.ts';
import { Field, ROW_WORDS } from '../fields.ts';
import { TcpIndex, TcpState } from './states.ts';
import {
  lastDirection,
  lastIndex,
  lastWindow,
  Side,
  SideFlag,
  setLastSeen,
  setRetransmissions,
  setSideFlags,
  sideAt,
  sideFlags,
  TcpWord,
} from './words.ts';

/**
 * The windows of a connection whose segments pass without the tracker: taken over from whoever saw
 * them, and handed back. Both sides' words stand in the order of `Side`, original first.
 */
export const BOTH_SIDES_WORDS = 8;

/** Of a window that is not closed; how wide it was does not matter to anybody. */
const OPEN_WINDOW = 1;

/** Copies both sides of a row into `into`. */
export function copySides(rows: Int32Array, row: number, into: Int32Array): void {
  const from = row * ROW_WORDS + TcpWord.Sides;
  for (let i = 0; i < BOTH_SIDES_WORDS; i++) into[i] = rows[from + i]!;
}

/**
 * Puts into a row what was seen of both sides elsewhere, and what the tracker would remember beside
 * it; `lastSpoke` is the direction of the last segment. Nothing where they have not moved on.
 */
export function takeSides(
  rows: Int32Array,
  row: number,
  sides: Int32Array,
  lastSpoke: number,
): void {
  const at = row * ROW_WORDS;
  const to = at + TcpWord.Sides;
  let moved = false;
  for (let i = 0; i < BOTH_SIDES_WORDS; i++) {
    if (rows[to + i] === sides[i]) continue;
    rows[to + i] = sides[i]!;
    moved = true;
  }
  if (!moved) return;
  noteAcknowledged(rows, at, Direction.Original);
  noteAcknowledged(rows, at, Direction.Reply);
  setRetransmissions(rows, at, 0);
  const isClosed = closes(rows, at, Direction.Original) || closes(rows, at, Direction.Reply);
  // None: of the last segment nothing is known but its direction.
  setLastSeen(rows, at, isClosed ? 0 : OPEN_WINDOW, TcpIndex.None, lastSpoke);
}

/**
 * Where the last segment was not seen here, it is held to be the one with the highest numbers of the
 * side that spoke last: a reset right behind data of the same sender is believed by that (`weighReset`).
 */
export function presumeLast(rows: Int32Array, row: number): void {
  const at = row * ROW_WORDS;
  if (lastIndex(rows, at) !== TcpIndex.None) return;
  const direction = lastDirection(rows, at);
  const side = at + sideAt(direction);
  rows[at + TcpWord.LastSeq] = rows[side + Side.End]!;
  rows[at + TcpWord.LastEnd] = rows[side + Side.End]!;
  rows[at + TcpWord.LastAck] = rows[side + Side.MaxAck]!;
  setLastSeen(rows, at, lastWindow(rows, at), TcpIndex.Ack, direction);
}

/**
 * True where the segment in hand has just been found to lie in the windows of an open connection of
 * which both are known, so that they can be watched over elsewhere.
 */
export function fitsKnownWindows(
  rows: Int32Array,
  row: number,
  direction: DirectionCode,
  packet: Packet,
): boolean {
  const at = row * ROW_WORDS;
  return (
    rows[at + Field.State] === TcpState.Established &&
    isKnown(rows, at, Direction.Original) &&
    isKnown(rows, at, Direction.Reply) &&
    // What lies outside is let pass as well, but leaves no trace.
    lastIndex(rows, at) === TcpIndex.Ack &&
    lastDirection(rows, at) === direction &&
    rows[at + TcpWord.LastSeq] === packet.seq &&
    rows[at + TcpWord.LastAck] === packet.ack
  );
}

function isKnown(rows: Int32Array, at: number, direction: DirectionCode): boolean {
  if (rows[at + sideAt(direction) + Side.MaxWindow] === 0) return false;
  return (sideFlags(rows, at, direction) & SideFlag.AckKnown) !== 0;
}

/** A side has unacknowledged data as long as the other one has not acknowledged all of it. */
function noteAcknowledged(rows: Int32Array, at: number, direction: DirectionCode): void {
  const end = rows[at + sideAt(direction) + Side.End];
  const acknowledged = rows[at + sideAt(1 - direction) + Side.MaxAck];
  const flags = sideFlags(rows, at, direction) & ~SideFlag.Unacknowledged;
  setSideFlags(rows, at, direction, end === acknowledged ? flags : flags | SideFlag.Unacknowledged);
}

/** True where a side has no room: a closed window is probed with one byte (`learnOfReceiver`). */
function closes(rows: Int32Array, at: number, direction: DirectionCode): boolean {
  const acknowledged = rows[at + sideAt(direction) + Side.MaxAck]!;
  return ((rows[at + sideAt(1 - direction) + Side.MaxEnd]! - acknowledged) | 0) <= 1;
}
