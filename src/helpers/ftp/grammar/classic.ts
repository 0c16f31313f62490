/**
 * PORT and 227 (RFC 959 section 4.1.2): an IPv4 endpoint as six numbers. Both functions take what
 * follows the verb or code, without the terminator; the contract is that of grammar.ts. Hot.
 */
import { type FtpAnnouncement, FtpParse, type FtpParseCode } from './announcement.ts';
import { isDigit, NOT_A_NUMBER, scanNumber, skipSpaces, stop, TOO_BIG } from './scan.ts';

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
  if (!scanSixNumbers(bytes, at, end, false)) return FtpParse.Malformed;
  const numbersEnd = stop.at;
  // The kernel wants CR here. Trailing blanks change nothing that any server reads.
  if (skipSpaces(bytes, numbersEnd, end) !== end) return FtpParse.Malformed;
  return settleSixNumbers(at, numbersEnd, out);
}

// 227 Entering Passive Mode (192,0,2,2,200,10).
export function parse227(
  bytes: Uint8Array,
  at: number,
  end: number,
  out: FtpAnnouncement,
): FtpParseCode {
  for (let pos = at; pos < end; pos++) {
    if (bytes[pos] !== OPEN || !scanSixNumbers(bytes, pos + 1, end, true)) continue;
    const numbersEnd = stop.at;
    const close = skipSpaces(bytes, numbersEnd, end);
    if (close < end && bytes[close] === CLOSE) return settleSixNumbers(pos + 1, numbersEnd, out);
  }
  return parse227Bare(bytes, at, end, out);
}

/**
 * Without a parenthesised group: RFC 1123 4.1.2.6 has the reader look for the first digit. Where a
 * full group does not begin there (`227 Ok 1 192,0,2,2,200,10`), a later number may begin it, but
 * never one that a comma ties to the number before it: seven numbers do not hold a group of six.
 */
function parse227Bare(
  bytes: Uint8Array,
  at: number,
  end: number,
  out: FtpAnnouncement,
): FtpParseCode {
  let before: number = Before.Text;
  let pos = at;
  while (pos < end) {
    const byte = bytes[pos]!;
    if (isDigit(byte)) {
      if (before !== Before.Comma && scanSixNumbers(bytes, pos, end, true)) {
        const numbersEnd = stop.at;
        if (!isFollowedByNumber(bytes, numbersEnd, end)) {
          return settleSixNumbers(pos, numbersEnd, out);
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

/** What the last successful `scanSixNumbers` read; whole only when `tooBig` is false. */
const six = { address: 0, port: 0, tooBig: false };

/** Six numbers of at most 255 between commas; false if they are not six. Ends at `stop.at`. */
function scanSixNumbers(
  bytes: Uint8Array,
  at: number,
  end: number,
  spacesAfterCommas: boolean,
): boolean {
  let address = 0;
  let port = 0;
  let tooBig = false;
  let pos = at;
  for (let field = 0; field < 6; field++) {
    if (field > 0) {
      if (pos >= end || bytes[pos] !== COMMA) return false;
      pos = spacesAfterCommas ? skipSpaces(bytes, pos + 1, end) : pos + 1;
    }
    const value = scanNumber(bytes, pos, end, 255);
    if (value === NOT_A_NUMBER) return false;
    if (value === TOO_BIG) tooBig = true;
    if (field < 4) address = (address << 8) | (value & 0xff);
    else port = (port << 8) | (value & 0xff);
    pos = stop.at;
  }
  six.address = address;
  six.port = port;
  six.tooBig = tooBig;
  return true;
}

function settleSixNumbers(
  numbersStart: number,
  numbersEnd: number,
  out: FtpAnnouncement,
): FtpParseCode {
  if (six.tooBig) return FtpParse.NumberOutOfRange;
  out.family = 4;
  out.a0 = six.address;
  out.hasAddress = true;
  return out.settle(six.port, numbersStart, numbersEnd);
}
