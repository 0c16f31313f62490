/** Totals since the start. Doubles: they count past 2^32 without boxing in a stable object. */
export interface CaptureStats {
  /** Frames that came in, and frames that this host itself sent. */
  received: number;
  observed: number;
  /** Ways out: frames by `cap`, packets by the raw socket, packets handed to this host. */
  sentFrames: number;
  sentRaw: number;
  delivered: number;
  /** Answers made by the engine. */
  emitted: number;
  /** Super-frames cut, and the segments they became. */
  superFrames: number;
  segments: number;
  /** Fragments made of what was too long for the way out, or had come in fragments. */
  fragments: number;
  /** Checksums that a virtual link had left open. */
  completedChecksums: number;
  /** Dropped here: impossible addresses; too big to send and not to be cut; no way; while overloaded. */
  martians: number;
  unsegmentable: number;
  unsendable: number;
  shed: number;
  /** Frames longer than a slot of the capture ring. */
  truncated: number;
  sendFailures: number;
  /** Exceptions caught in the packet callback. */
  faults: number;
  /** Times a capture handle was closed because its interface went down or changed. */
  reopened: number;
}

export function newStats(): CaptureStats {
  return {
    received: 0,
    observed: 0,
    sentFrames: 0,
    sentRaw: 0,
    delivered: 0,
    emitted: 0,
    superFrames: 0,
    segments: 0,
    fragments: 0,
    completedChecksums: 0,
    martians: 0,
    unsegmentable: 0,
    unsendable: 0,
    shed: 0,
    truncated: 0,
    sendFailures: 0,
    faults: 0,
    reopened: 0,
  };
}
