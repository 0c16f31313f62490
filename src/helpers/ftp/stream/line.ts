const nothing = new Uint8Array(0);

/** A line as the judge of its direction gets it. One object per relay, filled anew for each line. */
export class StreamLine {
  bytes: Uint8Array = nothing;
  /** What has come of the line is [start, end) of `bytes`, its LF included. */
  start = 0;
  end = 0;
  /** Sequence number of its first byte, in the sender's own numbers. */
  seq = 0;
  /** It ends in LF. Otherwise it has grown too long, or the stream has ended within it. */
  isWhole = false;
  isTooLong = false;
  /** It is sure that a line begins here. */
  isCertain = false;
  /** Bytes of it that have gone on already: 0 for a line that was held, or came in one piece. */
  passed = 0;
  /** Set by the judge with `LineVerdict.Replace`: goes on in place of what has not passed yet. */
  replacement: Uint8Array = nothing;
}

/** What becomes of a line, or of what has not yet passed of it. */
export const LineVerdict = {
  Pass: 0,
  /** `line.replacement` goes on instead; empty: the line is taken out, and acknowledged to its sender. */
  Replace: 1,
  /** Nothing goes on any more: both ends are to be reset. */
  Reset: 2,
} as const;
export type LineVerdictCode = (typeof LineVerdict)[keyof typeof LineVerdict];

/** Decides about every line of one direction, each once, in the order of the stream. */
export interface LineJudge {
  /** The longest line that is read at present, in bytes with its end. */
  readonly maxLine: number;
  /**
   * True where an unfinished line may, when its rest has come, have to be replaced or stopped. Its
   * bytes are then kept back, and acknowledged to the sender so that it goes on.
   */
  mustHold(line: StreamLine): boolean;
  /** Called for every whole line, for a line that grows too long (once), and for an unfinished last one. */
  judge(line: StreamLine): LineVerdictCode;
  /**
   * Bytes of an encrypted stream, in order: see `Relay.readsLines`. The offset at which lines begin
   * again, with that switched on, or -1.
   */
  encrypted(bytes: Uint8Array, start: number, end: number): number;
  /**
   * Bytes of a line that is too long, behind what `judge` has seen of it and let pass. False: both
   * ends are to be reset.
   */
  passesRest?(bytes: Uint8Array, at: number, end: number): boolean;
}
