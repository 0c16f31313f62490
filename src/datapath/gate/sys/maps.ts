import { readFileSync } from 'node:fs';
import { DatapathUnavailable } from '../../host/index.ts';
import {
  BUCKET_SLOTS,
  CONFIG_WORDS,
  FLOW_WORDS,
  gateCounterNames,
  HOP_WORDS,
  HOPS,
  type MapName,
  MOST_WATCHED,
  mapNames,
  ProgramSlot,
  WATCH_KEY_WORDS,
} from '../layout.ts';
import { type Bpf, MAP_FLAG_MMAPABLE, type MapShape, MapType } from './bpf.ts';
import { type Libc, nativeBytes } from './ffi.ts';
import type { MapFds } from './programs.ts';
import { type Mapped, mapArray, mapRing, type Ring, type SharedArray } from './shared-array.ts';
import { Errno, SysError } from './sys-error.ts';

export interface MapSizes {
  /** Units of flow memory: an IPv4 flow takes one, an IPv6 flow two. */
  readonly units: number;
  /** Buckets of the index: a power of two. */
  readonly buckets: number;
  /** Bytes of the ring for strangers, and of that for known connections: powers of two. */
  readonly ringBytes: number;
  readonly knownRingBytes: number;
}

const RLIMIT_MEMLOCK = 8;
/** BPF_F_NO_PREALLOC: there are mostly none. */
const NO_PREALLOC = 1;

/** Kind and size of each map. */
export function mapShapes(sizes: MapSizes): Readonly<Record<MapName, MapShape>> {
  const counters = { type: MapType.PerCpuArray, keySize: 4, valueSize: 8, flags: 0 };
  const watched = {
    type: MapType.Hash,
    keySize: WATCH_KEY_WORDS * 4,
    valueSize: 4,
    flags: NO_PREALLOC,
  };
  const programs = { type: MapType.ProgArray, keySize: 4, valueSize: 4, flags: 0 };
  return {
    config: shared(CONFIG_WORDS, 1),
    flows: shared(FLOW_WORDS, sizes.units),
    buckets: shared(BUCKET_SLOTS, sizes.buckets),
    hops: shared(HOP_WORDS, HOPS),
    counters: { ...counters, entries: gateCounterNames.length },
    known_ring: ring(sizes.knownRingBytes),
    other_ring: ring(sizes.ringBytes),
    watched: { ...watched, entries: MOST_WATCHED },
    programs: { ...programs, entries: Object.keys(ProgramSlot).length },
  };
}

/** Makes the maps, empty, and maps them here. Throws `SysError`; nothing is left open then. */
export function createMaps(bpf: Bpf, sizes: MapSizes): GateMaps {
  checkSizes(bpf.libc, sizes);
  const shapes = mapShapes(sizes);
  return GateMaps.over(bpf, sizes, (name) => createMap(bpf, name, shapes[name]));
}

/**
 * The maps of the gate, open and mapped. After `close` no view of them may be touched any more: the
 * memory behind is gone, and a read ends the process.
 */
export class GateMaps {
  readonly sizes: MapSizes;
  readonly fds: MapFds;
  readonly config: SharedArray;
  readonly flows: SharedArray;
  readonly buckets: SharedArray;
  readonly hops: SharedArray;
  /** Packets of connections that the engine knows, and of strangers. */
  readonly knownRing: Ring;
  readonly otherRing: Ring;
  private readonly bpf: Bpf;
  private readonly mapped: Mapped<object>[] = [];
  private readonly counterKey = nativeBytes(4);
  private readonly counterValues: Buffer;

  private constructor(bpf: Bpf, sizes: MapSizes, fds: MapFds) {
    this.bpf = bpf;
    this.sizes = sizes;
    this.fds = fds;
    this.counterValues = nativeBytes(possibleProcessors() * 8);
    try {
      this.config = this.array('config', CONFIG_WORDS);
      this.flows = this.array('flows', sizes.units * FLOW_WORDS);
      this.buckets = this.array('buckets', sizes.buckets * BUCKET_SLOTS);
      this.hops = this.array('hops', HOPS * HOP_WORDS);
      this.knownRing = this.ring('known_ring', sizes.knownRingBytes);
      this.otherRing = this.ring('other_ring', sizes.ringBytes);
    } catch (error) {
      this.unmap();
      throw error;
    }
  }

