import type { Arena, Clock } from '../base/index.ts';
import { Proto } from '../wire/index.ts';
import { Status } from './constants.ts';
import type { ConntrackListener } from './events.ts';
import { Field } from './fields.ts';
import { RateLimit } from './rate-limit.ts';
import type { ConntrackSettings, ConntrackStats } from './settings.ts';
import { ConntrackTable } from './table.ts';
import { TcpState } from './tcp/states.ts';
import { SctpState } from './timeouts.ts';
import type { Tuple } from './tuple.ts';
import { BUCKET_REFS, slotsFor } from './tuple-index.ts';

/** Buckets that are looked at for one new connection: NF_CT_EVICTION_RANGE. */
const EVICTION_RANGE = 8;
/** The kernel rounds its buckets up to whole pages of pointers. */
const BUCKETS_PER_PAGE = 512;
/** Largest value of nf_conntrack_max. */
const INT_MAX = 0x7fff_ffff;
/** Rows that can be reserved at all: 3.6 GB. What is more, or without limit, is as many. */
const MOST_ROWS = 1 << 24;
/** Rows reserved for one that is asked for, so that the maximum can be raised without copying. */
const HEADROOM = 4;
/** A gateway that is meant for many connections gets as much headroom as this at least: 216 MB. */
const MANY_ROWS = 1 << 20;
const MANY_ASKED = 1 << 13;

/** Where not even this many can be reserved, there is no use in going on. */
const FEWEST_ROWS = 1024;

/** What the tables' owner does on behalf of those who keep them small. */
export interface ConnectionEnder {
  readonly listener: ConntrackListener | null;
  isOver(row: number): boolean;
  destroy(row: number): void;
}

export interface RoomParts {
  table: ConntrackTable;
  clock: Clock;
  settings: ConntrackSettings;
  stats: ConntrackStats;
  ender: ConnectionEnder;
}

/**
 * Keeps the table within nf_conntrack_max. A connection too many is let in where another can go
 * for it: one that has not been ASSURED, in the eight buckets from its own on (early_drop in
 * net/netfilter/nf_conntrack_core.c).
 */
export class Room {
  /** Set where no room could be made, until the sweep has been round: it then drops early too. */
  pressed = false;

  private readonly table: ConntrackTable;
  private readonly settings: ConntrackSettings;
  private readonly stats: ConntrackStats;
  private readonly ender: ConnectionEnder;
  private readonly warnings: RateLimit;
  private readonly refs = new Int32Array(BUCKET_REFS);
  private limit: number;

  constructor(parts: RoomParts) {
    this.table = parts.table;
    this.settings = parts.settings;
    this.stats = parts.stats;
    this.ender = parts.ender;
    this.warnings = new RateLimit(parts.clock);
    this.limit = limitOf(parts.settings.maximum);
  }

  /** As `Conntrack.setMaximum`. */
  setMaximum(maximum: number): void {
    mustBeWithin('maximum', maximum, 0);
    const limit = limitOf(maximum);
    if (limit > this.table.capacity) this.reserve(limit);
    this.limit = limit;
    this.settings.maximum = maximum;
    this.table.wantSlots(slotsOf(this.settings.buckets, limit));
  }

  /** As `Conntrack.setBuckets`. */
  setBuckets(buckets: number): void {
    mustBeWithin('buckets', buckets, 1);
    this.settings.buckets = wholePages(buckets);
    this.table.wantSlots(slotsOf(this.settings.buckets, this.limit));
  }

  /**
   * Sees to it that a connection may begin with this tuple. False where it must be refused, which is
   * told to the listener now and then.
   */
  make(tuple: Tuple): boolean {
    const { count, rowLimit } = this.table;
    if (count < this.limit && count < rowLimit) return true;
    // Lowered below what is there, the maximum only asks that one goes for each that comes.
    if (this.dropEarly(tuple) && this.table.count < rowLimit) return true;
    this.pressed = true;
    if (this.warnings.allows()) this.ender.listener?.tableFull(this.warnings.suppressed);
    return false;
  }

