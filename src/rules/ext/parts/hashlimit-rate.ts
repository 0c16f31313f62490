import { RuleFault } from '../../errors.ts';
import { leadingUint64 } from './c-text.ts';
import { printRate, rateCount, rateInterval, rateUnit } from './rate.ts';

/**
 * Rates of `hashlimit`: packets in a time, or bytes (`512kb/s`). Bytes are kept as a cost of 16 bytes,
 * the larger the slower, in parts of 2^32 (XT_HASHLIMIT_BYTE_SHIFT), which rounds them.
 */

/** Parts of a second in packet mode: XT_HASHLIMIT_SCALE_v2. */
export const SCALE = 1_000_000;
const MAX_UINT32 = 0xffffffff;
export const MAX_BURST = 1_000_000;
/** Seconds after which an idle bucket of bytes is forgotten, without and with a burst. */
export const BYTE_EXPIRE_SEC = 15;
export const BYTE_EXPIRE_BURST_SEC = 60;

export interface ParsedRate {
  readonly bytes: boolean;
  /** Interval in 1/`SCALE` s, or the cost of 16 bytes. */
  readonly average: number;
  readonly unitSec: number;
}

const factors: Readonly<Record<string, number>> = { m: 1024 * 1024, k: 1024 };

const bytesToCost = (bytes: number): number => {
  // Both steps in 32 bits, as the iptables extension has them: what is huge wraps round.
  const chunks = Math.floor(bytes / 16) % 2 ** 32;
  return Math.floor(MAX_UINT32 / ((chunks + 1) % 2 ** 32 || 1));
};

/** Bytes per second of a cost. */
export const costToBytes = (cost: number): number =>
  ((cost === 0 ? MAX_UINT32 : Math.floor(MAX_UINT32 / cost)) - 1) * 16;

function parseByteRate(text: string): ParsedRate | null {
  const unitAt = text.indexOf('b/s');
  const count = rateCount(text);
  if (unitAt <= 0 || count <= 0) return null;
  const average = bytesToCost(count * (factors[text.charAt(unitAt - 1)] ?? 1));
  return { bytes: true, average, unitSec: BYTE_EXPIRE_SEC };
}

/** Reads `5/sec`, `10`, `512kb/s`; throws in the words of the option. */
export function parseHashRate(text: string, option: string): ParsedRate {
  const bytes = parseByteRate(text);
  if (bytes !== null) return bytes;
  const unitSec = rateUnit(text);
  const count = rateCount(text);
  if (unitSec === null || count === 0) {
    throw new RuleFault('bad-value', `hashlimit: Bad value for "--${option}" option: "${text}"`);
  }
  const average = rateInterval(count, unitSec, SCALE);
  if (average === 0) throw new RuleFault('bad-value', `Rate too fast "${text}"`);
  return { bytes: false, average, unitSec };
}

export function badBurst(): RuleFault {
  const words = `bad value for option "--hashlimit-burst", or out of range (1-${MAX_BURST}).`;
  return new RuleFault('bad-value', words);
}

/** Reads `10`, `2mb`; what follows the number is a unit or is ignored. */
export function parseHashBurst(text: string): number {
  const parsed = leadingUint64(text);
  if (parsed === null || parsed.value < 1n || parsed.value > MAX_BURST) {
    // A plain number of bytes may be larger than one of packets.
    const bytes = parsed !== null && parsed.rest !== '' && parsed.value >= 1n;
    if (!bytes) throw badBurst();
  }
  return Number(parsed!.value) * (factors[parsed!.rest.charAt(0)] ?? 1);
}

const byteUnits: readonly (readonly [number, string])[] = [
  [1024 * 1024, 'mb'],
  [1024, 'kb'],
  [1, 'b'],
];

/** `512kb/s`: the largest unit that divides. */
export function printByteRate(cost: number): string {
  const bytes = costToBytes(cost);
  const [size, unit] = byteUnits.find(([size]) => bytes >= size && bytes % size === 0) ?? [1, 'b'];
  return `${bytes / size}${unit}/s`;
}

/** `1mb`: the largest unit that is not too large, whatever is lost by it. */
export function printByteBurst(cost: number, burst: number): string {
  const bytes = costToBytes(cost) * burst;
  const [size, unit] = byteUnits.find(([size]) => bytes >= size) ?? [1, 'b'];
  return `${Math.floor(bytes / size)}${unit}`;
}

export const printPacketRate = (interval: number) => printRate(interval, SCALE);
