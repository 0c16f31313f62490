/** A line as it is presented: one object per helper, filled anew for each line. */
export class LineInHand {
  bytes: Uint8Array = new Uint8Array(0);
  /** The line, its end included, is [start, end) of `bytes`. */
  start = 0;
  end = 0;
  /** Sequence number of its first byte. */
  seq = 0;
  /** Bytes of it that went on in earlier segments. */
  carried = 0;

  set(bytes: Uint8Array, start: number, end: number, seq: number, carried: number): void {
    this.bytes = bytes;
    this.start = start;
    this.end = end;
    this.seq = seq | 0;
    this.carried = carried;
  }
}
