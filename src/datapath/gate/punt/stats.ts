import type { CutStats } from '../../paths/index.ts';

/** Totals since the start. Doubles: they count past 2^32 without boxing in a stable object. */
export interface PuntStats extends CutStats {
  /** Frames that came in, and frames of this host's own. */
  received: number;
  observed: number;
  /** Ways out: straight out of an interface; through the pair, where the kernel finds the neighbour. */
  forwarded: number;
  viaPair: number;
  /** Up to this host, and back unchanged because they are none of the engine's business. */
  delivered: number;
  handedBack: number;
  /** Answers made by the engine. */
  emitted: number;
  /** Checksums that a virtual link had left open. */
  completedChecksums: number;
  /** Dropped here: impossible addresses; no way, or no room for one. */
  martians: number;
  unsendable: number;
  /** Exceptions caught per packet. */
  faults: number;
  /** Turns of the loop. */
  turns: number;
}

export function newPuntStats(): PuntStats {
  return {
    received: 0,
    observed: 0,
    forwarded: 0,
    viaPair: 0,
    delivered: 0,
    handedBack: 0,
    emitted: 0,
    superFrames: 0,
    segments: 0,
    fragments: 0,
    unsegmentable: 0,
    completedChecksums: 0,
    martians: 0,
    unsendable: 0,
    faults: 0,
    turns: 0,
  };
}
