/**
 * The keys of a flow in its unit: both tuples, as they stand in packets. Hot; allocates nothing.
 *
 * `at` is everywhere the first word of the unit.
 */
import type { DirectionCode, Tuple } from '../../../conntrack/index.ts';
import { AnnexWord, FLOW_WORDS, FlowWord } from '../layout.ts';

/** Words of one direction's ends, in the unit and in the annex. */
const END_WORDS = FlowWord.Reply - FlowWord.Original;
const ANNEX_END_WORDS = AnnexWord.ReplySource - AnnexWord.OriginalSource;
/** Protocol and family in `FlowWord.Meta` and in a tuple. */
const KIND = 0xffff;
/** In `FlowWord.Meta`: the bit that tells family 6 from 4. */
const WIDE = 2 << 8;

/**
 * A word of a tuple as it is read from a packet on a little-endian machine, and back. A tuple's ports
 * word has the bytes of the packet too: ports, or for ICMP identifier, type and code.
 */
export function asInPacket(word: number): number {
  return (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
}

/** Protocol and family of a tuple, as in `FlowWord.Meta`. */
export function kindOf(tuple: Tuple): number {
  return tuple.meta & KIND;
}

/** Whether the unit holds an IPv6 flow, and so has an annex. */
export function isWide(flows: Int32Array, at: number): boolean {
  return (flows[at + FlowWord.Meta]! & WIDE) !== 0;
}

/** Writes both tuples; `FlowWord.Meta` is the caller's. */
export function writeKeys(flows: Int32Array, at: number, original: Tuple, reply: Tuple): void {
  writeKey(flows, at, 0, original);
  writeKey(flows, at, 1, reply);
}

function writeKey(flows: Int32Array, at: number, direction: DirectionCode, tuple: Tuple): void {
  const ends = endsAt(at, direction);
  flows[ends] = asInPacket(tuple.s0);
  flows[ends + 1] = asInPacket(tuple.d0);
  flows[ends + 2] = asInPacket(tuple.ports);
  if ((tuple.meta & WIDE) === 0) return;
  const annex = annexAt(at, direction);
  flows[annex] = asInPacket(tuple.s1);
  flows[annex + 1] = asInPacket(tuple.s2);
  flows[annex + 2] = asInPacket(tuple.s3);
  flows[annex + 3] = asInPacket(tuple.d1);
  flows[annex + 4] = asInPacket(tuple.d2);
  flows[annex + 5] = asInPacket(tuple.d3);
}

/** Reads the tuple of a direction. */
export function readKey(
  flows: Int32Array,
  at: number,
  direction: DirectionCode,
  into: Tuple,
): void {
  const ends = endsAt(at, direction);
  const wide = isWide(flows, at);
  const annex = annexAt(at, direction);
  into.meta = flows[at + FlowWord.Meta]! & KIND;
  into.s0 = asInPacket(flows[ends]!);
  into.d0 = asInPacket(flows[ends + 1]!);
  into.ports = asInPacket(flows[ends + 2]!);
  into.s1 = wide ? asInPacket(flows[annex]!) : 0;
  into.s2 = wide ? asInPacket(flows[annex + 1]!) : 0;
  into.s3 = wide ? asInPacket(flows[annex + 2]!) : 0;
  into.d1 = wide ? asInPacket(flows[annex + 3]!) : 0;
  into.d2 = wide ? asInPacket(flows[annex + 4]!) : 0;
  into.d3 = wide ? asInPacket(flows[annex + 5]!) : 0;
}

/** Whether the unit's key of a direction is this tuple. */
export function hasKey(
  flows: Int32Array,
  at: number,
  direction: DirectionCode,
  tuple: Tuple,
): boolean {
  const ends = endsAt(at, direction);
  if (
    ((flows[at + FlowWord.Meta]! ^ tuple.meta) & KIND) !== 0 ||
    flows[ends] !== asInPacket(tuple.s0) ||
    flows[ends + 1] !== asInPacket(tuple.d0) ||
    flows[ends + 2] !== asInPacket(tuple.ports)
  ) {
    return false;
  }
  if ((tuple.meta & WIDE) === 0) return true;
  const annex = annexAt(at, direction);
  return (
    flows[annex] === asInPacket(tuple.s1) &&
    flows[annex + 1] === asInPacket(tuple.s2) &&
    flows[annex + 2] === asInPacket(tuple.s3) &&
    flows[annex + 3] === asInPacket(tuple.d1) &&
    flows[annex + 4] === asInPacket(tuple.d2) &&
    flows[annex + 5] === asInPacket(tuple.d3)
  );
}

/** The hash of a direction's key: word for word what the program makes of a packet. */
export function hashKey(
  flows: Int32Array,
  at: number,
  direction: DirectionCode,
  seed: number,
): number {
  const ends = endsAt(at, direction);
  let h = mix(seed, flows[ends]!);
  h = mix(h, flows[ends + 1]!);
  h = mix(h, flows[ends + 2]!);
  h = mix(h, flows[at + FlowWord.Meta]! & KIND);
  if (isWide(flows, at)) {
    const annex = annexAt(at, direction);
    for (let word = 0; word < ANNEX_END_WORDS; word++) h = mix(h, flows[annex + word]!);
  }
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

function mix(hash: number, word: number): number {
  const h = Math.imul(hash ^ word, 0x85ebca6b);
  return h ^ (h >>> 15);
}

function endsAt(at: number, direction: DirectionCode): number {
  return at + FlowWord.Original + direction * END_WORDS;
}

function annexAt(at: number, direction: DirectionCode): number {
  return at + FLOW_WORDS + AnnexWord.OriginalSource + direction * ANNEX_END_WORDS;
}
