import type { Arena, Clock } from '../base/index.ts';
import { CarriedFlows } from './carried.ts';
import { Direction, Status } from './constants.ts';
import type { ConntrackListener } from './events.ts';
import { ExpectationTable } from './expectations.ts';
import { Field } from './fields.ts';
import { Labels } from './labels.ts';
import { Relations } from './relations.ts';
import { type ConnectionEnder, Room, tableFor } from './room.ts';
import { type ConntrackSettings, type ConntrackStats, newStats } from './settings.ts';
import { Settlement } from './settlement.ts';
import { SourceIndex } from './source-index.ts';
import { Sweeper } from './sweep.ts';
import type { ConntrackTable } from './table.ts';
import { Tuple } from './tuple.ts';

/**
 * The connections and what is kept beside them: how one begins, enters the table, is found and ends.
 * Knows nothing of packets: `Conntrack` adds them.
 */
export class Connections implements ConnectionEnder {
  readonly table: ConntrackTable;
  readonly expectations: ExpectationTable;
  readonly labels: Labels;
  readonly settings: ConntrackSettings;
  /** Connections by their source, for whoever translates it. */
  readonly sources: SourceIndex;
  readonly stats: ConntrackStats = newStats();
  /** Those of which packets pass without being seen here. */
  readonly carried: CarriedFlows;
  listener: ConntrackListener | null = null;

  protected readonly clock: Clock;
  protected readonly room: Room;
  protected readonly relations: Relations;
  private readonly sweeper: Sweeper;
  private readonly held = new Tuple();

  constructor(clock: Clock, settings: ConntrackSettings, seed: number, arena: Arena) {
    this.clock = clock;
    this.settings = settings;
    this.table = tableFor(arena, settings, seed);
    this.labels = new Labels(this.table);
    this.sources = new SourceIndex(arena, this.table, settings.maximum, seed);
    this.expectations = new ExpectationTable(seed, settings.expectMaximum);
    this.expectations.zoneOfMaster = (row) => this.zoneOf(row);
    const { expectations, stats, table } = this;
    const changed = (row: number) => this.listener?.connectionUpdate(row);
    const carried = new CarriedFlows(table, clock, new Settlement(table, clock, settings, changed));
    this.carried = carried;
    this.room = new Room({ table, clock, settings, stats, ender: this });
    this.sweeper = new Sweeper({ table, room: this.room, ender: this });
    this.relations = new Relations({ table, expectations, clock, carried, ender: this });
  }

  /**
   * Sets the most connections at once (`nf_conntrack_max`, 0 for no limit), from the next packet on.
   * Up to four times the first maximum, and up to a million, this costs nothing; beyond, the rows in
   * use are copied.
   * Throws a ConntrackSizeError for what is no such number.
   */
  setMaximum(maximum: number): void {
    this.room.setMaximum(maximum);
  }

  /**
   * Sets the size of the index (`nf_conntrack_buckets`), rounded up to a multiple of 512. It grows
   * a little at a time and never shrinks; from the next packet on, early drop goes by the new size.
   * Throws a ConntrackSizeError for what is no such number.
   */
  setBuckets(buckets: number): void {
    this.room.setBuckets(buckets);
  }

  /** Sets who is told of changes. */
  listen(listener: ConntrackListener | null): void {
    this.listener = listener;
    this.expectations.listener = listener;
  }

  /** The zone of a connection, whichever directions it holds for. */
  zoneOf(row: number): number {
    const original = this.table.zone(row, Direction.Original);
    return original !== 0 ? original : this.table.zone(row, Direction.Reply);
  }

  /**
   * The reference (row << 1 | direction) of the living connection with this tuple, or -1; an entry
   * whose time is over is removed and not found.
   */
  lookup(tuple: Tuple): number {
    const ref = this.table.lookup(tuple);
    if (ref < 0) return -1;
    if (!this.isOver(ref >> 1)) return ref;
    this.destroy(ref >> 1);
    return -1;
  }

