/** Random segments of two ends, mostly at the bounds of their windows. */
import { Side } from '../../../../src/conntrack/tcp/words.ts';
import { buildTcp } from '../../../support/packets.ts';
import { OUR_MAC } from './machine.ts';

export type Random = (below: number) => number;

/** xorshift32: the same sequence on every run. */
export function randomFrom(seed: number): Random {
  let x = seed | 1;
  return (below) => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) % below;
  };
}

export const SIDE_WORDS = 8;
export const ends = [
  { src: '10.0.0.2', dst: '203.0.113.21', sport: 40_000, dport: 20 },
  { src: '203.0.113.21', dst: '10.0.0.2', sport: 20, dport: 40_000 },
] as const;
export const wideEnds = [
  { src: 'fd00::2', dst: 'fd00::21', sport: 40_000, dport: 20 },
  { src: 'fd00::21', dst: 'fd00::2', sport: 20, dport: 40_000 },
] as const;

export interface Segment {
  readonly direction: 0 | 1;
  readonly frame: Uint8Array;
  readonly isFin: boolean;
}

/** Mostly at the bounds, now and then anywhere. */
function near(random: Random, base: number): number {
  const kind = random(16);
  if (kind === 0) return random(2 ** 32) | 0;
  if (kind === 1) return (base + 0x8000_0000 + random(3) - 1) | 0;
  if (kind < 6) return (base + random(5) - 2) | 0;
  if (kind < 9) return (base + random(140_000) - 70_000) | 0;
  return (base + random(3000)) | 0;
}

export function segment(
  random: Random,
  sides: Int32Array,
  scales: readonly number[],
  v6: boolean,
): Segment {
  const direction = random(2) as 0 | 1;
  const own = direction * 4;
  const other = (1 - direction) * 4;
  const bases = [Side.End, Side.MaxEnd].map((word) => sides[own + word]!);
  const lowest = sides[own + Side.End]! - sides[other + Side.MaxWindow]!;
  const seq = near(random, [...bases, lowest][random(3)]!);
  const back = sides[other + Side.End]! - Math.max(66_000, sides[own + Side.MaxWindow]! >>> 0);
  const ack = near(random, [sides[other + Side.End]!, sides[own + Side.MaxAck]!, back][random(3)]!);
  const length = [0, 0, 1, 100, 1400][random(5)]!;
  const options = tcpOptions(random, sides[other + Side.End]!);
  const isFin = random(8) === 0;
  const frame = buildTcp({
    ...(v6 ? wideEnds : ends)[direction],
    dstMac: OUR_MAC,
    seq,
    ack,
    window: [0, 1, random(65_536), 65_535, 64 >> (scales[direction]! & 3)][random(5)]!,
    flags: `${isFin ? 'F' : ''}${random(2) === 0 ? 'A' : 'PA'}`,
    options,
    payload: new Uint8Array(length),
  });
  return { direction, frame, isFin };
}

const timestamp = [8, 10, 0, 0, 0, 1, 0, 0, 0, 2];

/** SACK alone, behind other options, cut off, of odd lengths; and lists that are no lists. */
function tcpOptions(random: Random, base: number): Uint8Array {
  const blocks = random(4) + 1;
  const edges = Array.from({ length: blocks * 2 }, () => {
    const edge = near(random, base);
    return [edge >>> 24, edge >>> 16, edge >>> 8, edge].map((byte) => byte & 0xff);
  });
  const sack = [5, 2 + blocks * 8, ...edges.flat()];
  const kinds: (() => number[])[] = [
    () => [],
    () => [1, 1, ...timestamp],
    () => [1, 1, ...timestamp, 1, 1, ...sack],
    () => [1, 1, ...sack],
    () => [...sack],
    () => [...timestamp, ...sack],
    () => [2, 4, 5, 180, ...sack],
    () => sack.slice(0, -4),
    () => [0, ...sack],
    () => [5, 2, ...sack],
    () => [5, 9, 0, 0, 0, 0, 0, 0, 0, ...sack],
    () => [5, 42, ...sack.slice(2)],
    () => [254, 1, ...sack],
    () => [...Array.from({ length: random(38) }, () => 1), ...sack],
    () => Array.from({ length: random(41) }, () => (random(4) === 0 ? 5 : random(256))),
    () => Array.from({ length: random(41) }, () => random(12)),
  ];
  return Uint8Array.from(kinds[random(kinds.length)]!().slice(0, 40));
}

export function firstSides(random: Random): Int32Array {
  const words = new Int32Array(SIDE_WORDS);
  const starts = [random(2 ** 32), random(2 ** 32)];
  for (const side of [0, 1]) {
    const window = [0, 1, 4000, 65_535, 1_000_000, 2_000_000, 0x7fff_ffff, 0x9000_0000][random(8)]!;
    words[side * 4 + Side.End] = starts[side]!;
    words[side * 4 + Side.MaxEnd] = starts[side]! + [0, 1, 4000, 65_535][random(4)]!;
    words[side * 4 + Side.MaxWindow] = window;
    words[side * 4 + Side.MaxAck] = starts[1 - side]! - random(2);
  }
  return words;
}
