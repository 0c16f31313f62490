import type { AddressMatchDto, ConntrackFilterDto, NatMatchDto } from '../../control/index.ts';
import { parseProtocol, stateNames } from './names.ts';
import { ExitCode, UsageError } from './usage-error.ts';
import {
  parseAddressMatch,
  parseAnyBase,
  parseDecimal,
  parseMark,
  parseNat,
  parseStatus,
} from './words.ts';

type AddressField = 'origSrc' | 'origDst' | 'replySrc' | 'replyDst';
type NatField = 'srcNat' | 'dstNat' | 'anyNat';
type NumberField =
  | 'origSport'
  | 'origDport'
  | 'replySport'
  | 'replyDport'
  | 'icmpType'
  | 'icmpCode'
  | 'icmpId';

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
const numberFields: Readonly<Record<string, readonly [NumberField, number]>> = {
  sport: ['origSport', 0xffff],
  dport: ['origDport', 0xffff],
  'reply-port-src': ['replySport', 0xffff],
  'reply-port-dst': ['replyDport', 0xffff],
  'icmp-type': ['icmpType', 0xff],
  'icmp-code': ['icmpCode', 0xff],
  'icmp-id': ['icmpId', 0xffff],
  'icmpv6-type': ['icmpType', 0xff],
  'icmpv6-code': ['icmpCode', 0xff],
  'icmpv6-id': ['icmpId', 0xffff],
};
const stateProtocols: Readonly<Record<number, string>> = { 6: 'TCP', 33: 'DCCP', 132: 'SCTP' };
const zoneFields: Readonly<Record<string, 'zone' | 'origZone' | 'replyZone'>> = {
  zone: 'zone',
  'orig-zone': 'origZone',
  'reply-zone': 'replyZone',
};

/** Gathers a filter from options, one at a time; a later option replaces an earlier one. */
export class FilterBuilder {
  private readonly filter: ConntrackFilterDto = {};
  private readonly masks: { src?: string; dst?: string } = {};

  /** The protocol of `-p`; -1 before it. */
  get proto(): number {
    return this.filter.proto ?? -1;
  }

  /** Takes an option by its key, and returns warnings. Keys that select nothing are passed over. */
  take(key: string, value: string | null): readonly string[] {
    const natField = natFields[key];
    if (natField !== undefined) this.takeNat(natField, key, value);
    if (value === null) return [];
    const addressField = addressFields[key];
    if (addressField !== undefined) this.filter[addressField] = this.address(key, value);
    const number = numberFields[key];
    if (number !== undefined) this.filter[number[0]] = parseDecimal(value, number[1]);
    const zoneField = zoneFields[key];
    if (zoneField !== undefined) this.filter[zoneField] = parseAnyBase(value, 0xffff);
    return key === 'status' ? this.takeStatus(value) : this.takeOther(key, value);
  }

  /** The filter, complete. Throws where parts of it do not go together. */
  finish(): ConntrackFilterDto {
    const { filter } = this;
    this.applyMask('src', 'origSrc');
    this.applyMask('dst', 'origDst');
    if (filter.status?.mask === 0) {
      throw new UsageError('Operation failed: invalid parameters', ExitCode.Failure);
    }
    return filter;
  }

  private takeStatus(value: string): readonly string[] {
    const { bits, warnings } = parseStatus(value);
    const earlier = this.filter.status ?? { value: 0, mask: 0 };
    this.filter.status = { value: earlier.value | bits.value, mask: earlier.mask | bits.mask };
    return warnings;
  }

  private takeOther(key: string, value: string): readonly string[] {
    switch (key) {
      case 'protonum':
        this.filter.proto = parseProtocolOption(value);
        break;
      case 'family':
        this.setFamily(parseFamily(value));
        break;
      case 'state':
        this.filter.state = parseState(value, stateProtocols[this.proto] ?? '');
        break;
      case 'mark':
        this.filter.mark = parseMark(value);
        break;
      case 'id':
        this.filter.id = parseAnyBase(value, 0xffffffff);
        break;
      case 'timeout':
        this.filter.timeout = parseAnyBase(value, 0xffffffff);
        break;
      case 'mask-src':
        this.masks.src = this.address(key, value).address;
        break;
      case 'mask-dst':
        this.masks.dst = this.address(key, value).address;
        break;
      case 'tuple-src':
      case 'tuple-dst':
        this.address(key, value);
        break;
    }
    return [];
  }

  private address(key: string, value: string): AddressMatchDto {
    const mayHavePrefix = key === 'src' || key === 'dst' || key.startsWith('tuple-');
    const { family, ...match } = parseAddressMatch(value, key, mayHavePrefix);
    this.setFamily(family);
    return match;
  }

  private takeNat(field: NatField, key: string, value: string | null): void {
    this.filter[field] = this.nat(key, value);
    const { srcNat, dstNat, anyNat } = this.filter;
    if (anyNat !== undefined && (srcNat !== undefined || dstNat !== undefined)) {
      throw new UsageError("cannot specify `--src-nat' or `--dst-nat' with `--any-nat'");
    }
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

  /** `--mask-src` is for the address of `-s`, and wins over a prefix length. */
  private applyMask(side: 'src' | 'dst', field: 'origSrc' | 'origDst'): void {
    const mask = this.masks[side];
    if (mask === undefined) return;
    const address = this.filter[field];
    if (address === undefined) throw new UsageError(`Can't use --mask-${side} without --${side}`);
    address.mask = mask;
  }
}

function parseProtocolOption(word: string): number {
  const proto = parseProtocol(word);
  if (proto === null) throw new UsageError(`\`${word}' unsupported protocol`);
  return proto;
}

function parseFamily(word: string): 4 | 6 {
  if (word === 'ipv4') return 4;
  if (word === 'ipv6') return 6;
  throw new UsageError(`\`${word}' unsupported protocol`);
}

function parseState(word: string, protocol: string): string {
  if (stateNames[protocol]?.includes(word) === true) return word;
  throw new UsageError(`unknown ${protocol} state \`${word}'`);
}
