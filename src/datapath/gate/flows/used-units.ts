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

/** Whether the program forwards a direction of a unit with these marks. */
export function isMarked(marks: number, direction: DirectionCode): boolean {
  return (marks & (MARK_ORIGINAL << direction)) !== 0;
}

/** Whether the data of a direction that makes sense come to the engine, which knows it. */
export function isKeptBack(flows: Int32Array, unit: number, direction: DirectionCode): boolean {
  const way = flows[directionWords(unit, direction) + DirectionWord.Way]!;
  const action = way & ACTION_MASK;
  return action === FlowAction.Punt || action === FlowAction.Acks;
}

/**
 * By unit, the marks of its directions: what the program finds through the index, and what makes
 * sense. Only reads. Cold. The memory is one that `mustBeUsable` has let pass; of its contents
 * nothing is taken for granted.
 */
export function marksOf(memory: FlowMemory): Uint8Array {
  const marks = new Uint8Array(memory.config[ConfigWord.Units]!);
  for (let slot = 0; slot < memory.buckets.length; slot++) {
    const direction = directionAt(memory, slot);
    if (direction >= 0) marks[unitAt(memory, slot)]! |= MARK_ORIGINAL << direction;
  }
  dropAmongWide(memory, marks);
  return marks;
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
  if (action === FlowAction.None || action > FlowAction.Acks || way >>> 8 === 0) return false;
  if (flows[words + DirectionWord.Hop]! >>> 16 !== config[ConfigWord.Generation]) return false;
  if (action !== FlowAction.Forward && action !== FlowAction.Acks) return true;
  const hop = flows[words + DirectionWord.Hop]! & 0xffff;
  return hop < HOPS && hops[hop * HOP_WORDS + HopWord.Ifindex]! > 0;
}

/** First word of a direction. */
function directionWords(unit: number, direction: DirectionCode): number {
  return unit * FLOW_WORDS + FlowWord.Directions + direction * DIRECTION_WORDS;
}
