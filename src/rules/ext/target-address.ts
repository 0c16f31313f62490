import { maskOfPrefix, parseHostWords, prefixLength } from '../address.ts';
import { RuleFault } from '../errors.ts';
import type { Family } from '../model.ts';
import { parseUnsigned } from '../numbers.ts';

/** Addresses and prefixes as options of targets take them. */

/** One address; throws `bad-address` in the words of a name that does not resolve. */
export function parseTargetAddress(text: string, family: Family): readonly number[] {
  const words = family === 4 ? parseClassfulIpv4(text) : parseHostWords(text, family);
  if (words !== null) return words;
  const detail = 'names are not looked up here; write the address';
  throw new RuleFault('bad-address', 'getaddrinfo: Name or service not known', detail);
}

/** As inet_aton(3): the last of fewer than four parts fills all bytes that are left. */
function parseClassfulIpv4(text: string): readonly number[] | null {
  const parts = text.split('.');
  const last = parts.pop()!;
  const tail = parseUnsigned(last, 256 ** (4 - parts.length) - 1);
  const head = parts.map((part) => parseUnsigned(part, 0xff));
  if (tail === null || parts.length > 3 || head.includes(null)) return null;
  const bytes = head.reduce((sum: number, byte, i) => sum | ((byte ?? 0) << (24 - 8 * i)), 0);
  return [bytes | (tail | 0)];
}

/**
 * A prefix length or a mask without holes, as length. A mask with holes counts as a full one, which
 * is what iptables 1.8.9 makes of it. Throws `bad-value`.
 */
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
  const whole = family === 6 || /^\d+$/.test(text) || text.split('.').length === 4;
  const mask = whole ? parseHostWords(text, family) : null;
  if (mask === null) {
    const words = `${owner}: bad value for option "--${option}", neither a valid network mask nor valid CIDR (0-${bits}).`;
    throw new RuleFault('bad-value', words);
  }
  const found = prefixLength(mask);
  return found < 0 ? bits : found;
}

/** `ADDRESS[/MASK]`: the address as it was written, and the prefix length. */
export function parsePrefix(
  owner: string,
  option: string,
  text: string,
  family: Family,
): { address: readonly number[]; length: number } {
  const slash = text.indexOf('/');
  const address = parseTargetAddress(slash < 0 ? text : text.slice(0, slash), family);
  const full = family === 4 ? 32 : 128;
  const length = slash < 0 ? full : parsePrefixLength(owner, option, text.slice(slash + 1), family);
  return { address, length };
}

/** The address with all bits behind the prefix cleared. */
export function maskAddress(address: readonly number[], length: number): readonly number[] {
  const mask = maskOfPrefix(length, address.length === 1 ? 4 : 6);
  return address.map((word, i) => word & mask[i]!);
}
