import { mix32, mixFinish } from '../base/index.ts';
import type { DirectionCode } from './constants.ts';
import type { Tuple } from './tuple.ts';

/** Half the range of wrapping milliseconds, nearly: later than anything that can be asked for. */
const LONGEST_WAIT_MS = 0x7fffffff;

type AddressWords = readonly [number, number, number, number];

/** NF_CT_EXPECT_* of nf_conntrack_common.h. */
export const ExpectFlag = {
  /** A connection that fulfils it does not use it up. */
  Permanent: 1,
  /** Held, listed, and fulfilled by nothing. */
  Inactive: 2,
  Userspace: 4,
} as const;

/**
 * An announced connection (struct nf_conntrack_expect): the source as far as the masks say, the
 * destination exact. Made rarely, so a plain object.
 */
export interface Expectation {
  readonly id: number;
  readonly family: number;
  readonly protocol: number;
  readonly src: AddressWords;
  /** Bits of `src` that count. */
  readonly srcMask: AddressWords;
  readonly sport: number;
  /** Bits of `sport` that count: 0 leaves it open. */
  readonly sportMask: number;
  readonly dst: AddressWords;
  readonly dport: number;
  readonly masterRow: number;
  readonly masterId: number;
  /** The master's helper. */
  readonly helper: number;
  /** Helper that the expected connection gets itself, 0 for none. */
  readonly childHelper: number;
  /** Number of the helper's policy that it falls under. */
  readonly class: number;
  /** Bits of `ExpectFlag`. */
  readonly flags: number;
  /** What announced it, in the helper's own numbering (for screens and events). */
  readonly kind: number;
  /** Direction, relative to the master, in which the expected connection will be opened. */
  readonly direction: DirectionCode;
  /** Where the expected connection really leads, before NAT put its own address and port there. */
  readonly savedAddress: AddressWords;
  readonly savedPort: number;
  /** The connection follows its master's NAT (nf_nat_follow_master). */
  readonly followsMasterNat: boolean;
  /** In the clock's wrapping milliseconds: see `isExpectationOver`. */
  readonly expiresAt: number;
  /** The master's zone when this was announced: only there does it come true. */
  readonly zone: number;
}

/** What adding an expectation can end with. */
export const ExpectResult = {
  Ok: 0,
  /** Some connection would fulfil both this and another one (EBUSY). */
  Busy: 1,
  /** The table is full (EMFILE). */
  Full: 2,
  /** The same one is there under another class (EALREADY). */
  Already: 3,
} as const;
export type ExpectResultCode = (typeof ExpectResult)[keyof typeof ExpectResult];

/** What a helper mostly leaves out: the source port is open then, the source address exact. */
type Usual = 'srcMask' | 'sport' | 'sportMask' | 'childHelper' | 'class' | 'flags';

export type ExpectationDraft = Omit<Expectation, 'id' | 'expiresAt' | 'zone' | Usual> &
  Partial<Pick<Expectation, Usual>>;

const allOnes: AddressWords = [-1, -1, -1, -1];
const usual = {
  srcMask: allOnes,
  sport: 0,
  sportMask: 0,
  childHelper: 0,
  class: 0,
  flags: 0,
} as const;

/** True from the moment at which an expectation's time is over. */
export function isExpectationOver(expectation: Expectation, nowMs: number): boolean {
  return ((expectation.expiresAt - nowMs) | 0) <= 0;
}

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
   * timer; a master over its limit loses its oldest (nf_ct_expect_related_report).
   */
  add(draft: ExpectationDraft, nowMs: number, lifetimeSec: number): ExpectResultCode {
    const zone = this.zoneOfMaster(draft.masterRow);
    const expiresAt = (nowMs + lifetimeSec * 1000) | 0;
    const wanted: Expectation = { ...usual, ...draft, zone, id: this.nextId, expiresAt };
    const clash = this.clearWay(wanted, nowMs);
    if (clash !== ExpectResult.Ok) return clash;
    const siblings = this.byMaster.get(draft.masterRow);
    if (siblings !== undefined && siblings.length >= this.perMaster) this.remove(siblings[0]!);
    if (this.count >= this.maximum) this.sweep(nowMs);
    if (this.count >= this.maximum) return ExpectResult.Full;
    this.nextId++;
    this.link(wanted);
    this.created++;
    this.listener?.expectationNew(wanted);
    return ExpectResult.Ok;
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
    if (bucket === undefined) return null;
    for (const candidate of bucket) {
      if (candidate.zone !== zone || (candidate.flags & without) !== 0) continue;
      if (!isExpectationOver(candidate, nowMs) && fulfils(tuple, candidate)) return candidate;
    }
    return null;
  }

  /** A connection has fulfilled it: gone with that, unless it is permanent. */
  take(expectation: Expectation): void {
    this.fulfilled++;
    if ((expectation.flags & ExpectFlag.Permanent) === 0) this.remove(expectation);
  }

  remove(expectation: Expectation): void {
    if (!dropFrom(this.buckets, hashOf(this.seed, expectation), expectation)) return;
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

  /** A copy of the table, for dumps. */
  all(): Expectation[] {
    return [...this.buckets.values()].flat();
  }

  private link(expectation: Expectation): void {
    if (this.count === 0) this.nothingExpiresBefore = expectation.expiresAt;
    else this.lowerBound(expectation.expiresAt);
    push(this.buckets, hashOf(this.seed, expectation), expectation);
    push(this.byMaster, expectation.masterRow, expectation);
    this.count++;
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

function fulfils(tuple: Tuple, e: Expectation): boolean {
  const { srcMask: mask } = e;
  return (
    tuple.family === e.family &&
    tuple.protocol === e.protocol &&
    tuple.dstPort === e.dport &&
    tuple.d0 === e.dst[0] &&
    tuple.d1 === e.dst[1] &&
    tuple.d2 === e.dst[2] &&
    tuple.d3 === e.dst[3] &&
    ((tuple.s0 ^ e.src[0]) & mask[0]) === 0 &&
    ((tuple.s1 ^ e.src[1]) & mask[1]) === 0 &&
    ((tuple.s2 ^ e.src[2]) & mask[2]) === 0 &&
    ((tuple.s3 ^ e.src[3]) & mask[3]) === 0 &&
    ((tuple.srcPort ^ e.sport) & e.sportMask) === 0
  );
}

/** Whether some tuple could fulfil both: what both masks look at is the same (expect_clash). */
function clashes(a: Expectation, b: Expectation): boolean {
  return (
    a.zone === b.zone &&
    a.family === b.family &&
    a.protocol === b.protocol &&
    a.dport === b.dport &&
    sameWords(a.dst, b.dst) &&
    a.src.every((word, i) => ((word ^ b.src[i]!) & a.srcMask[i]! & b.srcMask[i]!) === 0) &&
    ((a.sport ^ b.sport) & a.sportMask & b.sportMask) === 0
  );
}

function sameSource(a: Expectation, b: Expectation): boolean {
  return (
    a.sport === b.sport &&
    a.sportMask === b.sportMask &&
    sameWords(a.src, b.src) &&
    sameWords(a.srcMask, b.srcMask)
  );
}

function sameMaster(a: Expectation, b: Expectation): boolean {
  return a.masterRow === b.masterRow && a.masterId === b.masterId;
}

function sameWords(a: AddressWords, b: AddressWords): boolean {
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
