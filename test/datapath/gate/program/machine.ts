/**
 * The gate's program in the kernel, run over single frames (BPF_PROG_TEST_RUN), with flows, hops and
 * configuration written as the daemon writes them. Needs root, BPF and the object file; `Machine.open`
 * says what is missing.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Tuple } from '../../../../src/conntrack/index.ts';
import { hashKey, writeKeys } from '../../../../src/datapath/gate/flows/keys.ts';
import { refOf, slotValue } from '../../../../src/datapath/gate/flows/slots.ts';
import {
  BUCKET_SLOTS,
  CONFIG_MAGIC,
  ConfigWord,
  DIRECTION_WORDS,
  DirectionWord,
  FLOW_WORDS,
  FlowWord,
  gateCounterNames,
  HOP_WORDS,
  LAYOUT_VERSION,
  PUNT_HEADER_BYTES,
  PuntWord,
  WAY_CLOSES,
} from '../../../../src/datapath/gate/layout.ts';
import {
  Bpf,
  createMaps,
  fillPrograms,
  type GateMaps,
  loadLibc,
  loadPrograms,
  type ProgramFds,
  type ProgramName,
  type Ring,
  readObjectFile,
} from '../../../../src/datapath/gate/sys/index.ts';
import { loadPacket } from '../../../support/packets.ts';

export const objectFile = fileURLToPath(
  new URL('../../../../src/datapath/gate/bpf/gate.bpf.o', import.meta.url),
);

/** TC_ACT_* of linux/pkt_cls.h. */
export const Verdict = { Pass: -1, Drop: 2, Stolen: 4, Redirect: 7 } as const;
/** Test runs come in by the loopback device, whose MAC is all zeros. */
export const LOOPBACK = 1;
export const OUR_MAC = '00:00:00:00:00:00';
export const MARK = 0x5eed_0001;
export const GENERATION = 7;
export const NOW_MS = 123_456;

/** Before each record of a ring buffer. */
const RECORD_HEADER_BYTES = 8;
const UNITS = 256;
const BUCKETS = 64;
const REF_BITS = 9;
const CONTEXT_BYTES = 192;
/** Bytes of the members of struct __sk_buff that a test sets. */
const Context = { Mark: 8, Ifindex: 40, WireLen: 160, GsoSegs: 164, GsoSize: 176 } as const;

export interface DirectionSpec {
  readonly action: number;
  readonly ifindex?: number;
  readonly generation?: number;
  readonly hop?: number;
  readonly bytes?: number;
  /** FINs pass, too. */
  readonly closes?: boolean;
  /** Of this host's own packets. */
  readonly mark?: number;
}

export interface FlowSpec {
  /** A frame of each direction as it comes in: the tuples are taken from them. */
  readonly original: Uint8Array;
  readonly reply: Uint8Array;
  readonly directions: readonly [DirectionSpec | null, DirectionSpec | null];
  /** `FlowFlag`s. */
  readonly flags?: number;
  readonly scales?: readonly [number, number];
  readonly sides?: Int32Array;
}

export interface HopSpec {
  readonly ifindex?: number;
  readonly mtu?: number;
  readonly flags?: number;
  readonly family?: number;
  readonly address?: readonly number[];
}

export interface RunOptions {
  readonly mark?: number;
  readonly gsoSize?: number;
  readonly repeat?: number;
}

export interface Outcome {
  readonly verdict: number;
  readonly frame: Uint8Array;
  readonly mark: number;
  readonly durationNs: number;
}

export interface PuntRecord {
  readonly flags: number;
  readonly ifindex: number;
  readonly uid: number;
  readonly mark: number;
  readonly frame: Uint8Array;
  /** Bytes the record takes in the ring, without the ring's own header. */
  readonly recordBytes: number;
}

export class Machine {
  readonly maps: GateMaps;
  readonly bpf: Bpf;
  readonly programs: ProgramFds;
  private unit = 0;

  private constructor(bpf: Bpf, maps: GateMaps, programs: ProgramFds) {
    this.bpf = bpf;
    this.maps = maps;
    this.programs = programs;
    fillPrograms(bpf, maps.fds, programs);
    this.reset();
  }

  /** The program, loaded; or in words why it cannot be. */
  static async open(ringBytes = 1 << 18): Promise<Machine | string> {
    if (process.getuid?.() !== 0) return 'needs root';
    if (!existsSync(objectFile)) return 'no object file: scripts/build-gate.sh makes it';
    try {
      const bpf = new Bpf(await loadLibc());
      const ring = { ringBytes, knownRingBytes: ringBytes >> 1 };
      const maps = createMaps(bpf, { units: UNITS, buckets: BUCKETS, ...ring });
      return new Machine(bpf, maps, loadPrograms(bpf, readObjectFile(objectFile), maps.fds));
    } catch (error) {
      const code = (error as { errno?: unknown }).errno;
      // The verifier's refusal is what these tests are for; a kernel without BPF is not.
      if (code === 1 || code === 38) return `BPF is not to be had: ${String(error)}`;
      throw error;
    }
  }

  /** No flows, no hops, empty rings, and a configuration that works. */
  reset(): void {
    const { config, flows, buckets, hops } = this.maps;
    for (const memory of [flows, buckets, hops, config]) memory.words.fill(0);
    this.unit = 0;
    this.set(ConfigWord.Magic, CONFIG_MAGIC);
    this.set(ConfigWord.Version, LAYOUT_VERSION);
    this.set(ConfigWord.Generation, GENERATION);
    this.set(ConfigWord.NowMs, NOW_MS);
    this.set(ConfigWord.Seed, 0x1234_5678);
    this.set(ConfigWord.BucketMask, BUCKETS - 1);
    this.set(ConfigWord.RefBits, REF_BITS);
    this.set(ConfigWord.Mark, MARK);
    this.set(ConfigWord.Units, UNITS);
    this.records('known');
    this.records('other');
  }