  /** True where a connection's time is over, unless it is a master that its connections keep. */
  isOver(row: number): boolean {
    const { carried, clock, table } = this;
    if (!table.isOver(row, clock)) return false;
    // Packets that nobody has told of yet may have lengthened its life.
    carried.collect(row);
    return table.isOver(row, clock) && this.relations.isOver(row);
  }

  /**
   * A row for a connection with these tuples, not yet in the index, or -1 where the table is full.
   * `confirm` or `discard` must follow.
   */
  begin(original: Tuple, reply: Tuple): number {
    return this.room.make(original) ? this.occupy(original, reply) : -1;
  }

  protected occupy(original: Tuple, reply: Tuple): number {
    const { settings, table } = this;
    const row = table.allocate();
    table.writeTuple(row, Direction.Original, original);
    table.writeTuple(row, Direction.Reply, reply);
    table.set(row, Field.StartSec, this.clock.sec);
    if (settings.accounting) table.addStatus(row, Status.Accounting);
    if (settings.timestamps) table.addStatus(row, Status.Timestamped);
    if (settings.events === 0) table.addStatus(row, Status.Silent);
    return row;
  }

  /**
   * Enters a new connection whose first packet is let through. False on a tuple clash: the packet
   * must then be dropped, and is counted as that. As packets come one by one, a clash is always with
   * another connection's tuple, which the kernel resolves for no protocol (nf_ct_resolve_clash).
   */
  confirm(row: number): boolean {
    if (this.enter(row)) return true;
    this.stats.insertFailed++;
    this.stats.drop++;
    return false;
  }

  /** As `confirm`, for an entry that a command makes: no packet is counted. */
  enter(row: number): boolean {
    if (!this.table.insert(row) && !this.insertOverExpired(row)) return false;
    this.relations.countChild(row, 1);
    this.listener?.connectionNew(row);
    return true;
  }

  /** A clash with a connection whose time is over is none: that one is removed first. */
  private insertOverExpired(row: number): boolean {
    for (const direction of [Direction.Original, Direction.Reply]) {
      this.table.readTuple(row, direction, this.held);
      this.lookup(this.held);
    }
    return this.table.insert(row);
  }

  /** Gives the row of a connection back that never got confirmed. */
  discard(row: number): void {
    this.sources.remove(row);
    this.table.release(row);
  }

  /** The master's row while the master lives, else -1. */
  masterOf(row: number): number {
    return this.relations.masterOf(row);
  }

  /** Bytes, both ways, that the living connections which this one announced have moved. Cold. */
  livingChildrenBytes(master: number): number {
    return this.relations.livingChildrenBytes(master);
  }

  /**
   * Lets a connection under a helper live at least as long as those that it announced. The kernel
   * does not: there a long transfer may lose its control connection. Off at first.
   */
  set keepsMasters(keeps: boolean) {
    this.relations.keepsMasters = keeps;
  }

  /** Ends a connection now: out of the index, its expectations gone, its row free. */
  destroy(row: number): void {
    this.carried.withdraw(row);
    this.table.unlink(row);
    this.expectations.removeOfMaster(row);
    this.relations.countChild(row, -1);
    this.relations.forget(row);
    this.listener?.connectionDestroy(row);
    this.sources.remove(row);
    this.table.release(row);
  }

  /**
   * Removes expired connections, looking at no more than `budget` rows from where the last call
   * stopped, so that the packet loop never pauses for the whole table. Returns how many it removed.
   * What has been closed elsewhere is taken back.
   */
  sweep(budget: number): number {
    this.carried.withdrawOver();
    const removed = this.sweeper.sweep(budget);
    this.expectations.sweep(this.clock.ms);
    return removed;
  }

  /** Removes every connection, or those of one family (`conntrack -F`). Returns how many. */
  flush(family: number | null = null): number {
    return this.sweeper.flush(family);
  }
}
