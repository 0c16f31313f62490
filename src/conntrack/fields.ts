import { TUPLE_WORDS } from './tuple.ts';

/**
 * Layout of one connection row in the table's Int32Array. Everything that an established packet
 * touches lies together; the tuples come first because every lookup reads them.
 */
export const Field = {
  /** Original tuple, as the first packet came in. */
  Original: 0,
  /** Reply tuple, as the answers come in: differs from the inverse only under NAT. */
  Reply: TUPLE_WORDS,
  Status: 20,
  ExpiresAtSec: 21,
  /** TCP state, see tcp-states.ts; 0 for other protocols. */
  State: 22,
  /** TCP: index and direction of the last packet (`last_index`, `last_dir` of struct ip_ct_tcp). */
  TcpLast: 23,
  /** UDP: second from which the stream timeout applies. */
  UdpStreamAtSec: 23,
  Mark: 24,
  /** Row of the master connection, -1 for none. */
  MasterRow: 25,
  /** `Id` of the master when the link was made: a reused row does not match it. */
  MasterId: 26,
  /** Helper of this connection, 0 for none. */
  Helper: 27,
  /** Helper of the master, kept here because the master may end first. */
  MasterHelper: 28,
  /** Living connections that name this one as their master. */
  Children: 29,
  /** Never zero while the row is in use; tells successive users of one row apart. */
  Id: 30,
  StartSec: 31,
  /** Reasons and flags the TCP tracker keeps per direction. */
  TcpFlags: 32,
  /** Interfaces of the first packet, for the screens. */
  InIf: 33,
  OutIf: 34,
  /** Next free row while the row is free. */
  NextFree: 35,
  /** TCP: sequence number behind the last ignored SYN (`last_end` of struct ip_ct_tcp). */
  TcpLastEnd: 36,
  /** Number of its timeouts in `TimeoutSets`, 0 for the general ones. */
  TimeoutSet: 37,
} as const;

/** Words of a row; the tail is room for window tracking. */
export const ROW_WORDS = 40;
/** Counters of a row: packets and bytes, original then reply. */
export const COUNTERS_PER_ROW = 4;
