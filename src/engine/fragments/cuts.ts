/** A fragment has eight bytes at least, but for the last one. */
const MAX_CUTS = 8192;

/** Where the datagram that was put together last had been cut. One reused object per engine. */
export class Cuts {
  /** Bytes of IP header and payload that the first fragment had, without its fragment header. */
  firstLen = 0;
  /** Fragments it came in. */
  count = 0;
  /** Payload bytes of each, in order. */
  readonly lengths = new Uint16Array(MAX_CUTS);
  /** False where the bytes have been moved since, so that the datagram is to be cut evenly. */
  kept = false;
}
