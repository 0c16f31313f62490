import { RuleFault } from '../../errors.ts';

/** Patterns of `-m string`: text, or text with bytes in hexadecimal (`GET |0d 0a|`). */

const MAX_PATTERN_BYTES = 128;

const bad = (words: string) => new RuleFault('bad-value', words);

/** As iptables cuts a pattern in its message. */
function tooLong(text: string): RuleFault {
  return bad(`STRING too long "${text}"`);
}

export function parsePlain(text: string): Uint8Array {
  const bytes = Buffer.from(text);
  if (bytes.length > MAX_PATTERN_BYTES) throw tooLong(text);
  return bytes;
}

const isHexDigit = (char: string) => /^[0-9a-fA-F]$/.test(char);
const PIPE = '|'.charCodeAt(0);
const BACKSLASH = '\\'.charCodeAt(0);
const BLANK = ' '.charCodeAt(0);

/**
 * Reads a pattern in which `|` begins and ends bytes in hexadecimal and `\` stands before a character
 * that is meant as it is. Byte by byte with the oddities of iptables: a blank is allowed behind the
 * first `|` and behind each pair of digits, and the character behind a closing `|` is always text.
 */
export function parseHexPattern(text: string): Uint8Array {
  const input = Buffer.from(text);
  const { length } = input;
  if (length === 0) throw bad('STRING must contain at least one char');
  if (length > 2 * MAX_PATTERN_BYTES) throw tooLong(text);
  const output: number[] = [];
  let inHex = false;
  let at = 0;
  while (at < length) {
    const literal = !inHex && input[at] === BACKSLASH;
    if (input[at] === PIPE) {
      inHex = !inHex;
      while (inHex && input[at + 1] === BLANK) at++;
      if (++at >= length) break;
    }
    if (literal) {
      if (at + 1 >= length) throw bad('Bad literal placement at end of string');
      output.push(input[at + 1]!);
      at += 2;
    } else if (inHex) {
      output.push(hexPair(input, at));
      at += input[at + 2] === BLANK ? 3 : 2;
    } else {
      output.push(input[at]!);
      at++;
    }
    if (output.length > MAX_PATTERN_BYTES) throw tooLong(text);
  }
  return Uint8Array.from(output);
}

function hexPair(input: Uint8Array, at: number): number {
  if (at + 1 >= input.length) throw bad('Odd number of hex digits');
  if (at + 2 >= input.length) throw bad('Invalid hex block');
  const pair = String.fromCharCode(input[at]!, input[at + 1]!);
  for (const char of pair) if (!isHexDigit(char)) throw bad(`Invalid hex char '${char}'`);
  return Number.parseInt(pair, 16);
}

/** Whether a pattern must be printed in hexadecimal: unprintable bytes, or a `\` at its end. */
export function needsHex(pattern: Uint8Array): boolean {
  const isPrintable = (byte: number) => byte >= 0x20 && byte <= 0x7e;
  return !pattern.every(isPrintable) || pattern.at(-1) === BACKSLASH;
}

/** The pattern in quotes, as text or as `|0d0a|`. */
export function patternText(pattern: Uint8Array): string {
  const bytes = Buffer.from(pattern);
  if (needsHex(pattern)) return `"|${bytes.toString('hex')}|"`;
  return `"${bytes.toString('latin1').replace(/["\\]/g, '\\$&')}"`;
}
