import { maskOfPrefix, parseLooseIpv4 } from '../address.ts';
import { RuleFault } from '../errors.ts';
import type { Family } from '../model.ts';
import { parseUnsigned } from '../numbers.ts';
import type { ServiceTable } from '../services.ts';
import type { SetBody, SetOptions } from './definition.ts';
import type { SetType } from './types.ts';

/** The options behind `create NAME TYPE` and behind an element. */

/** IPSET_MAX_TIMEOUT: what fits the kernel's timers in milliseconds. */
const MAX_TIMEOUT = 2_147_483;
const DEFAULT_MAXELEM = 65_536;
const MAX_BITMAP = 65_536;
const BITMAP_ALL_PORTS = 65_535;

const bad = (words: string, detail = '') => new RuleFault('bad-set', words, detail);

/** Takes words one by one; says what is missing. */
class Words {
  private at = 0;
  private readonly words: readonly string[];

  constructor(words: readonly string[]) {
    this.words = words;
  }

  /** The next keyword, without the dashes that ipset 4 wanted. */
  keyword(): string | null {
    const word = this.words[this.at++];
    return word === undefined ? null : word.replace(/^--?(?=[a-z])/, '');
  }

  value(keyword: string): string {
    const word = this.words[this.at++];
    if (word === undefined) throw bad(`Missing mandatory argument of option \`${keyword}'`);
    return word;
  }

  number(keyword: string, min: number, max: number): number {
    const text = this.value(keyword);
    const negative = /^-\d+$/.test(text);
    const number = negative ? -1 : parseUnsigned(text, Number.MAX_SAFE_INTEGER);
    if (number === null) throw bad(`Syntax error: '${text}' is invalid as number`);
    if (number >= min && number <= max) return number;
    throw bad(`Syntax error: '${text}' is out of range ${min}-${max}`);
  }
}

interface Draft {
  family: Family;
  maxelem: number;
  netmask: number;
  markmask: number;
  range: string;
  from: string;
  to: string;
  timeout: number;
  counters: boolean;
  comment: boolean;
  skbinfo: boolean;
  forceadd: boolean;
}

/** Reads what stands behind the type of a `create` line. */
export function readCreateOptions(
  type: SetType,
  texts: readonly string[],
  services: ServiceTable,
): SetOptions {
  const draft: Draft = {
    family: 4,
    maxelem: DEFAULT_MAXELEM,
    netmask: 0,
    markmask: -1,
    range: '',
    from: '',
    to: '',
    timeout: -1,
    counters: false,
    comment: false,
    skbinfo: false,
    forceadd: false,
  };
  const words = new Words(texts);
  for (let name = words.keyword(); name !== null; name = words.keyword()) {
    if (!readCreateOption(type, name, words, draft)) throw bad(`Unknown argument: \`${name}'`);
  }
  const family = type.family === 'chosen' ? draft.family : type.family;
  const [first, last] = readRange(type, draft, services);
  return {
    family,
    first,
    last,
    maxelem: type.storage === 'bitmap' ? MAX_BITMAP : draft.maxelem,
    netmask: draft.netmask,
    markmask: draft.markmask,
    timeout: draft.timeout,
    counters: draft.counters,
    comment: draft.comment,
    skbinfo: draft.skbinfo,
    forceadd: draft.forceadd,
  };
}

/** False where the type has no such option. */
function readCreateOption(type: SetType, name: string, words: Words, draft: Draft): boolean {
  const isHash = type.storage === 'hash';
  switch (name) {
    case 'family':
      if (!isHash) return false;
      draft.family = readFamily(words.value(name));
      return true;
    case 'hashsize':
    case 'bucketsize':
    case 'initval':
    case 'probes':
    case 'resize':
      // How the kernel lays out its memory: nothing to us.
      if (isHash) words.number(name, 0, 0xffffffff);
      return isHash;
    case 'maxelem':
      if (isHash) draft.maxelem = words.number(name, 0, 0xffffffff) || DEFAULT_MAXELEM;
      return isHash;
    case 'size':
      if (type.storage === 'list') words.number(name, 0, 0xffffffff);
      return type.storage === 'list';
    case 'netmask': {
      if (!['hash:ip', 'bitmap:ip', 'hash:ip,port'].includes(type.name)) return false;
      draft.netmask = words.number(name, 1, draft.family === 6 ? 128 : 32);
      return true;
    }
    case 'markmask':
      if (!type.fields.includes('mark')) return false;
      draft.markmask = words.number(name, 1, 0xffffffff) | 0;
      return true;
    case 'range':
    case 'network':
      if (type.storage === 'bitmap') draft.range = words.value(name);
      return type.storage === 'bitmap';
    case 'from':
    case 'to':
      if (type.storage === 'bitmap') draft[name] = words.value(name);
      return type.storage === 'bitmap';
    case 'timeout':
      draft.timeout = words.number(name, 0, MAX_TIMEOUT);
      return true;
    case 'counters':
    case 'comment':
    case 'skbinfo':
      draft[name] = true;
      return true;
    case 'forceadd':
      draft.forceadd = isHash;
      return isHash;
    default:
      return false;
  }
}

function readFamily(text: string): Family {
  if (text === 'inet' || text === 'ipv4' || text === '-4') return 4;
  if (text === 'inet6' || text === 'ipv6' || text === '-6') return 6;
  throw bad(`Syntax error: unknown inet family ${text}`);
}

