import {
  CommandResult,
  type CommandResultCode,
  type EntryChange,
  isPossibleTuple,
  LABELS,
  type NewEntry,
  shownSctpTag,
  Tuple,
} from '../conntrack/index.ts';
import { helperId } from '../helpers/index.ts';
import { Proto } from '../wire/index.ts';
import type {
  ConntrackChangeDto,
  ConntrackCreateDto,
  EventCauseDto,
  TupleDto,
} from './entry-types.ts';
import { isObject } from './line-socket.ts';
import { addressOf } from './row-filter.ts';
import { hasPortFields, stateNumber } from './state-names.ts';

/** A request that cannot be carried out: `code` and message go to whoever asked. */
export class RequestError extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.name = 'RequestError';
    this.code = code;
  }
}

/** Error codes of the protocol and words for them, by `CommandResult`. */
const failures: Readonly<Record<CommandResultCode, readonly [string, string]>> = {
  [CommandResult.Ok]: ['', ''],
  [CommandResult.Exists]: ['EXISTS', 'an entry with one of these tuples exists'],
  [CommandResult.Invalid]: ['INVALID', 'invalid parameters'],
  [CommandResult.Busy]: ['BUSY', 'that cannot be changed any more'],
  [CommandResult.NoMaster]: ['NO_MASTER', 'the master connection was not found'],
  [CommandResult.Full]: ['FULL', 'the table is full'],
  [CommandResult.NotSupported]: ['NOT_SUPPORTED', 'operation not supported'],
  [CommandResult.NotPermitted]: ['NOT_PERMITTED', 'the timeout of this entry is fixed'],
};

export function failure(result: CommandResultCode): RequestError {
  const [code, message] = failures[result];
  return new RequestError(code, message);
}

export function invalid(message: string): RequestError {
  return new RequestError('INVALID', message);
}

/** `args[name]` as an object; a request without it is no request at all. */
export function objectArg<T extends object>(args: Record<string, unknown>, name: string): T {
  const value = args[name];
  if (!isObject(value)) throw new RequestError('BAD_REQUEST', `${name}: an object expected`);
  return value as T;
}

/** `args.ids`, for quick look-ups. */
export function idsArg(args: Record<string, unknown>): ReadonlySet<number> {
  const { ids } = args;
  if (!Array.isArray(ids) || !ids.every((id) => typeof id === 'number')) {
    throw new RequestError('BAD_REQUEST', 'ids: an array of numbers expected');
  }
  return new Set<number>(ids as number[]);
}

/** Who asked, where the request says so. */
export function causeArg({ cause }: Record<string, unknown>): EventCauseDto | null {
  if (!isObject(cause) || typeof cause.portid !== 'number') return null;
  const { portid, program } = cause;
  return typeof program === 'string' ? { portid, program } : { portid };
}

/** A whole number from 0 to `maximum`. */
export function numberIn(value: unknown, maximum: number, name: string): number {
  if (!Number.isInteger(value) || (value as number) < 0 || (value as number) > maximum) {
    throw invalid(`${name}: a number from 0 to ${maximum} expected`);
  }
  return value as number;
}

export function optionalNumber(value: unknown, maximum: number, name: string): number {
  return value === undefined ? 0 : numberIn(value, maximum, name);
}

export function familyOf(family: unknown): 4 | 6 {
  if (family !== 4 && family !== 6) throw invalid('family: 4 or 6 expected');
  return family;
}

/** The tuple of a direction. Throws where an address or a number that the protocol has is missing. */
export function tupleOf(family: 4 | 6, protocol: unknown, dto: unknown, zone: number): Tuple {
  if (!isObject(dto)) throw invalid('a tuple expected');
  const number = numberIn(protocol, 255, 'protocol');
  const { src, dst, sport, dport, icmpType, icmpCode, icmpId } = dto as Partial<TupleDto>;
  const tuple = new Tuple();
  tuple.meta = (zone << 16) | (family << 8) | number;
  [tuple.s0, tuple.s1, tuple.s2, tuple.s3] = addressWords(family, src, 'source');
  [tuple.d0, tuple.d1, tuple.d2, tuple.d3] = addressWords(family, dst, 'destination');
  if (hasPortFields(number)) {
    tuple.setPorts(numberIn(sport, 65_535, 'sport'), numberIn(dport, 65_535, 'dport'));
  } else if (number === Proto.Icmp || number === Proto.Icmpv6) {
    const type = numberIn(icmpType, 255, 'icmpType');
    const code = numberIn(icmpCode, 255, 'icmpCode');
    tuple.setPorts(numberIn(icmpId, 65_535, 'icmpId'), (type << 8) | code);
  }
  if (!isPossibleTuple(tuple)) throw invalid('an ICMP type that no query has');
  return tuple;
}

