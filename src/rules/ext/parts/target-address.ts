import { maskOfPrefix, parseHostWords } from '../../address.ts';
import { RuleFault } from '../../errors.ts';
import type { Family } from '../../model.ts';
import { parseUnsigned } from '../../numbers.ts';
import { parsePrefixLength } from './prefix.ts';

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
