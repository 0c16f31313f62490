/**
 * Numbers of at most 255 between commas, as PORT and 227 (RFC 959), LPRT and 228 (RFC 1639) have
 * them. One list for the whole module, as with `stop`. Hot.
 */
import type { FtpAnnouncement, FtpParseCode } from './announcement.ts';
import {
  isDigit,
  NOT_A_NUMBER,
  scanNumber,
  skipBlanks,
  skipSpaces,
  stop,
  TOO_BIG,
} from './scan.ts';

const COMMA = 0x2c;
const PLUS = 0x2b;
const MINUS = 0x2d;

/** Numbers in PORT and 227. */
export const SHORT_COUNT = 6;
/** Numbers in LPRT and 228: family, address length, address, port length (2), port. */
const LONG_COUNT_IPV4 = 9;
const LONG_COUNT_IPV6 = 21;

/** The numbers read last; one that is `tooBig` is not whole. */
const list = new Uint8Array(LONG_COUNT_IPV6);
const found = { tooBig: false };

/** True if a number of the list read last was above 255. */
export function isTooBig(): boolean {
  return found.tooBig;
}

/** Exactly as the RFCs have it, but for spaces after commas if those are allowed. Ends at `stop.at`. */
export function scanList(
  bytes: Uint8Array,
  at: number,
  end: number,
  count: number,
  spacesAfterCommas: boolean,
): boolean {
  found.tooBig = false;
  let pos = at;
  for (let field = 0; field < count; field++) {
    if (field > 0) {
      if (pos >= end || bytes[pos] !== COMMA) return false;
      pos = spacesAfterCommas ? skipSpaces(bytes, pos + 1, end) : pos + 1;
    }
    const value = scanNumber(bytes, pos, end, 255);
    if (value === NOT_A_NUMBER) return false;
    if (value === TOO_BIG) found.tooBig = true;
    list[field] = value;
    pos = stop.at;
  }
  return true;
}

/** The same for LPRT and 228, whose first number says how many follow. */
export function scanLongList(
  bytes: Uint8Array,
  at: number,
  end: number,
  spacesAfterCommas: boolean,
): boolean {
  const count = longCount(scanNumber(bytes, at, end, 255));
  if (count === 0 || !scanList(bytes, at, end, count, spacesAfterCommas)) return false;
  // A length above 255 is a number out of range, and not a length of something else.
  return found.tooBig || (list[1] === count - 5 && list[count - 3] === 2);
}

/** As servers read that look for commas and take what `atoi` makes of each part. */
export function scanLaxList(bytes: Uint8Array, at: number, end: number, count: number): boolean {
  found.tooBig = false;
  let pos = at;
  for (let field = 0; field < count; field++) {
    if (field > 0) {
      while (pos < end && bytes[pos] !== COMMA) pos++;
      if (pos >= end) return false;
      pos++;
    }
    const value = scanLaxNumber(bytes, pos, end);
    if (value === TOO_BIG) found.tooBig = true;
    list[field] = value;
    pos = stop.at;
  }
  return true;
}

/** The lengths do not matter: a server that knows the family knows them. */
export function scanLaxLongList(bytes: Uint8Array, at: number, end: number): boolean {
  const count = longCount(scanLaxNumber(bytes, at, end));
  return count > 0 && scanLaxList(bytes, at, end, count);
}

/** Blanks, a sign, digits however many; nothing is 0, and what is negative wraps. Ends at `stop.at`. */
function scanLaxNumber(bytes: Uint8Array, at: number, end: number): number {
  let pos = skipBlanks(bytes, at, end);
  const isNegative = pos < end && bytes[pos] === MINUS;
  if (pos < end && (bytes[pos] === MINUS || bytes[pos] === PLUS)) pos++;
  let value = 0;
  for (; pos < end && isDigit(bytes[pos]!); pos++) {
    if (value <= 255) value = value * 10 + (bytes[pos]! - 0x30);
  }
  stop.at = pos;
  return value > 255 || (isNegative && value > 0) ? TOO_BIG : value;
}

/** How many numbers a long address of this family has; 0 for a family that is none of IP's. */
function longCount(family: number): number {
  if (family === 4) return LONG_COUNT_IPV4;
  return family === 6 ? LONG_COUNT_IPV6 : 0;
}

/** Puts the numbers of PORT or 227 into `out`; the answer is `Ok` or `PortZero`. */
export function settleShort(from: number, to: number, out: FtpAnnouncement): FtpParseCode {
  out.family = 4;
  out.hasAddress = true;
  out.a0 = wordAt(0);
  return out.settle(portAt(4), from, to);
}

/** The same for LPRT or 228. */
export function settleLong(from: number, to: number, out: FtpAnnouncement): FtpParseCode {
  out.hasAddress = true;
  out.a0 = wordAt(2);
  if (list[0] === 4) {
    out.family = 4;
    return out.settle(portAt(LONG_COUNT_IPV4 - 2), from, to);
  }
  out.family = 6;
  out.a1 = wordAt(6);
  out.a2 = wordAt(10);
  out.a3 = wordAt(14);
  return out.settle(portAt(LONG_COUNT_IPV6 - 2), from, to);
}

function wordAt(index: number): number {
  return (
    (list[index]! << 24) | (list[index + 1]! << 16) | (list[index + 2]! << 8) | list[index + 3]!
  );
}

function portAt(index: number): number {
  return (list[index]! << 8) | list[index + 1]!;
}
