import { formatIpv4, formatIpv6, parseIpv6 } from '../wire/index.ts';
import { RuleFault } from './errors.ts';
import type { AddressMatch, Family } from './model.ts';
import { parseUnsigned } from './numbers.ts';

/**
 * Addresses of rules: words, masks and their text. A mask may have holes (255.0.255.0), as in
 * iptables; host bits are cleared when the text is read.
 */

/** Networks of networks(5) that every distribution ships, printed by name without -n. */
const knownNetworks: ReadonlyMap<string, string> = new Map([
  ['127.0.0.0', 'loopback'],
  ['169.254.0.0', 'link-local'],
]);

/**
 * Looks a host or network name up. Gives the addresses in the order of the resolver without
 * duplicates, as words; null or none where there is no such name; a text where the look-up itself
 * failed, with the reason.
 */
export type HostResolver = (
  name: string,
  family: Family,
) => readonly (readonly number[])[] | string | null;

/**
 * Dotted IPv4 with fewer than four parts allowed, the rest being zero (`10.1` is 10.1.0.0, as
 * iptables has it), or null. Parts are numbers as C writes them: `010` is 8.
 */
export function parseLooseIpv4(text: string): number | null {
  const parts = text.split('.');
  if (parts.length > 4) return null;
  let word = 0;
  for (let i = 0; i < 4; i++) {
    const part = i < parts.length ? parseUnsigned(parts[i]!, 255) : 0;
    if (part === null) return null;
    word = (word << 8) | part;
  }
  return word;
}

/** As inet_aton reads what `parseLooseIpv4` does not: the last part fills what is left (`256`). */
function parseInetAton(text: string): number | null {
  const parts = text.split('.');
  if (parts.length > 4) return null;
  let word = 0;
  for (const [i, part] of parts.entries()) {
    const isLast = i === parts.length - 1;
    const value = parseUnsigned(part, isLast ? 2 ** (32 - 8 * i) - 1 : 255);
    if (value === null) return null;
    word = isLast ? word | value : word | (value << (24 - 8 * i));
  }
  return word;
}

/** The words of one host address (1 for IPv4, 4 for IPv6), or null where it is no address. */
export function parseHostWords(text: string, family: Family): readonly number[] | null {
  if (family === 6) return parseIpv6(text);
  const word = parseLooseIpv4(text);
  return word === null ? null : [word];
}

/** Text of one address given as words. */
export function formatWords(words: readonly number[]): string {
  const [w0 = 0, w1 = 0, w2 = 0, w3 = 0] = words;
  if (words.length === 1) return formatIpv4(w0);
  // As inet_ntop of the C library has it: the last word of what holds an IPv4 address is one.
  const isMapped = w0 === 0 && w1 === 0 && w2 === 0xffff;
  const isCompatible = w0 === 0 && w1 === 0 && w2 === 0 && w3 >>> 16 !== 0;
  if (isMapped) return `::ffff:${formatIpv4(w3)}`;
  return isCompatible ? `::${formatIpv4(w3)}` : formatIpv6(w0, w1, w2, w3);
}

/** Prefix length of a mask, or -1 where it has holes. */
export function prefixLength(mask: readonly number[]): number {
  let bits = 0;
  let ended = false;
  for (const word of mask) {
    const ones = Math.clz32(~word);
    if (ended ? word !== 0 : word !== (ones === 0 ? 0 : -1 << (32 - ones))) return -1;
    if (ones < 32) ended = true;
    bits += ones;
  }
  return bits;
}

/** The mask words of a prefix length. */
export function maskOfPrefix(length: number, family: Family): readonly number[] {
  const words = family === 4 ? 1 : 4;
  return Array.from({ length: words }, (_, i) => {
    const bits = Math.min(32, Math.max(0, length - 32 * i));
    return bits === 0 ? 0 : -1 << (32 - bits);
  });
}