export function addressWords(
  family: 4 | 6,
  text: unknown,
  name: string,
): readonly [number, number, number, number] {
  const address = typeof text === 'string' ? addressOf(text) : null;
  if (address?.family !== family) throw invalid(`${name}: an address of IPv${family} expected`);
  return address.words;
}

/** What a command changes, with names as numbers. `protocol` says what states there are. */
export function changeOf(dto: ConntrackChangeDto, protocol: number): EntryChange {
  const { timeout, status, mark, state, helper, addLabels, removeLabels } = dto;
  const { origVtag, replyVtag } = dto;
  return {
    ...(timeout !== undefined && { timeoutSec: numberIn(timeout, 0xffffffff, 'timeout') }),
    ...(status !== undefined && { status: numberIn(status, 0xffffffff, 'status') }),
    ...(mark !== undefined && { mark: markOf(mark) }),
    ...(state !== undefined && { state: stateOf(protocol, state) }),
    ...(origVtag !== undefined &&
      replyVtag !== undefined && { tags: [tagOf(origVtag), tagOf(replyVtag)] as const }),
    ...(helper !== undefined && { helper: helperOf(helper, protocol) }),
    addLabels: labelsOf(addLabels),
    removeLabels: labelsOf(removeLabels),
  };
}

/** A new entry. Throws RequestError INVALID (no timeout, an impossible tuple) or NOT_SUPPORTED. */
export function newEntryOf(dto: ConntrackCreateDto): NewEntry {
  const family = familyOf(dto.family);
  const { proto, orig, reply, master, masterProto = proto } = dto;
  const zone = optionalNumber(dto.zone, 65_535, 'zone');
  const origZone = zone || optionalNumber(dto.origZone, 65_535, 'origZone');
  const replyZone = zone || optionalNumber(dto.replyZone, 65_535, 'replyZone');
  const original = tupleOf(family, proto, orig, origZone);
  return {
    ...changeOf(dto, original.protocol),
    original,
    reply: tupleOf(family, proto, reply, replyZone),
    timeoutSec: numberIn(dto.timeout, 0xffffffff, 'timeout'),
    ...(master !== undefined && { master: tupleOf(family, masterProto, master, origZone) }),
  };
}

function markOf(mark: unknown): { value: number; mask: number } {
  if (!isObject(mark)) throw invalid('mark: value and mask expected');
  return {
    value: numberIn(mark.value, 0xffffffff, 'mark'),
    mask: mark.mask === undefined ? -1 : numberIn(mark.mask, 0xffffffff, 'mark mask'),
  };
}

/** Protocols without states pass over one that is given, as the kernel does. */
function stateOf(protocol: number, name: string): number {
  if (protocol !== Proto.Tcp && protocol !== Proto.Sctp) return 0;
  const state = stateNumber(protocol, name);
  if (state < 0) throw invalid(`no such state: ${name}`);
  return state;
}

function tagOf(tag: unknown): number {
  return shownSctpTag(numberIn(tag, 0xffffffff, 'vtag')) | 0;
}

/** '' is none. The FTP helper is one of TCP. */
export function helperOf(name: unknown, protocol: number): number {
  if (name === '') return 0;
  const id = typeof name === 'string' ? helperId(name) : 0;
  if (id === 0 || protocol !== Proto.Tcp) throw failure(CommandResult.NotSupported);
  return id;
}

function labelsOf(labels: unknown = []): readonly number[] {
  if (!Array.isArray(labels)) throw invalid('labels: an array of numbers expected');
  return labels.map((label) => numberIn(label, LABELS - 1, 'label'));
}
