/**
 * Numbers and addresses in the text of an FTP line. Every function reads `bytes` in [at, end) only,
 * allocates nothing and leaves in `stop.at` the offset of the first byte that it did not take.
 */

/** One for the whole module: the packet path is a single thread and no function here re-enters. */
export const stop = { at: 0 };

/** No digits, or more of them than anybody writes. */
export const NOT_A_NUMBER = -1;
/** Digits whose value is above the limit asked for. */
export const TOO_BIG = -2;

// 255 has three digits and 65535 five; more is padding that only serves to confuse another parser.
const OCTET_DIGITS = 3;
const PORT_DIGITS = 5;

const TAB = 0x09;
const VT = 0x0b;
const FF = 0x0c;
const SPACE = 0x20;
const DOT = 0x2e;
const COLON = 0x3a;

export function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

export function skipSpaces(bytes: Uint8Array, at: number, end: number): number {
  let pos = at;
  while (pos < end && bytes[pos] === SPACE) pos++;
  return pos;
}

/** The blanks that C's `isspace` and Python's `strip` skip, line ends apart. */
export function isBlank(byte: number): boolean {
  return byte === SPACE || byte === TAB || byte === VT || byte === FF;
}

export function skipBlanks(bytes: Uint8Array, at: number, end: number): number {
  let pos = at;
  while (pos < end && isBlank(bytes[pos]!)) pos++;
  return pos;
}

/** What verbs consist of. A letter or digit behind `PORT` makes it another verb, not a bad PORT. */
export function isVerbByte(byte: number): boolean {
  const folded = byte | 0x20;
  return isDigit(byte) || (folded >= 0x61 && folded <= 0x7a);
}

/**
 * A decimal number of at most `max` (up to 65535). Leading zeros do not make it octal: `010` is 10,
 * as in nf_conntrack_ftp.c. However long the digits are, the value does not wrap: `4294967306` is
 * `TOO_BIG`, not 10.
 */
export function scanNumber(bytes: Uint8Array, at: number, end: number, max: number): number {
  let value = 0;
  let pos = at;
  for (; pos < end; pos++) {
    const byte = bytes[pos]!;
    if (!isDigit(byte)) break;
    if (value <= max) value = value * 10 + (byte - 0x30);
  }
  stop.at = pos;
  if (pos === at) return NOT_A_NUMBER;
  if (value > max) return TOO_BIG;
  return pos - at > (max > 255 ? PORT_DIGITS : OCTET_DIGITS) ? NOT_A_NUMBER : value;
}

/** The address that the last `scanDottedIpv4` or `scanIpv6` read, as signed words. */
export const scanned = { a0: 0, a1: 0, a2: 0, a3: 0 };

/** `10.0.1.2` into `scanned.a0`. Answers 0, `NOT_A_NUMBER` or `TOO_BIG`. */
export function scanDottedIpv4(bytes: Uint8Array, at: number, end: number): number {
  let pos = at;
  let address = 0;
  let tooBig = false;
  for (let field = 0; field < 4; field++) {
    if (field > 0) {
      stop.at = pos;
      if (pos >= end || bytes[pos] !== DOT) return NOT_A_NUMBER;
      pos++;
    }
    const value = scanNumber(bytes, pos, end, 255);
    if (value === NOT_A_NUMBER) return NOT_A_NUMBER;
    if (value === TOO_BIG) tooBig = true;
    address = (address << 8) | (value & 0xff);
    pos = stop.at;
  }
  if (tooBig) return TOO_BIG;
  scanned.a0 = address;
  return 0;
}

function hexValue(byte: number): number {
  if (isDigit(byte)) return byte - 0x30;
  const folded = byte | 0x20;
  return folded >= 0x61 && folded <= 0x66 ? folded - 0x57 : -1;
}

/** One to four hexadecimal digits; `NOT_A_NUMBER` for none or five. */
function scanHexGroup(bytes: Uint8Array, at: number, end: number): number {
  let value = 0;
  let pos = at;
  for (; pos < end; pos++) {
    const digit = hexValue(bytes[pos]!);
    if (digit < 0) break;
    if (pos - at === 4) return NOT_A_NUMBER;
    value = (value << 4) | digit;
  }
  stop.at = pos;
  return pos === at ? NOT_A_NUMBER : value;
}

const groups = new Uint16Array(8);

/**
 * An IPv6 address in any text form of RFC 4291 section 2.2, which must fill [at, end) entirely:
 * `2001:db8::2`, `::`, `::ffff:10.0.1.2`. Zone ids and brackets are no part of an address. The
 * words are in `scanned` when the answer is true.
 */
export function scanIpv6(bytes: Uint8Array, at: number, end: number): boolean {
  let count = 0;
  let gap = -1;
  let pos = at;
  if (isDoubleColon(bytes, pos, end)) {
    gap = 0;
    pos += 2;
  }
  while (pos < end) {
    if (count === 8) return false;
    const value = scanHexGroup(bytes, pos, end);
    if (value === NOT_A_NUMBER) return false;
    if (stop.at < end && bytes[stop.at] === DOT) {
      if (!scanEmbeddedIpv4(bytes, pos, end, count)) return false;
      count += 2;
      break;
    }
    groups[count++] = value;
    pos = stop.at;
    if (pos === end) break;
    if (bytes[pos] !== COLON) return false;
    if (isDoubleColon(bytes, pos, end)) {
      if (gap >= 0) return false;
      gap = count;
      pos += 2;
    } else if (++pos === end) {
      return false;
    }
  }
  return spreadGap(count, gap);
}

function isDoubleColon(bytes: Uint8Array, pos: number, end: number): boolean {
  return pos + 1 < end && bytes[pos] === COLON && bytes[pos + 1] === COLON;
}

function scanEmbeddedIpv4(bytes: Uint8Array, at: number, end: number, group: number): boolean {
  if (group > 6 || scanDottedIpv4(bytes, at, end) !== 0 || stop.at !== end) return false;
  groups[group] = scanned.a0 >>> 16;
  groups[group + 1] = scanned.a0 & 0xffff;
  return true;
}

/** Puts the zeros that `::` stands for (at least one group) at `gap`, and makes words of it all. */
function spreadGap(count: number, gap: number): boolean {
  if (gap < 0 ? count !== 8 : count > 7) return false;
  if (gap >= 0) {
    groups.copyWithin(8 - (count - gap), gap, count);
    groups.fill(0, gap, 8 - (count - gap));
  }
  scanned.a0 = (groups[0]! << 16) | groups[1]!;
  scanned.a1 = (groups[2]! << 16) | groups[3]!;
  scanned.a2 = (groups[4]! << 16) | groups[5]!;
  scanned.a3 = (groups[6]! << 16) | groups[7]!;
  return true;
}
