import type { Packet } from '../../wire/index.ts';
import { Direction, type DirectionCode } from '../constants.ts';
import { Field, ROW_WORDS } from '../fields.ts';
import { TcpIndex, TcpState } from './states.ts';
import {
  lastDirection,
  lastIndex,
  Side,
  SideFlag,
  setLastSeen,
  setRetransmissions,
  setSideFlags,
  sideAt,
  sideFlags,
  TcpWord,
} from './words.ts';

/** Both sides' words in the order of `Side`, original first. */
const SIDES_WORDS = 8;
/**
 * What is told of a connection whose segments pass without the tracker, taken over from whoever saw
 * them and handed back: both sides, then where the last segment that fitted the windows ended.
 */
export const CARRIED_WORDS = SIDES_WORDS + 1;

/** Beside the direction of the last segment elsewhere: one has been judged here since. */
export const NONE_SINCE = 2;

/** Of a window that is not closed; how wide it was does not matter to anybody. */
const OPEN_WINDOW = 1;

/** Copies these words of a row into `into`. */
export function copySides(rows: Int32Array, row: number, into: Int32Array): void {
  const at = row * ROW_WORDS;
  for (let i = 0; i < SIDES_WORDS; i++) into[i] = rows[at + TcpWord.Sides + i]!;
  into[SIDES_WORDS] = rows[at + TcpWord.LastEnd]!;
}

/**
 * Puts into a row what was seen of both sides elsewhere, and what the tracker would remember beside
 * it. `spoke` is the direction of the last segment there, a plain one; with `NONE_SINCE` one has been
 * judged here since, so that nothing is to be taken but what has changed all the same.
 */
export function takeSides(rows: Int32Array, row: number, sides: Int32Array, spoke: number): void {
  const at = row * ROW_WORDS;
  const hasMoved = moveSides(rows, at, sides);
  const end = sides[SIDES_WORDS]!;
  const isKnown = (spoke & NONE_SINCE) !== 0 && rows[at + TcpWord.LastEnd] === end;
  if (isKnown && !hasMoved) return;
  const direction = spoke & ~NONE_SINCE;
  setRetransmissions(rows, at, 0);
  // How long it was does not matter to anybody.
  rows[at + TcpWord.LastSeq] = end;
  rows[at + TcpWord.LastEnd] = end;
  rows[at + TcpWord.LastAck] = rows[at + sideAt(direction) + Side.MaxAck]!;
  const isClosed = closes(rows, at, Direction.Original) || closes(rows, at, Direction.Reply);
  setLastSeen(rows, at, isClosed ? 0 : OPEN_WINDOW, TcpIndex.Ack, direction);
}

/** True where any word is another one than before. */
function moveSides(rows: Int32Array, at: number, sides: Int32Array): boolean {
  const to = at + TcpWord.Sides;
  let hasMoved = false;
  for (let i = 0; i < SIDES_WORDS; i++) {
    if (rows[to + i] === sides[i]) continue;
    rows[to + i] = sides[i]!;
    hasMoved = true;
  }
  if (!hasMoved) return false;
  noteAcknowledged(rows, at, Direction.Original);
  noteAcknowledged(rows, at, Direction.Reply);
  return true;
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
