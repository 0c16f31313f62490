import type { Tuple } from '../conntrack/index.ts';
import type { NatRange } from '../rules/index.ts';
import { hashFourWords, scaleDown, swapBytes } from './lookup3.ts';
import { destinationWord, Manip, type ManipCode } from './ranges.ts';

/**
 * Gives one side of `tuple` an address of the range: of several the one that the kernel takes, so
 * that a client which moves from one to the other keeps its public address (find_best_ips_proto of
 * net/netfilter/nf_nat_core.c). It depends on source and destination address alone, with
 * `--persistent` on the source only.
 *
 * @param zone the connection's zone, whichever directions it holds for
 */
export function spreadAddress(tuple: Tuple, range: NatRange, manip: ManipCode, zone: number): void {
  const { minAddress: min, maxAddress: max, persistent } = range;
  if (min === null || max === null) return;
  if (isOne(min, max)) {
    for (let i = 0; i < min.length; i++) setWord(tuple, i, min[i]!, manip);
    return;
  }
  const last = min.length - 1;
  let hash = hashFourWords(
    swapBytes(tuple.s0),
    swapBytes(tuple.s1),
    swapBytes(tuple.s2),
    swapBytes(tuple.s3),
    persistent ? 0 : swapBytes(destinationWord(tuple, last)) ^ zone,
  );
  // As long as the words before are those of the last address, it bounds the next one.
  let isBounded = true;
  for (let i = 0; i <= last; i++) {
    const lowest = isBounded ? min[i]! : 0;
    // In 32 bits: the whole range counts as no choice at all, and 2^32 - 1 stands for 2^32.
    const size = isBounded ? (max[i]! - min[i]! + 1) | 0 : -1;
    const word = (lowest + scaleDown(hash, size)) | 0;
    setWord(tuple, i, word, manip);
    if (word !== max[i]!) isBounded = false;
    // Under DNAT this is the word that was just chosen.
    if (!persistent) hash ^= swapBytes(destinationWord(tuple, i));
  }
}

function isOne(min: readonly number[], max: readonly number[]): boolean {
  for (let i = 0; i < min.length; i++) if (min[i] !== max[i]) return false;
  return true;
}

function setWord(tuple: Tuple, index: number, word: number, manip: ManipCode): void {
  if (manip === Manip.Source) {
    if (index === 0) tuple.s0 = word;
    else if (index === 1) tuple.s1 = word;
    else if (index === 2) tuple.s2 = word;
    else tuple.s3 = word;
  } else if (index === 0) tuple.d0 = word;
  else if (index === 1) tuple.d1 = word;
  else if (index === 2) tuple.d2 = word;
  else tuple.d3 = word;
}
