import { mix32, mixFinish } from '../base/index.ts';
import {
  clashes,
  clientKey,
  type Expectation,
  type ExpectationDraft,
  ExpectFlag,
  ExpectResult,
  type ExpectResultCode,
  expectationOf,
  fulfils,
  isExpectationOver,
  isSpan,
  sameMaster,
  sameSource,
} from './expectation.ts';
import { dropFrom, ExpectationSpans, push } from './expectation-spans.ts';
import type { Tuple } from './tuple.ts';

/** Half the range of wrapping milliseconds, nearly: later than anything that can be asked for. */
const LONGEST_WAIT_MS = 0x7fffffff;

/** Told of every expectation that comes and goes. */
export interface ExpectationListener {
  expectationNew(expectation: Expectation): void;
  expectationDestroy(expectation: Expectation): void;
}

/**
 * Expectations of all masters, bounded. Looked at only for packets that start a connection. Times
 * are the clock's wrapping milliseconds.
 */
export class ExpectationTable {
  private readonly buckets = new Map<number, Expectation[]>();
  private readonly byMaster = new Map<number, Expectation[]>();
  private readonly spans = new ExpectationSpans();
  private readonly perClient = new Map<string, number>();
  private readonly seed: number;
  private readonly perMaster: number;
  private nextId = 1;
  private nothingExpiresBefore = 0;
  /** Most at once (nf_conntrack_expect_max). */
  maximum: number;
  count = 0;
  /** Totals since the start. */
  created = 0;
  deleted = 0;
  fulfilled = 0;
  listener: ExpectationListener | null = null;
  /** Answers the zone of a master's row; set by the tracker. */
  zoneOfMaster: (masterRow: number) => number = () => 0;

  /**
   * @param maximum all expectations together (nf_conntrack_expect_max)
   * @param perMaster at once for one master; one more evicts the oldest, as the kernel does
   */
  constructor(seed: number, maximum: number, perMaster = 1) {
    this.seed = seed;
    this.maximum = maximum;
    this.perMaster = perMaster;
  }

  /**
   * Adds an expectation. The identical one of the same master is replaced, which restarts its
   * timer; a master with `atMost` already loses its oldest (nf_ct_expect_related_report). Spans are
   * in nobody's way: neither counted there, nor Busy.
   */
  add(
    draft: ExpectationDraft,
    nowMs: number,
    lifetimeSec: number,
    atMost = this.perMaster,
  ): ExpectResultCode {
    const wanted = this.made(draft, (nowMs + lifetimeSec * 1000) | 0);
    if (isSpan(wanted)) {
      const same = this.spans.sameAs(wanted);
      if (same !== null) this.remove(same);
    } else {
      const clash = this.clearWay(wanted, nowMs);
      if (clash !== ExpectResult.Ok) return clash;
      this.makeRoom(wanted.masterRow, atMost);
    }
    if (this.count >= this.maximum) this.sweep(nowMs);
    if (this.count >= this.maximum) return ExpectResult.Full;
    this.nextId++;
    this.link(wanted);
    this.created++;
    this.listener?.expectationNew(wanted);
    return ExpectResult.Ok;
  }

  private made(draft: ExpectationDraft, expiresAt: number): Expectation {
    return expectationOf(draft, {
      id: this.nextId,
      expiresAt,
      zone: this.zoneOfMaster(draft.masterRow),
    });
  }

  /** Removes a master's oldest until it may have one more. */
  private makeRoom(masterRow: number, atMost: number): void {
    const siblings = this.ofMaster(masterRow).filter((sibling) => !isSpan(sibling));
    for (const oldest of siblings.slice(0, Math.max(0, siblings.length + 1 - atMost))) {
      this.remove(oldest);
    }
  }

  /** Removes what `wanted` replaces, or says why it cannot be added (__nf_ct_expect_check). */
  private clearWay(wanted: Expectation, nowMs: number): ExpectResultCode {
    const bucket = this.buckets.get(hashOf(this.seed, wanted)) ?? [];
    for (const other of [...bucket]) {
      if (!clashes(other, wanted)) continue;
      if (isExpectationOver(other, nowMs)) this.remove(other);
      else if (!sameMaster(other, wanted) || !sameSource(other, wanted)) return ExpectResult.Busy;
      else if (other.class !== wanted.class) return ExpectResult.Already;
      else this.remove(other);
    }
    return ExpectResult.Ok;
  }

  /**
   * The living expectation that a packet with this tuple fulfils in its zone, or null. Does not
   * consume it: see `take`.
   */
  match(tuple: Tuple, nowMs: number, zone = 0): Expectation | null {
    return this.find(tuple, nowMs, zone, ExpectFlag.Inactive);
  }

