/**
 * Connections, expectations, their events and filters, as they travel over the control socket. Every
 * type here survives JSON: no bigint, no Map, no undefined in an array.
 */

/** One direction of a connection. Addresses are canonical text (dotted quad, or RFC 5952). */
export interface TupleDto {
  src: string;
  dst: string;
  sport?: number;
  dport?: number;
  icmpType?: number;
  icmpCode?: number;
  icmpId?: number;
}

/** A direction with what was counted in it. */
export interface CountedTupleDto extends TupleDto {
  packets: number;
  bytes: number;
}

/** A connection entry. */
export interface ConntrackDto {
  /** Stays with the entry for its life, and is not given to another entry soon after. */
  id: number;
  family: 4 | 6;
  proto: number;
  /** Whether it counts packets and bytes (`nf_conntrack_acct` when it began). */
  accounting: boolean;
  /** Whether it tells its times (`nf_conntrack_timestamp` when it began). */
  timestamped: boolean;
  /** Numbers of the labels that are set, 0 to 127, in order; null where it has none at all. */
  labels: number[] | null;
  /** 'ESTABLISHED' and so on; '' for protocols without states. */
  state: string;
  /** Seconds left. */
  timeout: number;
  orig: CountedTupleDto;
  reply: CountedTupleDto;
  /** The kernel's IPS_ bits: `Status` of conntrack/. */
  status: number;
  mark: number;
  /** Of both directions; 0 where there is none, or none that they share. */
  zone: number;
  /** Of one direction alone (`CT --zone-orig`, `--zone-reply`); else 0. */
  origZone: number;
  replyZone: number;
  use: number;
  /** Name of the helper that watches this connection, or ''. */
  helper: string;
  /** Unix time in seconds at which the entry was made. */
  startSec: number;
  /** Seconds since then; for a destroyed entry, its whole life. */
  deltaTime: number;
  masterId: number | null;
  /** Verification tags of an SCTP association. */
  origVtag?: number;
  replyVtag?: number;
}

/** An entry after a command that was to change it. */
export interface ChangedEntryDto extends ConntrackDto {
  /** Error code where it was not changed. */
  failure?: string;
}

/** Source and destination of a translation that a command asks for; ports are optional. */
export interface NatSetDto {
  minAddress: string;
  maxAddress: string;
  minPort?: number;
  maxPort?: number;
}

/** What may be set of an entry by a command; what is not given is left, or is the default. */
export interface ConntrackChangeDto {
  /** Seconds. */
  timeout?: number;
  /** Bits of `Status` to be set; those that cannot be taken back stay. */
  status?: number;
  mark?: BitsMatchDto;
  state?: string;
  helper?: string;
  /** Labels to set, and to clear. */
  addLabels?: number[];
  removeLabels?: number[];
  /** Verification tags of an SCTP association, which a state of it needs. */
  origVtag?: number;
  replyVtag?: number;
}

/** An entry that a command makes. Both tuples are complete. */
export interface ConntrackCreateDto extends ConntrackChangeDto {
  family: 4 | 6;
  proto: number;
  orig: TupleDto;
  reply: TupleDto;
  zone?: number;
  origZone?: number;
  replyZone?: number;
  srcNat?: NatSetDto;
  dstNat?: NatSetDto;
  /** Original tuple of the master, of the same family and protocol number `masterProto`. */
  master?: TupleDto;
  masterProto?: number;
}

/** Exactly one entry, by its original or its reply tuple. */
export interface ConntrackGetArgs {
  family: 4 | 6;
  proto: number;
  orig?: TupleDto;
  reply?: TupleDto;
  zone?: number;
}

/** What is expected. Ports are 0 where the mask leaves them open. */
interface ExpectedEndsDto {
  family: 4 | 6;
  /** Seconds left. */
  timeout: number;
  proto: number;
  src: string;
  dst: string;
  sport: number;
  dport: number;
  maskSrc: string;
  maskDst: string;
  maskSport: number;
  maskDport: number;
  /** Original tuple of the master. */
  master: TupleDto;
}

