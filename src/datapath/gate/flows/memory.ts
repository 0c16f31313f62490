import { endianness } from 'node:os';
import {
  BUCKET_SLOTS,
  CONFIG_MAGIC,
  CONFIG_WORDS,
  ConfigWord,
  FLOW_WORDS,
  HOP_WORDS,
  HOPS,
  LAYOUT_VERSION,
} from '../layout.ts';

/** The maps that this process shares with the gate's program, as words. */
export interface FlowMemory {
  /** `CONFIG_WORDS`. */
  readonly config: Int32Array;
  /** Units of `FLOW_WORDS`. */
  readonly flows: Int32Array;
  /** Buckets of `BUCKET_SLOTS`: `bucketsFor(units)` of them. */
  readonly buckets: Int32Array;
  /** `HOPS` times `HOP_WORDS`. */
  readonly hops: Int32Array;
}

/** Seven bits of the hash stay in a slot's tag at least: one flow in 128 is then looked at in vain. */
export const MOST_UNITS = 1 << 23;
/** A flow may stand in the bucket after its own, which is to be another one. */
const FEWEST_BUCKETS = 2;
/** Generations have 16 bits in the words of a direction. */
const LAST_GENERATION = 0xffff;

/** Stable codes of `FlowMemoryError`. */
export type FlowMemoryCode =
  | 'flow-memory-big-endian'
  | 'flow-memory-foreign'
  | 'flow-memory-shape'
  | 'flow-memory-version';

/** The memory is not what it has to be; what a former process has left in it cannot be read. */
export class FlowMemoryError extends Error {
  override readonly name = 'FlowMemoryError';
  readonly code: FlowMemoryCode;

  constructor(code: FlowMemoryCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** What `initialise` writes into the configuration. */
export interface FlowMemorySettings {
  /** Random, so that nobody can aim at one bucket. */
  readonly seed: number;
  /** Mark of packets that the gate has sent on: random, not 0. */
  readonly mark: number;
  /** Kernel index of punt0; 0: super-frames are dropped. */
  readonly puntIfindex: number;
  /** Units that the map of flows has. */
  readonly units: number;
}

/** Bits of a slot that name a unit and a direction: 0 is kept for the empty slot. */
function refBitsFor(units: number): number {
  return 32 - Math.clz32(2 * units);
}

/** Buckets for so many units: both directions of each fill half of the slots. A power of two. */
export function bucketsFor(units: number): number {
  let buckets = FEWEST_BUCKETS;
  while (buckets < units / 4) buckets *= 2;
  return buckets;
}

/** The generation after `generation`: 1 to 65535, round and round. Anything odd is followed by 1. */
export function nextGeneration(generation: number): number {
  return generation >= 1 && generation < LAST_GENERATION ? generation + 1 : 1;
}

/**
 * Makes the memory an empty one, whatever was in it. A program that runs over it finds nothing from
 * the first store on; what a former process left is of another generation. Throws `FlowMemoryError`.
 */
export function initialise(memory: FlowMemory, settings: FlowMemorySettings): void {
  mustBeLittleEndian();
  mustHaveShape(memory, settings.units);
  const { config, buckets } = memory;
  const generation = nextGeneration(config[ConfigWord.Generation]!);
  Atomics.store(config, ConfigWord.Magic, 0);
  Atomics.store(config, ConfigWord.Generation, generation);
  buckets.fill(0);
  config.fill(0, ConfigWord.NowMs);
  config[ConfigWord.Version] = LAYOUT_VERSION;
  config[ConfigWord.Seed] = settings.seed;
  config[ConfigWord.BucketMask] = buckets.length / BUCKET_SLOTS - 1;
  config[ConfigWord.RefBits] = refBitsFor(settings.units);
  config[ConfigWord.PuntIfindex] = settings.puntIfindex;
  config[ConfigWord.Mark] = settings.mark;
  config[ConfigWord.Units] = settings.units;
  Atomics.store(config, ConfigWord.Magic, CONFIG_MAGIC);
}

/**
 * Throws `FlowMemoryError` where memory that a former process wrote is not of this layout, or does
 * not hang together.
 */
export function mustBeUsable(memory: FlowMemory): void {
  mustBeLittleEndian();
  const { config } = memory;
  if (config.length !== CONFIG_WORDS || config[ConfigWord.Magic] !== CONFIG_MAGIC) {
    throw new FlowMemoryError('flow-memory-foreign', 'the flow memory was not written by pinhole');
  }
  const version = config[ConfigWord.Version]!;
  if (version !== LAYOUT_VERSION) {
    throw new FlowMemoryError(
      'flow-memory-version',
      `the flow memory has layout ${version}, this version has ${LAYOUT_VERSION}`,
    );
  }
  const units = config[ConfigWord.Units]!;
  mustHaveShape(memory, units);
  const generation = config[ConfigWord.Generation]!;
  if (
    config[ConfigWord.BucketMask] !== bucketsFor(units) - 1 ||
    config[ConfigWord.RefBits] !== refBitsFor(units) ||
    generation < 1 ||
    generation > LAST_GENERATION
  ) {
    throw new FlowMemoryError('flow-memory-shape', 'the flow memory contradicts itself');
  }
}

/**
 * The hash takes the words of addresses as they stand in a packet. The program reads them in the
 * order of the machine, and both machines that are supported are little-endian.
 */
export function mustBeLittleEndian(order: 'BE' | 'LE' = endianness()): void {
  if (order !== 'LE') {
    throw new FlowMemoryError('flow-memory-big-endian', 'the gate needs a little-endian machine');
  }
}

function mustHaveShape(memory: FlowMemory, units: number): void {
  const fits =
    Number.isInteger(units) &&
    units >= 1 &&
    units <= MOST_UNITS &&
    memory.config.length === CONFIG_WORDS &&
    memory.flows.length === units * FLOW_WORDS &&
    memory.buckets.length === bucketsFor(units) * BUCKET_SLOTS &&
    memory.hops.length === HOPS * HOP_WORDS;
  if (!fits) {
    throw new FlowMemoryError('flow-memory-shape', `the flow memory is not one of ${units} units`);
  }
}
