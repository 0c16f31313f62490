import { parseIpv6 } from '../../wire/index.ts';
import { maskOfPrefix, parseLooseIpv4 } from '../address.ts';
import { RuleFault } from '../errors.ts';
import { parseUnsigned } from '../numbers.ts';
import type { ServiceTable } from '../services.ts';
import type { SetBody } from './definition.ts';
import { parseSetPorts } from './element-ports.ts';
import type { FieldKind } from './types.ts';

/**
 * Elements of sets as ipset writes them, as keys: `10.0.0.1`, `10.0.0.0/24,tcp:80-82`,
 * `2001:db8::/32,eth0`. Ranges and networks become as many keys as ipset makes of them.
 */

/** Marks of an interface word, beside the index of its name. */
export const InterfaceKind = { Wildcard: 1 << 24, Physical: 1 << 25 } as const;

/** No set of ours holds more, whatever its maxelem says. */
export const MOST_ELEMENTS = 1_048_576;

const FULL = 'Hash is full, cannot add more elements';

/** The alternatives of one field, each the words of the key it stands for. */
type Choices = readonly (readonly number[])[];

/** All keys that the text of an element stands for. */
export function parseElement(
  text: string,
  body: SetBody,
  services: ServiceTable,
  wildcard: boolean,
): number[][] {
  const { type, options } = body;
  const parts = splitFields(text, type.fields.length);
  if (parts.length > type.fields.length) {
    const words = `Syntax error: Elem separator in ${text}, but settype ${type.name} supports none.`;
    throw bad(words);
  }
  const names = ['First', 'Second', 'Third'];
  const limit = Math.min(options.maxelem, MOST_ELEMENTS);
  let keys: number[][] = [[]];
  for (const [i, kind] of type.fields.entries()) {
    const part = parts[i];
    if (part === undefined || part === '') {
      throw bad(`Syntax error: ${names[i]} element is missing from ${text}.`);
    }
    const single = i === 2 && kind === 'ip';
    const choices = readField(kind, part, body, services, { wildcard, limit, single });
    if (keys.length * choices.length > limit) throw bad(FULL);
    keys = keys.flatMap((key) => choices.map((choice) => [...key, ...choice]));
  }
  return keys;
}

/** At commas; where the type has one field only, a comma is left to be refused. */
function splitFields(text: string, count: number): string[] {
  const parts = text.split(',');
  return count === 3 || parts.length <= count ? parts : [...parts.slice(0, count), parts.join('')];
}

const bad = (words: string, detail = '') => new RuleFault('bad-set', words, detail);

interface FieldRules {
  readonly wildcard: boolean;
  readonly limit: number;
  /** The third field of hash:ip,port,ip is one address. */
  readonly single: boolean;
}

function readField(
  kind: FieldKind,
  text: string,
  body: SetBody,
  services: ServiceTable,
  rules: FieldRules,
): Choices {
  switch (kind) {
    case 'ip':
      return readAddresses(text, body, rules);
    case 'net':
      return readNetworks(text, body, rules);
    case 'port':
      return parseSetPorts(text, body, services).map((word) => [word]);
    case 'iface':
      return [[readInterface(text, body, rules.wildcard)]];
    case 'mac':
      return [readMac(text)];
    case 'mark': {
      const mark = parseUnsigned(text, 0xffffffff);
      if (mark === null) throw bad(`Syntax error: '${text}' is invalid as number`);
      return [[mark & body.options.markmask]];
    }
  }
}

function readAddress(text: string, family: number): readonly number[] {
  const name = /^\[(.*)\]$/.exec(text)?.[1] ?? text;
  const word = family === 6 ? null : parseLooseIpv4(name);
  const words = family === 6 ? parseIpv6(name) : word === null ? null : [word];
  if (words !== null) return words;
  if (name === 'localhost') return family === 6 ? [0, 0, 0, 1] : [0x7f000001];
  const isName = /^(?=.*[a-zA-Z])[a-zA-Z0-9._-]+$/.test(name);
  const detail = isName ? 'names are not looked up here; write the address' : '';
  throw bad(`Syntax error: cannot parse ${text}: resolving to IPv${family} address failed`, detail);
}

function readPrefix(text: string, family: number): number {
  const most = family === 6 ? 128 : 32;
  if (!/^\d+$/.test(text)) throw bad(`Syntax error: '${text}' is invalid as number`);
  if (Number(text) <= most) return Number(text);
  throw bad(`Syntax error: '${text}' is out of range 0-${most}`);
}

