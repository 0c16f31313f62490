import type {
  AddressMatchDto,
  ConntrackDto,
  ConntrackFilterDto,
  NatMatchDto,
} from '../../control/index.ts';
import { parseIpv4, parseIpv6 } from '../../wire/index.ts';
import { isDestinationNat, isDestinationPortNat, isSourceNat, isSourcePortNat } from './nat.ts';

export type EntryPredicate = (entry: ConntrackDto) => boolean;

/**
 * Makes a test of a filter. An entry matches when every part of the filter that is given does and it
 * has all of `labels`; an empty filter matches every entry.
 */
export function compileFilter(
  filter: ConntrackFilterDto,
  labels: readonly number[] = [],
): EntryPredicate {
  const tests = [
    ...equalityTests(filter),
    ...addressTests(filter),
    ...bitsTests(filter),
    ...natTests(filter),
    ...labels.map(
      (label): EntryPredicate =>
        (e) =>
          e.labels?.includes(label) === true,
    ),
  ];
  return (entry) => {
    for (const test of tests) if (!test(entry)) return false;
    return true;
  };
}

function equalityTests(filter: ConntrackFilterDto): EntryPredicate[] {
  const pairs: (readonly [string | number | undefined, (e: ConntrackDto) => unknown])[] = [
    [filter.family, (e) => e.family],
    [filter.proto, (e) => e.proto],
    [filter.origSport, (e) => e.orig.sport],
    [filter.origDport, (e) => e.orig.dport],
    [filter.replySport, (e) => e.reply.sport],
    [filter.replyDport, (e) => e.reply.dport],
    [filter.icmpType, (e) => e.orig.icmpType],
    [filter.icmpCode, (e) => e.orig.icmpCode],
    [filter.icmpId, (e) => e.orig.icmpId],
    [filter.state, (e) => e.state],
    [filter.zone, (e) => e.zone],
    [filter.origZone, (e) => e.origZone],
    [filter.replyZone, (e) => e.replyZone],
    [filter.id, (e) => e.id],
    [filter.timeout, (e) => e.timeout],
  ];
  return pairs
    .filter(([wanted]) => wanted !== undefined)
    .map(
      ([wanted, read]): EntryPredicate =>
        (e) =>
          read(e) === wanted,
    );
}

function bitsTests({ status, mark }: ConntrackFilterDto): EntryPredicate[] {
  const tests: EntryPredicate[] = [];
  if (status !== undefined) tests.push((e) => (e.status & status.mask) === status.value);
  if (mark !== undefined) tests.push((e) => (e.mark & mark.mask) >>> 0 === mark.value);
  return tests;
}

function addressTests(filter: ConntrackFilterDto): EntryPredicate[] {
  const fields: (readonly [AddressMatchDto | undefined, (e: ConntrackDto) => string])[] = [
    [filter.origSrc, (e) => e.orig.src],
    [filter.origDst, (e) => e.orig.dst],
    [filter.replySrc, (e) => e.reply.src],
    [filter.replyDst, (e) => e.reply.dst],
  ];
  return fields.flatMap(([match, read]) => {
    if (match === undefined) return [];
    const test = addressTest(match);
    return [(e: ConntrackDto) => test(read(e))];
  });
}

/** Canonical texts are compared as they are; only a mask needs the numbers. */
function addressTest({ address, mask }: AddressMatchDto): (text: string) => boolean {
  if (mask === undefined) return (text) => text === address;
  const wanted = addressWords(address);
  const masked = addressWords(mask);
  if (wanted === null || masked === null || wanted.length !== masked.length) return () => false;
  return (text) => {
    const words = addressWords(text);
    if (words === null || words.length !== wanted.length) return false;
    return words.every((word, i) => ((word ^ wanted[i]!) & masked[i]!) === 0);
  };
}

function addressWords(text: string): readonly number[] | null {
  const v4 = parseIpv4(text);
  return v4 === null ? parseIpv6(text) : [v4];
}

function natTests({ srcNat, dstNat, anyNat }: ConntrackFilterDto): EntryPredicate[] {
  const tests: EntryPredicate[] = [];
  if (srcNat !== undefined) tests.push((e) => matchesSourceNat(e, srcNat));
  if (dstNat !== undefined) tests.push((e) => matchesDestinationNat(e, dstNat));
  if (anyNat !== undefined) {
    tests.push((e) => matchesSourceNat(e, anyNat) || matchesDestinationNat(e, anyNat));
  }
  return tests;
}

/** With an address or port, that very thing must be translated, and to what is given. */
function matchesSourceNat(e: ConntrackDto, { address, port }: NatMatchDto): boolean {
  if (address === undefined && port === undefined) return isSourceNat(e) || isSourcePortNat(e);
  if (address !== undefined && !(isSourceNat(e) && e.reply.dst === address)) return false;
  return port === undefined || (isSourcePortNat(e) && e.reply.dport === port);
}

function matchesDestinationNat(e: ConntrackDto, { address, port }: NatMatchDto): boolean {
  if (address === undefined && port === undefined) {
    return isDestinationNat(e) || isDestinationPortNat(e);
  }
  if (address !== undefined && !(isDestinationNat(e) && e.reply.src === address)) return false;
  return port === undefined || (isDestinationPortNat(e) && e.reply.sport === port);
}
