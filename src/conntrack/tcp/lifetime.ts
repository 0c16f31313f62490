import { Status } from '../constants.ts';
import { Field, ROW_WORDS } from '../fields.ts';
import { TcpTimeout, type Timeouts } from '../timeouts.ts';
import { TcpIndex, TcpState } from './states.ts';
import { lastWindow, retransmissions, SideFlag, TcpWord } from './words.ts';

/**
 * How many seconds a connection lives that is in `state` after a segment of kind `index`: the
 * state's own timeout, but less where somebody seems to be gone (nf_conntrack_tcp_packet).
 */
export function tcpLifetime(
  rows: Int32Array,
  row: number,
  state: number,
  index: number,
  timeouts: Timeouts,
  maxRetransmissions: number,
): number {
  const { tcp } = timeouts;
  const at = row * ROW_WORDS;
  const ofState = tcp[state]!;
  const ofRetransmission = tcp[TcpTimeout.MaxRetrans]!;
  const ofSilence = tcp[TcpTimeout.Unacknowledged]!;
  let seconds = ofState;
  if (retransmissions(rows, at) >= maxRetransmissions && ofState > ofRetransmission) {
    seconds = ofRetransmission;
  } else if (index === TcpIndex.Rst) {
    seconds = tcp[TcpState.Close]!;
  } else if (isUnacknowledged(rows, at) && ofState > ofSilence) {
    seconds = ofSilence;
  } else if (lastWindow(rows, at) === 0 && ofState > ofRetransmission) {
    seconds = ofRetransmission;
  }
  // Picked up in mid-stream and not yet answered: no five days for that.
  const isUnanswered = (rows[at + Field.Status]! & Status.SeenReply) === 0;
  if (isUnanswered && state === TcpState.Established && seconds > ofSilence) return ofSilence;
  return seconds;
}

function isUnacknowledged(rows: Int32Array, at: number): boolean {
  const both = SideFlag.Unacknowledged | (SideFlag.Unacknowledged << 8);
  return (rows[at + TcpWord.FlagsAndScales]! & both) !== 0;
}
