import type { Clock } from '../base/index.ts';
import { Proto } from '../wire/index.ts';
import type { CarriedFlows } from './carried.ts';
import { Direction, Status } from './constants.ts';
import type { Expectation } from './expectation.ts';
import type { ExpectationTable } from './expectations.ts';
import { Field } from './fields.ts';
import type { ConnectionEnder } from './room.ts';
import type { ConntrackTable } from './table.ts';
import { TcpState } from './tcp/states.ts';
import type { Tuple } from './tuple.ts';

export interface RelationsParts {
  table: ConntrackTable;
  expectations: ExpectationTable;
  clock: Clock;
  carried: CarriedFlows;
  ender: ConnectionEnder;
}

/** Which connection announced which other: masters and the connections that they expected. */
export class Relations {
  /** Whether a connection under a helper lives at least as long as those that it announced. */
  keepsMasters = false;

  private readonly table: ConntrackTable;
  private readonly expectations: ExpectationTable;
  private readonly clock: Clock;
  private readonly carried: CarriedFlows;
  private readonly ender: ConnectionEnder;
  /** Rows of the connections of each master that has some. */
  private readonly children = new Map<number, Set<number>>();

  constructor(parts: RelationsParts) {
    this.table = parts.table;
    this.expectations = parts.expectations;
    this.clock = parts.clock;
    this.carried = parts.carried;
    this.ender = parts.ender;
  }

  /**
   * Makes a new connection RELATED where it was announced; the expectation is used up by it and
   * returned, else null.
   */
  fulfil(row: number, tuple: Tuple, zone: number): Expectation | null {
    const expectation = this.match(tuple, zone);
    if (expectation === null) return null;
    this.expectations.take(expectation);
    const { table } = this;
    const master = expectation.masterRow;
    table.addStatus(row, Status.Expected);
    table.set(row, Field.MasterRow, master);
    table.set(row, Field.MasterId, expectation.masterId);
    table.setMasterHelper(row, expectation.helper);
    table.setHelper(row, expectation.childHelper);
    table.set(row, Field.Mark, table.get(master, Field.Mark));
    return expectation;
  }

  /** Of several spans with the same ports one may have lost its master. */
  private match(tuple: Tuple, zone: number): Expectation | null {
    const { clock, expectations, table } = this;
    while (expectations.count > 0) {
      const expectation = expectations.match(tuple, clock.ms, zone);
      if (expectation === null) return null;
      const { masterRow, masterId } = expectation;
      // What an unconfirmed master announced is nobody's once its first packet has been dropped.
      if (table.get(masterRow, Field.Id) !== masterId) expectations.remove(expectation);
      // Whether the sweep has been by must not decide what an ended master's announcements are worth.
      else if (this.isOver(masterRow)) this.ender.destroy(masterRow);
      else return expectation;
    }
    return null;
  }

  /** The master's row while the master lives, else -1. */
  masterOf(row: number): number {
    const master = this.table.get(row, Field.MasterRow);
    if (master < 0) return -1;
    return this.table.get(master, Field.Id) === this.table.get(row, Field.MasterId) ? master : -1;
  }

  /** Tells a living master that it has one connection more (1) or less (-1). */
  countChild(row: number, change: 1 | -1): void {
    const master = this.masterOf(row);
    if (master < 0) return;
    this.table.set(master, Field.Children, this.table.get(master, Field.Children) + change);
    const rows = this.children.get(master);
    if (change < 0) rows?.delete(row);
    else if (rows === undefined) this.children.set(master, new Set([row]));
    else rows.add(row);
  }

  /** The connection in `row` has ended: what it announced goes on without it. */
  forget(row: number): void {
    if (this.table.get(row, Field.Children) > 0) this.children.delete(row);
  }

  /**
   * True where the time of the connection is over, and no connection that it announced keeps it. A
   * master that is kept gets as much time as the one of these that has most left, so that the next
   * look is not before then.
   */
  isOver(row: number): boolean {
    const { clock, table } = this;
    if (!table.isOver(row, clock)) return false;
    if (!this.isWorthKeeping(row)) return true;
    let longestMs = 0;
    for (const child of this.children.get(row) ?? []) {
      this.carried.collect(child);
      longestMs = Math.max(longestMs, (table.get(child, Field.ExpiresAt) - clock.ms) | 0);
    }
    // Children whose time is over are nobody's reason, though the sweep has not been by.
    if (longestMs <= 0) return true;
    table.set(row, Field.ExpiresAt, (clock.ms + longestMs) | 0);
    return false;
  }

  /**
   * FTP says nothing on the control connection during a transfer (RFC 959 section 3.2). One that
   * both ends have closed has nothing more to say, and a fixed timeout is somebody's will.
   */
  private isWorthKeeping(row: number): boolean {
    const { table } = this;
    if (!this.keepsMasters || table.get(row, Field.Children) <= 0) return false;
    if (table.helper(row) === 0 || table.hasStatus(row, Status.FixedTimeout)) return false;
    return table.protocol(row) !== Proto.Tcp || table.get(row, Field.State) < TcpState.LastAck;
  }

  /** Bytes, both ways, that the living connections of this master have moved. */
  livingChildrenBytes(master: number): number {
    const { carried, clock, table } = this;
    let bytes = 0;
    for (const row of this.children.get(master) ?? []) {
      carried.collect(row);
      if (table.isOver(row, clock)) continue;
      bytes += table.bytes(row, Direction.Original) + table.bytes(row, Direction.Reply);
    }
    return bytes;
  }
}
