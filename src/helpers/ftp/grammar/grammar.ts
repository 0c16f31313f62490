/**
 * The grammar of the four announcing lines: bytes of one line in, integers out.
 *
 * Contract: [start, end) is one line with its terminator (CRLF or LF), or the unfinished rest of a
 * segment. Nothing outside it is read, nothing is allocated, nothing throws, and every offset that
 * is handed out lies within it. Which kind of line may come from which side is fixed: commands from
 * the client, replies from the server. Hot.
 */
import {
  AnnouncementKind,
  type AnnouncementKindCode,
  type FtpAnnouncement,
  FtpParse,
  type FtpParseCode,
} from './announcement.ts';
import { parse227, parsePort } from './classic.ts';
import { parse229, parseEprt } from './extended.ts';
import { isDigit } from './scan.ts';

export {
  AnnouncementKind,
  type AnnouncementKindCode,
  FtpAnnouncement,
  FtpParse,
  type FtpParseCode,
  ftpParseName,
  kindName,
} from './announcement.ts';

const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const DIGIT_2 = 0x32;
const DIGIT_7 = 0x37;
const DIGIT_9 = 0x39;

const VERB_BYTES = 4;
const CODE_BYTES = 3;
const PORT_VERB = Uint8Array.of(0x70, 0x6f, 0x72, 0x74);
const EPRT_VERB = Uint8Array.of(0x65, 0x70, 0x72, 0x74);

/** One line of the client. `out` is reset first; see `FtpAnnouncement` for what holds when. */
export function parseCommand(
  bytes: Uint8Array,
  start: number,
  end: number,
  out: FtpAnnouncement,
): FtpParseCode {
  out.reset(start);
  if (start >= end) return FtpParse.NotForUs;
  const isPort = (bytes[start]! | 0x20) === PORT_VERB[0];
  const matched = verbBytesMatched(bytes, start, end, isPort ? PORT_VERB : EPRT_VERB);
  const finished = bytes[end - 1] === LF;
  const args = start + matched;
  if (matched < VERB_BYTES) {
    return args === end ? FtpParse.Incomplete : FtpParse.NotForUs;
  }
  if (args < end && isVerbByte(bytes[args]!)) return FtpParse.NotForUs;
  out.kind = isPort ? AnnouncementKind.Port : AnnouncementKind.Eprt;
  if (!finished) return FtpParse.Incomplete;
  if (bytes[args] !== SPACE) return FtpParse.Malformed;
  const bodyEnd = endOfBody(bytes, end);
  return isPort
    ? parsePort(bytes, args + 1, bodyEnd, out)
    : parseEprt(bytes, args + 1, bodyEnd, out);
}

/** One line of the server. `out` is reset first; see `FtpAnnouncement` for what holds when. */
export function parseReply(
  bytes: Uint8Array,
  start: number,
  end: number,
  out: FtpAnnouncement,
): FtpParseCode {
  out.reset(start);
  if (start >= end || bytes[start] !== DIGIT_2) return FtpParse.NotForUs;
  if (start + 1 === end) return FtpParse.Incomplete;
  if (bytes[start + 1] !== DIGIT_2) return FtpParse.NotForUs;
  if (start + 2 === end) return FtpParse.Incomplete;
  const kind = replyKind(bytes[start + 2]!);
  if (kind === AnnouncementKind.None) return FtpParse.NotForUs;
  const text = start + CODE_BYTES;
  // RFC 959 4.2: a space ends the code; with a hyphen this is the opening of a multi-line reply.
  if (text < end && !endsReplyCode(bytes[text]!)) return FtpParse.NotForUs;
  out.kind = kind;
  if (bytes[end - 1] !== LF) return FtpParse.Incomplete;
  const bodyEnd = endOfBody(bytes, end);
  return kind === AnnouncementKind.Pasv
    ? parse227(bytes, text, bodyEnd, out)
    : parse229(bytes, text, bodyEnd, out);
}

/** How many leading bytes of the line are those of the verb, in either case of letters. */
function verbBytesMatched(bytes: Uint8Array, start: number, end: number, verb: Uint8Array): number {
  let count = 0;
  while (
    count < VERB_BYTES &&
    start + count < end &&
    (bytes[start + count]! | 0x20) === verb[count]
  ) {
    count++;
  }
  return count;
}

/** A letter or digit after the four letters makes it another verb (`PORTX`), not a bad PORT. */
function isVerbByte(byte: number): boolean {
  const folded = byte | 0x20;
  return isDigit(byte) || (folded >= 0x61 && folded <= 0x7a);
}

function replyKind(thirdDigit: number): AnnouncementKindCode {
  if (thirdDigit === DIGIT_7) return AnnouncementKind.Pasv;
  return thirdDigit === DIGIT_9 ? AnnouncementKind.Epsv : AnnouncementKind.None;
}

function endsReplyCode(byte: number): boolean {
  return byte === SPACE || byte === CR || byte === LF;
}

/**
 * Where the terminator of a finished line begins: at its LF, or at the one CR before it. The four
 * bytes of a verb or the three of a code stand before it, so that there is always a byte to look at.
 */
function endOfBody(bytes: Uint8Array, end: number): number {
  return bytes[end - 2] === CR ? end - 2 : end - 1;
}
