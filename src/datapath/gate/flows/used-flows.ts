import { type DirectionCode, Tuple } from '../../../conntrack/index.ts';
import { FLOW_WORDS, FlowFlag, FlowWord } from '../layout.ts';
import { readKey } from './keys.ts';
import { type FlowMemory, mustBeUsable } from './memory.ts';
import { readSides, spokeOf } from './sides.ts';
import { isKeptBack, isMarked, marksOf } from './used-units.ts';

/** A flow that a former process has left in the memory. */
export interface UsedFlow {
  /** Where it stands in the memory: for `sidesOf`. */
  readonly unit: number;
  /** Family and protocol are in the tuples. */
  readonly original: Tuple;
  readonly reply: Tuple;
  /** Which of original and reply direction the program finds: one of them at least. */
  readonly directions: readonly [boolean, boolean];
  /**
   * None of its packets are passed on, acknowledgements at most: they come to the engine, which has a
   * helper for it. Its TCP sides may be as they were when it was entered.
   */
  readonly isKept: boolean;
  readonly checkWindow: boolean;
  readonly originalScale: number;
  readonly replyScale: number;
}

/**
 * The flows that the program finds in memory of a former process. IPv4 first. What makes no sense is
 * left out; the memory is only read, and may be in use. Throws `FlowMemoryError` where it cannot be
 * read at all. Cold.
 */
export function* flowsOf(memory: FlowMemory): Generator<UsedFlow> {
  mustBeUsable(memory);
  const marks = marksOf(memory);
  for (let unit = 0; unit < marks.length; unit++) {
    if (marks[unit] !== 0) yield readFlow(memory.flows, unit, marks[unit]!);
  }
}

/**
 * What the program knows now of the TCP sides of a flow of `flowsOf`, laid out as `FlowOffer.sides`.
 * Returns `Spoke` bits, as `FlowGate.readSides` does.
 */
export function sidesOf(memory: FlowMemory, unit: number, into: Int32Array): number {
  readSides(memory.flows, unit * FLOW_WORDS, into);
  return spokeOf(memory.flows, unit * FLOW_WORDS);
}

function readFlow(flows: Int32Array, unit: number, marks: number): UsedFlow {
  const at = unit * FLOW_WORDS;
  const meta = flows[at + FlowWord.Meta]!;
  const original = new Tuple();
  const reply = new Tuple();
  readKey(flows, at, 0, original);
  readKey(flows, at, 1, reply);
  const directions = [isMarked(marks, 0), isMarked(marks, 1)] as const;
  const isPassed = (direction: DirectionCode): boolean =>
    directions[direction] && !isKeptBack(flows, unit, direction);
  return {
    unit,
    original,
    reply,
    directions,
    isKept: !isPassed(0) && !isPassed(1),
    checkWindow: (meta & (FlowFlag.CheckWindow << 24)) !== 0,
    originalScale: (meta >>> 16) & 0x0f,
    replyScale: (meta >>> 20) & 0x0f,
  };
}
