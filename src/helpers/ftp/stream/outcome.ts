/** What `Relay.take` has done about a segment. */
export const RelayOutcome = {
  Unchanged: 0,
  Changed: 1,
  /**
   * Nothing of its payload goes on: see `Relay.promisedAck`. What is left of the segment is an
   * acknowledgement: see `Relay.leavesAck`.
   */
  Hold: 2,
  /** Its sender is to send it again. */
  Drop: 3,
  /** The judge wants both ends to be reset. */
  Reset: 4,
} as const;
export type RelayOutcomeCode = (typeof RelayOutcome)[keyof typeof RelayOutcome];
