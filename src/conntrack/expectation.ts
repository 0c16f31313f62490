import type { DirectionCode } from './constants.ts';
import type { Tuple } from './tuple.ts';

export type AddressWords = readonly [number, number, number, number];

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
 * destination exact, or a range of its ports. Made rarely, so a plain object.
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
  /**
   * Last of the destination ports: `dport` itself, unless this is a span. A span is permanent, and
   * for servers whose announcements cannot be read; the kernel has no such thing.
   */
  readonly dportLast: number;
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
  /**
   * Where the expected connection really leads, before NAT put its own address and port there. Of a
   * span, where its first port leads: the others follow it in order.
   */
  readonly savedAddress: AddressWords;
  readonly savedPort: number;
  /** Whose master it is, '' where nobody asks: see `ExpectationTable.countOfClient`. */
  readonly client: string;
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

/** What the table sees to itself. */
type Given = 'id' | 'expiresAt' | 'zone' | 'client' | 'dportLast';

/** An expectation to be added. It is read at once: its tuple may be a reused one. */
export interface ExpectationDraft
  extends Omit<Expectation, Given | Usual>,
    Partial<Pick<Expectation, Usual>> {
  /** Makes it a span where it is above `dport`. */
  readonly dportLast?: number;
  /** The master's original tuple, where its client's expectations are to be counted. */
  readonly client?: Tuple;
}

const allOnes: AddressWords = [-1, -1, -1, -1];

/**
 * The expectation of a draft. Field by field: to spread the draft costs several microseconds, which
 * counts where thousands of FTP sessions a second announce something.
 */
export function expectationOf(
  draft: ExpectationDraft,
  { id, expiresAt, zone }: Pick<Expectation, 'id' | 'expiresAt' | 'zone'>,
): Expectation {
  const { client, dport, dportLast = dport, flags = 0 } = draft;
  return {
    id,
    family: draft.family,
    protocol: draft.protocol,
    src: draft.src,
    srcMask: draft.srcMask ?? allOnes,
    sport: draft.sport ?? 0,
    sportMask: draft.sportMask ?? 0,
    dst: draft.dst,
    dport,
    dportLast,
    masterRow: draft.masterRow,
    masterId: draft.masterId,
    helper: draft.helper,
    childHelper: draft.childHelper ?? 0,
    class: draft.class ?? 0,
    flags: dportLast > dport ? flags | ExpectFlag.Permanent : flags,
    kind: draft.kind,
    direction: draft.direction,
    savedAddress: draft.savedAddress,
    savedPort: draft.savedPort,
    client: client === undefined ? '' : clientKey(client),
    followsMasterNat: draft.followsMasterNat,
    expiresAt,
    zone,
  };
}

/** True for an expectation of more than one port. */
export function isSpan({ dport, dportLast }: Expectation): boolean {
  return dportLast > dport;
}

/** True from the moment at which an expectation's time is over. */
export function isExpectationOver(expectation: Expectation, nowMs: number): boolean {
  return ((expectation.expiresAt - nowMs) | 0) <= 0;
}

/**
 * What `ExpectationTable` counts a client's expectations under: exact, and made only with them. Two
 * zones are two networks, and their clients are not the same.
 */
export function clientKey({ family, zone, s0, s1, s2, s3 }: Tuple): string {
  return family === 4 ? `${zone}/${s0}` : `${zone}/${s0}/${s1}/${s2}/${s3}`;
}

/** Whether a packet with this tuple is what was announced; the zone is not looked at. */
export function fulfils(tuple: Tuple, e: Expectation): boolean {
  const { srcMask: mask } = e;
  return (
    tuple.family === e.family &&
    tuple.protocol === e.protocol &&
    tuple.dstPort >= e.dport &&
    tuple.dstPort <= e.dportLast &&
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

/** Whether some tuple could fulfil both, of neither span: what both masks look at is the same (expect_clash). */
export function clashes(a: Expectation, b: Expectation): boolean {
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

export function sameSource(a: Expectation, b: Expectation): boolean {
  return (
    a.sport === b.sport &&
    a.sportMask === b.sportMask &&
    sameWords(a.src, b.src) &&
    sameWords(a.srcMask, b.srcMask)
  );
}

export function sameMaster(a: Expectation, b: Expectation): boolean {
  return a.masterRow === b.masterRow && a.masterId === b.masterId;
}

export function sameWords(a: AddressWords, b: AddressWords): boolean {
  return a[0] === b[0] && a[1] === b[1] && a[2] === b[2] && a[3] === b[3];
}
