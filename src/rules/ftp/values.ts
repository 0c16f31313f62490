import { maskOfPrefix, parseAddressList, prefixLength } from '../address.ts';
import { RuleFault } from '../errors.ts';
import type { Family } from '../model.ts';
import type { FtpNetwork, FtpPortRange } from './model.ts';

/** Reads the values of directives and of the command line's options; undefined where one is bad. */

export type Read<T> = (text: string) => T | undefined;

/** Takes a wider scope's list or range back. */
export const NONE = 'none';

const MAX_PORT = 65_535;

/** A plain decimal number from `min` to `max`: no sign, no leading zero. */
export function number(min: number, max: number): Read<number> {
  return (text) => {
    if (!/^(0|[1-9][0-9]{0,9})$/.test(text)) return undefined;
    const value = Number(text);
    return value >= min && value <= max ? value : undefined;
  };
}

const units: Readonly<Record<string, number>> = { '': 1, s: 1, m: 60, h: 3600, d: 86_400 };

/** `300`, `300s`, `5m`, `1h`: in seconds. */
export function seconds(min: number, max: number): Read<number> {
  return (text) => {
    const found = /^([0-9]+)([smhd]?)$/.exec(text);
    if (found === null) return undefined;
    const count = number(0, max)(found[1]!);
    const value = count === undefined ? Number.NaN : count * units[found[2]!]!;
    return value >= min && value <= max ? value : undefined;
  };
}

/** One of a few words, in any case. */
export function oneOf<const T extends string>(...words: readonly T[]): Read<T> {
  return (text) => words.find((word) => word === text.toLowerCase());
}

export const yesNo: Read<boolean> = (text) => {
  const word = oneOf('yes', 'no')(text);
  return word === undefined ? undefined : word === 'yes';
};

/** Items with commas between, none of them empty; the word NONE alone is no item at all. */
export function listOf<T>(item: Read<T>): Read<readonly T[]> {
  return (text) => {
    if (text.toLowerCase() === NONE) return [];
    const items: T[] = [];
    for (const part of text.split(',')) {
      const value = part === '' ? undefined : item(part);
      if (value === undefined) return undefined;
      items.push(value);
    }
    return items;
  };
}

/** A command's verb, in capitals. RFC 959 has them of letters; RFC 2389 and drafts of up to a few more. */
export const verb: Read<string> = (text) =>
  /^[A-Za-z][A-Za-z0-9]{1,11}$/.test(text) ? text.toUpperCase() : undefined;

/** A shell pattern. A bracket that nothing closes would only ever match itself. */
export const pattern: Read<string> = (text) => {
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === '[') {
      const first = text[i + 1] === '!' ? i + 2 : i + 1;
      const end = text.indexOf(']', first + 1);
      if (end < 0) return undefined;
      i = end;
    }
  }
  return text;
};

/** `192.0.2.0/24`, `192.0.2.0/255.255.255.0`, `2001:db8::/32`; host bits are cleared, as in rules. */
export const network: Read<FtpNetwork> = (text) => {
  const family: Family = text.includes(':') ? 6 : 4;
  // Rules take `10.1` for 10.1.0.0, and names; here a slip of the pen must not become a network.
  if (family === 4 && !/^\d+\.\d+\.\d+\.\d+(\/|$)/.test(text)) return undefined;
  try {
    const [match, ...more] = parseAddressList(text, false, family);
    const prefixLen = match === undefined || more.length > 0 ? -1 : prefixLength(match.mask);
    if (match === undefined || prefixLen < 0) return undefined;
    const mask = maskOfPrefix(prefixLen, family);
    const [w0 = 0, w1 = 0, w2 = 0, w3 = 0] = match.address.map((word, i) => word & mask[i]!);
    return { family, words: [w0, w1, w2, w3], prefixLen };
  } catch (fault) {
    if (fault instanceof RuleFault) return undefined;
    throw fault;
  }
};

export const port = number(1, MAX_PORT);

/** `50000:50100`, `50000-50100`, `50000`; null for NONE. */
export const portRange: Read<FtpPortRange | null> = (text) => {
  if (text.toLowerCase() === NONE) return null;
  const [, from = '', to = from] = /^(\d+)(?:[:-](\d+))?$/.exec(text) ?? [];
  const [first, last] = [port(from), port(to)];
  return first === undefined || last === undefined || first > last ? undefined : { first, last };
};

/** Longest greeting: with its code and its end it fits the line of 512 bytes that clients read. */
const MAX_BANNER = 500;

/** Text for a reply: printable ASCII (RFC 959 section 4.2); '' leaves the server's own. */
export const banner: Read<string | null> = (text) => {
  if (text === '') return null;
  return /^[\x20-\x7e]+$/.test(text) && text.length <= MAX_BANNER ? text : undefined;
};

/** Verbs that may be used; null for all of them. */
export const allowedVerbs: Read<readonly string[] | null> = (text) =>
  text.toLowerCase() === 'all'
    ? null
    : text.toLowerCase() === NONE
      ? undefined
      : listOf(verb)(text);
