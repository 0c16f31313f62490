import type { RuleContext } from '../../context.ts';
import { RuleFault } from '../../errors.ts';
import { defineMatch, type MatchEvaluator, type WalkSignal } from '../../extension.ts';
import { isProcName } from '../parts/c-text.ts';
import {
  finish,
  fullLength,
  type HashlimitValues,
  initialValues,
  options,
  rateText,
} from '../parts/hashlimit-options.ts';
import { costToBytes, SCALE } from '../parts/hashlimit-rate.ts';
import {
  Answer,
  BYTE_CREDITS_PER_SEC,
  type HashlimitConfig,
  HashlimitTable,
} from '../parts/hashlimit-table.ts';
import { refused } from '../parts/match-place.ts';
import { prefixWords } from '../parts/prefix.ts';
import { readTicks } from '../parts/ticks.ts';

/**
 * `-m hashlimit`: a bucket for each address or port. Rules of one name share the buckets, and the
 * settings of the first of them hold for all (htable_find_get); so do those of the rules before a
 * reload.
 */

/** What an interval of 1/1 000 000 s costs in the kernel: HZ * CREDITS_PER_JIFFY / SCALE. */
const CREDITS_PER_PART = 137_438_953n;
const DEFAULT_SIZE = 8192;

/** Credits of an interval in the 64-bit arithmetic of the kernel, wrapping round as there. */
const creditsOf = (average: number, burst: number): bigint =>
  BigInt.asUintN(64, BigInt.asUintN(64, BigInt(average) * BigInt(burst)) * CREDITS_PER_PART);

/** Cost of 16 bytes: user2credits_byte. */
const byteCostOf = (average: number): number =>
  Math.floor((average * BYTE_CREDITS_PER_SEC) / 2 ** 32);

/** Refusals of hashlimit_mt_check_common. */
function check(value: HashlimitValues): void {
  const refuse = (detail: string) => {
    throw refused(`hashlimit: ${detail}`);
  };
  if (!isProcName(value.name)) refuse('no file may have the name of these buckets');
  if (value.sweepMs === 0 || value.expireMs === 0) {
    refuse('--hashlimit-htable-gcinterval and --hashlimit-htable-expire may not be 0');
  }
  const longest = fullLength(value);
  if (value.sourcePrefix > longest || value.destinationPrefix > longest) {
    refuse(`a mask is longer than ${longest} bits or has holes`);
  }
  if (value.rateMatch) {
    if (value.average === 0 || value.average > 0xffffffff) refuseRange();
  } else if (value.bytes) {
    if (byteCostOf(value.average) === 0) refuse('the rate is too high');
  } else if (creditsOf(value.average, value.burst) < creditsOf(value.average, 1)) {
    refuseRange();
  }
}

function refuseRange(): never {
  const detail = 'the rate is too slow for this burst';
  throw new RuleFault('out-of-range', 'Numerical result out of range.', detail);
}

function configOf(value: HashlimitValues): HashlimitConfig {
  const size = value.size === 0 ? DEFAULT_SIZE : value.size;
  const common = {
    maxRows: value.max === 0 ? size * 8 : Math.max(value.max, size),
    expireTicks: value.expireMs,
    sweepTicks: value.sweepMs,
    refills: 0,
    windowTicks: 0,
  };
  if (value.rateMatch) return { ...common, ...windowsOf(value) };
  if (value.bytes) {
    const cost = byteCostOf(value.average);
    return { ...common, kind: 'bytes', cap: BYTE_CREDITS_PER_SEC, cost, refills: value.burst };
  }
  const cap = Number(creditsOf(value.average, value.burst)) / Number(CREDITS_PER_PART);
  return { ...common, kind: 'packets', cap, cost: value.average };
}

function windowsOf(value: HashlimitValues) {
  const windowTicks = value.interval * 1000;
  if (value.bytes) {
    const cost = costToBytes(value.average);
    const cap = value.burst === 0 ? cost : cost * value.burst;
    return { kind: 'byte-windows', cost, cap, windowTicks } as const;
  }
  const cost = Math.floor(SCALE / value.average);
  return { kind: 'packet-windows', cost, cap: cost + value.burst, windowTicks } as const;
}

