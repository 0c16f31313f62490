import type { Arena } from '../base/index.ts';
import { WIDE_WORDS } from './tuple.ts';

/** Words of a slot: what both tuples of an IPv6 connection have beside their row. */
const SLOT_WORDS = 2 * WIDE_WORDS;

/**
 * The rest of IPv6 addresses, by slots that a row has only while it needs one. Slots are given out
 * as densely as rows, so that a few IPv6 connections among many others take little memory.
 *
 *   | rest of original tuple | rest of reply tuple | …      a free slot begins with the next free one
 */
export class WideWords {
  /** Another array after `reserve`: not to be kept. */
  words: Int32Array;
  private highWater = 1;
  private freeHead = 0;

  constructor(arena: Arena, rows: number) {
    this.words = wordsFor(arena, rows);
  }

  /** Makes slots for so many rows. */
  reserve(arena: Arena, rows: number): void {
    const words = wordsFor(arena, rows);
    words.set(this.words.subarray(0, this.highWater * SLOT_WORDS));
    this.words = words;
  }

  /** A slot, of any content: never 0. There is one for each row. */
  take(): number {
    const slot = this.freeHead;
    if (slot === 0) return this.highWater++;
    this.freeHead = this.words[slot * SLOT_WORDS]!;
    return slot;
  }

  give(slot: number): void {
    this.words[slot * SLOT_WORDS] = this.freeHead;
    this.freeHead = slot;
  }
}

/** Where a direction's words stand in its slot. */
export function wideAt(slot: number, direction: number): number {
  return slot * SLOT_WORDS + direction * WIDE_WORDS;
}

/** Slot 0 is nobody's. */
function wordsFor(arena: Arena, rows: number): Int32Array {
  return arena.int32((rows + 1) * SLOT_WORDS);
}