  /** The same, among those without any of the flags in `without`: all of them where 0. */
  find(tuple: Tuple, nowMs: number, zone = 0, without = 0): Expectation | null {
    const bucket = this.buckets.get(this.hashTuple(tuple));
    const exact = bucket === undefined ? null : firstOf(bucket, tuple, nowMs, zone, without);
    if (exact !== null || this.spans.count === 0) return exact;
    const spans = this.spans.leadingTo(tuple);
    return spans === undefined ? null : firstOf(spans, tuple, nowMs, zone, without);
  }

  /**
   * How many living expectations the masters of this client have: of those that were added with a
   * `client`, the ones with the source address and zone of this tuple.
   */
  countOfClient(client: Tuple, nowMs: number): number {
    this.sweep(nowMs);
    return this.perClient.get(clientKey(client)) ?? 0;
  }

  /** A connection has fulfilled it: gone with that, unless it is permanent. */
  take(expectation: Expectation): void {
    this.fulfilled++;
    if ((expectation.flags & ExpectFlag.Permanent) === 0) this.remove(expectation);
  }

  remove(expectation: Expectation): void {
    const wasThere = isSpan(expectation)
      ? this.spans.remove(expectation)
      : dropFrom(this.buckets, hashOf(this.seed, expectation), expectation);
    if (!wasThere) return;
    dropFrom(this.byMaster, expectation.masterRow, expectation);
    this.count--;
    this.countForClient(expectation.client, -1);
    this.deleted++;
    this.listener?.expectationDestroy(expectation);
  }

  /** Removes all expectations of a master that ends. */
  removeOfMaster(masterRow: number): void {
    const all = this.byMaster.get(masterRow);
    if (all === undefined) return;
    for (const expectation of [...all]) this.remove(expectation);
  }

  ofMaster(masterRow: number): readonly Expectation[] {
    return this.byMaster.get(masterRow) ?? [];
  }

  /**
   * Removes what has expired. The table is walked whole, but only when something may have expired:
   * the packet loop calls this all the time.
   */
  sweep(nowMs: number): void {
    if (this.count === 0 || ((this.nothingExpiresBefore - nowMs) | 0) > 0) return;
    const all = this.all();
    this.nothingExpiresBefore = (nowMs + LONGEST_WAIT_MS) | 0;
    for (const expectation of all) {
      if (isExpectationOver(expectation, nowMs)) this.remove(expectation);
      else this.lowerBound(expectation.expiresAt);
    }
  }

  private lowerBound(expiresAt: number): void {
    if (((expiresAt - this.nothingExpiresBefore) | 0) < 0) this.nothingExpiresBefore = expiresAt;
  }

  /** A copy of the table, for dumps; spans come last, as where a connection is looked for. */
  all(): Expectation[] {
    return [...[...this.buckets.values()].flat(), ...this.spans.all()];
  }

  private link(expectation: Expectation): void {
    if (this.count === 0) this.nothingExpiresBefore = expectation.expiresAt;
    else this.lowerBound(expectation.expiresAt);
    if (isSpan(expectation)) this.spans.add(expectation);
    else push(this.buckets, hashOf(this.seed, expectation), expectation);
    push(this.byMaster, expectation.masterRow, expectation);
    this.count++;
    this.countForClient(expectation.client, 1);
  }

  private countForClient(client: string, change: 1 | -1): void {
    if (client === '') return;
    const count = (this.perClient.get(client) ?? 0) + change;
    if (count > 0) this.perClient.set(client, count);
    else this.perClient.delete(client);
  }

  private hashTuple(tuple: Tuple): number {
    const h = mix32(mix32(mix32(this.seed, tuple.d0), tuple.d3), tuple.dstPort);
    return mixFinish(mix32(h, tuple.protocol));
  }
}

/** Of the destination, which is always exact. */
function hashOf(seed: number, { dst, dport, protocol }: Expectation): number {
  return mixFinish(mix32(mix32(mix32(mix32(seed, dst[0]), dst[3]), dport), protocol));
}

/** The first living one that the tuple fulfils in its zone, among those without these flags. */
function firstOf(
  list: readonly Expectation[],
  tuple: Tuple,
  nowMs: number,
  zone: number,
  without: number,
): Expectation | null {
  for (const candidate of list) {
    if (candidate.zone !== zone || (candidate.flags & without) !== 0) continue;
    if (!isExpectationOver(candidate, nowMs) && fulfils(tuple, candidate)) return candidate;
  }
  return null;
}
