/** What happens to a PORT or EPRT that names somebody else's address. */
export const bounceActions = ['reject', 'drop', 'reset', 'pass'] as const;
/**
 * `reject`: the verb is overwritten in place, so that the server itself answers 500 and the session
 * goes on. `drop`: the segment never arrives. `reset`: both ends get a reset. `pass`: it goes on
 * untouched, as with the kernel's helper. A pinhole is opened in none of these cases.
 */
export type BounceAction = (typeof bounceActions)[number];

export interface FtpPolicy {
  readonly bounce: BounceAction;
}

export const defaultFtpPolicy: FtpPolicy = { bounce: 'reject' };

/** Why an announcement opens nothing. The grammar's own findings keep their own names. */
export const RefusalReason = {
  AddressMismatch: 'address-mismatch',
  AlreadyExpected: 'already-expected',
  ExpectationTableFull: 'expectation-table-full',
  NoFreePort: 'no-free-port',
  SplitLine: 'split-line',
  LineTooLong: 'line-too-long',
  /** Picked up in mid-stream, or behind lost segments: this may be the middle of a line. */
  LineStartUnknown: 'line-start-unknown',
  /** Only one direction of the control connection has been seen. */
  Unanswered: 'unanswered',
} as const;

/** One refused announcement, for events, logs and counters. */
export interface FtpRefusal {
  readonly row: number;
  /** `PORT`, `EPRT`, `227` or `229`. */
  readonly kind: string;
  readonly reason: string;
  /** The line as it stood on the wire, without its end, control characters escaped. */
  readonly line: string;
  /** What was done about it in the end. */
  readonly action: BounceAction;
}

export interface FtpListener {
  announcementRefused(refusal: FtpRefusal): void;
}