  set(word: number, value: number): void {
    this.maps.config.words[word] = value;
  }

  hop(number: number, { ifindex = LOOPBACK, mtu = 1500, ...rest }: HopSpec = {}): void {
    const words = [ifindex, mtu, rest.family ?? 0, rest.flags ?? 0, ...(rest.address ?? [])];
    this.maps.hops.words.set(words, number * HOP_WORDS);
  }

  /** Takes a flow over; returns the first word of its unit. */
  install(spec: FlowSpec): number {
    const { words } = this.maps.flows;
    const [original, reply] = [tupleOf(spec.original), tupleOf(spec.reply)];
    const unit = this.unit;
    const at = unit * FLOW_WORDS;
    this.unit += original.family === 6 ? 2 : 1;
    const [first, second] = spec.scales ?? [0, 0];
    const meta = (original.meta & 0xffff) | (first << 16) | (second << 20);
    words[at + FlowWord.Meta] = meta | ((spec.flags ?? 0) << 24);
    writeKeys(words, at, original, reply);
    if (spec.sides !== undefined) words.set(spec.sides, at + FlowWord.Sides);
    for (const direction of [0, 1] as const)
      this.enter(unit, direction, spec.directions[direction]);
    return at;
  }

  /** Words of a direction of the flow at `at`. */
  counted(at: number, direction: 0 | 1): { packets: number; bytes: number } {
    const words = this.maps.flows.unsigned;
    const from = at + FlowWord.Directions + direction * DIRECTION_WORDS;
    return {
      packets: words[from + DirectionWord.Packets]!,
      bytes: words[from + DirectionWord.Bytes]!,
    };
  }

  run(program: ProgramName, frame: Uint8Array, options: RunOptions = {}): Outcome {
    const context = Buffer.alloc(CONTEXT_BYTES);
    context.writeUInt32LE(options.mark ?? 0, Context.Mark);
    context.writeUInt32LE(LOOPBACK, Context.Ifindex);
    if (options.gsoSize !== undefined) {
      context.writeUInt32LE(options.gsoSize, Context.GsoSize);
      context.writeUInt32LE(2, Context.GsoSegs);
      context.writeUInt32LE(frame.length, Context.WireLen);
    }
    const { repeat = 1 } = options;
    const result = this.bpf.testRun(this.programs[program], { data: frame, context, repeat });
    return {
      verdict: result.verdict,
      frame: Uint8Array.from(result.data),
      mark: Buffer.from(result.context).readUInt32LE(Context.Mark),
      durationNs: result.durationNs,
    };
  }

  /** Takes everything out of a ring. */
  records(which: 'known' | 'other'): PuntRecord[] {
    const ring = which === 'known' ? this.maps.knownRing : this.maps.otherRing;
    const records: PuntRecord[] = [];
    while (ring.consumer[0] !== ring.producer[0]) {
      const at = ring.consumer[0]! & (ring.size - 1);
      const recordBytes = ring.view.getUint32(at, true) & 0x3fff_ffff;
      records.push(readRecord(ring, at + RECORD_HEADER_BYTES, recordBytes));
      ring.consumer[0]! += (recordBytes + RECORD_HEADER_BYTES + 7) & ~7;
    }
    return records;
  }

  counters(): Record<string, number> {
    const values = new Float64Array(gateCounterNames.length);
    this.maps.readCounters(values);
    return Object.fromEntries(gateCounterNames.map((name, i) => [name, values[i]!]));
  }

  close(): void {
    for (const fd of Object.values(this.programs)) this.bpf.close(fd);
    this.maps.close();
  }

  private enter(unit: number, direction: 0 | 1, spec: DirectionSpec | null): void {
    if (spec === null) return;
    const { flows, buckets, config } = this.maps;
    const at = unit * FLOW_WORDS + FlowWord.Directions + direction * DIRECTION_WORDS;
    const generation = spec.generation ?? GENERATION;
    const closes = spec.closes === true ? WAY_CLOSES : 0;
    const way = ((spec.ifindex ?? LOOPBACK) << 8) | closes | spec.action;
    flows.words[at + DirectionWord.Way] = way;
    flows.words[at + DirectionWord.Hop] = (generation << 16) | (spec.hop ?? spec.mark ?? 0);
    flows.words[at + DirectionWord.Bytes] = spec.bytes ?? 0;
    const seed = config.words[ConfigWord.Seed]!;
    const hash = hashKey(flows.words, unit * FLOW_WORDS, direction, seed);
    const bucket = (hash & config.words[ConfigWord.BucketMask]!) * BUCKET_SLOTS;
    const slot = bucket + (hash >>> 28);
    buckets.words[slot] = slotValue(hash, REF_BITS, refOf(unit, direction));
  }
}

function readRecord(ring: Ring, at: number, recordBytes: number): PuntRecord {
  const word = (n: number): number => ring.view.getUint32(at + n * 4, true);
  const frame = at + PUNT_HEADER_BYTES;
  return {
    flags: word(PuntWord.Way) & 0xff,
    ifindex: word(PuntWord.Way) >>> 8,
    uid: word(PuntWord.Uid) | 0,
    mark: word(PuntWord.Mark),
    frame: Uint8Array.from(ring.bytes.subarray(frame, frame + word(PuntWord.Length))),
    recordBytes,
  };
}

/** The tuple that the tracker makes of a frame. */
export function tupleOf(frame: Uint8Array): Tuple {
  const tuple = new Tuple();
  tuple.fromPacket(loadPacket(frame));
  return tuple;
}
