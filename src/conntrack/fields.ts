import { TUPLE_WORDS } from './tuple.ts';

/**
 * Layout of one connection row in the table's Int32Array. Everything that an established packet
 * touches lies together; the tuples come first because every lookup reads them. The words from
 * `Track` on belong to the tracker of the row's protocol, which may give them other names.
 *
 * A row is 34 words: with counters and its share of the indexes, a connection takes 207 bytes. One of
 * IPv6 takes 255, for the rest of its addresses, which stand beside the rows.
 */
export const Field = {
  /** Original tuple, as the first packet came in. */
  Original: 0,
  /** Reply tuple, as the answers come in: differs from the inverse only under NAT. */
  Reply: TUPLE_WORDS,
  /** Where the rest of IPv6 addresses stands, see `WideWords`; 0 where there is none. */
  WideSlot: 8,
  /** `Status` bits. */
  Status: 9,
  /** When it is over, in the clock's wrapping milliseconds: see `table.isOver`. */
  ExpiresAt: 10,
  /** State number of protocols that have states, else 0. */
  State: 11,
  Mark: 12,
  /** Row of the master connection, -1 for none. */
  MasterRow: 13,
  /** `Id` of the master when the link was made: a reused row does not match it. */
  MasterId: 14,
  /** Helpers, masquerading interface, number of the timeouts: see `table.helper` and its neighbours. */
  Attached: 15,
  /** Living connections that name this one as their master. */
  Children: 16,
  /** Never zero while the row is in use; tells successive users of one row apart. */
  Id: 17,
  StartSec: 18,
  /** Next row in the chain of connections with the same hash of their source; while free, next free. */
  Next: 19,
  /** First of the words that belong to the tracker of the protocol. */
  Track: 20,
} as const;

/** Words that a protocol's tracker has to itself. */
export const TRACK_WORDS = 14;
export const ROW_WORDS = Field.Track + TRACK_WORDS;
/** Counters of a row: packets and bytes, original then reply. */
export const COUNTERS_PER_ROW = 4;
