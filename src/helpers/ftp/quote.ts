/** Longest quotation of a line, in characters. */
const QUOTE_CHARS = 128;

/**
 * A line as it may be shown: without its end, everything outside printable ASCII escaped, cut at
 * 128 characters. Only announcing lines are ever quoted: no password comes this way.
 */
export function quoteLine(bytes: Uint8Array, start: number, end: number): string {
  let last = end;
  while (last > start && (bytes[last - 1] === 0x0a || bytes[last - 1] === 0x0d)) last--;
  let text = '';
  for (let at = start; at < last; at++) {
    if (text.length >= QUOTE_CHARS) return `${text}...`;
    const byte = bytes[at]!;
    text +=
      byte >= 0x20 && byte < 0x7f && byte !== 0x5c
        ? String.fromCharCode(byte)
        : `\\x${byte.toString(16).padStart(2, '0')}`;
  }
  return text;
}
