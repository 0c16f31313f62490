import { Status } from '../../conntrack/index.ts';
import type { AddressMatchDto, BitsMatchDto, EventName, NatMatchDto } from '../../control/index.ts';
import { formatIpv4, formatIpv6, parseIpv4, parseIpv6 } from '../../wire/index.ts';
import type { FormatOptions } from './format-options.ts';
import { parseNumber, settableStatus } from './names.ts';
import { UsageError } from './usage-error.ts';

/**
 * The words that options take. Messages are conntrack(8)'s. It reads numbers with atoi(3), so that
 * `--dport http` asks for port 0 and `-D -m foo` deletes all that is unmarked; here a word that is
 * not a number is refused.
 */

export interface Address {
  family: 4 | 6;
  /** Canonical text, comparable with the addresses of entries. */
  text: string;
}

/** An address, or a UsageError that tells of `named`. */
function parseAddress(word: string, named = word): Address {
  const v4 = parseIpv4(word) ?? parseShortIpv4(word);
  if (v4 !== null) return { family: 4, text: formatIpv4(v4) };
  const v6 = parseIpv6(word);
  if (v6 !== null) return { family: 6, text: formatIpv6(...v6) };
  throw new UsageError(`Invalid IP address \`${named}'`);
}

/**
 * The other spellings that inet_aton(3) takes: fewer parts (`10.1` is 10.0.0.1), octal and
 * hexadecimal ones. Null for anything else.
 */
function parseShortIpv4(word: string): number | null {
  const parts = word.split('.').map(parseNumber);
  const last = parts.pop();
  if (last === undefined || last === null || parts.length > 3) return null;
  if (last >= 2 ** (8 * (4 - parts.length))) return null;
  let address = last;
  for (const [index, part] of parts.entries()) {
    if (part === null || part > 255) return null;
    address += part * 2 ** (24 - 8 * index);
  }
  return address | 0;
}

/** An address, with a prefix length where `mayHavePrefix`. `option` is named in messages. */
export function parseAddressMatch(
  word: string,
  option: string,
  mayHavePrefix: boolean,
): AddressMatchDto & { family: 4 | 6 } {
  const slash = word.indexOf('/');
  if (slash <= 0) {
    const { family, text } = parseAddress(word);
    return { family, address: text };
  }
  if (!mayHavePrefix) throw new UsageError(`CIDR notation unavailable for \`--${option}'`);
  const { family, text } = parseAddress(word.slice(0, slash), word);
  return { family, address: text, mask: prefixMask(family, word.slice(slash + 1)) };
}

function prefixMask(family: 4 | 6, word: string): string {
  const bits = /^[0-9]{1,3}$/.test(word) ? Number(word) : Number.NaN;
  if (!(bits <= (family === 4 ? 32 : 128))) throw new UsageError('Invalid netmask');
  const words = [0, 32, 64, 96].map((from) => maskWord(Math.max(0, Math.min(32, bits - from))));
  return family === 4
    ? formatIpv4(words[0]!)
    : formatIpv6(words[0]!, words[1]!, words[2]!, words[3]!);
}

/** A signed word with the first `bits` bits set. A shift by 32 would be a shift by 0. */
function maskWord(bits: number): number {
  return bits === 0 ? 0 : -1 << (32 - bits);
}

// 3.3.3.3   3.3.3.3:80   2001:db8::1   [2001:db8::1]:80
export function parseNat(word: string, option: string): NatMatchDto & { family: 4 | 6 } {
  const { address, port } = splitPort(word);
  const match = parseAddressMatch(address, option, false);
  if (port === null) return match;
  if (port === '') throw new UsageError("No port specified after `:'");
  const number = /^[0-9]{1,5}$/.test(port) ? Number(port) : Number.NaN;
  if (!(number <= 65535)) throw new UsageError(`Invalid port \`${port}'`);
  return { ...match, port: number };
}

/** The address before a port, which stands after one colon, or after brackets. */
function splitPort(word: string): { address: string; port: string | null } {
  const open = word.indexOf('[');
  if (open >= 0) {
    const close = word.indexOf(']', open);
    if (close === open + 1) throw new UsageError('No IPv6 address specified');
    if (close < 0) throw new UsageError("No closing ']' around IPv6 address");
    const colon = word.indexOf(':', close);
    // Without a port the brackets stay, and the address is refused.
    if (colon < 0) return { address: word, port: null };
    return { address: word.slice(open + 1, close), port: word.slice(colon + 1) };
  }
  const colon = word.indexOf(':');
  if (colon < 0 || word.includes(':', colon + 1)) return { address: word, port: null };
  return { address: word.slice(0, colon), port: word.slice(colon + 1) };
}

