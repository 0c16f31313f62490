/**
 * The slow twin of the program's way with shared memory: it reads a packet's bytes, looks at every
 * slot that may hold the flow, and says what would become of the packet. Written from `layout.ts`
 * alone; shares no code with src/datapath/gate/flows.
 */
import type { FlowMemory } from '../../../../src/datapath/gate/flows/index.ts';

/** What of a packet makes its key, as bytes of the packet. */
export interface PacketKey {
  readonly family: 4 | 6;
  readonly protocol: number;
  /** 4 or 16 bytes. */
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  /** Four bytes: ports; of ICMP: identifier, type, code. */
  readonly ports: Uint8Array;
}

export interface Found {
  readonly unit: number;
  readonly direction: 0 | 1;
  readonly action: number;
  readonly ifindex: number;
  readonly hop: number;
  /** Where the translated packet comes from and goes to. */
  readonly newSource: Uint8Array;
  readonly newDestination: Uint8Array;
}

const SLOTS = 16;
const UNIT = 30;

export function wordsOf(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Array.from({ length: bytes.length / 4 }, (_, n) => view.getInt32(4 * n, true));
}

function bytesOf(words: number[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(words.length * 4));
  for (const [n, word] of words.entries()) view.setInt32(4 * n, word, true);
  return new Uint8Array(view.buffer);
}

/** The hash in BigInt, masked to 32 bits after each step. */
export function slowHash(key: PacketKey, seed: number): number {
  const [source, destination] = [wordsOf(key.source), wordsOf(key.destination)];
  const words = [source[0]!, destination[0]!, wordsOf(key.ports)[0]!];
  words.push(key.protocol + 256 * key.family, ...source.slice(1), ...destination.slice(1));
  let h = BigInt.asUintN(32, BigInt(seed));
  for (const word of words) {
    h = BigInt.asUintN(32, (h ^ BigInt.asUintN(32, BigInt(word))) * 0x85ebca6bn);
    h ^= h >> 15n;
  }
  h ^= h >> 13n;
  h = BigInt.asUintN(32, h * 0xc2b2ae35n);
  h ^= h >> 16n;
  return Number(h);
}

/** What the program finds for a packet; null: it is punted. `ifindex` -1: met anywhere. */
export function find(memory: FlowMemory, key: PacketKey, ifindex = -1): Found | null {
  const [generation, seed, mask, refBits] = [2, 4, 5, 6].map((word) => memory.config[word]!);
  const hash = slowHash(key, seed!);
  const size = 2 ** refBits!;
  for (let n = 0; n < 2 * SLOTS; n++) {
    const bucket = (((hash & mask!) >>> 0) + (n < SLOTS ? 0 : 1)) % (mask! + 1);
    const slot = memory.buckets[SLOTS * bucket + (((hash >>> 28) + n) % SLOTS)]! >>> 0;
    const ref = slot % size;
    if (ref === 0 || Math.floor(slot / size) !== Math.floor(hash / size)) continue;
    const unit = Math.floor((ref - 1) / 2);
    const direction = ((ref - 1) % 2) as 0 | 1;
    const ends = endsOf(memory, unit, direction, key.family);
    if (ends === null || !isKey(memory, unit, ends, key)) continue;
    const at = UNIT * unit + 9 + 4 * direction;
    const way = memory.flows[at]! >>> 0;
    if (way === 0 || memory.flows[at + 1]! >>> 16 !== generation) return null;
    if (ifindex >= 0 && way >>> 8 !== ifindex) return null;
    const other = endsOf(memory, unit, (1 - direction) as 0 | 1, key.family)!;
    return {
      unit,
      direction,
      action: way & 15,
      ifindex: way >>> 8,
      hop: memory.flows[at + 1]! & 0xffff,
      newSource: bytesOf(other.destination),
      newDestination: bytesOf(other.source),
    };
  }
  return null;
}

/** As the program counts a packet that passes. */
export function pass(memory: FlowMemory, found: Found, bytes: number): void {
  const at = UNIT * found.unit;
  Atomics.add(memory.flows, at + 9 + 4 * found.direction + 2, 1);
  Atomics.add(memory.flows, at + 9 + 4 * found.direction + 3, bytes);
  memory.flows[at + 1] = memory.config[3]!;
}

interface Ends {
  readonly source: number[];
  readonly destination: number[];
  readonly ports: number;
}

function endsOf(memory: FlowMemory, unit: number, direction: 0 | 1, family: 4 | 6): Ends | null {
  const units = memory.flows.length / UNIT;
  if (unit >= units || (family === 6 && unit + 1 >= units)) return null;
  const word = (n: number) => memory.flows[UNIT * unit + n]!;
  const first = 3 + 3 * direction;
  const source = [word(first)];
  const destination = [word(first + 1)];
  for (let n = 0; family === 6 && n < 3; n++) {
    source.push(word(UNIT + 6 * direction + n));
    destination.push(word(UNIT + 6 * direction + 3 + n));
  }
  return { source, destination, ports: word(first + 2) };
}

function isKey(memory: FlowMemory, unit: number, ends: Ends, key: PacketKey): boolean {
  const same = (a: number[], b: number[]) => a.every((word, n) => word === b[n]);
  return (
    (memory.flows[UNIT * unit]! & 0xffff) === key.protocol + 256 * key.family &&
    ends.ports === wordsOf(key.ports)[0] &&
    same(ends.source, wordsOf(key.source)) &&
    same(ends.destination, wordsOf(key.destination))
  );
}
