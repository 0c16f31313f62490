/**
 * Commands hidden in other ones: what a server makes of a bare CR, a NUL or an odd Telnet sequence
 * differs from server to server, and no honest client sends an announcing verb behind one.
 */
import { isAnnouncing } from './groups.ts';
import { isBlank, isVerbByte } from './scan.ts';
import { hasTelnet, nextText } from './telnet.ts';
import { type VerbCode, verbIn } from './verbs.ts';

const NUL = 0;
const LF = 0x0a;
const CR = 0x0d;
/** The lowest Telnet command; options are below it. */
const SE = 0xf0;
/** One letter more than announcing verbs have. */
const VERB_ROOM = 5;
/** How far behind a break a verb is looked for, in bytes: what is odder is found elsewhere. */
const REACH = 256;

const text = new Uint8Array(VERB_ROOM);

/**
 * Whether an announcing verb begins behind a bare CR or a NUL in a client's line, Telnet sequences
 * included or not, or where a server sees one that knows fewer Telnet sequences than RFC 854 has.
 */
export function hidesCommand(bytes: Uint8Array, start: number, end: number): boolean {
  for (let pos = start; pos + 1 < end; pos++) {
    const byte = bytes[pos]!;
    const isBreak = byte === NUL || (byte === CR && bytes[pos + 1] !== LF);
    if (isBreak && isAnnouncing(announcedAt(bytes, pos + 1, Math.min(end, pos + REACH))))
      return true;
  }
  return hasTelnet(bytes, start, end) && isReadDifferently(bytes, start, end);
}

/** An announcing verb at `at` for a server that knows Telnet, or for one that does not. */
function announcedAt(bytes: Uint8Array, at: number, end: number): VerbCode {
  const verb = verbByTelnet(bytes, at, end);
  return isAnnouncing(verb) ? verb : verbWithoutCommands(bytes, at, end);
}

function isReadDifferently(bytes: Uint8Array, start: number, end: number): boolean {
  const other = verbWithoutCommands(bytes, start, end);
  return isAnnouncing(other) && other !== verbByTelnet(bytes, start, end);
}

/** The verb at `at`, blanks apart, where Telnet sequences are removed by the book. */
function verbByTelnet(bytes: Uint8Array, at: number, end: number): VerbCode {
  let length = 0;
  let pos = nextText(bytes, at, end);
  while (pos < end && isBlank(bytes[pos]!)) pos = nextText(bytes, pos + 1, end);
  for (; pos < end && length < VERB_ROOM; pos = nextText(bytes, pos + 1, end)) {
    if (!isVerbByte(bytes[pos]!)) break;
    text[length++] = bytes[pos]!;
  }
  return verbIn(text, 0, length);
}

/** The same where nothing but the bytes of Telnet commands is removed, and their options are left. */
function verbWithoutCommands(bytes: Uint8Array, at: number, end: number): VerbCode {
  let length = 0;
  for (let pos = at; pos < end && length < VERB_ROOM; pos++) {
    const byte = bytes[pos]!;
    if (byte >= SE || (length === 0 && (isBlank(byte) || byte === NUL))) continue;
    if (!isVerbByte(byte)) break;
    text[length++] = byte;
  }
  return verbIn(text, 0, length);
}
