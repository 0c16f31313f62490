import { maskOfPrefix, parseHostWords, prefixLength } from '../../address.ts';
import { RuleFault } from '../../errors.ts';
import type { ParseScope } from '../../extension.ts';
import type { Family } from '../../model.ts';
import { parseUnsigned } from '../../numbers.ts';

/** Options that take a prefix length or a mask (XTTYPE_PLENMASK). */

/** What becomes of a mask with holes: no length, and larger than any. */
const NO_LENGTH = 255;

/**
 * Reads `24` or `255.255.255.0` as a prefix length. IPv4 lets numbers above 32 through, which the
 * extension or the kernel then deals with, IPv6 does not.
 */
export function parsePrefix(
  owner: string,
  option: string,
  text: string,
  scope: ParseScope,
): number {
  const { family } = scope;
  const length = parseUnsigned(text, family === 4 ? NO_LENGTH : 128);
  if (length !== null) return length;
  // Numbers that no byte holds are as wrong as 255, and refused at the same place.
  if (family === 4 && parseUnsigned(text, 0xffffffff) !== null) return NO_LENGTH;
  const isMask = family === 6 || text.split('.').length === 4;
  return lengthOfMask(owner, option, isMask ? text : '', family) ?? NO_LENGTH;
}

/** The same for targets: a mask with holes counts as a full one, as iptables 1.8.9 has it. */
export function parsePrefixLength(
  owner: string,
  option: string,
  text: string,
  family: Family,
): number {
  const bits = family === 4 ? 32 : 128;
  const length = parseUnsigned(text, bits);
  if (length !== null) return length;
  // In IPv4 a number above 32 is the first byte of a mask: 128 is 128.0.0.0, 33 one with holes.
  const isMask = family === 6 || /^\d+$/.test(text) || text.split('.').length === 4;
  return lengthOfMask(owner, option, isMask ? text : '', family) ?? bits;
}

/** Length of a mask that is written as an address, null where it has holes; throws `bad-value`. */
function lengthOfMask(owner: string, option: string, text: string, family: Family): number | null {
  const mask = parseHostWords(text, family);
  if (mask === null) {
    const words =
      `${owner}: bad value for option "--${option}", neither a valid network mask ` +
      `nor valid CIDR (0-${family === 4 ? 32 : 128}).`;
    throw new RuleFault('bad-value', words);
  }
  const length = prefixLength(mask);
  return length < 0 ? null : length;
}

/** The mask of a length as four words, of which IPv4 uses the first; the others are 0 there. */
export function prefixWords(length: number, family: Family): Int32Array {
  const words = maskOfPrefix(length, family);
  return Int32Array.from([0, 1, 2, 3], (i) => words[i] ?? 0);
}
