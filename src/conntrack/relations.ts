import type { Clock } from '../base/index.ts';
import { Status } from './constants.ts';
import type { Expectation, ExpectationTable } from './expectations.ts';
import { Field } from './fields.ts';
import type { ConnectionEnder } from './room.ts';
import type { ConntrackTable } from './table.ts';
import type { Tuple } from './tuple.ts';

export interface RelationsParts {
  table: ConntrackTable;
  expectations: ExpectationTable;
  clock: Clock;
  ender: ConnectionEnder;
}

/** Which connection announced which other: masters and the connections that they expected. */
export class Relations {
  private readonly table: ConntrackTable;
  private readonly expectations: ExpectationTable;
  private readonly clock: Clock;
  private readonly ender: ConnectionEnder;

  constructor(parts: RelationsParts) {
    this.table = parts.table;
    this.expectations = parts.expectations;
    this.clock = parts.clock;
    this.ender = parts.ender;
  }

  /**
   * Makes a new connection RELATED where it was announced; the expectation is used up by it and
   * returned, else null.
   */
  fulfil(row: number, tuple: Tuple, zone: number): Expectation | null {
    if (this.expectations.count === 0) return null;
    const expectation = this.expectations.match(tuple, this.clock.ms, zone);
    if (expectation === null) return null;
    const { table } = this;
    const master = expectation.masterRow;
    if (table.get(master, Field.Id) !== expectation.masterId) return null;
    // Whether the sweep has been by must not decide what an ended master's announcements are worth.
    if (table.isOver(master, this.clock)) {
      this.ender.destroy(master);
      return null;
    }
    this.expectations.take(expectation);
    table.addStatus(row, Status.Expected);
    table.set(row, Field.MasterRow, master);
    table.set(row, Field.MasterId, expectation.masterId);
    table.setMasterHelper(row, expectation.helper);
    table.setHelper(row, expectation.childHelper);
    table.set(row, Field.Mark, table.get(master, Field.Mark));
    return expectation;
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
  }
}
