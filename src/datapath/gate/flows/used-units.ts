import type { DirectionCode } from '../../../conntrack/index.ts';
import {
  ACTION_MASK,
  BUCKET_SLOTS,
  ConfigWord,
  DIRECTION_WORDS,
  DirectionWord,
  FLOW_WORDS,
  FlowAction,
  FlowWord,
  HOP_WORDS,
  HOPS,
  HopWord,
} from '../layout.ts';
import { hashKey, isWide } from './keys.ts';
import type { FlowMemory } from './memory.ts';
import { slotValue } from './slots.ts';

/** In the marks of a unit: the direction is switched on, makes sense and can be found. */
const MARK_ORIGINAL = 1;
const DIRECTIONS = [0, 1] as const;

/** What is in use in memory that a former process has left. */
export interface UsedUnits {
  /** By unit: bit 0 for the original direction, bit 1 for the reply direction. */
  readonly marks: Uint8Array;
  readonly hops: ReadonlySet<number>;
  /** Slots that lead nowhere, or where another one leads already. */
  readonly strays: readonly number[];
}

export function isMarked(marks: number, direction: DirectionCode): boolean {
  return (marks & (MARK_ORIGINAL << direction)) !== 0;
}

/** The marks of a unit in memory without strays: there, what is switched on is in use. */
export function marksOf(flows: Int32Array, unit: number): number {
  let marks = 0;
  for (const direction of DIRECTIONS) {
    const way = flows[directionWords(unit, direction) + DirectionWord.Way]!;
    if (way !== 0) marks |= MARK_ORIGINAL << direction;
  }
  return marks;
}

/**
 * Goes through the index: a flow is one that the program finds. Only reads. Cold. The memory is one
 * that `mustBeUsable` has let pass; of its contents nothing is taken for granted.
 */
export function scanUsed(memory: FlowMemory): UsedUnits {
  const marks = new Uint8Array(memory.config[ConfigWord.Units]!);
  const strays: number[] = [];
  for (let slot = 0; slot < memory.buckets.length; slot++) {
    if (memory.buckets[slot] === 0) continue;
    const direction = directionAt(memory, slot);
    const unit = unitAt(memory, slot);
    const mark = MARK_ORIGINAL << direction;
    if (direction < 0 || (marks[unit]! & mark) !== 0) strays.push(slot);
    else marks[unit]! |= mark;
  }
  dropAmongWide(memory, marks);
  return { marks, hops: hopsOf(memory, marks), strays };
}

/** Switches off and takes out of the index whatever is not in use. */
export function clearStrays(memory: FlowMemory, used: UsedUnits): void {
  const { buckets, flows } = memory;
  for (const slot of used.strays) Atomics.store(buckets, slot, 0);
  for (let slot = 0; slot < buckets.length; slot++) {
    if (buckets[slot] !== 0 && used.marks[unitAt(memory, slot)] === 0) {
      Atomics.store(buckets, slot, 0);
    }
  }
  for (let unit = 0; unit < used.marks.length; unit++) {
    if (used.marks[unit] === 0) continue;
    for (const direction of DIRECTIONS) {
      if (isMarked(used.marks[unit]!, direction)) continue;
      Atomics.store(flows, directionWords(unit, direction) + DirectionWord.Way, 0);
    }
  }
}

/** First word of a direction. */
export function directionWords(unit: number, direction: DirectionCode): number {
  return unit * FLOW_WORDS + FlowWord.Directions + direction * DIRECTION_WORDS;
}

/** The hop of a direction that has one; else -1. */
export function hopOf(memory: FlowMemory, unit: number, direction: DirectionCode): number {
  const words = directionWords(unit, direction);
  const action = memory.flows[words + DirectionWord.Way]! & ACTION_MASK;
  return action === FlowAction.Forward ? memory.flows[words + DirectionWord.Hop]! & 0xffff : -1;
}

/** IPv4 flows stand below those of IPv6: another one is inside of an annex, or would make it one. */
function dropAmongWide(memory: FlowMemory, marks: Uint8Array): void {
  let above = false;
  for (let unit = 0; unit < marks.length; unit++) {
    if (marks[unit] === 0) continue;
    if (isWide(memory.flows, unit * FLOW_WORDS)) above = true;
    else if (above) marks[unit] = 0;
  }
}

function hopsOf(memory: FlowMemory, marks: Uint8Array): Set<number> {
  const hops = new Set<number>();
  for (let unit = 0; unit < marks.length; unit++) {
    if (marks[unit] === 0) continue;
    for (const direction of DIRECTIONS) {
      const hop = isMarked(marks[unit]!, direction) ? hopOf(memory, unit, direction) : -1;
      if (hop >= 0) hops.add(hop);
    }
  }
  return hops;
}

/** The unit that a slot names, in range or not; -1: none. */
function unitAt(memory: FlowMemory, slot: number): number {
  return (refAt(memory, slot) - 1) >> 1;
}

function refAt(memory: FlowMemory, slot: number): number {
  return memory.buckets[slot]! & ((1 << memory.config[ConfigWord.RefBits]!) - 1);
}

/** The direction that a slot leads to; -1 where it is empty, or leads to nothing that makes sense. */
function directionAt(memory: FlowMemory, slot: number): number {
  const ref = refAt(memory, slot);
  const unit = unitAt(memory, slot);
  if (ref === 0 || unit >= memory.config[ConfigWord.Units]!) return -1;
  const direction = ((ref - 1) & 1) as DirectionCode;
  if (!isSound(memory, unit) || !isSwitchedOn(memory, unit, direction)) return -1;
  const { config, flows, buckets } = memory;
  const hash = hashKey(flows, unit * FLOW_WORDS, direction, config[ConfigWord.Seed]!);
  const bucket = Math.floor(slot / BUCKET_SLOTS);
  const mask = config[ConfigWord.BucketMask]!;
  const isHome = bucket === (hash & mask) || bucket === ((hash + 1) & mask);
  const value = slotValue(hash, config[ConfigWord.RefBits]!, ref);
  return isHome && buckets[slot] === value ? direction : -1;
}

/** Whether the unit can be the first one of a flow. */
function isSound(memory: FlowMemory, unit: number): boolean {
  const family = (memory.flows[unit * FLOW_WORDS + FlowWord.Meta]! >>> 8) & 0xff;
  return family === 4 || (family === 6 && ((memory.config[ConfigWord.Units]! - unit) & 1) === 0);
}

function isSwitchedOn(memory: FlowMemory, unit: number, direction: DirectionCode): boolean {
  const { config, flows, hops } = memory;
  const words = directionWords(unit, direction);
  const way = flows[words + DirectionWord.Way]!;
  const action = way & ACTION_MASK;
  if (action === FlowAction.None || action > FlowAction.Punt || way >>> 8 === 0) return false;
  if (flows[words + DirectionWord.Hop]! >>> 16 !== config[ConfigWord.Generation]) return false;
  const hop = hopOf(memory, unit, direction);
  return hop < HOPS && (hop < 0 || hops[hop * HOP_WORDS + HopWord.Ifindex]! > 0);
}
