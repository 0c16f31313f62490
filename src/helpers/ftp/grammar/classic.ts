/**
 * PORT and 227 (RFC 959 section 4.1.2), an IPv4 endpoint as six numbers; LPRT and 228 (RFC 1639),
 * an endpoint of either family as nine or twenty-one. All functions take what follows the verb or
 * code, without the terminator; the contract is that of grammar.ts. Hot.
 */
import { type FtpAnnouncement, FtpParse, type FtpParseCode } from './announcement.ts';
import { isTooBig, SHORT_COUNT, scanList, scanLongList, settleLong, settleShort } from './list.ts';
import { isDigit, skipSpaces, stop } from './scan.ts';

const SPACE = 0x20;
const OPEN = 0x28;
const CLOSE = 0x29;
const COMMA = 0x2c;

// PORT 10,0,1,2,200,10
export function parsePort(
  bytes: Uint8Array,
  at: number,
  end: number,
  out: FtpAnnouncement,
): FtpParseCode {
  return parseWhole(bytes, at, end, false, out);
}

// LPRT 4,4,10,0,1,2,2,200,10
// LPRT 6,16,32,1,13,184,0,1,0,0,0,0,0,0,0,0,0,2,2,200,10
export function parseLprt(
  bytes: Uint8Array,
  at: number,
  end: number,
  out: FtpAnnouncement,
): FtpParseCode {
  return parseWhole(bytes, at, end, true, out);
}

function parseWhole(
  bytes: Uint8Array,
  at: number,
  end: number,
  isLong: boolean,
  out: FtpAnnouncement,
): FtpParseCode {
  if (!scanGroup(bytes, at, end, isLong, false) || stop.at !== end) return FtpParse.Malformed;
  return settleGroup(at, end, isLong, out);
}

// 227 Entering Passive Mode (192,0,2,2,200,10).
// 228 Entering Long Passive Mode (4,4,192,0,2,2,2,200,10)
export function parsePassive(
  bytes: Uint8Array,
  at: number,
  end: number,
  isLong: boolean,
  out: FtpAnnouncement,
): FtpParseCode {
  for (let pos = at; pos < end; pos++) {
    if (bytes[pos] !== OPEN || !scanGroup(bytes, pos + 1, end, isLong, true)) continue;
    const numbersEnd = stop.at;
    const close = skipSpaces(bytes, numbersEnd, end);
    if (close < end && bytes[close] === CLOSE) return settleGroup(pos + 1, numbersEnd, isLong, out);
  }
  return parseBare(bytes, at, end, isLong, out);
}

/**
 * Without a parenthesised group: RFC 1123 4.1.2.6 has the reader look for the first digit. Where a
 * full group does not begin there (`227 Ok 1 192,0,2,2,200,10`), a later number may begin it, but
 * never one that a comma ties to the number before it: seven numbers do not hold a group of six.
 */
function parseBare(
  bytes: Uint8Array,
  at: number,
  end: number,
  isLong: boolean,
  out: FtpAnnouncement,
): FtpParseCode {
  let before: number = Before.Text;
  let pos = at;
  while (pos < end) {
    const byte = bytes[pos]!;
    if (isDigit(byte)) {
      if (before !== Before.Comma && scanGroup(bytes, pos, end, isLong, true)) {
        const numbersEnd = stop.at;
        if (!isFollowedByNumber(bytes, numbersEnd, end)) {
          return settleGroup(pos, numbersEnd, isLong, out);
        }
      }
      while (pos < end && isDigit(bytes[pos]!)) pos++;
      before = Before.Number;
    } else {
      if (byte === COMMA && before === Before.Number) before = Before.Comma;
      else if (byte !== SPACE) before = Before.Text;
      pos++;
    }
  }
  return FtpParse.Malformed;
}

/** What stands before a number, blanks apart: text, a number, or a number and a comma. */
const Before = { Text: 0, Number: 1, Comma: 2 } as const;

function isFollowedByNumber(bytes: Uint8Array, at: number, end: number): boolean {
  const comma = skipSpaces(bytes, at, end);
  if (comma >= end || bytes[comma] !== COMMA) return false;
  const next = skipSpaces(bytes, comma + 1, end);
  return next < end && isDigit(bytes[next]!);
}

function scanGroup(
  bytes: Uint8Array,
  at: number,
  end: number,
  isLong: boolean,
  spacesAfterCommas: boolean,
): boolean {
  return isLong
    ? scanLongList(bytes, at, end, spacesAfterCommas)
    : scanList(bytes, at, end, SHORT_COUNT, spacesAfterCommas);
}

function settleGroup(
  from: number,
  to: number,
  isLong: boolean,
  out: FtpAnnouncement,
): FtpParseCode {
  if (isTooBig()) return FtpParse.NumberOutOfRange;
  return isLong ? settleLong(from, to, out) : settleShort(from, to, out);
}