function parseMask(text: string, family: Family): readonly number[] {
  const length = parseUnsigned(text, family === 4 ? 32 : 128);
  if (length !== null) return maskOfPrefix(length, family);
  // A mask is written in full: 255.255 is none.
  const whole = family === 6 || text.split('.').length === 4;
  const words = whole ? parseHostWords(text, family) : null;
  if (words === null) throw new RuleFault('bad-address', `invalid mask \`${text}' specified`);
  return words;
}

function resolveHost(
  text: string,
  family: Family,
  resolver: HostResolver | null,
): readonly (readonly number[])[] {
  const words = parseHostWords(text, family);
  if (words !== null) return [words];
  const number = family === 4 ? parseInetAton(text) : null;
  if (number !== null) return [[number]];
  const isName = /^(?=.*[a-zA-Z])[a-zA-Z0-9_][a-zA-Z0-9._-]{0,253}$/.test(text);
  let detail = isName && resolver === null ? 'names are not looked up here; write the address' : '';
  if (isName && resolver !== null) {
    const found = resolver(text, family);
    if (typeof found === 'string') detail = found;
    else if (found !== null && found.length > 0) return found;
  } else if (text === 'localhost') {
    return [family === 4 ? [0x7f000001] : [0, 0, 0, 1]];
  }
  throw new RuleFault('bad-address', `host/network \`${text}' not found`, detail);
}

/**
 * Reads `ADDR[/MASK][,…]` into address matches, one for each address that a name has; throws
 * `bad-address`.
 */
export function parseAddressList(
  text: string,
  negated: boolean,
  family: Family,
  resolver: HostResolver | null = null,
): AddressMatch[] {
  const items = text.split(',');
  const several = '! not allowed with multiple source or destination IP addresses';
  if (negated && items.length > 1) throw new RuleFault('bad-value', several);
  const matches = items.flatMap((item) => {
    const slash = item.indexOf('/');
    const mask =
      slash < 0
        ? maskOfPrefix(family === 4 ? 32 : 128, family)
        : parseMask(item.slice(slash + 1), family);
    // With a null mask iptables does not look at the name: `any/0`, and `0/0` for IPv6.
    const hosts = mask.every((word) => word === 0)
      ? [mask]
      : resolveHost(slash < 0 ? item : item.slice(0, slash), family, resolver);
    const masked = hosts.map((host) => host.map((word, i) => word & mask[i]!));
    return withoutDuplicates(masked).map((address) => ({ address, mask, negated }));
  });
  if (negated && matches.length > 1) throw new RuleFault('bad-value', several);
  return matches;
}

/** Hosts of one name that fall into the same network count once, as in iptables. */
function withoutDuplicates(all: readonly (readonly number[])[]): (readonly number[])[] {
  return all.filter((one, i) => all.findIndex((other) => sameWords(one, other)) === i);
}

function sameWords(a: readonly number[], b: readonly number[]): boolean {
  return a.every((word, i) => word === b[i]);
}

/** True for 0.0.0.0/0 and ::/0, which match everything and are not printed. */
export function isAnyAddress(match: AddressMatch): boolean {
  return match.mask.every((word) => word === 0) && match.address.every((word) => word === 0);
}

/** `192.168.1.0/24`, with the mask written out where it has holes; the form of iptables-save. */
export function formatAddressMatch(match: AddressMatch): string {
  const length = prefixLength(match.mask);
  return `${formatWords(match.address)}/${length < 0 ? formatWords(match.mask) : length}`;
}

/** The form of -L: a full mask is not shown, and without -n the few well-known names are. */
export function listAddressMatch(match: AddressMatch | null, numeric: boolean, family: Family) {
  const full = family === 4 ? 32 : 128;
  if (match === null || isAnyAddress(match)) {
    if (!numeric) return 'anywhere';
    return family === 4 ? '0.0.0.0/0' : '::/0';
  }
  const length = prefixLength(match.mask);
  let text = formatWords(match.address);
  if (!numeric) text = nameOf(text, length, full);
  if (length === full) return text;
  return `${text}/${length < 0 ? formatWords(match.mask) : length}`;
}

function nameOf(text: string, length: number, full: number): string {
  if (length === full && text === '127.0.0.1') return 'localhost';
  return knownNetworks.get(text) ?? text;
}
