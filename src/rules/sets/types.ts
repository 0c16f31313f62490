import { RuleFault } from '../errors.ts';
import type { Family } from '../model.ts';

/** The types of ipset(8): what the fields of an element are, and how a packet is asked for them. */

export type FieldKind = 'ip' | 'net' | 'port' | 'iface' | 'mac' | 'mark';

export interface SetType {
  readonly name: string;
  readonly storage: 'hash' | 'bitmap' | 'list';
  readonly fields: readonly FieldKind[];
  /** How many `src,dst` flags a packet needs to be asked for (ip_set's dimension). */
  readonly dimension: number;
  /** 'chosen': `family inet|inet6`; 4: IPv4 only; 0: of no family. */
  readonly family: 'chosen' | 4 | 0;
}

function hash(...fields: FieldKind[]): SetType {
  const family = fields.every((field) => field === 'mac') ? 0 : 'chosen';
  const name = `hash:${fields.join(',')}`;
  return { name, storage: 'hash', fields, dimension: fields.length, family };
}

const types: readonly SetType[] = [
  { name: 'bitmap:ip', storage: 'bitmap', fields: ['ip'], dimension: 1, family: 4 },
  { name: 'bitmap:port', storage: 'bitmap', fields: ['port'], dimension: 1, family: 0 },
  hash('ip'),
  hash('net'),
  hash('mac'),
  hash('ip', 'port'),
  hash('ip', 'mark'),
  hash('ip', 'mac'),
  hash('net', 'port'),
  hash('net', 'iface'),
  hash('net', 'net'),
  hash('ip', 'port', 'ip'),
  hash('ip', 'port', 'net'),
  hash('net', 'port', 'net'),
  { name: 'list:set', storage: 'list', fields: [], dimension: 0, family: 0 },
];

/** Names of ipset 4 and what they became. */
const oldNames: ReadonlyMap<string, string> = new Map([
  ['iphash', 'hash:ip'],
  ['iptree', 'hash:ip'],
  ['iptreemap', 'hash:ip'],
  ['nethash', 'hash:net'],
  ['ipporthash', 'hash:ip,port'],
  ['ipportiphash', 'hash:ip,port,ip'],
  ['ipportnethash', 'hash:ip,port,net'],
  ['ipmap', 'bitmap:ip'],
  ['portmap', 'bitmap:port'],
  ['setlist', 'list:set'],
]);

/** The type of a name, also of one that ipset 4 had; throws where there is none. */
export function findSetType(name: string): SetType {
  const current = oldNames.get(name) ?? name;
  const type = types.find((candidate) => candidate.name === current);
  if (type !== undefined) return type;
  const known = types.map((candidate) => candidate.name).join(' ');
  const words = `Syntax error: typename '${name}' is unknown`;
  throw new RuleFault('bad-set', words, `known here: ${known}`);
}

/** Where the words of each field stand in the key of an element. */
export interface KeyLayout {
  readonly words: number;
  readonly offsets: readonly number[];
}

/** A key holds one word per address word, and one each for prefix length, port, interface, mark. */
export function layoutOf(type: SetType, family: Family | 0): KeyLayout {
  const address = family === 6 ? 4 : 1;
  const offsets: number[] = [];
  let words = 0;
  for (const field of type.fields) {
    offsets.push(words);
    if (field === 'ip') words += address;
    else if (field === 'net') words += address + 1;
    else words += field === 'mac' ? 2 : 1;
  }
  return { words: Math.max(1, words), offsets };
}
