/** Why the tracker calls a packet INVALID, or could not track it. */
export const TrackReason = {
  None: 0,
  /** A transport header that is cut off or lies about its lengths. */
  Malformed: 1,
  /** A fragment that could not be put together with its fellows. */
  Fragment: 2,
  BadTcpFlags: 3,
  BadChecksum: 4,
  /** No connection, and the segment cannot start one. */
  TcpInvalidNew: 5,
  /** The segment does not fit the connection's state. */
  TcpInvalidState: 6,
  IcmpNotAQuery: 7,
  /** No connection with the tuple that the error quotes. */
  IcmpErrorUnmatched: 8,
  TableFull: 9,
  /** Sequence number beyond the receiver's window. */
  TcpSeqOver: 10,
  /** The acknowledgement is of data that was never sent. */
  TcpAckOver: 11,
  /** The acknowledgement is of data far behind. */
  TcpAckUnder: 12,
  /** Sequence number far behind the window. */
  TcpSeqUnder: 13,
  /** A reset whose sequence number does not fit. */
  TcpBadReset: 14,
  /** The outer address of an ICMP error is not that of the connection's end. */
  IcmpErrorMisdirected: 15,
  /** What an ICMP error quotes is too short or no datagram. */
  IcmpErrorUnreadable: 16,
  /** An SCTP chunk that does not fit the association, or its verification tag. */
  SctpInvalid: 17,
  /** A query's answer without the query. */
  IcmpUnasked: 18,
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
  'invalid-tcp-seq-over',
  'invalid-tcp-ack-over',
  'invalid-tcp-ack-under',
  'invalid-tcp-seq-under',
  'invalid-tcp-reset',
  'invalid-icmp-error-misdirected',
  'invalid-icmp-error-unreadable',
  'invalid-sctp',
  'invalid-icmp-unasked',
];
