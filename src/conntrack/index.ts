/**
 * conntrack: which connection a packet belongs to. Tuples, the flow table, the TCP, UDP, ICMP and
 * generic trackers, timeouts, expectations, events. Knows nothing of rule text, FTP or sockets.
 *
 * Invariants: a confirmed row stands in the index under both tuples; an unconfirmed one under none.
 * A row's `Id` is never zero while it is in use and differs from its earlier users'. All memory is
 * taken at construction. `track` is hot and allocates nothing for an established connection.
 */
export {
  CtStateBit,
  Direction,
  type DirectionCode,
  Status,
} from './constants.ts';
export type { ConntrackListener } from './events.ts';
export {
  type Expectation,
  type ExpectationDraft,
  ExpectationTable,
  ExpectResult,
  type ExpectResultCode,
} from './expectations.ts';
export { Field } from './fields.ts';
export { TrackReason, type TrackReasonCode, trackReasonNames } from './reasons.ts';
export {
  type ConntrackSettings,
  type ConntrackStats,
  defaultConntrackSettings,
} from './settings.ts';
export { ConntrackTable } from './table.ts';
export { TcpState, tcpStateNames } from './tcp/states.ts';
export { Template } from './template.ts';
export { type TimeoutOverrides, TimeoutSets } from './timeout-sets.ts';
export {
  defaultTimeouts,
  LONGEST_TIMEOUT_SEC,
  SctpState,
  TcpTimeout,
  type Timeouts,
} from './timeouts.ts';
export type { SequenceOffsets } from './tracked.ts';
export { Conntrack } from './tracker.ts';
export { Tuple } from './tuple.ts';
