/**
 * EPRT and 229 (RFC 2428): fields between delimiters that the speaker chooses. Both functions take
 * what follows the verb or code, without the terminator; the contract is that of grammar.ts. Hot.
 */
import { type FtpAnnouncement, FtpParse, type FtpParseCode } from './announcement.ts';
import {
  isDigit,
  NOT_A_NUMBER,
  scanDottedIpv4,
  scanIpv6,
  scanNumber,
  scanned,
  stop,
  TOO_BIG,
} from './scan.ts';

const OPEN = 0x28;
const DIGIT_1 = 0x31;
const DIGIT_2 = 0x32;

// EPRT |1|10.0.1.2|51210|
// EPRT |2|2001:db8:1::2|51210|
export function parseEprt(
  bytes: Uint8Array,
  at: number,
  end: number,
  out: FtpAnnouncement,
): FtpParseCode {
  if (at >= end || !isDelimiter(bytes[at]!)) return FtpParse.Malformed;
  const delimiter = bytes[at]!;
  const familyEnd = skipDigits(bytes, at + 1, end);
  if (familyEnd === at + 1 || familyEnd >= end || bytes[familyEnd] !== delimiter) {
    return FtpParse.Malformed;
  }
  const familyNumber = familyEnd === at + 2 ? bytes[at + 1]! : 0;
  if (familyNumber === DIGIT_1) return parseEprtIpv4(bytes, at, familyEnd + 1, end, out);
  if (familyNumber === DIGIT_2) return parseEprtIpv6(bytes, at, familyEnd + 1, end, out);
  return FtpParse.Malformed;
}

function parseEprtIpv4(
  bytes: Uint8Array,
  start: number,
  at: number,
  end: number,
  out: FtpAnnouncement,
): FtpParseCode {
  const answer = scanDottedIpv4(bytes, at, end);
  if (answer === NOT_A_NUMBER) return FtpParse.Malformed;
  if (stop.at >= end || bytes[stop.at] !== bytes[start]) return FtpParse.Malformed;
  const port = scanLastField(bytes, stop.at + 1, end, bytes[start]!);
  if (port === NOT_A_NUMBER || stop.at !== end) return FtpParse.Malformed;
  if (port === TOO_BIG || answer === TOO_BIG) return FtpParse.NumberOutOfRange;
  out.family = 4;
  out.a0 = scanned.a0;
  out.hasAddress = true;
  out.delimiter = bytes[start]!;
  return out.settle(port, start, stop.at);
}

function parseEprtIpv6(
  bytes: Uint8Array,
  start: number,
  at: number,
  end: number,
  out: FtpAnnouncement,
): FtpParseCode {
  const delimiter = bytes[start]!;
  let addressEnd = at;
  while (addressEnd < end && bytes[addressEnd] !== delimiter) addressEnd++;
  if (!scanIpv6(bytes, at, addressEnd)) return FtpParse.Malformed;
  const port = scanLastField(bytes, addressEnd + 1, end, delimiter);
  if (port === NOT_A_NUMBER || stop.at !== end) return FtpParse.Malformed;
  if (port === TOO_BIG) return FtpParse.NumberOutOfRange;
  out.family = 6;
  out.a0 = scanned.a0;
  out.a1 = scanned.a1;
  out.a2 = scanned.a2;
  out.a3 = scanned.a3;
  out.hasAddress = true;
  out.delimiter = delimiter;
  return out.settle(port, start, stop.at);
}

// 229 Entering Extended Passive Mode (|||51210|)
export function parse229(
  bytes: Uint8Array,
  at: number,
  end: number,
  out: FtpAnnouncement,
): FtpParseCode {
  for (let open = at; open < end; open++) {
    if (bytes[open] !== OPEN) continue;
    const start = open + 1;
    if (start + 3 >= end || !isDelimiter(bytes[start]!)) continue;
    const delimiter = bytes[start]!;
    if (bytes[start + 1] !== delimiter || bytes[start + 2] !== delimiter) continue;
    const port = scanLastField(bytes, start + 3, end, delimiter);
    if (port === NOT_A_NUMBER) continue;
    if (port === TOO_BIG) return FtpParse.NumberOutOfRange;
    out.delimiter = delimiter;
    return out.settle(port, start, stop.at);
  }
  return FtpParse.Malformed;
}

/** A port and the delimiter that closes it. Ends at `stop.at`. */
function scanLastField(bytes: Uint8Array, at: number, end: number, delimiter: number): number {
  const port = scanNumber(bytes, at, end, 65535);
  if (stop.at >= end || bytes[stop.at] !== delimiter) return NOT_A_NUMBER;
  stop.at++;
  return port;
}

function skipDigits(bytes: Uint8Array, at: number, end: number): number {
  let pos = at;
  while (pos < end && isDigit(bytes[pos]!)) pos++;
  return pos;
}

/** Printable ASCII (RFC 2428 section 2), except the digits that it has to separate. */
function isDelimiter(byte: number): boolean {
  return byte >= 33 && byte <= 126 && !isDigit(byte);
}