/** Where the two port numbers (or the SPI) of a protocol lie: proto_ports_offset; -1 for none. */
function portsOffset(protocol: number): number {
  switch (protocol) {
    case 6:
    case 17:
    case 33:
    case 50:
    case 132:
    case 136:
      return 0;
    case 51:
      return 4;
    default:
      return -1;
  }
}

class HashlimitEvaluator implements MatchEvaluator {
  private readonly table: HashlimitTable;
  private readonly signal: WalkSignal;
  private readonly above: boolean;
  /** Masks of the source and destination words; 0 where addresses do not count. */
  private readonly masks: Int32Array;
  private readonly portMask: number;

  constructor(values: HashlimitValues, table: HashlimitTable, signal: WalkSignal) {
    const { modes, family } = values;
    this.table = table;
    this.signal = signal;
    this.above = values.above;
    const source = prefixWords(modes.includes('srcip') ? values.sourcePrefix : 0, family);
    const target = prefixWords(modes.includes('dstip') ? values.destinationPrefix : 0, family);
    this.masks = Int32Array.from([...source, ...target]);
    this.portMask =
      (modes.includes('srcport') ? 0xffff0000 : 0) | (modes.includes('dstport') ? 0xffff : 0);
  }

  matches(ctx: RuleContext): boolean {
    const { packet } = ctx;
    const { table } = this;
    if (!this.readKey(ctx)) {
      this.signal.hotdrop = true;
      return false;
    }
    readTicks(table.now, 0, ctx.clock);
    const answer = table.take(packet.l3End - packet.l3Offset);
    if (answer === Answer.TableFull) {
      this.signal.hotdrop = true;
      return false;
    }
    return (answer === Answer.Over) === this.above;
  }

  /** False where ports count and the packet is too short to have them. */
  private readKey(ctx: RuleContext): boolean {
    const { packet } = ctx;
    const { masks } = this;
    const { key } = this.table;
    key[0] = packet.src0 & masks[0]!;
    key[1] = packet.src1 & masks[1]!;
    key[2] = packet.src2 & masks[2]!;
    key[3] = packet.src3 & masks[3]!;
    key[4] = packet.dst0 & masks[4]!;
    key[5] = packet.dst1 & masks[5]!;
    key[6] = packet.dst2 & masks[6]!;
    key[7] = packet.dst3 & masks[7]!;
    key[8] = 0;
    const offset = this.portMask === 0 ? -1 : portsOffset(packet.protocol);
    if (offset < 0) return true;
    if (packet.l4Offset + offset + 4 > packet.l3End) return false;
    key[8] = packet.view.getInt32(packet.l4Offset + offset) & this.portMask;
    return true;
  }
}

function listWords(value: HashlimitValues): string {
  const { text, burst, expireMs } = rateText(value, true);
  const parts = [`limit: ${value.above ? 'above' : 'up to'} ${text}`];
  if (burst !== '') parts.push(`burst ${burst}`);
  if (value.modes.length > 0) parts.push(`mode ${value.modes.join('-')}`);
  if (value.size !== 0) parts.push(`htable-size ${value.size}`);
  if (value.max !== 0) parts.push(`htable-max ${value.max}`);
  if (value.sweepMs !== 1000) parts.push(`htable-gcinterval ${value.sweepMs}`);
  if (value.expireMs !== expireMs) parts.push(`htable-expire ${value.expireMs}`);
  if (value.sourcePrefix !== fullLength(value)) parts.push(`srcmask ${value.sourcePrefix}`);
  if (value.destinationPrefix !== fullLength(value)) {
    parts.push(`dstmask ${value.destinationPrefix}`);
  }
  if (value.rateMatch) parts.push('rate-match');
  if (value.rateMatch && value.interval > 1) parts.push(`rate-interval ${value.interval}`);
  return parts.join(' ');
}

export const hashlimit = defineMatch<HashlimitValues>({
  name: 'hashlimit',
  stateful: true,
  options,
  initial: initialValues,
  finish,
  check,
  list: listWords,
  evaluator: (values, scope) => {
    const make = () => new HashlimitTable(configOf(values));
    const table = scope.shared.named(`hashlimit${values.family}`, values.name, make);
    return new HashlimitEvaluator(values, table, scope.signal);
  },
});
