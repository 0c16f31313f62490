import type { Packet } from '../../wire/index.ts';
import { Direction, type DirectionCode } from '../constants.ts';
import { Field, ROW_WORDS } from '../fields.ts';
import { TcpIndex, TcpState } from './states.ts';
import {
  addSideFlag,
  lastDirection,
  lastFlags,
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

/**
 * What whoever carries a TCP connection tells beside its sides, as bits: 0 where the last segment was
 * a plain one of the original direction.
 */
export const Spoke = {
  /** The last segment was of the reply direction. */
  Reply: 1,
  /** One has been judged here since. */
  NoneSince: 2,
  /** The last segment was a FIN. */
  Fin: 4,
  /** States that the connection has come to there. */
  FinWait: 8,
  CloseWait: 16,
  LastAck: 32,
  TimeWait: 64,
  /** Which direction's FIN was the first. */
  ClosedByOriginal: 128,
  ClosedByReply: 256,
} as const;

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
 * it. `spoke` tells of the last segment there (`Spoke`); where one has been judged here since, nothing is
 * to be taken but what has changed all the same.
 */
export function takeSides(rows: Int32Array, row: number, sides: Int32Array, spoke: number): void {
  const at = row * ROW_WORDS;
  const hasMoved = moveSides(rows, at, sides);
  const end = sides[SIDES_WORDS]!;
  const isKnown = (spoke & Spoke.NoneSince) !== 0 && rows[at + TcpWord.LastEnd] === end;
  if (isKnown && !hasMoved) return;
  const direction = spoke & Spoke.Reply;
  const index = (spoke & Spoke.Fin) !== 0 ? TcpIndex.Fin : TcpIndex.Ack;
  setRetransmissions(rows, at, 0);
  // How long it was does not matter to anybody.
  rows[at + TcpWord.LastSeq] = end;
  rows[at + TcpWord.LastEnd] = end;
  rows[at + TcpWord.LastAck] = rows[at + sideAt(direction) + Side.MaxAck]!;
  const isClosed = closes(rows, at, Direction.Original) || closes(rows, at, Direction.Reply);
  setLastSeen(rows, at, isClosed ? 0 : OPEN_WINDOW, index, direction);
}

/** States that only whoever carries a connection has seen it come to. */
const CLOSING = Spoke.FinWait | Spoke.CloseWait | Spoke.LastAck | Spoke.TimeWait;

/** Whether a connection has been closed further elsewhere than it is here. */
export function isClosedFurther(state: number, spoke: number): boolean {
  return (spoke & CLOSING) !== 0 && nextClosing(state, spoke) >= 0;
}

/** The first state behind `state` that a connection has come to elsewhere; -1: none. */
export function nextClosing(state: number, spoke: number): number {
  for (let next: number = TcpState.FinWait; next <= TcpState.TimeWait; next++) {
    if (next > state && (spoke & (Spoke.FinWait << (next - TcpState.FinWait))) !== 0) return next;
  }
  return -1;
}

/** Notes whose FIN was the first. */
export function noteCloser(rows: Int32Array, row: number, spoke: number): void {
  const at = row * ROW_WORDS;
  if (spoke & Spoke.ClosedByOriginal) addSideFlag(rows, at, Direction.Original, SideFlag.CloseInit);
  if (spoke & Spoke.ClosedByReply) addSideFlag(rows, at, Direction.Reply, SideFlag.CloseInit);
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

/**
 * True right behind the SYN/ACK of a connection of which both sides are known, and that is complete with
 * the originator's ACK: not where two SYNs have crossed.
 */
export function hasBothSides(rows: Int32Array, row: number): boolean {
  const at = row * ROW_WORDS;
  return (
    rows[at + Field.State] === TcpState.SynRecv &&
    lastIndex(rows, at) === TcpIndex.SynAck &&
    lastDirection(rows, at) === Direction.Reply &&
    (lastFlags(rows, at) & SideFlag.SimultaneousOpen) === 0 &&
    rows[at + sideAt(Direction.Original) + Side.MaxWindow] !== 0 &&
    (sideFlags(rows, at, Direction.Original) & SideFlag.AckKnown) === 0 &&
    isKnown(rows, at, Direction.Reply)
  );
}

/**
 * Notes as the originator's highest acknowledgement what lies before all that it may acknowledge: a
 * word that is read here only under `SideFlag.AckKnown`, but elsewhere always.
 */
export function noteUnopened(rows: Int32Array, row: number): void {
  const at = row * ROW_WORDS;
  const end = rows[at + sideAt(Direction.Reply) + Side.End]!;
  rows[at + sideAt(Direction.Original) + Side.MaxAck] = (end - 1) | 0;
}

/** The originator has acknowledged something now. */
export function noteOpened(rows: Int32Array, row: number): void {
  addSideFlag(rows, row * ROW_WORDS, Direction.Original, SideFlag.AckKnown);
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