/** A decimal number from 0 to `max`. */
export function parseDecimal(word: string, max: number): number {
  const number = /^[0-9]+$/.test(word) ? Number(word) : Number.NaN;
  if (!(number <= max)) throw new UsageError(`Bad parameter \`${word}'`);
  return number;
}

/** A number in any base that strtoul(3) reads, from 0 to `max`. */
export function parseAnyBase(word: string, max: number): number {
  const number = parseNumber(word);
  if (number === null || number > max) throw new UsageError(`Bad parameter \`${word}'`);
  return number;
}

// 7   0x7/0xff
export function parseMark(word: string): BitsMatchDto {
  const [value, mask, ...more] = word.split('/');
  if (more.length > 0) throw new UsageError(`Bad parameter \`${word}'`);
  const all = 0xffffffff;
  return {
    value: parseAnyBase(value ?? '', all),
    mask: mask === undefined ? all : parseAnyBase(mask, all),
  };
}

/** Splits `list` at commas and hands each word over; false from `take` refuses it. */
function eachWord(list: string, take: (word: string) => boolean): void {
  let rest = list;
  for (;;) {
    const comma = rest.indexOf(',');
    const word = comma < 0 ? rest : rest.slice(0, comma);
    // The message names what is left of the list, not the word alone.
    // `!` stands before a word, and is not named with it.
    const named = rest.startsWith('!') ? rest.slice(1) : rest;
    if (word === '' || word === '!' || !take(word)) {
      throw new UsageError(`Bad parameter \`${named}'`);
    }
    if (comma < 0) return;
    rest = rest.slice(comma + 1);
  }
}

/** The first name that begins with `word`, in any case of letters. */
function nameOf<Name extends string>(word: string, names: readonly Name[]): Name | undefined {
  return names.find((name) => name.toLowerCase().startsWith(word.toLowerCase()));
}

const statusWords = [
  'ASSURED',
  'SEEN_REPLY',
  'UNSET',
  'FIXED_TIMEOUT',
  'EXPECTED',
  'OFFLOAD',
  'HW_OFFLOAD',
  'SRC_NAT',
  'DST_NAT',
] as const;

export interface StatusWords {
  /** Bits that are named, and those that must not be set. */
  set: number;
  clear: number;
}

/** `-u ASSURED,!SEEN_REPLY`; UNREPLIED is another word for `!SEEN_REPLY`. */
export function parseStatus(list: string, warn: (line: string) => void): StatusWords {
  const words = { set: 0, clear: 0 };
  eachWord(list, (word) => {
    const isNegated = word.startsWith('!');
    // Only this one is told by its beginning, and in capitals.
    if (word.startsWith('UNREPLIED')) {
      words.clear |= Status.SeenReply;
      return true;
    }
    const name = nameOf(isNegated ? word.slice(1) : word, statusWords);
    if (name === 'SRC_NAT' || name === 'DST_NAT') {
      const instead = name === 'SRC_NAT' ? '--src-nat' : '--dst-nat';
      warn(`WARNING: ignoring ${name}, use ${instead} instead`);
    }
    const bit = settableStatus.find(([status]) => status === name)?.[1] ?? 0;
    if (isNegated) words.clear |= bit;
    else words.set |= bit;
    return name !== undefined;
  });
  return words;
}

const eventWords = ['ALL', 'NEW', 'UPDATES', 'DESTROY'] as const;

/** `-e NEW,DESTROY`. */
export function parseEvents(list: string): Set<EventName> {
  const events = new Set<EventName>();
  eachWord(list, (word) => {
    const name = nameOf(word, eventWords);
    if (name === 'ALL' || name === 'NEW') events.add('NEW');
    if (name === 'ALL' || name === 'UPDATES') events.add('UPDATE');
    if (name === 'ALL' || name === 'DESTROY') events.add('DESTROY');
    return name !== undefined;
  });
  return events;
}

const outputWords = [
  'xml',
  'extended',
  'timestamp',
  'id',
  'ktimestamp',
  'labels',
  'userspace',
  'save',
  'json',
] as const;
export type OutputWord = (typeof outputWords)[number];

/** `-o extended,id`: adds the words to `words`. */
export function parseOutput(list: string, words: Set<OutputWord>): void {
  eachWord(list, (word) => {
    const name = nameOf(word, outputWords);
    if (name !== undefined) words.add(name);
    return name !== undefined;
  });
}

/** The format that the words of `-o` ask for, on top of `base`. */
export function formatOf(words: ReadonlySet<OutputWord>, base: FormatOptions): FormatOptions {
  const format = (['json', 'xml', 'save'] as const).find((word) => words.has(word)) ?? 'plain';
  return {
    ...base,
    format,
    extended: words.has('extended'),
    id: words.has('id'),
    timestamp: words.has('timestamp'),
    ktimestamp: words.has('ktimestamp'),
  };
}
