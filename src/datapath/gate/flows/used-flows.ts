import { type DirectionCode, Tuple } from '../../../conntrack/index.ts';
import type { GateActionCode } from '../../../engine/index.ts';
import {
  ACTION_MASK,
  DirectionWord,
  FLOW_WORDS,
  FlowFlag,
  FlowWord,
  HOP_WORDS,
  HopFamily,
  HopFlag,
  HopWord,
} from '../layout.ts';
import { asInPacket, readKey } from './keys.ts';
import { type FlowMemory, mustBeUsable } from './memory.ts';
import { readSides, SIDES } from './sides.ts';
import { directionWords, hopOf, isMarked, scanUsed } from './used-units.ts';

/** A way out as a former process wrote it. */
export interface UsedHop {
  readonly ifindex: number;
  readonly mtu: number;
  /** 4, 6 or 0: the packet's own destination. */
  readonly family: 0 | 4 | 6;
  /** As words of a tuple. */
  readonly address: readonly [number, number, number, number];
  readonly managed: boolean;
}

/** One direction that the program forwards. */
export interface UsedDirection {
  readonly action: GateActionCode;
  /** Kernel index of the way in; of the way out for the host's own packets. */
  readonly ifindex: number;
  /** Of `GateAction.Forward` only. */
  readonly hop: UsedHop | null;
  /** A number of the former process's. */
  readonly path: number;
}

/** A flow that a former process has left in the memory. */
export interface UsedFlow {
  /** For `SharedFlows.adopt`. */
  readonly unit: number;
  /** Family and protocol are in the tuples. */
  readonly original: Tuple;
  readonly reply: Tuple;
  readonly directions: readonly [UsedDirection | null, UsedDirection | null];
  /** Of the former process's clock. */
  readonly lastSeenMs: number;
  readonly checkWindow: boolean;
  readonly originalSack: boolean;
  readonly replySack: boolean;
  /** As `FlowOffer.sides`. */
  readonly sides: Int32Array;
  readonly originalScale: number;
  readonly replyScale: number;
}

/**
 * The flows that the program finds in memory of a former process, without taking it over: for that
 * there is `SharedFlows.over` and its `unclaimed`. IPv4 first. What makes no sense is
 * left out; the memory is only read. Throws `FlowMemoryError` where it cannot be used at all. Cold.
 */
export function* flowsOf(memory: FlowMemory): Generator<UsedFlow> {
  mustBeUsable(memory);
  const { marks } = scanUsed(memory);
  for (let unit = 0; unit < marks.length; unit++) {
    if (marks[unit] !== 0) yield readFlow(memory, unit, marks[unit]!);
  }
}

/** One flow; `marks` as in `UsedUnits`. */
export function readFlow(memory: FlowMemory, unit: number, marks: number): UsedFlow {
  const { flows } = memory;
  const at = unit * FLOW_WORDS;
  const meta = flows[at + FlowWord.Meta]!;
  const flags = meta >>> 24;
  const original = new Tuple();
  const reply = new Tuple();
  readKey(flows, at, 0, original);
  readKey(flows, at, 1, reply);
  const sides = new Int32Array(SIDES);
  readSides(flows, at, sides);
  return {
    unit,
    original,
    reply,
    directions: [directionOf(memory, unit, 0, marks), directionOf(memory, unit, 1, marks)],
    lastSeenMs: flows[at + FlowWord.LastSeenMs]!,
    checkWindow: (flags & FlowFlag.CheckWindow) !== 0,
    originalSack: (flags & FlowFlag.OriginalNoSack) === 0,
    replySack: (flags & FlowFlag.ReplyNoSack) === 0,
    sides,
    originalScale: (meta >>> 16) & 0x0f,
    replyScale: (meta >>> 20) & 0x0f,
  };
}

function directionOf(
  memory: FlowMemory,
  unit: number,
  direction: DirectionCode,
  marks: number,
): UsedDirection | null {
  if (!isMarked(marks, direction)) return null;
  const { flows } = memory;
  const way = flows[directionWords(unit, direction) + DirectionWord.Way]!;
  const hop = hopOf(memory, unit, direction);
  const paths = flows[unit * FLOW_WORDS + FlowWord.Paths]!;
  return {
    action: (way & ACTION_MASK) as GateActionCode,
    ifindex: way >>> 8,
    hop: hop < 0 ? null : readHop(memory.hops, hop),
    path: (paths >>> (direction << 4)) & 0xffff,
  };
}

function readHop(hops: Int32Array, hop: number): UsedHop {
  const at = hop * HOP_WORDS;
  const word = (n: number) => asInPacket(hops[at + HopWord.Address + n]!);
  return {
    ifindex: hops[at + HopWord.Ifindex]!,
    mtu: hops[at + HopWord.Mtu]!,
    family: familyOf(hops[at + HopWord.Family]!),
    address: [word(0), word(1), word(2), word(3)],
    managed: (hops[at + HopWord.Flags]! & HopFlag.Managed) !== 0,
  };
}

function familyOf(addressFamily: number): 0 | 4 | 6 {
  if (addressFamily === HopFamily.Ipv4) return 4;
  return addressFamily === HopFamily.Ipv6 ? 6 : 0;
}
