import type { Packet } from '../wire/index.ts';
import type { DirectionCode } from './constants.ts';
import type { TrackReasonCode } from './reasons.ts';
import type { Timeouts } from './timeouts.ts';

/** What a protocol's tracker says of a packet of a connection. */
export const Tracked = {
  /** Part of the connection; state unchanged. */
  Ok: 0,
  /** Part of the connection; something that its listeners are told of changed. */
  Changed: 1,
  /** Not part of it; `reason` says why. */
  Invalid: 2,
  /** The old connection is over and this packet starts a new one on the same tuple. */
  Reopen: 3,
  /** Part of the connection, which ends with it. */
  Ends: 4,
  /**
   * Let pass as part of the connection, which takes no notice of it: neither its time nor its counters
   * move (where the kernel accepts without nf_ct_refresh_acct).
   */
  Uncounted: 6,
  /** To be dropped at once, without asking any rule. */
  Drop: 5,
} as const;
export type TrackedCode = (typeof Tracked)[keyof typeof Tracked];

/**
 * The state machine of one protocol. It keeps what it must remember in the row's own words (from
 * `Field.Track` on) and sets state, timeout and ASSURED there. Hot: allocates nothing.
 */
export interface ProtocolTracker {
  /** Why the last packet was Invalid. */
  readonly reason: TrackReasonCode;
  /** Why a packet that belongs to no connection may not start one, or `TrackReason.None`. */
  startRefusal(packet: Packet): TrackReasonCode;
  /** Prepares the row of a new connection; its first packet goes through `follow` afterwards. */
  start(row: number, packet: Packet): void;
  /** A packet of the row's connection in a direction; the row may be unconfirmed yet. */
  follow(row: number, direction: DirectionCode, packet: Packet, timeouts: Timeouts): TrackedCode;
}

/**
 * Sequence numbers under a translation that changes lengths. The tracker sees each segment as its
 * sender made it, so acknowledgements of the other side must be taken back to the numbers of the
 * side whose data they acknowledge (nf_ct_seq_offset).
 */
export interface SequenceOffsets {
  /**
   * What to subtract from an acknowledgement number that was sent in `direction`, so that it speaks
   * of the numbers that the other end has sent. 0 where nothing is adjusted.
   */
  ackOffset(row: number, direction: DirectionCode, ack: number): number;
}
