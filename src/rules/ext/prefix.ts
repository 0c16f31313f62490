import { maskOfPrefix, parseHostWords, prefixLength } from '../address.ts';
import { RuleFault } from '../errors.ts';
import type { ParseScope } from '../extension.ts';
import type { Family } from '../model.ts';
import { parseUnsigned } from '../numbers.ts';

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
  const longest = scope.family === 4 ? 32 : 128;
  const length = parseUnsigned(text, scope.family === 4 ? NO_LENGTH : longest);
  if (length !== null) return length;
  // Numbers that no byte holds are as wrong as 255, and refused at the same place.
  if (scope.family === 4 && parseUnsigned(text, 0xffffffff) !== null) return NO_LENGTH;
  const isWhole = scope.family === 6 || text.split('.').length === 4;
  const words = isWhole ? parseHostWords(text, scope.family) : null;
  if (words === null) {
    const words =
      `${owner}: bad value for option "--${option}", neither a valid network mask ` +
      `nor valid CIDR (0-${longest}).`;
    throw new RuleFault('bad-value', words);
  }
  const parsed = prefixLength(words);
  return parsed < 0 ? NO_LENGTH : parsed;
}

/** The mask of a length as four words, of which IPv4 uses the first; the others are 0 there. */
export function prefixWords(length: number, family: Family): Int32Array {
  const words = maskOfPrefix(length, family);
  return Int32Array.from([0, 1, 2, 3], (i) => words[i] ?? 0);
}