  /** True above 95 % of the maximum, reckoned as gc_worker does: never below a maximum of 100. */
  isTight(): boolean {
    const tight = Math.trunc(this.limit / 100) * 95;
    return tight > 0 && this.table.count >= tight;
  }

  /** Memory for so many rows and headroom, or else for as many as there is memory for. */
  private reserve(rows: number): void {
    for (let wanted = withHeadroom(rows); wanted > this.table.capacity; wanted = half(wanted)) {
      if (this.table.reserve(wanted)) return;
    }
  }

  private dropEarly(tuple: Tuple): boolean {
    const { refs, settings, stats, table } = this;
    let reaped = 0;
    for (let n = 0; n < EVICTION_RANGE; n++) {
      const found = table.bucketOf(tuple, n, settings.buckets, refs);
      let dropped = 0;
      for (let i = 0; i < found; i++) {
        const row = refs[i]! >> 1;
        // Both directions of a connection may stand in one bucket.
        if (!table.hasStatus(row, Status.Confirmed)) continue;
        if (this.ender.isOver(row)) reaped++;
        else if (table.hasStatus(row, Status.Assured)) continue;
        else dropped++;
        this.ender.destroy(row);
      }
      stats.earlyDrop += dropped;
      if (dropped > 0) return true;
    }
    return reaped > 0 && table.count < this.limit;
  }
}

/**
 * A table for the settings, with headroom. Buckets that are not given are settled by this: as many
 * as the maximum, as in the kernel, where it is the maximum that is derived.
 */
export function tableFor(arena: Arena, settings: ConntrackSettings, seed: number): ConntrackTable {
  const limit = limitOf(settings.maximum);
  settings.buckets = settings.buckets > 0 ? wholePages(settings.buckets) : limit;
  const slots = slotsOf(settings.buckets, limit);
  for (let rows = withHeadroom(limit); ; rows = half(rows)) {
    try {
      return new ConntrackTable(arena, rows, seed, slots);
    } catch (error) {
      if (!(error instanceof RangeError) || rows <= FEWEST_ROWS) throw error;
    }
  }
}

/** Whether a connection may go while the table is tight (gc_worker_can_early_drop). */
export function isExpendable(table: ConntrackTable, row: number): boolean {
  if (!table.hasStatus(row, Status.Assured)) return true;
  const state = table.get(row, Field.State);
  const protocol = table.protocol(row);
  if (protocol === Proto.Tcp) {
    return state >= TcpState.FinWait && state <= TcpState.Close;
  }
  return (
    protocol === Proto.Sctp && state >= SctpState.ShutdownSent && state <= SctpState.ShutdownAckSent
  );
}

/** Zero is no limit, as in Linux 6.18; there is one nevertheless. */
function limitOf(maximum: number): number {
  return maximum === 0 ? MOST_ROWS : Math.min(maximum, MOST_ROWS);
}

function withHeadroom(rows: number): number {
  const wanted = rows >= MANY_ASKED ? Math.max(rows * HEADROOM, MANY_ROWS) : rows * HEADROOM;
  return Math.min(wanted, MOST_ROWS);
}

function half(rows: number): number {
  return Math.trunc(rows / 2);
}

/** Slots to begin with: never fewer than buckets, but no room for connections that may not come. */
function slotsOf(buckets: number, limit: number): number {
  return Math.min(Math.max(buckets, slotsFor(Math.min(buckets, limit))), slotsFor(MOST_ROWS));
}

function wholePages(buckets: number): number {
  return Math.ceil(buckets / BUCKETS_PER_PAGE) * BUCKETS_PER_PAGE;
}

/** A size that the connection table cannot be given. */
export class ConntrackSizeError extends Error {
  readonly code = 'CONNTRACK_SIZE';

  constructor(name: string, value: number, least: number) {
    super(`${name} of the connection table: ${value} is not within ${least} and ${INT_MAX}`);
    this.name = 'ConntrackSizeError';
  }
}

function mustBeWithin(name: string, value: number, least: number): void {
  if (!Number.isInteger(value) || value < least || value > INT_MAX) {
    throw new ConntrackSizeError(name, value, least);
  }
}