/** `range 0-1023`, `range 10.0.0.0/24`, `range 10.0.0.0-10.0.0.9`, or `from … to …`. */
function readRange(type: SetType, draft: Draft, services: ServiceTable): [number, number] {
  if (type.storage !== 'bitmap') return [0, 0];
  const text = draft.range === '' && draft.from !== '' ? `${draft.from}-${draft.to}` : draft.range;
  if (text === '') throw bad("Mandatory option `range' is missing");
  const number = type.name === 'bitmap:port' ? portReader(services) : addressNumber;
  const slash = text.indexOf('/');
  if (slash >= 0 && type.name === 'bitmap:ip') {
    const length = Number(text.slice(slash + 1));
    if (!(length >= 0 && length <= 32)) {
      throw bad(`Syntax error: '${text.slice(slash + 1)}' is out of range 0-32`);
    }
    const mask = maskOfPrefix(length, 4)[0]!;
    const first = (number(text.slice(0, slash)) & mask) >>> 0;
    return bounded(first, first + 2 ** (32 - length) - 1, draft.netmask);
  }
  const dash = text.indexOf('-');
  if (dash < 0) throw bad(`Syntax error: '${text}' is no range`);
  const [one, other] = [number(text.slice(0, dash)), number(text.slice(dash + 1))];
  return bounded(Math.min(one, other), Math.max(one, other), draft.netmask);
}

function bounded(first: number, last: number, netmask: number): [number, number] {
  const elements = (last - first + 1) / 2 ** (netmask === 0 ? 0 : 32 - netmask);
  if (elements <= MAX_BITMAP) return [first, last];
  throw bad('The range you specified exceeds the size limit of the set type');
}

function addressNumber(text: string): number {
  const word = parseLooseIpv4(text);
  if (word !== null) return word >>> 0;
  throw bad(`Syntax error: cannot parse ${text}: resolving to IPv4 address failed`);
}

function portReader(services: ServiceTable): (text: string) => number {
  return (text) => {
    const port = parseUnsigned(text, BITMAP_ALL_PORTS) ?? services.port(text, 'tcp');
    if (port === null) throw bad(`Syntax error: '${text}' is invalid as number`);
    return port;
  };
}

/** What stands behind an element. */
export interface ElementOptions {
  /** Seconds; -1 where not given. */
  timeout: number;
  packets: number;
  bytes: number;
  mark: number;
  markMask: number;
  noMatch: boolean;
  wildcard: boolean;
  /** list:set: beside which member, and on which side. */
  beside: { readonly name: string; readonly after: boolean } | null;
}

/** Reads what stands behind the element of an `add`, `del` or `test` line. */
export function readElementOptions(body: SetBody, texts: readonly string[]): ElementOptions {
  const found: ElementOptions = {
    timeout: -1,
    packets: 0,
    bytes: 0,
    mark: 0,
    markMask: -1,
    noMatch: false,
    wildcard: false,
    beside: null,
  };
  const words = new Words(texts);
  for (let name = words.keyword(); name !== null; name = words.keyword()) {
    if (!readElementOption(body, name, words, found)) throw bad(`Unknown argument: \`${name}'`);
  }
  return found;
}

function readElementOption(
  body: SetBody,
  name: string,
  words: Words,
  found: ElementOptions,
): boolean {
  const { options, type } = body;
  const need = (has: boolean, what: string) => {
    if (!has) throw bad(`${what} cannot be used: set was created without ${support(what)} support`);
  };
  switch (name) {
    case 'timeout':
      need(options.timeout >= 0, 'Timeout');
      found.timeout = words.number(name, 0, MAX_TIMEOUT);
      return true;
    case 'packets':
    case 'bytes':
      need(options.counters, 'Packet/byte counters');
      found[name] = words.number(name, 0, Number.MAX_SAFE_INTEGER);
      return true;
    case 'comment':
      need(options.comment, 'Comment');
      words.value(name);
      return true;
    case 'skbmark':
      need(options.skbinfo, 'Skbinfo mapping');
      [found.mark, found.markMask] = readMark(words.value(name));
      return true;
    case 'skbprio':
    case 'skbqueue':
      need(options.skbinfo, 'Skbinfo mapping');
      words.value(name);
      return true;
    case 'nomatch':
      found.noMatch = type.fields.includes('net');
      return found.noMatch;
    case 'wildcard':
      found.wildcard = type.fields.includes('iface');
      return found.wildcard;
    case 'before':
    case 'after':
      if (type.storage !== 'list') return false;
      found.beside = { name: words.value(name), after: name === 'after' };
      return true;
    default:
      return false;
  }
}

function support(what: string): string {
  return (
    { Timeout: 'timeout', Comment: 'comment' }[what] ?? what.toLowerCase().replace(' mapping', '')
  );
}

function readMark(text: string): [number, number] {
  const [value = '', mask] = text.split('/', 2);
  const number = parseUnsigned(value, 0xffffffff);
  const bits = mask === undefined ? 0xffffffff : parseUnsigned(mask, 0xffffffff);
  if (number === null || bits === null) throw bad(`Syntax error: '${text}' is invalid as mark`);
  return [number | 0, bits | 0];
}
