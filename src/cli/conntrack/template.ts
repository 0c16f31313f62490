import type {
  AddressMatchDto,
  ConntrackChangeDto,
  ConntrackFilterDto,
  NatMatchDto,
} from '../../control/index.ts';
import { parseProtocol, stateNames } from './names.ts';
import { UsageError } from './usage-error.ts';
import {
  parseAddressMatch,
  parseAnyBase,
  parseDecimal,
  parseMark,
  parseNat,
  parseStatus,
} from './words.ts';

/** What the options say of an expected connection. */
export interface ExpectWords {
  src?: string;
  dst?: string;
  sport?: number;
  dport?: number;
  maskSport?: number;
  maskDport?: number;
}

type AddressField = 'origSrc' | 'origDst' | 'replySrc' | 'replyDst';
type NatField = 'srcNat' | 'dstNat' | 'anyNat';
type FilterNumber =
  | 'origSport'
  | 'origDport'
  | 'replySport'
  | 'replyDport'
  | 'icmpType'
  | 'icmpCode'
  | 'icmpId';
type ExpectNumber = 'sport' | 'dport' | 'maskSport' | 'maskDport';

const addressFields: Readonly<Record<string, AddressField>> = {
  src: 'origSrc',
  dst: 'origDst',
  'reply-src': 'replySrc',
  'reply-dst': 'replyDst',
};
const natFields: Readonly<Record<string, NatField>> = {
  'src-nat': 'srcNat',
  'dst-nat': 'dstNat',
  'any-nat': 'anyNat',
};
const filterNumbers: Readonly<Record<string, readonly [FilterNumber, number]>> = {
  sport: ['origSport', 0xffff],
  dport: ['origDport', 0xffff],
  'reply-port-src': ['replySport', 0xffff],
  'reply-port-dst': ['replyDport', 0xffff],
  srckey: ['origSport', 0xffff],
  dstkey: ['origDport', 0xffff],
  'reply-key-src': ['replySport', 0xffff],
  'reply-key-dst': ['replyDport', 0xffff],
  'icmp-type': ['icmpType', 0xff],
  'icmp-code': ['icmpCode', 0xff],
  'icmp-id': ['icmpId', 0xffff],
  'icmpv6-type': ['icmpType', 0xff],
  'icmpv6-code': ['icmpCode', 0xff],
  'icmpv6-id': ['icmpId', 0xffff],
};
const expectNumbers: Readonly<Record<string, ExpectNumber>> = {
  'tuple-port-src': 'sport',
  'tuple-port-dst': 'dport',
  'mask-port-src': 'maskSport',
  'mask-port-dst': 'maskDport',
  'tuple-key-src': 'sport',
  'tuple-key-dst': 'dport',
  'mask-key-src': 'maskSport',
  'mask-key-dst': 'maskDport',
};
const zoneFields: Readonly<Record<string, 'zone' | 'origZone' | 'replyZone'>> = {
  zone: 'zone',
  'orig-zone': 'origZone',
  'reply-zone': 'replyZone',
};
const stateProtocols: Readonly<Record<number, string>> = { 6: 'TCP', 33: 'DCCP', 132: 'SCTP' };

/**
 * Gathers what the options say of a connection, one option at a time; a later one replaces an
 * earlier one. What it is for, to find connections or to make one, is the command's affair.
 */
export class Template {
  /** Addresses, ports, protocol, zones, translation: what a connection is found by. */
  readonly filter: ConntrackFilterDto = {};
  /** Timeout, status, mark and state: `-U` and `-I` set them, other commands look for them. */
  readonly change: ConntrackChangeDto = {};
  /** Status bits of `-u` that must not be set. */
  statusClear = 0;
  readonly expect: ExpectWords = {};
  /** `--mask-src` and `--mask-dst`, which a prefix length sets too. */
  readonly masks: { src?: string; dst?: string } = {};
  readonly vtags: { origVtag?: number; replyVtag?: number } = {};

  private readonly warn: (line: string) => void;

  constructor(warn: (line: string) => void) {
    this.warn = warn;
  }

  /** The protocol of `-p`; -1 before it. */
  get proto(): number {
    return this.filter.proto ?? -1;
  }

