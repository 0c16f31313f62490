/**
 * conntrack: which connection a packet belongs to. Tuples, the flow table, the TCP, UDP, ICMP and
 * generic trackers, timeouts, expectations, events. Knows nothing of rule text, FTP or sockets.
 *
 * Invariants: a confirmed row stands in the index under both tuples; an unconfirmed one under none.
 * A row's `Id` is never zero while it is in use and differs from its earlier users'. Memory for rows
 * is reserved ahead and costs nothing until it is used; the index grows a little at a time. `track` is hot and allocates nothing for an established connection.
 */
export {
  CommandResult,
  type CommandResultCode,
  type EntryChange,
  EntryCommands,
  isPossibleTuple,
  type NewEntry,
} from './by-command.ts';
export { CarriedFlows, type FlowCarrier } from './carried.ts';
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
  ExpectFlag,
  ExpectResult,
  type ExpectResultCode,
  isExpectationOver,
  isSpan,
} from './expectation.ts';
export { ExpectationTable } from './expectations.ts';
export { Field } from './fields.ts';
export { givesWay, isOpening } from './giving-way.ts';
export { LABELS, Labels } from './labels.ts';
export { SctpWord, shownSctpTag } from './protocols/sctp-association.ts';
export { sctpStateNames } from './protocols/sctp-states.ts';
export { TrackReason, type TrackReasonCode, trackReasonNames } from './reasons.ts';
export { ConntrackSizeError } from './room.ts';
export {
  type ConntrackSettings,
  type ConntrackStats,
  defaultConntrackSettings,
} from './settings.ts';
export { SourceIndex } from './source-index.ts';
export type { FragmentLimits, SysctlSubject } from './sysctl-table.ts';
export {
  bucketsForMemory,
  readSysctl,
  type SysctlChange,
  SysctlError,
  type SysctlErrorCode,
  type SysctlSetting,
  sysctlNames,
  sysctlsOfStart,
  sysctlsOfTracker,
  writeSysctls,
} from './sysctls.ts';
export { ConntrackTable } from './table.ts';
export { CARRIED_WORDS, Spoke } from './tcp/carried-sides.ts';
export { TcpState, tcpStateNames } from './tcp/states.ts';
export { SideFlag as TcpSideFlag } from './tcp/words.ts';
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
