/**
 * Reads the verb of a command line. The tables are built once, when the module is loaded; reading a
 * verb is hot.
 */
import { argumentEnd } from './groups.ts';
import { isBlank, isVerbByte, skipBlanks } from './scan.ts';
import { nextText } from './telnet.ts';
import { VERB_COUNT, VERB_NAMES, Verb, type VerbCode } from './verb-codes.ts';

export * from './groups.ts';
export { VERB_COUNT, Verb, type VerbCode, verbName, verbOfName } from './verb-codes.ts';

const LONGEST = 8;
const SLOTS = 512;
/** The letters of each verb as two big-endian words, and where to look for them. */
const highs = new Int32Array(VERB_COUNT);
const lows = new Int32Array(VERB_COUNT);
const slots = new Uint8Array(SLOTS);

function slotOf(high: number, low: number): number {
  return Math.imul(high ^ Math.imul(low, 0x85ebca6b), 0x9e3779b1) >>> 23;
}

for (let code: number = Verb.Other + 1; code < VERB_COUNT; code++) {
  const letters = VERB_NAMES[code]!.padEnd(LONGEST, '\0');
  let high = 0;
  let low = 0;
  for (let i = 0; i < 4; i++) {
    high = (high << 8) | letters.charCodeAt(i);
    low = (low << 8) | letters.charCodeAt(i + 4);
  }
  highs[code] = high;
  lows[code] = low;
  let slot = slotOf(high, low);
  while (slots[slot] !== Verb.None) slot = (slot + 1) % SLOTS;
  slots[slot] = code;
}

function find(high: number, low: number): VerbCode {
  for (let slot = slotOf(high, low); ; slot = (slot + 1) % SLOTS) {
    const code = slots[slot]!;
    if (code === Verb.None) return Verb.Other;
    if (highs[code] === high && lows[code] === low) return code as VerbCode;
  }
}

/** Where the verb read last stands; one for the whole module, as with `stop`. */
export const verbSpan = { start: 0, end: 0 };

const CASE_BIT = 0x20;
const LETTER_A = 0x61;
const LETTER_Z = 0x7a;
const NUL = 0;
const CR = 0x0d;
const LF = 0x0a;

function upper(byte: number): number {
  const folded = byte | CASE_BIT;
  return folded >= LETTER_A && folded <= LETTER_Z ? byte & ~CASE_BIT : byte;
}

/**
 * The verb of the command line [start, end), from which Telnet sequences are already removed.
 * Leading blanks are skipped; a verb ends at a byte that is no letter or digit. Leaves in
 * `verbSpan` where it stands; nothing else in the grammar does.
 */
export function readVerb(bytes: Uint8Array, start: number, end: number): VerbCode {
  const from = skipBlanks(bytes, start, end);
  let to = from;
  while (to < end && isVerbByte(bytes[to]!)) to++;
  verbSpan.start = from;
  verbSpan.end = to;
  if (from < to) return verbIn(bytes, from, to);
  const isEmpty = from >= end || bytes[from] === CR || bytes[from] === LF;
  return isEmpty ? Verb.None : Verb.Other;
}

/** The verb that [from, to) is, letters and digits only. */
export function verbIn(bytes: Uint8Array, from: number, to: number): VerbCode {
  if (from === to) return Verb.None;
  if (to - from > LONGEST) return Verb.Other;
  let high = 0;
  let low = 0;
  for (let at = 0; at < to - from; at++) {
    const letter = upper(bytes[from + at]!);
    if (at < 4) high |= letter << (24 - 8 * at);
    else low |= letter << (56 - 8 * at);
  }
  return find(high, low);
}

/** What stands behind the verb and one blank, without the line end, as UTF-8 (RFC 2640). */
export function argumentOf(bytes: Uint8Array, start: number, end: number): string {
  readVerb(bytes, start, end);
  const to = argumentEnd(bytes, start, end);
  const from = verbSpan.end < to && isBlank(bytes[verbSpan.end]!) ? verbSpan.end + 1 : verbSpan.end;
  return textOf(bytes, from, to);
}

function textOf(bytes: Uint8Array, from: number, to: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString('utf8');
}

/** The letters of a verb that is being collected. */
const letters = new Uint8Array(LONGEST);

/**
 * Whether the unfinished line [start, end), Telnet sequences included, already is or can still
 * become a line whose verb is wanted: `isWanted` has `VERB_COUNT` entries, 1 for those. Looks through
 * leading blanks, and the bytes behind which a command may be hidden.
 */
export function mayBecome(
  bytes: Uint8Array,
  start: number,
  end: number,
  isWanted: Uint8Array,
): boolean {
  let length = 0;
  for (let pos = nextText(bytes, start, end); pos < end; pos = nextText(bytes, pos + 1, end)) {
    const byte = bytes[pos]!;
    if (isVerbByte(byte)) {
      if (length === LONGEST) return isWanted[Verb.Other] === 1;
      letters[length++] = byte;
    } else if (length > 0) {
      return isWanted[verbIn(letters, 0, length)] === 1;
    } else if (!isSkippedBefore(byte)) {
      return isWanted[Verb.Other] === 1;
    }
  }
  return someBeginsWith(length, isWanted);
}

/** Blanks, and NUL and CR, which some servers skip. */
function isSkippedBefore(byte: number): boolean {
  return isBlank(byte) || byte === NUL || byte === CR;
}

function someBeginsWith(length: number, isWanted: Uint8Array): boolean {
  if (isWanted[Verb.Other] === 1 || (length === 0 && isWanted[Verb.None] === 1)) return true;
  for (let code: number = Verb.Other + 1; code < VERB_COUNT; code++) {
    if (isWanted[code] === 1 && beginsWith(VERB_NAMES[code]!, length)) return true;
  }
  return false;
}

function beginsWith(name: string, length: number): boolean {
  if (length > name.length) return false;
  for (let at = 0; at < length; at++) {
    if (name.charCodeAt(at) !== upper(letters[at]!)) return false;
  }
  return true;
}
