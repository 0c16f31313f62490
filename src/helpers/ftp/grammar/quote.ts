import { isHarmless } from './groups.ts';
import { isDigit } from './scan.ts';
import { hasTelnet, stripTelnet } from './telnet.ts';
import { readVerb, Verb, verbSpan } from './verbs.ts';

/** Longest text that is shown, in characters. */
const QUOTE_CHARS = 128;
const CUT = '...';

const NUL = 0;
const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const BACKSLASH = 0x5c;

/**
 * A line of either end as it may be shown: without its end, as servers read it (Telnet sequences
 * removed), everything outside printable ASCII escaped, cut at 128 characters, and without
 * credentials. Whole are only commands whose arguments are no secrets, up to where another command
 * may be hidden in them, and the replies 227, 228 and 229; of everything else there is `PASS ...`,
 * `530 ...`, or `...` where not even the first word is sure to be a verb: somebody may have typed
 * his password there.
 */
export function quoteLine(bytes: Uint8Array, start: number, end: number): string {
  if (hasTelnet(bytes, start, end)) {
    const text = new Uint8Array(end - start);
    return quoteText(text, 0, stripTelnet(bytes, start, end, text));
  }
  return quoteText(bytes, start, end);
}

function quoteText(bytes: Uint8Array, start: number, end: number): string {
  if (start < end && isDigit(bytes[start]!)) return quoteReply(bytes, start, end);
  const verb = readVerb(bytes, start, end);
  if (verb === Verb.None) return '';
  if (isHarmless(verb)) {
    const to = shownEnd(bytes, start, end);
    return escaped(bytes, start, to) + (isLineEnd(bytes, to, end) ? '' : ` ${CUT}`);
  }
  // RFC 959 section 5.3: verbs are of three or four letters.
  const chars = verbSpan.end - verbSpan.start;
  if (verb === Verb.Other && (chars < 3 || chars > 4)) return CUT;
  return `${escaped(bytes, verbSpan.start, verbSpan.end)} ${CUT}`;
}

function quoteReply(bytes: Uint8Array, start: number, end: number): string {
  const codeEnd = Math.min(start + 3, end);
  const code = escaped(bytes, start, codeEnd);
  if (!/^[1-6]\d\d$/.test(code)) return CUT;
  const isAnnouncement = /^22[789]$/.test(code) && (codeEnd === end || bytes[codeEnd] === SPACE);
  if (!isAnnouncement) return `${code} ${CUT}`;
  return escaped(bytes, start, shownEnd(bytes, start, end));
}

/** Before the line end, or the first byte behind which a server may read another command. */
export function shownEnd(bytes: Uint8Array, start: number, end: number): number {
  let pos = start;
  while (pos < end && bytes[pos] !== NUL && bytes[pos] !== CR && bytes[pos] !== LF) pos++;
  return pos;
}

function isLineEnd(bytes: Uint8Array, at: number, end: number): boolean {
  for (let pos = at; pos < end; pos++) if (bytes[pos] !== CR && bytes[pos] !== LF) return false;
  return true;
}

/** Text of [start, end) in printable ASCII, everything else as `\xff`; cut at 128 characters. */
export function escaped(bytes: Uint8Array, start: number, end: number): string {
  let shown = '';
  for (let at = start; at < end; at++) {
    if (shown.length >= QUOTE_CHARS) return `${shown}${CUT}`;
    const byte = bytes[at]!;
    shown +=
      byte >= SPACE && byte < 0x7f && byte !== BACKSLASH
        ? String.fromCharCode(byte)
        : `\\x${byte.toString(16).padStart(2, '0')}`;
  }
  return shown;
}