  /** Takes an option by its key. Keys that say nothing are passed over. */
  take(key: string, value: string | null): void {
    const natField = natFields[key];
    if (natField !== undefined) this.filter[natField] = this.nat(key, value);
    if (value === null) return;
    const zoneField = zoneFields[key];
    if (zoneField !== undefined) this.filter[zoneField] = parseAnyBase(value, 0xffff);
    this.takeNumber(key, value);
    if (key === 'status') this.takeStatus(value);
    else this.takeWord(key, value);
  }

  private takeNumber(key: string, value: string): void {
    const isKey = key.includes('key');
    const parse = isKey ? parseAnyBase : parseDecimal;
    const number = filterNumbers[key];
    if (number !== undefined) this.filter[number[0]] = parse(value, number[1]);
    const expected = expectNumbers[key];
    if (expected !== undefined) this.expect[expected] = parse(value, 0xffff);
  }

  private takeStatus(value: string): void {
    const { set, clear } = parseStatus(value, this.warn);
    this.change.status = (this.change.status ?? 0) | set;
    this.statusClear |= clear;
  }

  private takeWord(key: string, value: string): void {
    const { filter, change } = this;
    switch (key) {
      case 'src':
      case 'dst':
      case 'reply-src':
      case 'reply-dst':
        filter[addressFields[key]!] = { address: this.address(key, value) };
        break;
      case 'tuple-src':
        this.expect.src = this.address(key, value);
        break;
      case 'tuple-dst':
        this.expect.dst = this.address(key, value);
        break;
      case 'mask-src':
        this.masks.src = this.address(key, value);
        break;
      case 'mask-dst':
        this.masks.dst = this.address(key, value);
        break;
      case 'protonum':
        filter.proto = parseProtocolOption(value);
        break;
      case 'family':
        this.setFamily(parseFamily(value));
        break;
      case 'state':
        change.state = parseState(value, stateProtocols[this.proto] ?? '');
        break;
      case 'mark':
        change.mark = parseMark(value);
        break;
      case 'id':
        filter.id = parseAnyBase(value, 0xffffffff);
        break;
      case 'timeout':
        change.timeout = parseAnyBase(value, 0xffffffff);
        break;
      case 'orig-vtag':
        this.vtags.origVtag = parseAnyBase(value, 0xffffffff);
        break;
      case 'reply-vtag':
        this.vtags.replyVtag = parseAnyBase(value, 0xffffffff);
        break;
      case 'role':
        checkRole(value);
        break;
    }
  }

  /** The address in `value`; a prefix length goes where `--mask-src` goes. */
  private address(key: string, value: string): string {
    const mayHavePrefix = key === 'src' || key === 'dst' || key.startsWith('tuple-');
    const { family, address, mask }: AddressMatchDto & { family: 4 | 6 } = parseAddressMatch(
      value,
      key,
      mayHavePrefix,
    );
    this.setFamily(family);
    if (mask !== undefined) this.masks[key.endsWith('src') ? 'src' : 'dst'] = mask;
    return address;
  }

  private nat(key: string, value: string | null): NatMatchDto {
    if (value === null) return {};
    const { family, ...match } = parseNat(value, key);
    this.setFamily(family);
    return match;
  }

  private setFamily(family: 4 | 6): void {
    if (this.filter.family !== undefined && this.filter.family !== family) {
      throw new UsageError('mismatched address family');
    }
    this.filter.family = family;
  }
}

function parseProtocolOption(word: string): number {
  const proto = parseProtocol(word);
  if (proto === null) throw new UsageError(`\`${word}' unsupported protocol`);
  return proto;
}

/** Only the beginning of the word counts. */
function parseFamily(word: string): 4 | 6 {
  if (word.startsWith('ipv4')) return 4;
  if (word.startsWith('ipv6')) return 6;
  throw new UsageError(`\`${word}' unsupported protocol`);
}

function parseState(word: string, protocol: string): string {
  // LISTEN is the old name of the same state (enum tcp_conntrack).
  if (protocol === 'TCP' && word === 'LISTEN') return 'SYN_SENT2';
  if (stateNames[protocol]?.includes(word) === true) return word;
  const start = protocol === 'DCCP' ? 'Unknown' : 'unknown';
  throw new UsageError(`${start} ${protocol} state \`${word}'`);
}

/** The role of a DCCP end is read and kept nowhere: this protocol is not tracked. */
function checkRole(word: string): void {
  const start = word.toLowerCase();
  if ('client'.startsWith(start) || 'server'.startsWith(start)) return;
  throw new UsageError(`Unknown DCCP role \`${word}'`);
}