/** First and last IPv4 address of `A`, `A/LENGTH` or `A-B`, as unsigned numbers. */
function readRange(text: string): [number, number] {
  const slash = text.indexOf('/');
  if (slash >= 0) {
    const length = readPrefix(text.slice(slash + 1), 4);
    const first = (readAddress(text.slice(0, slash), 4)[0]! & maskOfPrefix(length, 4)[0]!) >>> 0;
    return [first, first + 2 ** (32 - length) - 1];
  }
  const dash = text.indexOf('-');
  const first = readAddress(dash < 0 ? text : text.slice(0, dash), 4)[0]! >>> 0;
  const last = dash < 0 ? first : readAddress(text.slice(dash + 1), 4)[0]! >>> 0;
  return first <= last ? [first, last] : [last, first];
}

function readAddresses(text: string, body: SetBody, rules: FieldRules): Choices {
  const { options, type } = body;
  if (options.family === 6) {
    const [address = '', length] = text.split('/', 2);
    if (length !== undefined && length !== '128') {
      throw bad(`Syntax error: plain IP address must be supplied: ${text}`);
    }
    const mask = maskOfPrefix(options.netmask || 128, 6);
    return [readAddress(address, 6).map((word, i) => word & mask[i]!)];
  }
  const [first, last] = readRange(text);
  if (rules.single && first !== last) {
    throw bad(`Syntax error: plain IP address must be supplied: ${text}`);
  }
  if (type.storage === 'bitmap' && (first < options.first || last > options.last)) {
    throw bad('Element is out of the range of the set');
  }
  if (type.storage === 'hash' && first === 0) {
    throw bad('Null-valued element, cannot be stored in a hash type of set');
  }
  const step = 2 ** (32 - (options.netmask || 32));
  const start = first - (first % step);
  if ((last - start) / step >= rules.limit) throw bad(FULL);
  const choices: number[][] = [];
  for (let address = start; address <= last; address += step) choices.push([address | 0]);
  return choices;
}

function readNetworks(text: string, body: SetBody, rules: FieldRules): Choices {
  const family = body.options.family === 6 ? 6 : 4;
  const zeroAllowed = body.type.fields.includes('iface');
  const check = (length: number) => {
    if (length > 0 || zeroAllowed) return;
    throw bad('The value of the CIDR parameter of the IP address is invalid');
  };
  if (family === 4 && !text.includes('/') && text.includes('-')) {
    return coverRange(...readRange(text), rules.limit);
  }
  if (text.includes('-')) {
    throw bad(`Syntax error: IP address or IP/cidr must be specified: ${text}`);
  }
  const [address = '', given] = text.split('/', 2);
  const length = given === undefined ? (family === 6 ? 128 : 32) : readPrefix(given, family);
  check(length);
  const mask = maskOfPrefix(length, family);
  return [[...readAddress(address, family).map((word, i) => word & mask[i]!), length]];
}

/** The fewest networks that make up a range of IPv4 addresses, as ipset stores one. */
function coverRange(first: number, last: number, limit: number): Choices {
  const choices: number[][] = [];
  let at = first;
  while (at <= last) {
    let bits = 0;
    while (bits < 32 && at % 2 ** (bits + 1) === 0 && at + 2 ** (bits + 1) - 1 <= last) bits++;
    choices.push([at | 0, 32 - bits]);
    if (choices.length > limit) throw bad(FULL);
    at += 2 ** bits;
  }
  return choices;
}

function readInterface(text: string, body: SetBody, wildcard: boolean): number {
  const physical = text.startsWith('physdev:');
  const name = physical ? text.slice('physdev:'.length) : text;
  if (Buffer.byteLength(name) > 15) {
    throw bad(`Syntax error: interface name '${name}' is longer than 15 characters`);
  }
  const kind = (wildcard ? InterfaceKind.Wildcard : 0) | (physical ? InterfaceKind.Physical : 0);
  return body.interfaceIndex(name) | kind;
}

/** Six bytes as two words: the first four, then two. */
function readMac(text: string): number[] {
  if (!/^[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}$/.test(text)) {
    throw bad(`Syntax error: cannot parse '${text}' as ethernet address`);
  }
  const bytes = text.split(':').map((part) => Number.parseInt(part, 16));
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = bytes;
  return [(a << 24) | (b << 16) | (c << 8) | d, (e << 8) | f];
}
