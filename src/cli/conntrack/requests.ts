import type {
  ConntrackCreateDto,
  ConntrackGetArgs,
  ExpectCreateDto,
  NatMatchDto,
  NatSetDto,
  TupleDto,
} from '../../control/index.ts';
import { failure } from './operation-errors.ts';
import type { ConntrackOptions } from './options.ts';
import { hasPorts, isIcmp } from './protocol-options.ts';

/** What a command line asks of the gateway, once its options are known to be complete. */

type Side = 'orig' | 'reply';

/** The entry that `-I` and `-A` make. Throws ControlError where the two directions do not fit. */
export function createdEntry(options: ConntrackOptions): ConntrackCreateDto {
  const { filter, change, vtags } = options;
  const proto = filter.proto ?? 0;
  const [orig, reply] = bothTuples(options, proto);
  const entry: ConntrackCreateDto = {
    family: filter.family ?? 4,
    ...{ proto, orig, reply, ...change, ...vtags },
  };
  if (change.mark !== undefined) {
    // A mask has no meaning for an entry that has no mark yet.
    entry.mark = { value: change.mark.value, mask: 0xffffffff };
  }
  for (const zone of ['zone', 'origZone', 'replyZone'] as const) {
    const wanted = filter[zone];
    if (wanted === undefined) continue;
    // An entry has one zone, of both directions or of one (ctnetlink_parse_tuple_zone).
    if (zone !== 'zone' && (entry.zone || entry.origZone)) throw failure('INVALID');
    entry[zone] = wanted;
  }
  if (filter.srcNat?.address !== undefined) entry.srcNat = natSet(filter.srcNat);
  if (filter.dstNat?.address !== undefined) entry.dstNat = natSet(filter.dstNat);
  return entry;
}

/**
 * A direction of which nothing is given is the other one turned round; of one that is given in part
 * the rest is zero (libnetfilter_conntrack builds a tuple as a whole). A translation may still
 * replace such an address: `-o save` writes `-r ADDRESS -n ADDRESS`, with no `-q`.
 */
function bothTuples(options: ConntrackOptions, proto: number): [TupleDto, TupleDto] {
  const has = (...keys: string[]) => keys.some((key) => options.given.has(key));
  if (!has('reply-src', 'reply-dst')) {
    const orig = tupleOf(options, 'orig', proto);
    return [orig, turned(orig, proto)];
  }
  if (!has('src', 'dst')) {
    const reply = tupleOf(options, 'reply', proto);
    return [turned(reply, proto), reply];
  }
  const orig = tupleOf(options, 'orig', proto);
  const reply = tupleOf(options, 'reply', proto);
  const { replySport, replyDport } = options.filter;
  const lacksPorts = hasPorts(proto) && replySport === undefined && replyDport === undefined;
  if (lacksPorts) throw failure('INVALID');
  const none = options.filter.family === 6 ? '::' : '0.0.0.0';
  const whole = (tuple: TupleDto) => ({
    ...tuple,
    src: tuple.src || none,
    dst: tuple.dst || none,
  });
  return [whole(orig), whole(reply)];
}

/** The addresses and ports of one direction; ports that were not given are 0. */
function tupleOf({ filter }: ConntrackOptions, side: Side, proto: number): TupleDto {
  const isOrig = side === 'orig';
  const ends: TupleDto = {
    src: (isOrig ? filter.origSrc : filter.replySrc)?.address ?? '',
    dst: (isOrig ? filter.origDst : filter.replyDst)?.address ?? '',
  };
  if (isIcmp(proto)) {
    const { icmpType = 0, icmpCode = 0, icmpId = 0 } = filter;
    // Type and code are those of the original direction, whichever way they are written.
    const type = isOrig ? icmpType : answerType(icmpType, proto);
    return { ...ends, icmpType: type, icmpCode, icmpId };
  }
  if (!hasPorts(proto)) return ends;
  const sport = (isOrig ? filter.origSport : filter.replySport) ?? 0;
  const dport = (isOrig ? filter.origDport : filter.replyDport) ?? 0;
  return { ...ends, sport, dport };
}

function turned(tuple: TupleDto, proto: number): TupleDto {
  const ends: TupleDto = { src: tuple.dst, dst: tuple.src };
  const { sport, dport, icmpType, icmpCode, icmpId } = tuple;
  if (icmpType !== undefined) {
    return { ...ends, icmpType: answerType(icmpType, proto), icmpCode, icmpId } as TupleDto;
  }
  if (sport === undefined || dport === undefined) return ends;
  return { ...ends, sport: dport, dport: sport };
}

// Query and answer of ICMP (nf_conntrack_proto_icmp.c) and ICMPv6 (nf_conntrack_proto_icmpv6.c).
const answers: Readonly<Record<number, readonly (readonly [number, number])[]>> = {
  1: [
    [8, 0],
    [13, 14],
    [15, 16],
    [17, 18],
  ],
  58: [
    [128, 129],
    [139, 140],
  ],
};

/** The type that answers a query, and the query of an answer. Throws for any other type. */
function answerType(type: number, proto: number): number {
  for (const [query, answer] of answers[proto] ?? []) {
    if (type === query) return answer;
    if (type === answer) return query;
  }
  throw failure('INVALID');
}

function natSet({ address = '', port }: NatMatchDto): NatSetDto {
  const ends = { minAddress: address, maxAddress: address };
  return port === undefined ? ends : { ...ends, minPort: port, maxPort: port };
}

/** The entry that `-G` looks for: by its original tuple where that is given. */
export function soughtEntry(options: ConntrackOptions): ConntrackGetArgs {
  const { filter, given } = options;
  const proto = filter.proto ?? 0;
  const isOrig = given.has('src') && given.has('dst');
  const args = { family: filter.family ?? 4, proto };
  const tuple = tupleOf(options, isOrig ? 'orig' : 'reply', proto);
  if (tuple.icmpType !== undefined) answerType(tuple.icmpType, proto);
  return isOrig ? { ...args, orig: tuple } : { ...args, reply: tuple };
}

/** The expectation that `-I expect` makes. Everything that is read here was required. */
export function createdExpectation(options: ConntrackOptions): ExpectCreateDto {
  const { filter, expect, masks, change } = options;
  const proto = filter.proto ?? 0;
  return {
    family: filter.family ?? 4,
    timeout: change.timeout ?? 0,
    proto,
    ...{ src: expect.src ?? '', dst: expect.dst ?? '' },
    ...{ sport: expect.sport ?? 0, dport: expect.dport ?? 0 },
    ...{ maskSrc: masks.src ?? '', maskDst: masks.dst ?? '' },
    ...{ maskSport: expect.maskSport ?? 0, maskDport: expect.maskDport ?? 0 },
    master: tupleOf(options, 'orig', proto),
    masterProto: proto,
  };
}
