import { TUPLE_WORDS } from './tuple.ts';

/**
 * Layout of one connection row in the table's Int32Array. Everything that an established packet
 * touches lies together; the tuples come first because every lookup reads them. The words from
 * `Track` on belong to the tracker of the row's protocol, which may give them other names.
 *
 * A row is 33 words: with counters and its share of the indexes, a connection takes 203 bytes. One of
 * IPv6 takes 251, for the rest of its addresses, which stand beside the rows.
 */
export const Field = {
  /** Original tuple, as the first packet came in. */
  Original: 0,
  /** Reply tuple, as the answers come in: differs from the inverse only under NAT. */
  Reply: TUPLE_WORDS,
  /** `Status` bits. */
  Status: 8,
  /** When it is over, in the clock's wrapping milliseconds: see `table.isOver`. */
  ExpiresAt: 9,
  /** State number of protocols that have states, else 0. */
  State: 10,
  Mark: 11,
  /** Row of the master connection, -1 for none. */
  MasterRow: 12,
  /** `Id` of the master when the link was made: a reused row does not match it. */
  MasterId: 13,
  /** Helpers, masquerading interface, number of the timeouts: see `table.helper` and its neighbours. */
  Attached: 14,
  /** Living connections that name this one as their master. */
  Children: 15,
  /** Never zero while the row is in use; tells successive users of one row apart. */
  Id: 16,
  StartSec: 17,
  /** Next row in the chain of connections with the same hash of their source; while free, next free. */
  Next: 18,
  /** First of the words that belong to the tracker of the protocol. */
  Track: 19,
} as const;

/** Words that a protocol's tracker has to itself. */
export const TRACK_WORDS = 14;
export const ROW_WORDS = Field.Track + TRACK_WORDS;
/** Counters of a row: packets and bytes, original then reply. */
export const COUNTERS_PER_ROW = 4;
