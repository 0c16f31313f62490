/**
 * What the raw table has settled about a packet before it is tracked (the conntrack template of
 * xt_CT). A connection that this packet starts takes it over; for one that exists only the zones
 * count. One reused object.
 */
export class Template {
  /** Zones of the two directions of the connection, see `CT --zone`. */
  originalZone = 0;
  replyZone = 0;
  /** Number in `TimeoutSets`. */
  timeoutSet = 0;

  clear(): void {
    this.originalZone = 0;
    this.replyZone = 0;
    this.timeoutSet = 0;
  }
}
