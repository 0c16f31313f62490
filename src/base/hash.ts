import { randomBytes } from 'node:crypto';

/**
 * One step of a seeded 32-bit hash: mixes `value` into `hash`. With `mixFinish` at the end the
 * result is well spread in all bits. The seed is random at start so that nobody can aim packets at
 * one bucket (the kernel seeds its conntrack hash for the same reason).
 */
export function mix32(hash: number, value: number): number {
  let h = Math.imul(hash ^ value, 0x9e3779b1);
  h ^= h >>> 15;
  return Math.imul(h, 0x85ebca6b) | 0;
}

/** Last step: folds the high bits down so that a power-of-two mask may be used. */
export function mixFinish(hash: number): number {
  let h = hash ^ (hash >>> 16);
  h = Math.imul(h, 0xc2b2ae35);
  return (h ^ (h >>> 13)) | 0;
}

/** A random 32-bit seed from the operating system. Tests pass a fixed number instead. */
export function randomSeed(): number {
  return randomBytes(4).readInt32LE(0);
}
