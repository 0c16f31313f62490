/**
 * The other half of the grammar: the text that NAT puts in place of [numbersStart, numbersEnd).
 * Writes digits straight into the caller's buffer; nothing is allocated. Hot.
 */
import { AnnouncementKind, type AnnouncementKindCode } from './announcement.ts';

/** `6,16,` + sixteen numbers + `,2,255,255`: no announcement is longer than this. */
export const MAX_ANNOUNCEMENT_BYTES = 78;

const COMMA = 0x2c;
const DOT = 0x2e;
const DIGIT_0 = 0x30;
const COLON = 0x3a;
const BAR = 0x7c;

/**
 * Writes the replacement for the numbers of an announcement of `kind` into `out` from `at` and
 * returns its length in bytes; `out` must have `MAX_ANNOUNCEMENT_BYTES` of room. Returns 0, and
 * writes nothing, where the kind cannot carry the family: PORT and 227 are IPv4 only.
 *
 * PORT, 227: `192,0,2,1,200,10`. EPRT: `|1|192.0.2.1|51210|`, `|2|2001:db8::1|51210|` with RFC 5952
 * text (hexadecimal groups throughout). 229: `|||51210|`, whatever the address. LPRT, 228:
 * `4,4,192,0,2,1,2,200,10`. The address is in signed words as in `FtpAnnouncement`.
 *
 * The peer's own delimiter is kept, except one that may occur inside an address (a hexadecimal
 * letter, `:` or `.`): with another address in its place the text could become ambiguous.
 */
export function writeAnnouncement(
  kind: AnnouncementKindCode,
  family: 0 | 4 | 6,
  a0: number,
  a1: number,
  a2: number,
  a3: number,
  port: number,
  delimiter: number,
  out: Uint8Array,
  at: number,
): number {
  switch (kind) {
    case AnnouncementKind.Port:
    case AnnouncementKind.Pasv:
      return family === 4 ? writeSixNumbers(a0, port, out, at) - at : 0;
    case AnnouncementKind.Eprt:
      if (family === 0) return 0;
      return writeEprt(family, a0, a1, a2, a3, port, safeDelimiter(delimiter), out, at) - at;
    case AnnouncementKind.Epsv:
      return writeEpsv(port, safeDelimiter(delimiter), out, at) - at;
    case AnnouncementKind.Lprt:
    case AnnouncementKind.Lpsv:
      return family === 0 ? 0 : writeLong(family, a0, a1, a2, a3, port, out, at) - at;
    case AnnouncementKind.None:
      return 0;
  }
}

function writeSixNumbers(address: number, port: number, out: Uint8Array, at: number): number {
  let pos = writeIpv4(address, COMMA, out, at);
  out[pos++] = COMMA;
  return writePortNumbers(port, out, pos);
}

/** RFC 1639: family (an IP version), address length and bytes, port length and bytes. */
function writeLong(
  family: 4 | 6,
  a0: number,
  a1: number,
  a2: number,
  a3: number,
  port: number,
  out: Uint8Array,
  at: number,
): number {
  let pos = writeDecimal(family, out, at);
  out[pos++] = COMMA;
  pos = writeDecimal(family === 4 ? 4 : 16, out, pos);
  out[pos++] = COMMA;
  pos = writeIpv4(a0, COMMA, out, pos);
  if (family === 6) {
    out[pos++] = COMMA;
    pos = writeIpv4(a1, COMMA, out, pos);
    out[pos++] = COMMA;
    pos = writeIpv4(a2, COMMA, out, pos);
    out[pos++] = COMMA;
    pos = writeIpv4(a3, COMMA, out, pos);
  }
  out[pos++] = COMMA;
  out[pos++] = DIGIT_0 + 2;
  out[pos++] = COMMA;
  return writePortNumbers(port, out, pos);
}

function writePortNumbers(port: number, out: Uint8Array, at: number): number {
  const pos = writeDecimal(port >>> 8, out, at);
  out[pos] = COMMA;
  return writeDecimal(port & 0xff, out, pos + 1);
}

