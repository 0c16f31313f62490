import type { Packet } from '../../wire/index.ts';
import { Direction, type DirectionCode } from '../constants.ts';
import { Field } from '../fields.ts';
import { segmentEnd } from './begin.ts';
import { offeredFlags, offeredOptions, offeredScale } from './options.ts';
import { TcpIndex, TcpState, tcpIndex } from './states.ts';
import {
  lastDirection,
  lastFlags,
  lastIndex,
  lastScale,
  lastWindow,
  Side,
  SideFlag,
  setLastFlags,
  setLastScale,
  setLastSeen,
  setSideFlags,
  setSideScale,
  sideAt,
  sideFlags,
  TcpWord,
} from './words.ts';

/**
 * Segments that are let pass although they do not fit the state: nf_conntrack_tcp_packet() of
 * nf_conntrack_proto_tcp.c, case TCP_CONNTRACK_IGNORE. `at` is where the row begins.
 */

/** Keeps of an ignored segment what its answer will be held against. */
export function rememberIgnored(
  rows: Int32Array,
  at: number,
  direction: DirectionCode,
  packet: Packet,
): void {
  const index = tcpIndex(packet.tcpFlags);
  const state = rows[at + Field.State];
  rows[at + TcpWord.LastSeq] = packet.seq;
  rows[at + TcpWord.LastEnd] = segmentEnd(packet);
  setLastSeen(rows, at, packet.window, index, direction);
  if (index === TcpIndex.Syn && direction === Direction.Original) {
    rememberOffer(rows, at, packet, state === TcpState.LastAck);
  }
  // Perhaps a challenge ACK: a reset that follows it bears this number.
  if (index === TcpIndex.Ack && direction === Direction.Reply && state === TcpState.SynSent) {
    rows[at + TcpWord.LastAck] = packet.ack;
  }
}

function rememberOffer(rows: Int32Array, at: number, packet: Packet, mayChallenge: boolean): void {
  const offer = Math.max(offeredOptions(packet), 0);
  // The answer to a SYN in LAST_ACK may be an ACK that is not that of the last FIN.
  const challenge = mayChallenge ? SideFlag.ChallengeExpected : 0;
  setLastFlags(rows, at, offeredFlags(offer) | challenge);
  setLastScale(rows, at, offeredScale(offer));
}

/** True of a SYN/ACK that acknowledges an ignored SYN: then the two ends are in step. */
export function answersIgnoredSyn(
  rows: Int32Array,
  at: number,
  direction: DirectionCode,
  packet: Packet,
): boolean {
  return (
    tcpIndex(packet.tcpFlags) === TcpIndex.SynAck &&
    lastIndex(rows, at) === TcpIndex.Syn &&
    lastDirection(rows, at) !== direction &&
    packet.ack === rows[at + TcpWord.LastEnd]
  );
}

/**
 * Gets into step with the ends: the side that sent the ignored SYN begins with it, the other one,
 * whose SYN/ACK came in `direction`, with what follows.
 */
export function resync(rows: Int32Array, at: number, direction: DirectionCode): void {
  const opener = 1 - direction;
  const side = at + sideAt(opener);
  const window = lastWindow(rows, at);
  rows[side + Side.End] = rows[at + TcpWord.LastEnd]!;
  rows[side + Side.MaxEnd] = rows[at + TcpWord.LastEnd]!;
  rows[side + Side.MaxWindow] = window === 0 ? 1 : window;
  const flags = lastFlags(rows, at) & ~SideFlag.ChallengeExpected;
  setLastFlags(rows, at, flags);
  setSideFlags(rows, at, opener, flags);
  setSideScale(rows, at, opener, lastScale(rows, at));
  forget(rows, at, direction);
}

function forget(rows: Int32Array, at: number, direction: number): void {
  const side = at + sideAt(direction);
  rows[side + Side.End] = 0;
  rows[side + Side.MaxEnd] = 0;
  rows[side + Side.MaxWindow] = 0;
  rows[side + Side.MaxAck] = 0;
  setSideScale(rows, at, direction, 0);
  setSideFlags(rows, at, direction, sideFlags(rows, at, direction) & SideFlag.BeLiberal);
}

/**
 * True of the ACK that challenges a SYN which was ignored in LAST_ACK (RFC 5961 section 4): it does
 * not acknowledge the last FIN. It is expected once.
 */
export function acceptChallenge(
  rows: Int32Array,
  at: number,
  direction: DirectionCode,
  index: number,
): boolean {
  const flags = lastFlags(rows, at);
  const isChallenge =
    index === TcpIndex.Ack &&
    lastDirection(rows, at) !== direction &&
    lastIndex(rows, at) === TcpIndex.Syn &&
    (flags & SideFlag.ChallengeExpected) !== 0;
  if (isChallenge) setLastFlags(rows, at, flags & ~SideFlag.ChallengeExpected);
  return isChallenge;
}
