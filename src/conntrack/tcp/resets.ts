import type { Packet } from '../../wire/index.ts';
import { Direction, type DirectionCode, Status } from '../constants.ts';
import { Field, ROW_WORDS } from '../fields.ts';
import { TcpIndex, TcpState } from './states.ts';
import {
  isBefore,
  lastDirection,
  lastIndex,
  Side,
  SideFlag,
  sideAt,
  sideFlags,
  TcpWord,
} from './words.ts';

/** What is to be thought of a reset. */
export const ResetVerdict = {
  /** It closes the connection, if it lies in the window. */
  Closes: 0,
  /** It closes the connection, wherever it lies. */
  ClosesAnyway: 1,
  /** Its end may ask back with a challenge ACK (RFC 5961 section 3.2): nothing is closed yet. */
  Questionable: 2,
  Refused: 3,
} as const;
export type ResetVerdictCode = (typeof ResetVerdict)[keyof typeof ResetVerdict];

/**
 * Weighs a reset before its window is looked at: nf_conntrack_tcp_packet() of
 * nf_conntrack_proto_tcp.c, case TCP_CONNTRACK_CLOSE.
 */
export function weighReset(
  rows: Int32Array,
  row: number,
  direction: DirectionCode,
  packet: Packet,
  ignoreInvalid: boolean,
): ResetVerdictCode {
  const at = row * ROW_WORDS;
  // The ends may use the ports for something new by now, of which the windows know nothing.
  if (isClosing(rows[at + Field.State]!)) return ResetVerdict.ClosesAnyway;
  const receiver = 1 - direction;
  const isAckKnown = (sideFlags(rows, at, receiver) & SideFlag.AckKnown) !== 0;
  // Behind a SYN that was let pass the acknowledgements may be those of before.
  if (isAckKnown && lastIndex(rows, at) !== TcpIndex.Syn) {
    return weighByAck(rows, at, direction, packet, ignoreInvalid);
  }
  return answersWhatPassed(rows, at, direction, packet)
    ? ResetVerdict.ClosesAnyway
    : ResetVerdict.Closes;
}

function isClosing(state: number): boolean {
  return state >= TcpState.FinWait && state <= TcpState.Close;
}

/** A believable reset bears the number that its receiver expects, which is what it acknowledged. */
function weighByAck(
  rows: Int32Array,
  at: number,
  direction: number,
  packet: Packet,
  ignoreInvalid: boolean,
): ResetVerdictCode {
  const { seq } = packet;
  const isAssured = (rows[at + Field.Status]! & Status.Assured) !== 0;
  const isEstablished = isAssured && rows[at + Field.State] === TcpState.Established;
  // Number 0 before that is the answer to a SYN that was let pass.
  if (seq === 0 && !isEstablished) return ResetVerdict.Closes;
  const expected = rows[at + sideAt(1 - direction) + Side.MaxAck]!;
  if (isBefore(seq, expected) && !ignoreInvalid) return ResetVerdict.Refused;
  if (!isEstablished || seq === expected) return ResetVerdict.Closes;
  // Right behind data of the same sender, which is under way to the receiver.
  const followsData =
    lastIndex(rows, at) === TcpIndex.Ack &&
    lastDirection(rows, at) === direction &&
    seq === rows[at + TcpWord.LastEnd];
  return followsData ? ResetVerdict.Closes : ResetVerdict.Questionable;
}

/** True of the answer to a SYN, an ACK or a challenge ACK that was let pass without a check. */
function answersWhatPassed(
  rows: Int32Array,
  at: number,
  direction: number,
  packet: Packet,
): boolean {
  const status = rows[at + Field.Status]!;
  const last = lastIndex(rows, at);
  const passed =
    last === TcpIndex.Syn
      ? (status & Status.SeenReply) !== 0 && lastDirection(rows, at) !== direction
      : last === TcpIndex.Ack && (status & Status.Assured) === 0;
  if (passed && packet.ack === rows[at + TcpWord.LastEnd]) return true;
  return (
    last === TcpIndex.Ack &&
    rows[at + Field.State] === TcpState.SynSent &&
    lastDirection(rows, at) === Direction.Reply &&
    packet.seq === rows[at + TcpWord.LastAck]
  );
}
