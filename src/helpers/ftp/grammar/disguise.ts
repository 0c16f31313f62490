/**
 * Announcements in disguise: lines that are harmless by the book, and in which some server sees an
 * announcing command all the same. Servers end lines at CR, NUL or other controls, or skip those;
 * they take eight bits for seven; they know all of Telnet (RFC 854), or half of it; they read what
 * does not fit into their buffer as the next command (CVE-2008-4242, CVE-2008-4247).
 */
import { isBlank, isVerbByte } from './scan.ts';
import { IAC, stripTelnet } from './telnet.ts';

const NUL = 0;
const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const DEL = 0x7f;
const LOWEST_TELNET = 0xf0;
const SB = 0xfa;
const WILL = 0xfb;
const DONT = 0xfe;

/** No server has a smaller buffer for its lines. */
export const SMALLEST_BUFFER = 60;
const VERB_BYTES = 4;
const PORT = 0x706f7274;
const EPRT = 0x65707274;
const LPRT = 0x6c707274;
const CASE_BITS = 0x20202020;

/** Text of an announcement that is looked at, in bytes. */
const SHOWN = 600;
/** Letters of a verb that may have passed, and the most bytes among which they are looked for. */
const LETTERS_BACK = 8;
const MOST_BACK = 256;

/** What stands behind a verb that announces: whole, and as far as it has come. */
const wholeList = /^[\s\S]?[^\dA-Za-z]*\d[^,]*(,[^,]*){5}/;
const partOfList = /^[\s\S]?[^\dA-Za-z]*($|\d[^,]{0,12}($|,))/;
const startOfList = /^[\s\S]?[^\dA-Za-z]*(\d[^,]{0,12},[^,]{0,12}\d|(?<=[^\dA-Za-z]{200}))/;
const wholeEprt = /^[\s\S]?[ \t]*([!-~])[^|]*?\1.+?\1\s*[\d\x80-\xff]/s;
const startOfEprt = /^[\s\S]?[ \t]*([!-~])[ \t]*\d*[ \t]*\1.{3}/s;

/** How sure one must be that what stands behind a verb is an endpoint. */
export const Sure = {
  /** It has come whole. */
  Whole: 0,
  /** It may become one. */
  Perhaps: 1,
  /** It has begun. */
  Begun: 2,
} as const;
export type SureCode = (typeof Sure)[keyof typeof Sure];

/** How servers read bytes that are no text; `Raw` first. */
const Reading = { Raw: 0, Telnet: 1, NoTelnetCommands: 2, SevenBits: 3, TextOnly: 4 } as const;
const READINGS = 5;

/** One reading of a line, for the whole module. */
export class Disguise {
  /** The text, and where in it the announcing verb stands: see `next`. */
  text: Uint8Array = new Uint8Array(0);
  at = 0;
  end = 0;
  /** It is the first word of the line. */
  isFirst = false;

  private bytes: Uint8Array = new Uint8Array(0);
  private from = 0;
  private to = 0;
  private reading = 0;
  private skipped = 0;
  private isFresh = true;
  private hasText = false;
  private scratch = new Uint8Array(1024);

  /** Begins with [from, to); `skipped` bytes of the line stand before it. */
  begin(bytes: Uint8Array, from: number, to: number, skipped: number): void {
    this.bytes = bytes;
    this.from = from;
    this.to = to;
    this.skipped = skipped;
    this.reading = -1;
    this.at = 0;
    this.end = 0;
    this.hasText = false;
  }

  /** Goes to the next place where some server sees an announcing verb; false behind the last. */
  next(sure: SureCode): boolean {
    for (;;) {
      if (!this.hasText && !this.read()) return false;
      if (this.find(sure)) return true;
      this.hasText = false;
    }
  }

  /** Turns to the next reading. */
  private read(): boolean {
    const { bytes, from, to } = this;
    this.reading++;
    if (this.reading >= READINGS) return false;
    if (this.reading !== Reading.Raw && !isOdd(bytes, from, to)) return false;
    if (this.reading === Reading.Raw) {
      this.text = bytes;
      this.at = from;
      this.end = to;
    } else {
      if (this.scratch.length < to - from) this.scratch = new Uint8Array(2 * (to - from));
      this.text = this.scratch;
      this.at = 0;
      this.end = fold(this.reading, bytes, from, to, this.scratch);
    }
    this.at--;
    this.isFresh = this.skipped === 0 || (from < to && !isVerbByte(bytes[from]!));
    this.isFirst = false;
    this.hasText = true;
    return true;
  }

