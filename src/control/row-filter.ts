import { type Conntrack, Direction, Field, Status, Tuple } from '../conntrack/index.ts';
import type { Engine } from '../engine/index.ts';
import { Proto, parseIpv4, parseIpv6 } from '../wire/index.ts';
import type { AddressMatchDto, ConntrackFilterDto, NatMatchDto } from './entry-types.ts';
import { hasPortFields, stateName } from './state-names.ts';

/** What a filter looks at of one row; read once for all its tests. */
interface Seen {
  readonly row: number;
  readonly original: Tuple;
  readonly reply: Tuple;
}

type Test = (seen: Seen) => boolean;
type Words = readonly [number, number, number, number];

/**
 * A filter as a test of rows, which makes no objects and reads no text but the state's name: what
 * does not match costs a dump next to nothing. Says what the filter of conntrack(8) says.
 */
export function compileRowFilter(
  engine: Engine,
  filter: ConntrackFilterDto,
): (row: number) => boolean {
  const { conntrack } = engine.tracking;
  const { table } = conntrack;
  const tests = [
    ...fieldTests(engine, filter),
    ...portTests(filter),
    ...addressTests(filter),
    ...natTests(conntrack, filter),
  ];
  if (tests.length === 0) return () => true;
  const seen = { row: 0, original: new Tuple(), reply: new Tuple() };
  return (row) => {
    seen.row = row;
    table.readTuple(row, Direction.Original, seen.original);
    table.readTuple(row, Direction.Reply, seen.reply);
    for (const test of tests) if (!test(seen)) return false;
    return true;
  };
}

function fieldTests(engine: Engine, filter: ConntrackFilterDto): Test[] {
  const { table } = engine.tracking.conntrack;
  const { family, proto, state, status, mark, zone, origZone, replyZone, id, timeout } = filter;
  const shared = ({ original, reply }: Seen) => original.zone === reply.zone;
  const tests: (Test | false)[] = [
    family !== undefined && (({ original }) => original.family === family),
    proto !== undefined && (({ original }) => original.protocol === proto),
    mark !== undefined &&
      (({ row }) => (table.get(row, Field.Mark) & mark.mask) >>> 0 === mark.value),
    status !== undefined &&
      (({ row }) => {
        const visible = table.get(row, Field.Status) & Status.Visible;
        return (visible & status.mask) === status.value;
      }),
    zone !== undefined && ((seen) => (shared(seen) ? seen.original.zone : 0) === zone),
    origZone !== undefined && ((seen) => (shared(seen) ? 0 : seen.original.zone) === origZone),
    replyZone !== undefined && ((seen) => (shared(seen) ? 0 : seen.reply.zone) === replyZone),
    id !== undefined && (({ row }) => table.get(row, Field.Id) >>> 0 === id),
    timeout !== undefined && (({ row }) => table.secondsLeft(row, engine.clock) === timeout),
    state !== undefined && (({ row }) => stateName(table, row) === state),
  ];
  return tests.filter((test) => test !== false);
}

function portTests(filter: ConntrackFilterDto): Test[] {
  const ports: readonly (readonly [number | undefined, (seen: Seen) => number])[] = [
    [filter.origSport, ({ original }) => original.srcPort],
    [filter.origDport, ({ original }) => original.dstPort],
    [filter.replySport, ({ reply }) => reply.srcPort],
    [filter.replyDport, ({ reply }) => reply.dstPort],
  ];
  const icmp: typeof ports = [
    [filter.icmpType, ({ original }) => original.dstPort >> 8],
    [filter.icmpCode, ({ original }) => original.dstPort & 0xff],
    [filter.icmpId, ({ original }) => original.srcPort],
  ];
  return [...numberTests(ports, hasPortFields), ...numberTests(icmp, isIcmp)];
}

/** Only a protocol that has such a number can have the right one. */
function numberTests(
  wanted: readonly (readonly [number | undefined, (seen: Seen) => number])[],
  isOf: (protocol: number) => boolean,
): Test[] {
  return wanted
    .filter(([number]) => number !== undefined)
    .map(
      ([number, read]): Test =>
        (seen) =>
          isOf(seen.original.protocol) && read(seen) === number,
    );
}

function isIcmp(protocol: number): boolean {
  return protocol === Proto.Icmp || protocol === Proto.Icmpv6;
}

