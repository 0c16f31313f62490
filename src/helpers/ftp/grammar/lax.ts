/**
 * What a lenient server may still read as an endpoint: a command that is not exactly right opens
 * nothing, but it must not lead the server to a third party either. Known readers: `sscanf` with
 * `%u,%u,...` (blanks and signs before numbers, anything behind the last), `atoi` of what stands
 * between commas (empty is 0), Python's `int` (blanks on both sides), `getaddrinfo` (a zone).
 *
 * Both functions take what follows the verb, without the terminator, and answer `Lax` in place of
 * `Ok`; the contract is that of grammar.ts.
 */
import { type FtpAnnouncement, FtpParse, type FtpParseCode } from './announcement.ts';
import {
  isTooBig,
  SHORT_COUNT,
  scanLaxList,
  scanLaxLongList,
  settleLong,
  settleShort,
} from './list.ts';
import {
  isBlank,
  isDigit,
  isVerbByte,
  NOT_A_NUMBER,
  scanDottedIpv4,
  scanIpv6,
  scanned,
  skipBlanks,
  stop,
  TOO_BIG,
} from './scan.ts';

const MINUS = 0x2d;
const PERCENT = 0x25;
const BRACKET_OPEN = 0x5b;
const BRACKET_CLOSE = 0x5d;

// PORT	 10, 0,1,2,0200,10, and more
export function parseListLax(
  bytes: Uint8Array,
  at: number,
  end: number,
  isLong: boolean,
  out: FtpAnnouncement,
): FtpParseCode {
  let from = at;
  while (from < end && !isDigit(bytes[from]!)) from++;
  if (from > at && bytes[from - 1] === MINUS) from--;
  const isRead = isLong
    ? scanLaxLongList(bytes, from, end)
    : scanLaxList(bytes, from, end, SHORT_COUNT);
  if (!isRead) return FtpParse.Malformed;
  if (isTooBig()) return FtpParse.NumberOutOfRange;
  const to = stop.at;
  return laxly(isLong ? settleLong(from, to, out) : settleShort(from, to, out));
}

// EPRT  |2|[fe80::1%eth0]| 51210
export function parseEprtLax(
  bytes: Uint8Array,
  at: number,
  end: number,
  out: FtpAnnouncement,
): FtpParseCode {
  const from = skipBlanks(bytes, at, end);
  if (from >= end || isVerbByte(bytes[from]!)) return FtpParse.Malformed;
  const delimiter = bytes[from]!;
  const familyEnd = indexOf(bytes, from + 1, end, delimiter);
  const addressEnd = indexOf(bytes, familyEnd + 1, end, delimiter);
  if (addressEnd >= end) return FtpParse.Malformed;
  const family = scanLaxAddress(bytes, familyEnd + 1, addressEnd);
  if (family === 0) return FtpParse.Malformed;
  const port = scanLaxPort(bytes, addressEnd + 1, end);
  if (port === NOT_A_NUMBER) return FtpParse.Malformed;
  if (family === TOO_BIG || port === TOO_BIG) return FtpParse.NumberOutOfRange;
  let to = stop.at;
  if (to < end && bytes[to] === delimiter) to++;
  out.family = family;
  out.a0 = scanned.a0;
  if (family === 6) {
    out.a1 = scanned.a1;
    out.a2 = scanned.a2;
    out.a3 = scanned.a3;
  }
  out.hasAddress = true;
  out.delimiter = delimiter;
  return laxly(out.settle(port, from, to));
}

/** Whatever number stands before it, the text says what family an address is of; 0 for no address. */
function scanLaxAddress(bytes: Uint8Array, from: number, to: number): 0 | 4 | 6 | typeof TOO_BIG {
  let at = skipBlanks(bytes, from, to);
  let end = to;
  while (end > at && isBlank(bytes[end - 1]!)) end--;
  if (end - at > 1 && bytes[at] === BRACKET_OPEN && bytes[end - 1] === BRACKET_CLOSE) {
    at++;
    end--;
  }
  end = indexOf(bytes, at, end, PERCENT);
  const answer = scanDottedIpv4(bytes, at, end);
  if (answer === TOO_BIG) return TOO_BIG;
  if (answer === 0 && stop.at === end) return 4;
  return scanIpv6(bytes, at, end) ? 6 : 0;
}

/** As `atoi` reads, and after that anything. */
function scanLaxPort(bytes: Uint8Array, at: number, end: number): number {
  const from = skipBlanks(bytes, at, end);
  let pos = from;
  let value = 0;
  for (; pos < end && isDigit(bytes[pos]!); pos++) {
    if (value <= 65535) value = value * 10 + (bytes[pos]! - 0x30);
  }
  stop.at = pos;
  if (pos === from) return NOT_A_NUMBER;
  return value > 65535 ? TOO_BIG : value;
}

/** Where `byte` stands first in [from, end); `end` where it does not. */
function indexOf(bytes: Uint8Array, from: number, end: number, byte: number): number {
  let pos = from;
  while (pos < end && bytes[pos] !== byte) pos++;
  return Math.min(pos, end);
}

function laxly(code: FtpParseCode): FtpParseCode {
  return code === FtpParse.Ok ? FtpParse.Lax : code;
}
