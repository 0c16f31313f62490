import { Spoke } from '../../../conntrack/index.ts';
import { Closing, FlowFlag, FlowWord, SIDE_WORDS, SideWord } from '../layout.ts';

/** Words of both sides. */
const SIDES = 2 * SIDE_WORDS;
/** Words that `readSides` reads: both sides, then `FlowWord.LastEnd`. */
export const SEEN_WORDS = SIDES + 1;

const REPLY_SPOKE_LAST = FlowFlag.ReplySpokeLast << 24;
const ENGINE_SPOKE_LAST = FlowFlag.EngineSpokeLast << 24;
const FIN_LAST = FlowFlag.FinLast << 24;
const SPEAKER = REPLY_SPOKE_LAST | ENGINE_SPOKE_LAST | FIN_LAST;

/**
 * The words of both sides of a TCP connection, which the program moves on while it forwards. It only
 * ever moves them on: sequence numbers forward, the largest window up. Where the last segment ended
 * goes forth and back. Plain loads: each word stands for itself, and a call into the runtime for each
 * would cost more than all the rest.
 */
export function readSides(flows: Int32Array, at: number, into: Int32Array): void {
  const sides = at + FlowWord.Sides;
  for (let word = 0; word < SIDES; word++) into[word] = flows[sides + word]!;
  into[SIDES] = flows[at + FlowWord.LastEnd]!;
}

/** Writes the words over whatever is there. */
export function putSides(flows: Int32Array, at: number, words: Int32Array): void {
  const sides = at + FlowWord.Sides;
  for (let word = 0; word < SIDES; word++) flows[sides + word] = words[word]!;
  flows[at + FlowWord.LastEnd] = words[SIDES]!;
}

/**
 * Writes what differs between `before` and `after`, which a segment has taught the engine; a word that
 * is further on by now stays.
 */
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
  Atomics.compareExchange(flows, at + FlowWord.LastEnd, before[SIDES]!, after[SIDES]!);
  noteEngine(flows, at);
}

/**
 * Writes the words that are further on than what is there. Where the last segment ended is there
 * already, by `putSides` or `writeSides`, if the program has not passed another one since.
 */
export function mergeSides(flows: Int32Array, at: number, words: Int32Array): void {
  for (let word = 0; word < SIDES; word++) {
    const index = at + FlowWord.Sides + word;
    const current = Atomics.load(flows, index);
    if (isFurther(word, words[word]!, current)) {
      advance(flows, index, word, current, words[word]!);
    }
  }
}

/**
 * Who spoke last, and how far the connection has been closed: `Spoke` bits, as `FlowGate.readSides`
 * returns them. The program writes both before it counts the packet: of what has been counted, nothing
 * is missing here.
 */
export function spokeOf(flows: Int32Array, at: number): number {
  const meta = Atomics.load(flows, at + FlowWord.Meta);
  const closing = flows[at + FlowWord.Closing]!;
  const spoke =
    ((meta & REPLY_SPOKE_LAST) !== 0 ? Spoke.Reply : 0) |
    ((meta & ENGINE_SPOKE_LAST) !== 0 ? Spoke.NoneSince : 0) |
    ((meta & FIN_LAST) !== 0 ? Spoke.Fin : 0);
  return closing === 0 ? spoke : spoke | closedBits(closing);
}

/** Of `FlowWord.Closing`. */
function closedBits(closing: number): number {
  const fins = closing & Closing.FinsMask;
  return (
    (fins >= 1 ? Spoke.FinWait : 0) |
    ((closing & Closing.WaitsMask) !== 0 ? Spoke.CloseWait : 0) |
    (fins >= 2 ? Spoke.LastAck : 0) |
    ((closing & Closing.OverMask) !== 0 ? Spoke.TimeWait : 0) |
    ((closing & Closing.ByOriginalMask) !== 0 ? Spoke.ClosedByOriginal : 0) |
    ((closing & Closing.ByReplyMask) !== 0 ? Spoke.ClosedByReply : 0)
  );
}

/**
 * Writes `meta`, but for what it says of who spoke last: that stays as the program has it, which may
 * change it at any time.
 */
export function replaceMeta(flows: Int32Array, at: number, meta: number): void {
  const index = at + FlowWord.Meta;
  let expected = Atomics.load(flows, index);
  for (;;) {
    const next = (meta & ~SPEAKER) | (expected & SPEAKER);
    const found = Atomics.compareExchange(flows, index, expected, next);
    if (found === expected) return;
    expected = found;
  }
}

/** The engine has seen a segment; where another one passes meanwhile, that is the last. */
function noteEngine(flows: Int32Array, at: number): void {
  const meta = Atomics.load(flows, at + FlowWord.Meta);
  Atomics.compareExchange(flows, at + FlowWord.Meta, meta, meta | ENGINE_SPOKE_LAST);
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