function addressTests(filter: ConntrackFilterDto): Test[] {
  const tests: Test[] = [];
  const add = (match: AddressMatchDto | undefined, holds: (seen: Seen, m: Masked) => boolean) => {
    if (match === undefined) return;
    const masked = maskedOf(match);
    tests.push((seen) => seen.original.family === masked?.family && holds(seen, masked));
  };
  add(filter.origSrc, ({ original }, masked) => sourceHolds(original, masked));
  add(filter.origDst, ({ original }, masked) => destinationHolds(original, masked));
  add(filter.replySrc, ({ reply }, masked) => sourceHolds(reply, masked));
  add(filter.replyDst, ({ reply }, masked) => destinationHolds(reply, masked));
  return tests;
}

interface Masked {
  readonly family: 4 | 6;
  readonly words: Words;
  readonly mask: Words;
}

function maskedOf({ address, mask }: AddressMatchDto): Masked | null {
  const parsed = addressOf(address);
  const bits = mask === undefined ? null : addressOf(mask);
  if (parsed === null) return null;
  if (mask === undefined) return { ...parsed, mask: [-1, -1, -1, -1] };
  return bits?.family === parsed.family ? { ...parsed, mask: bits.words } : null;
}

/** An address as four words, an IPv4 one in the first of them; null where it is none. */
export function addressOf(text: string): { family: 4 | 6; words: Words } | null {
  const v4 = parseIpv4(text);
  if (v4 !== null) return { family: 4, words: [v4, 0, 0, 0] };
  const v6 = parseIpv6(text);
  return v6 === null ? null : { family: 6, words: [v6[0]!, v6[1]!, v6[2]!, v6[3]!] };
}

function sourceHolds(tuple: Tuple, { words, mask }: Masked): boolean {
  return (
    ((tuple.s0 ^ words[0]) & mask[0]) === 0 &&
    ((tuple.s1 ^ words[1]) & mask[1]) === 0 &&
    ((tuple.s2 ^ words[2]) & mask[2]) === 0 &&
    ((tuple.s3 ^ words[3]) & mask[3]) === 0
  );
}

function destinationHolds(tuple: Tuple, { words, mask }: Masked): boolean {
  return (
    ((tuple.d0 ^ words[0]) & mask[0]) === 0 &&
    ((tuple.d1 ^ words[1]) & mask[1]) === 0 &&
    ((tuple.d2 ^ words[2]) & mask[2]) === 0 &&
    ((tuple.d3 ^ words[3]) & mask[3]) === 0
  );
}

function natTests(conntrack: Conntrack, { srcNat, dstNat, anyNat }: ConntrackFilterDto): Test[] {
  const tests: Test[] = [];
  const source = (match: NatMatchDto) => sourceNatTest(conntrack, match);
  const destination = (match: NatMatchDto) => destinationNatTest(conntrack, match);
  if (srcNat !== undefined) tests.push(source(srcNat));
  if (dstNat !== undefined) tests.push(destination(dstNat));
  if (anyNat !== undefined) {
    const [ofSource, ofDestination] = [source(anyNat), destination(anyNat)];
    tests.push((seen) => ofSource(seen) || ofDestination(seen));
  }
  return tests;
}

/** With an address or a port, that very thing must be translated, and to what is given. */
function sourceNatTest({ table }: Conntrack, { address, port }: NatMatchDto): Test {
  const wanted = address === undefined ? null : maskedOf({ address });
  return ({ row, original, reply }) => {
    if (!table.hasStatus(row, Status.SrcNat | Status.SrcNatDone)) return false;
    const addressMoved =
      original.s0 !== reply.d0 ||
      original.s1 !== reply.d1 ||
      original.s2 !== reply.d2 ||
      original.s3 !== reply.d3;
    const portMoved = hasPortFields(reply.protocol) && original.srcPort !== reply.dstPort;
    if (address === undefined && port === undefined) return addressMoved || portMoved;
    if (address !== undefined) {
      if (!addressMoved || wanted?.family !== original.family) return false;
      if (!destinationHolds(reply, wanted)) return false;
    }
    return port === undefined || (portMoved && reply.dstPort === port);
  };
}

function destinationNatTest({ table }: Conntrack, { address, port }: NatMatchDto): Test {
  const wanted = address === undefined ? null : maskedOf({ address });
  return ({ row, original, reply }) => {
    if (!table.hasStatus(row, Status.DstNat | Status.DstNatDone)) return false;
    const addressMoved =
      original.d0 !== reply.s0 ||
      original.d1 !== reply.s1 ||
      original.d2 !== reply.s2 ||
      original.d3 !== reply.s3;
    const portMoved = hasPortFields(reply.protocol) && original.dstPort !== reply.srcPort;
    if (address === undefined && port === undefined) return addressMoved || portMoved;
    if (address !== undefined) {
      if (!addressMoved || wanted?.family !== original.family) return false;
      if (!sourceHolds(reply, wanted)) return false;
    }
    return port === undefined || (portMoved && reply.srcPort === port);
  };
}