function writeEprt(
  family: 4 | 6,
  a0: number,
  a1: number,
  a2: number,
  a3: number,
  port: number,
  delimiter: number,
  out: Uint8Array,
  at: number,
): number {
  let pos = at;
  out[pos++] = delimiter;
  out[pos++] = family === 4 ? DIGIT_0 + 1 : DIGIT_0 + 2;
  out[pos++] = delimiter;
  pos = family === 4 ? writeIpv4(a0, DOT, out, pos) : writeIpv6(a0, a1, a2, a3, out, pos);
  out[pos++] = delimiter;
  pos = writeDecimal(port, out, pos);
  out[pos++] = delimiter;
  return pos;
}

function writeEpsv(port: number, delimiter: number, out: Uint8Array, at: number): number {
  out.fill(delimiter, at, at + 3);
  const pos = writeDecimal(port, out, at + 3);
  out[pos] = delimiter;
  return pos + 1;
}

function writeIpv4(address: number, separator: number, out: Uint8Array, at: number): number {
  let pos = writeDecimal(address >>> 24, out, at);
  for (let shift = 16; shift >= 0; shift -= 8) {
    out[pos++] = separator;
    pos = writeDecimal((address >>> shift) & 0xff, out, pos);
  }
  return pos;
}

/** Decimal without leading zeros, 0 to 65535. */
function writeDecimal(value: number, out: Uint8Array, at: number): number {
  let digits = 1;
  for (let limit = 10; value >= limit; limit *= 10) digits++;
  let rest = value;
  for (let pos = at + digits - 1; pos >= at; pos--) {
    out[pos] = DIGIT_0 + (rest % 10);
    rest = (rest / 10) | 0;
  }
  return at + digits;
}

const groups = new Uint16Array(8);

/** RFC 5952 section 4: lower case, no leading zeros, `::` for the first longest run of zeros. */
function writeIpv6(
  a0: number,
  a1: number,
  a2: number,
  a3: number,
  out: Uint8Array,
  at: number,
): number {
  setGroups(0, a0);
  setGroups(2, a1);
  setGroups(4, a2);
  setGroups(6, a3);
  const gap = findLongestZeroRun();
  const gapEnd = gap < 0 ? -1 : zeroRunEnd(gap);
  let pos = at;
  for (let group = 0; group < 8; group++) {
    if (group === gap) {
      out[pos++] = COLON;
      out[pos++] = COLON;
      group = gapEnd - 1;
      continue;
    }
    if (group > 0 && group !== gapEnd) out[pos++] = COLON;
    pos = writeHex(groups[group]!, out, pos);
  }
  return pos;
}

function setGroups(index: number, word: number): void {
  groups[index] = word >>> 16;
  groups[index + 1] = word & 0xffff;
}

function zeroRunEnd(from: number): number {
  let end = from;
  while (end < 8 && groups[end] === 0) end++;
  return end;
}

/** Where `::` goes, or -1: one single zero group is not shortened (RFC 5952 4.2.2). */
function findLongestZeroRun(): number {
  let best = -1;
  let bestLength = 1;
  let group = 0;
  while (group < 8) {
    const end = zeroRunEnd(group);
    if (end - group > bestLength) {
      best = group;
      bestLength = end - group;
    }
    group = end + 1;
  }
  return best;
}

function writeHex(value: number, out: Uint8Array, at: number): number {
  let pos = at;
  let shift = 12;
  while (shift > 0 && value >>> shift === 0) shift -= 4;
  for (; shift >= 0; shift -= 4) {
    const digit = (value >>> shift) & 0xf;
    out[pos++] = digit < 10 ? DIGIT_0 + digit : 0x61 + digit - 10;
  }
  return pos;
}

function safeDelimiter(delimiter: number): number {
  if (delimiter < 33 || delimiter > 126 || (delimiter >= DIGIT_0 && delimiter <= COLON)) return BAR;
  const folded = delimiter | 0x20;
  return delimiter === DOT || (folded >= 0x61 && folded <= 0x66) ? BAR : delimiter;
}
