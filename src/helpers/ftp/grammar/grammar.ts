/**
 * The grammar of the six announcing lines: bytes of one line in, integers out.
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
import { parseLprt, parsePassive, parsePort } from './classic.ts';
import { parse229, parseEprt } from './extended.ts';
import { parseEprtLax, parseListLax } from './lax.ts';
import { isVerbByte, skipBlanks } from './scan.ts';

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
const DIGIT_8 = 0x38;
const DIGIT_9 = 0x39;
const LETTER_P = 0x70;
const LETTER_L = 0x6c;

const VERB_BYTES = 4;
const CODE_BYTES = 3;
const PORT_VERB = Uint8Array.of(0x70, 0x6f, 0x72, 0x74);
const EPRT_VERB = Uint8Array.of(0x65, 0x70, 0x72, 0x74);
const LPRT_VERB = Uint8Array.of(0x6c, 0x70, 0x72, 0x74);

/**
 * One line of the client, Telnet sequences removed. `out` is reset first; see `FtpAnnouncement` for
 * what holds when. `Ok` is for the verb in any case of letters, one space, the numbers and CRLF, and
 * nothing else.
 */
export function parseCommand(
  bytes: Uint8Array,
  start: number,
  end: number,
  out: FtpAnnouncement,
): FtpParseCode {
  out.reset(start);
  if (start >= end) return FtpParse.NotForUs;
  const verbAt = skipBlanks(bytes, start, end);
  if (verbAt === end) return FtpParse.Incomplete;
  const kind = kindOfFirstLetter(bytes[verbAt]!);
  const matched = verbBytesMatched(bytes, verbAt, end, verbOf(kind));
  const args = verbAt + matched;
  if (matched < VERB_BYTES) {
    return args === end ? FtpParse.Incomplete : FtpParse.NotForUs;
  }
  if (args < end && isVerbByte(bytes[args]!)) return FtpParse.NotForUs;
  out.kind = kind;
  if (bytes[end - 1] !== LF) return FtpParse.Incomplete;
  const bodyEnd = endOfBody(bytes, end);
  const mayBeExact = verbAt === start && bytes[args] === SPACE && bodyEnd === end - 2;
  if (mayBeExact) {
    const parsed = parseExact(kind, bytes, args + 1, bodyEnd, out);
    if (parsed !== FtpParse.Malformed) return parsed;
  }
  const parsed = parseLax(kind, bytes, args, bodyEnd, out);
  if (parsed !== FtpParse.Malformed || verbAt === start) return parsed;
  // ` EPRT` alone is what FEAT and HELP answer with: nobody takes it for a command.
  out.kind = AnnouncementKind.None;
  return FtpParse.NotForUs;
}

function parseLax(
  kind: AnnouncementKindCode,
  bytes: Uint8Array,
  at: number,
  end: number,
  out: FtpAnnouncement,
): FtpParseCode {
  return kind === AnnouncementKind.Eprt
    ? parseEprtLax(bytes, at, end, out)
    : parseListLax(bytes, at, end, kind === AnnouncementKind.Lprt, out);
}

function parseExact(
  kind: AnnouncementKindCode,
  bytes: Uint8Array,
  at: number,
  end: number,
  out: FtpAnnouncement,
): FtpParseCode {
  if (kind === AnnouncementKind.Port) return parsePort(bytes, at, end, out);
  return kind === AnnouncementKind.Eprt
    ? parseEprt(bytes, at, end, out)
    : parseLprt(bytes, at, end, out);
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
  return kind === AnnouncementKind.Epsv
    ? parse229(bytes, text, bodyEnd, out)
    : parsePassive(bytes, text, bodyEnd, kind === AnnouncementKind.Lpsv, out);
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

/** The only announcing verb that may begin with this letter; EPRT, which does not match, for any other. */
function kindOfFirstLetter(byte: number): AnnouncementKindCode {
  const folded = byte | 0x20;
  if (folded === LETTER_P) return AnnouncementKind.Port;
  return folded === LETTER_L ? AnnouncementKind.Lprt : AnnouncementKind.Eprt;
}

function verbOf(kind: AnnouncementKindCode): Uint8Array {
  if (kind === AnnouncementKind.Port) return PORT_VERB;
  return kind === AnnouncementKind.Lprt ? LPRT_VERB : EPRT_VERB;
}

function replyKind(thirdDigit: number): AnnouncementKindCode {
  if (thirdDigit === DIGIT_7) return AnnouncementKind.Pasv;
  if (thirdDigit === DIGIT_8) return AnnouncementKind.Lpsv;
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
