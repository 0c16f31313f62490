/**
 * Bob Jenkins' hash function lookup3 (public domain, 2006, burtleburtle.net/bob/c/lookup3.c), for the
 * one length that is needed: four words. The kernel spreads translations over addresses with it, and
 * it must be the very same function for a client to get the very same address.
 */

/** The arbitrary start value, with four words' length in bytes added, as the kernel's jhash2 has it. */
const START_OF_FOUR = 0xdeadbeef + (4 << 2);

/** `hashword` over four words, or the kernel's `jhash2`: a signed 32-bit number. */
export function hashFourWords(
  k0: number,
  k1: number,
  k2: number,
  k3: number,
  initial: number,
): number {
  const start = (START_OF_FOUR + initial) | 0;
  let a = (start + k0) | 0;
  let b = (start + k1) | 0;
  let c = (start + k2) | 0;

  // The mixing of three words: reversible, so that nothing of them is lost.
  a = (a - c) ^ rotate(c, 4);
  c = (c + b) | 0;
  b = (b - a) ^ rotate(a, 6);
  a = (a + c) | 0;
  c = (c - b) ^ rotate(b, 8);
  b = (b + a) | 0;
  a = (a - c) ^ rotate(c, 16);
  c = (c + b) | 0;
  b = (b - a) ^ rotate(a, 19);
  a = (a + c) | 0;
  c = (c - b) ^ rotate(b, 4);
  b = (b + a) | 0;

  // The fourth word, and the final mixing, which forces every bit into `c`.
  a = (a + k3) | 0;
  c = ((c ^ b) - rotate(b, 14)) | 0;
  a = ((a ^ c) - rotate(c, 11)) | 0;
  b = ((b ^ a) - rotate(a, 25)) | 0;
  c = ((c ^ b) - rotate(b, 16)) | 0;
  a = ((a ^ c) - rotate(c, 4)) | 0;
  b = ((b ^ a) - rotate(a, 14)) | 0;
  return ((c ^ b) - rotate(b, 24)) | 0;
}

/**
 * Maps a 32-bit number evenly to [0, size): the upper word of their 64-bit product. All three are
 * signed words that stand for unsigned numbers, so that none of them is ever boxed.
 */
export function scaleDown(value: number, size: number): number {
  const low = (value & 0xffff) * (size >>> 0);
  const high = (value >>> 16) * (size >>> 0);
  return Math.floor((high + Math.floor(low / 0x10000)) / 0x10000) | 0;
}

/** A word of an address as a little-endian machine reads it from the wire. */
export function swapBytes(word: number): number {
  return (rotate(word, 8) & 0x00ff00ff) | (rotate(word, 24) & 0xff00ff00);
}

function rotate(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}