  /** Opens every map by `open`; where one fails, those before it are closed again. */
  static over(bpf: Bpf, sizes: MapSizes, open: (name: MapName) => number): GateMaps {
    const opened: [MapName, number][] = [];
    try {
      for (const name of mapNames) opened.push([name, open(name)]);
      return new GateMaps(bpf, sizes, Object.fromEntries(opened) as Record<MapName, number>);
    } catch (error) {
      for (const [, fd] of opened) bpf.close(fd);
      throw error;
    }
  }

  /** Writes the counters in the order of `gateCounterNames`: totals over all processors. */
  readCounters(into: Float64Array): void {
    for (let i = 0; i < gateCounterNames.length; i++) {
      this.counterKey.writeUInt32LE(i, 0);
      this.bpf.lookup(this.fds.counters, this.counterKey, this.counterValues);
      let total = 0;
      for (let at = 0; at < this.counterValues.length; at += 8) {
        total += this.counterValues.readUInt32LE(at);
        total += this.counterValues.readUInt32LE(at + 4) * 2 ** 32;
      }
      into[i] = total;
    }
  }

  /** Unmaps and closes. What is pinned, or used by a program at a hook, stays in the kernel. */
  close(): void {
    this.unmap();
    for (const name of mapNames) this.bpf.close(this.fds[name]);
  }

  private unmap(): void {
    for (const { mappings } of this.mapped.splice(0)) {
      for (const mapping of mappings) this.bpf.libc.unmap(mapping);
    }
  }

  private array(name: MapName, words: number): SharedArray {
    const array = mapArray(this.bpf, name, this.fds[name], words);
    this.mapped.push(array);
    return array;
  }

  private ring(name: MapName, size: number): Ring {
    const ring = mapRing(this.bpf, name, this.fds[name], size);
    this.mapped.push(ring);
    return ring;
  }
}

function shared(words: number, entries: number): MapShape {
  const flags = MAP_FLAG_MMAPABLE;
  return { type: MapType.Array, keySize: 4, valueSize: words * 4, entries, flags };
}

function ring(bytes: number): MapShape {
  return { type: MapType.RingBuffer, keySize: 0, valueSize: 0, entries: bytes, flags: 0 };
}

function checkSizes(libc: Libc, { units, buckets, ringBytes, knownRingBytes }: MapSizes): void {
  const isPower = (n: number): boolean => n >= 1 && Number.isInteger(Math.log2(n));
  if (!(Number.isInteger(units) && units >= 1)) throw new RangeError(`units: ${units}`);
  if (!isPower(buckets)) throw new RangeError(`buckets: ${buckets} is not a power of two`);
  for (const bytes of [ringBytes, knownRingBytes]) {
    if (isPower(bytes) && bytes >= libc.pageSize) continue;
    throw new RangeError(`ring: ${bytes} is not a power of two of at least ${libc.pageSize}`);
  }
}

/** Before Linux 5.11 map memory counts against RLIMIT_MEMLOCK, and EPERM is how it says so. */
function createMap(bpf: Bpf, name: MapName, shape: MapShape): number {
  try {
    return bpf.createMap(`ph_${name}`, shape);
  } catch (error) {
    if (!(error instanceof SysError && error.errno === Errno.EPERM)) throw error;
    const unlimited = nativeBytes(16).fill(0xff);
    if (bpf.libc.setrlimit(RLIMIT_MEMLOCK, unlimited) !== 0) throw error;
    return bpf.createMap(`ph_${name}`, shape);
  }
}

/** The kernel copies a value for every processor that could ever be there, online or not. */
function possibleProcessors(): number {
  const file = '/sys/devices/system/cpu/possible';
  try {
    return countProcessors(readFileSync(file, 'latin1'));
  } catch (error) {
    const mend = 'mount sysfs at /sys';
    throw new DatapathUnavailable('kernel-lacks', `cannot read ${file}`, mend, error);
  }
}

/** As "0-3" or "0,2-3": the highest number plus one. */
export function countProcessors(list: string): number {
  const last = list.trim().split(/[,-]/).map(Number).at(-1);
  if (last === undefined || !Number.isInteger(last)) throw new RangeError(`processors: ${list}`);
  return last + 1;
}
