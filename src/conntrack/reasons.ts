/** Why the tracker calls a packet INVALID, or could not track it. */
export const TrackReason = {
  None: 0,
  Malformed: 1,
  Fragment: 2,
  BadTcpFlags: 3,
  BadChecksum: 4,
  /** No connection, and the segment cannot start one. */
  TcpInvalidNew: 5,
  /** The segment does not fit the connection's state. */
  TcpInvalidState: 6,
  IcmpNotAQuery: 7,
  IcmpErrorUnmatched: 8,
  TableFull: 9,
} as const;
export type TrackReasonCode = (typeof TrackReason)[keyof typeof TrackReason];

export const trackReasonNames: readonly string[] = [
  '',
  'invalid-malformed',
  'invalid-fragment',
  'invalid-tcp-flags',
  'invalid-checksum',
  'invalid-tcp-new',
  'invalid-tcp-state',
  'invalid-icmp-no-query',
  'invalid-icmp-error-unmatched',
  'conntrack-table-full',
];