  private find(sure: SureCode): boolean {
    const { text, end, skipped } = this;
    const start = this.reading === Reading.Raw ? this.from : 0;
    let hasWord = this.at >= start;
    for (this.at++; this.at + VERB_BYTES <= end; this.at++) {
      const byte = text[this.at]!;
      if (isVerbByte(byte)) {
        const isFresh = this.isFresh;
        const isStart = isFresh || skipped + this.at - start >= SMALLEST_BUFFER;
        this.isFresh = false;
        this.isFirst = !hasWord && skipped === 0;
        hasWord = true;
        if (isStart && announces(text, this.at, end, sure, isFresh)) return true;
      } else if (isBreak(byte)) this.isFresh = true;
      else if (!isBlank(byte)) this.isFresh = false;
    }
    return false;
  }
}

/**
 * Where to begin to look in an unfinished line of which `passed` bytes have gone on: far enough back
 * for a verb, or -1 where there is more of what is no text than anybody writes.
 */
export function lookBack(bytes: Uint8Array, start: number, passed: number): number {
  let from = start + passed;
  let letters = 0;
  while (from > start && letters < LETTERS_BACK) {
    if (start + passed - from >= MOST_BACK) return -1;
    const byte = bytes[--from]!;
    if (byte > SPACE && byte < DEL) letters++;
  }
  return from;
}

/**
 * Whether the LF at the end of the line is, for some servers, part of a Telnet sequence, which makes
 * one line of two.
 */
export function endsInTelnet(bytes: Uint8Array, start: number, end: number): boolean {
  const last = end - 1;
  if (last <= start || bytes[last] !== LF) return false;
  if (bytes[last - 1] === IAC) return true;
  const command = bytes[last - 1]!;
  if (last - 2 >= start && bytes[last - 2] === IAC && command >= WILL && command <= DONT)
    return true;
  for (let pos = last - 1; pos > start; pos--) {
    if (bytes[pos - 1] !== IAC) continue;
    if (bytes[pos] === LOWEST_TELNET) return false;
    if (bytes[pos] === SB) return true;
  }
  return false;
}

/** Whether anything stands in [from, to) that is no text: its line end does not count. */
export function isOdd(bytes: Uint8Array, from: number, to: number): boolean {
  let end = to;
  if (end > from && bytes[end - 1] === LF) end--;
  if (end > from && bytes[end - 1] === CR) end--;
  for (let pos = from; pos < end; pos++) {
    const byte = bytes[pos]!;
    if (byte >= DEL || byte < SPACE) return true;
  }
  return false;
}

/** Copies what is left in a reading to `out`; its length. */
function fold(
  reading: number,
  bytes: Uint8Array,
  from: number,
  to: number,
  out: Uint8Array,
): number {
  if (reading === Reading.Telnet) {
    const length = stripTelnet(bytes, from, to, out);
    return fold(Reading.NoTelnetCommands, out, 0, length, out);
  }
  let length = 0;
  for (let pos = from; pos < to; pos++) {
    const byte = bytes[pos]!;
    if (reading === Reading.SevenBits) {
      if ((byte & DEL) !== DEL) out[length++] = byte & DEL;
      continue;
    }
    if (byte === NUL || (byte === CR && bytes[pos + 1] !== LF)) continue;
    if (reading === Reading.NoTelnetCommands) {
      if (byte < LOWEST_TELNET) out[length++] = byte;
    } else if ((byte >= SPACE && byte < DEL) || byte === LF) {
      out[length++] = byte;
    }
  }
  return length;
}

/** Controls, of both halves of Latin-1: what some server may take for the end of a line, or skip. */
function isBreak(byte: number): boolean {
  return (byte & DEL) < SPACE ? !isBlank(byte) : byte === DEL || byte === 0xff;
}

function announces(
  text: Uint8Array,
  at: number,
  end: number,
  sure: SureCode,
  isFresh: boolean,
): boolean {
  const word =
    (text[at]! << 24) | (text[at + 1]! << 16) | (text[at + 2]! << 8) | text[at + 3]! | CASE_BITS;
  if (word !== PORT && word !== EPRT && word !== LPRT) return false;
  const from = at + VERB_BYTES;
  const to = Math.min(end, from + SHOWN);
  const behind = Buffer.from(text.buffer, text.byteOffset + from, to - from).toString('latin1');
  if (word === EPRT) {
    if (sure === Sure.Perhaps) return true;
    return sure === Sure.Whole ? wholeEprt.test(behind) : startOfEprt.test(behind);
  }
  // Behind what may end a line, the verb alone is enough.
  if (sure === Sure.Perhaps) return isFresh || partOfList.test(behind);
  return sure === Sure.Whole ? wholeList.test(behind) : startOfList.test(behind);
}
