import { FlowWord, SIDE_WORDS, SideWord } from '../layout.ts';

/** Words of both sides. */
const SIDES = 2 * SIDE_WORDS;

/**
 * The words of both sides of a TCP connection, which the program moves on while it forwards. It only
 * ever moves them on: sequence numbers forward, the largest window up.
 */
export function readSides(flows: Int32Array, at: number, into: Int32Array): void {
  const sides = at + FlowWord.Sides;
  for (let word = 0; word < SIDES; word++) into[word] = Atomics.load(flows, sides + word);
}

/** Writes the words over whatever is there. */
export function putSides(flows: Int32Array, at: number, words: Int32Array): void {
  const sides = at + FlowWord.Sides;
  for (let word = 0; word < SIDES; word++) flows[sides + word] = words[word]!;
}

/** Writes what differs between `before` and `after`; a word that is further on by now stays. */
export function writeSides(
  flows: Int32Array,
  at: number,
  before: Int32Array,
  after: Int32Array,
): void {
  for (let word = 0; word < SIDES; word++) {
    if (before[word] === after[word]) continue;
    advance(flows, at + FlowWord.Sides + word, word, before[word]!, after[word]!);
  }
}

/** Writes the words that are further on than what is there. */
export function mergeSides(flows: Int32Array, at: number, words: Int32Array): void {
  for (let word = 0; word < SIDES; word++) {
    const index = at + FlowWord.Sides + word;
    const current = Atomics.load(flows, index);
    if (isFurther(word, words[word]!, current)) {
      advance(flows, index, word, current, words[word]!);
    }
  }
}

/** Replaces `expected` by `next`, and anything else too where `next` is further on. */
function advance(
  flows: Int32Array,
  index: number,
  word: number,
  expected: number,
  next: number,
): void {
  let current = Atomics.compareExchange(flows, index, expected, next);
  while (current !== expected && isFurther(word, next, current)) {
    expected = current;
    current = Atomics.compareExchange(flows, index, expected, next);
  }
}

/** Of a window: larger; of a sequence number: later (RFC 9293 section 3.4). */
function isFurther(word: number, a: number, b: number): boolean {
  if (word % SIDE_WORDS === SideWord.MaxWindow) return a >>> 0 > b >>> 0;
  return ((a - b) | 0) > 0;
}
