import { mix32, mixFinish } from '../base/index.ts';
import type { DirectionCode } from './constants.ts';
import type { Tuple } from './tuple.ts';

/**
 * A connection that a helper has announced: source address exact, source port open, destination
 * exact (struct nf_conntrack_expect). Made rarely, so a plain object.
 */
export interface Expectation {
  readonly id: number;
  readonly family: number;
  readonly protocol: number;
  readonly src: readonly [number, number, number, number];
  readonly dst: readonly [number, number, number, number];
  readonly dport: number;
  readonly masterRow: number;
  readonly masterId: number;
  readonly helper: number;
  /** What announced it, in the helper's own numbering (for screens and events). */
  readonly kind: number;
  /** Direction, relative to the master, in which the expected connection will be opened. */
  readonly direction: DirectionCode;
  /** Where the expected connection really leads, before NAT put its own address and port there. */
  readonly savedAddress: readonly [number, number, number, number];
  readonly savedPort: number;
  /** The connection follows its master's NAT (nf_nat_follow_master). */
  readonly followsMasterNat: boolean;
  readonly expiresAtSec: number;
  /** The master's zone when this was announced: only there does it come true. */
  readonly zone: number;
}

/** What adding an expectation can end with. */
export const ExpectResult = {
  Ok: 0,
  /** The same tuple is expected by another master (EBUSY). */
  Busy: 1,
  /** The table is full (EMFILE). */
  Full: 2,
} as const;
export type ExpectResultCode = (typeof ExpectResult)[keyof typeof ExpectResult];

export type ExpectationDraft = Omit<Expectation, 'id' | 'expiresAtSec' | 'zone'>;

/** Told of every expectation that comes and goes. */
export interface ExpectationListener {
  expectationNew(expectation: Expectation): void;
  expectationDestroy(expectation: Expectation): void;
}

/** Expectations of all masters, bounded. Looked at only for packets that start a connection. */
export class ExpectationTable {
  private readonly buckets = new Map<number, Expectation[]>();
  private readonly byMaster = new Map<number, Expectation[]>();
  private readonly seed: number;
  private readonly maximum: number;
  private readonly perMaster: number;
  private nextId = 1;
  private nothingExpiresBeforeSec = Number.POSITIVE_INFINITY;
  count = 0;
  /** Totals since the start. */
  created = 0;
  deleted = 0;
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
   * timer; a master over its limit loses its oldest (nf_ct_expect_related_report).
   */
  add(draft: ExpectationDraft, nowSec: number, lifetimeSec: number): ExpectResultCode {
    const zone = this.zoneOfMaster(draft.masterRow);
    const twin = this.findSameTuple(draft, zone);
    if (twin !== null) {
      if (twin.expiresAtSec > nowSec && !sameMaster(twin, draft)) return ExpectResult.Busy;
      this.remove(twin);
    }
    const siblings = this.byMaster.get(draft.masterRow);
    if (siblings !== undefined && siblings.length >= this.perMaster) this.remove(siblings[0]!);
    if (this.count >= this.maximum) this.sweep(nowSec);
    if (this.count >= this.maximum) return ExpectResult.Full;
    const added = { ...draft, zone, id: this.nextId++, expiresAtSec: nowSec + lifetimeSec };
    this.link(added);
    this.lowerBound(added.expiresAtSec);
    this.created++;
    this.listener?.expectationNew(added);
    return ExpectResult.Ok;
  }

  /**
   * The living expectation that a packet with this tuple fulfils in its zone, or null. Does not
   * consume it.
   */
  match(tuple: Tuple, nowSec: number, zone = 0): Expectation | null {
    const bucket = this.buckets.get(this.hashTuple(tuple));
    if (bucket === undefined) return null;
    for (const candidate of bucket) {
      if (candidate.expiresAtSec <= nowSec || candidate.zone !== zone) continue;
      if (fulfils(tuple, candidate)) return candidate;
    }
    return null;
  }

  remove(expectation: Expectation): void {
    const key = this.hashDestination(expectation.dst, expectation.dport, expectation.protocol);
    if (!dropFrom(this.buckets, key, expectation)) return;
    dropFrom(this.byMaster, expectation.masterRow, expectation);
    this.count--;
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
  sweep(nowSec: number): void {
    if (nowSec < this.nothingExpiresBeforeSec) return;
    this.nothingExpiresBeforeSec = Number.POSITIVE_INFINITY;
    for (const expectation of this.all()) {
      if (expectation.expiresAtSec <= nowSec) this.remove(expectation);
      else this.lowerBound(expectation.expiresAtSec);
    }
  }

  private lowerBound(expiresAtSec: number): void {
    this.nothingExpiresBeforeSec = Math.min(this.nothingExpiresBeforeSec, expiresAtSec);
  }

  /** A copy of the table, for dumps. */
  all(): Expectation[] {
    return [...this.buckets.values()].flat();
  }

  private link(expectation: Expectation): void {
    const key = this.hashDestination(expectation.dst, expectation.dport, expectation.protocol);
    push(this.buckets, key, expectation);
    push(this.byMaster, expectation.masterRow, expectation);
    this.count++;
  }

  private findSameTuple(draft: ExpectationDraft, zone: number): Expectation | null {
    const key = this.hashDestination(draft.dst, draft.dport, draft.protocol);
    for (const other of this.buckets.get(key) ?? []) {
      if (
        other.zone === zone &&
        other.family === draft.family &&
        other.protocol === draft.protocol &&
        other.dport === draft.dport &&
        sameWords(other.dst, draft.dst) &&
        sameWords(other.src, draft.src)
      ) {
        return other;
      }
    }
    return null;
  }

  private hashTuple(tuple: Tuple): number {
    let h = mix32(mix32(this.seed, tuple.d0), tuple.d3);
    h = mix32(h, tuple.dstPort);
    return mixFinish(mix32(h, tuple.protocol));
  }

  private hashDestination(dst: readonly number[], dport: number, protocol: number): number {
    const h = mix32(mix32(mix32(this.seed, dst[0]!), dst[3]!), dport);
    return mixFinish(mix32(h, protocol));
  }
}

function fulfils(tuple: Tuple, e: Expectation): boolean {
  return (
    tuple.family === e.family &&
    tuple.protocol === e.protocol &&
    tuple.dstPort === e.dport &&
    tuple.d0 === e.dst[0] &&
    tuple.d1 === e.dst[1] &&
    tuple.d2 === e.dst[2] &&
    tuple.d3 === e.dst[3] &&
    tuple.s0 === e.src[0] &&
    tuple.s1 === e.src[1] &&
    tuple.s2 === e.src[2] &&
    tuple.s3 === e.src[3]
  );
}

function sameMaster(a: ExpectationDraft, b: ExpectationDraft): boolean {
  return a.masterRow === b.masterRow && a.masterId === b.masterId;
}

function sameWords(a: readonly number[], b: readonly number[]): boolean {
  return a[0] === b[0] && a[1] === b[1] && a[2] === b[2] && a[3] === b[3];
}

function push<K>(map: Map<K, Expectation[]>, key: K, value: Expectation): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}

function dropFrom<K>(map: Map<K, Expectation[]>, key: K, value: Expectation): boolean {
  const list = map.get(key);
  const index = list?.indexOf(value) ?? -1;
  if (list === undefined || index < 0) return false;
  list.splice(index, 1);
  if (list.length === 0) map.delete(key);
  return true;
}