/** An expectation that a command makes, of an existing master (its original tuple). */
export interface ExpectCreateDto extends ExpectedEndsDto {
  masterProto: number;
  /** NF_CT_EXPECT_PERMANENT 1, INACTIVE 2, USERSPACE 4. */
  flags?: number;
  class?: number;
  helper?: string;
  zone?: number;
}

/** An expected connection. */
export interface ExpectDto extends ExpectedEndsDto {
  id: number;
  class: number;
  /** NF_CT_EXPECT_PERMANENT 1, INACTIVE 2, USERSPACE 4. */
  flags: number;
  zone: number;
  helper: string;
  /** What announced it: `PORT`, `EPRT`, `227` or `229`. */
  kind: string;
  /** Last port of a span, whose first is `dport`; absent where `dport` is the only one. */
  dportLast?: number;
}

export type EventName = 'NEW' | 'UPDATE' | 'DESTROY';

/** Who caused an event, where a command did and not a packet or a timeout. */
export interface EventCauseDto {
  portid: number;
  program?: string;
}

/** Of requests that change connections: who asks, for the events that follow. */
export interface CausedArgs {
  cause?: EventCauseDto;
}

/** `time` of every event is Unix time in seconds, with the fraction (microseconds). */
export interface ConntrackEventDto {
  event: EventName;
  time: number;
  entry: ConntrackDto;
  cause?: EventCauseDto;
}

export interface ExpectEventDto {
  event: Exclude<EventName, 'UPDATE'>;
  time: number;
  entry: ExpectDto;
}

/**
 * A helper read an announcement and did not follow it. `line` is that line of the control connection
 * as text, free of passwords; whoever prints it quotes it.
 */
export interface HelperEventDto {
  event: 'REFUSED';
  time: number;
  helper: string;
  kind: string;
  reason: string;
  line: string;
  master: TupleDto;
}

/** Counters under the kernel's column names (`conntrack -S`, /proc/net/stat/nf_conntrack). */
export interface StatsDto {
  cpu: number;
  found: number;
  invalid: number;
  insert: number;
  insert_failed: number;
  drop: number;
  early_drop: number;
  error: number;
  search_restart: number;
  clash_resolve: number;
  chaintoolong: number;
  expect_new: number;
  expect_create: number;
  expect_delete: number;
}

/** `(address & mask)` must equal `(entry & mask)`; no mask is the whole address. */
export interface AddressMatchDto {
  address: string;
  mask?: string;
}

/** A translated address and port; an empty object is "translated at all". */
export interface NatMatchDto {
  address?: string;
  port?: number;
}

/** `(entry & mask) === value`, as unsigned 32-bit numbers. */
export interface BitsMatchDto {
  value: number;
  mask: number;
}

/** Which entries are meant; what is not given does not matter. */
export interface ConntrackFilterDto {
  family?: 4 | 6;
  proto?: number;
  origSrc?: AddressMatchDto;
  origDst?: AddressMatchDto;
  replySrc?: AddressMatchDto;
  replyDst?: AddressMatchDto;
  origSport?: number;
  origDport?: number;
  replySport?: number;
  replyDport?: number;
  icmpType?: number;
  icmpCode?: number;
  icmpId?: number;
  state?: string;
  status?: BitsMatchDto;
  mark?: BitsMatchDto;
  zone?: number;
  origZone?: number;
  replyZone?: number;
  srcNat?: NatMatchDto;
  dstNat?: NatMatchDto;
  anyNat?: NatMatchDto;
  id?: number;
  timeout?: number;
}

/**
 * The command line filters what it is sent. `filter` lets the daemon leave out early what cannot
 * match; it may ignore it. `zero` clears the counters of every entry sent, after reading them.
 */
export interface ConntrackListArgs {
  table?: 'conntrack' | 'dying' | 'unconfirmed';
  filter?: ConntrackFilterDto;
  zero?: boolean;
}
