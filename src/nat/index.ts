/**
 * nat: address and port translation. Bindings (kept in a connection's tuples), the choice of a free
 * tuple, header and payload rewriting, sequence adjustment. Knows neither rule text nor FTP.
 *
 * Invariants: a connection is bound once per side, before it is confirmed; every rewrite leaves the
 * checksums right if they were right before. `translate` is hot and allocates nothing.
 */
export { Nat } from './binding.ts';
export { followMaster } from './follow-master.ts';
export { ErrorNat, IcmpErrorNat } from './icmp-error.ts';
export { hasPorts, Manip, type ManipCode, PinnedRange } from './ranges.ts';
export {
  clearTcpFlag,
  overwritePayload,
  replacePayload,
  replaceSegment,
  replaceSequence,
} from './replace-payload.ts';
export { rewriteDestination, rewriteSource } from './rewrite.ts';
export { SeqAdjust, setAcknowledgement } from './seqadj.ts';
export { SeqAdjustTable } from './seqadj-table.ts';
