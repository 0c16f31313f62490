/**
 * engine: the hook pipeline. Raw, tracking, mangle, nat, routing, filter, helper, sequence
 * adjustment, confirmation, in netfilter's order; answers (resets, ICMP errors) made here. Declares
 * the ports that datapaths implement, and knows none of them.
 *
 * Invariants: one verdict a packet; every drop has a reason and is counted under it; a dropped first
 * packet leaves no connection; rules are swapped between packets, never during one. Hot.
 */
export { Engine } from './engine.ts';
export { Flight } from './flight.ts';
export { defaultFragmentSettings, type FragmentSettings, IpFragmenter } from './fragments/index.ts';
export type { EngineListener } from './listener.ts';
export type { NflogRecord, NflogSink } from './nflog.ts';
export { type EngineCounters, type EngineParts, Outcome, type OutcomeCode } from './parts.ts';
export { type PacketOutput, RouteKind, type RouteKindCode, type Routes } from './ports.ts';
export { DROP_REASONS, DropReason, dropReasonName, trackReasonName } from './reasons.ts';
export { type RouteEntry, RouteTable } from './route-table.ts';
export {
  type ChecksumPolicy,
  checksumPolicies,
  defaultEngineSettings,
  type EngineSettings,
} from './settings.ts';
