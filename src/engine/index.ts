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
export {
  type FlowGate,
  type FlowLedger,
  type FlowOffer,
  GateAction,
  type GateActionCode,
} from './flow-gate.ts';
export { defaultFragmentSettings, type FragmentSettings, IpFragmenter } from './fragments/index.ts';
export type { HomeWatch } from './home-connections.ts';
export { adoptFlow, adoptWindows, type LeftFlow } from './left-flows.ts';
export type { EngineListener } from './listener.ts';
export type { NflogRecord, NflogSink } from './nflog.ts';
export { type EngineCounters, type EngineParts, Outcome, type OutcomeCode } from './parts.ts';
export {
  equals,
  neverHolds,
  type PolicyAction,
  type PolicyCondition,
  type PolicyPrefix,
  type PolicyRule,
  prefixConditions,
} from './policy-rules.ts';
export { type PacketOutput, RouteKind, type RouteKindCode, type Routes } from './ports.ts';
export { DROP_REASONS, DropReason, dropReasonName, trackReasonName } from './reasons.ts';
export { RouteAnswer } from './route-answer.ts';
export type { RouteEntry } from './route-entry.ts';
export { KeyWord } from './route-key.ts';
export { RouteTable } from './route-table.ts';
export {
  type ChecksumPolicy,
  checksumPolicies,
  defaultEngineSettings,
  type EngineSettings,
} from './settings.ts';
