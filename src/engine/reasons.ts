import { TrackReason, trackReasonNames } from '../conntrack/index.ts';

/** Why a packet was dropped. Every drop has one; 0 says that nothing was dropped. */
export const DropReason = {
  None: 0,
  /** A rule said DROP: `engine.decidedBy` names it. */
  RuleDrop: 1,
  /** A rule said REJECT. */
  RuleReject: 2,
  /** A chain's policy. */
  Policy: 3,
  /** The frame's IP header cannot be believed. */
  Malformed: 4,
  TtlExceeded: 5,
  NoRoute: 6,
  RouteProhibited: 7,
  RouteBlackhole: 8,
  /** Larger than the way out allows, and not to be fragmented. */
  TooBig: 9,
  /** MASQUERADE or REDIRECT on an interface without an address. */
  NoAddress: 10,
  /** No free port or tuple for the translation. */
  NatExhausted: 11,
  /** Another connection holds the tuple (insert_failed). */
  TupleClash: 12,
  TableFull: 13,
  HelperDrop: 14,
  HelperReset: 15,
  DamagedOptions: 16,
  /** A fragment that overlaps others; they go with it (RFC 5722). */
  FragmentOverlap: 17,
  /** An ICMP error of a translated connection that cannot be translated, or a redirect of one. */
  IcmpErrorUnderNat: 18,
  /** The tracker of the protocol wants the packet lost, so that its sender begins anew. */
  Tracker: 19,
  /** Fragments that cannot belong to one datagram: lengths, ECN fields, more than 65,535 bytes. */
  FragmentInvalid: 20,
  /** No memory left for fragments, or too many gaps in one datagram. */
  FragmentOverflow: 21,
  /** A fragment whose bytes are all here already. */
  FragmentDuplicate: 22,
  /** The rest of the datagram did not come in time. */
  FragmentTimeout: 23,
  /** The source has sent so much meanwhile that the identification may be of another datagram. */
  FragmentStale: 24,
  /** An IPv4 option by which the sender chooses the way. */
  SourceRoute: 25,
  /** Masqueraded with the address of another interface than it would leave by now. */
  MasqueradeMoved: 26,
  /** Neighbour discovery to another host than this. */
  ForeignDiscovery: 27,
} as const;
export type DropReasonCode = (typeof DropReason)[keyof typeof DropReason];

const names: readonly string[] = [
  '',
  'rule-drop',
  'rule-reject',
  'policy',
  'malformed',
  'ttl-exceeded',
  'no-route',
  'route-prohibited',
  'route-blackhole',
  'too-big',
  'no-address',
  'nat-exhausted',
  'tuple-clash',
  'conntrack-table-full',
  'ftp-blocked',
  'ftp-reset',
  'damaged-tcp-options',
  'fragment-overlap',
  'icmp-error-under-nat',
  'conntrack-drop',
  'fragment-invalid',
  'fragment-overflow',
  'fragment-duplicate',
  'fragment-timeout',
  'fragment-stale',
  'source-route',
  'masquerade-moved',
  'foreign-discovery',
];

export const DROP_REASONS = names.length;

/** The stable name of a drop reason. */
export function dropReasonName(code: number): string {
  return names[code] ?? `reason-${code}`;
}

/** The stable name of what the tracker found wrong; '' where it found nothing. */
export function trackReasonName(code: number): string {
  return trackReasonNames[code] ?? '';
}

export { TrackReason };
