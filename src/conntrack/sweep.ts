import { Direction, Status } from './constants.ts';
import { type ConnectionEnder, isExpendable, type Room } from './room.ts';
import type { ConntrackTable } from './table.ts';
import { Tuple } from './tuple.ts';

/** To remove a row costs about as much as to look at so many. */
const LOOKS_PER_REMOVAL = 32;
/** A call may remove so many within its budget as if that cost nothing. */
const CHEAP_REMOVALS = 64;

export interface SweeperParts {
  table: ConntrackTable;
  room: Room;
  ender: ConnectionEnder;
}

/**
 * Removes connections whose time is over, a part of the table at a time; after the table was full,
 * for one round those too that it can do without, down to 95 % (gc_worker in
 * net/netfilter/nf_conntrack_core.c).
 */
export class Sweeper {
  private readonly table: ConntrackTable;
  private readonly room: Room;
  private readonly ender: ConnectionEnder;
  private readonly tuple = new Tuple();
  private at = 0;
  /** Rows until the round is over that drops early; 0 where there is none. */
  private pressedRows = 0;

  constructor(parts: SweeperParts) {
    this.table = parts.table;
    this.room = parts.room;
    this.ender = parts.ender;
  }

  /**
   * Looks at no more than `budget` rows from where the last call stopped, and stops sooner where it
   * finds much to remove, so that the packet loop never pauses for long. Returns how many it removed.
   */
  sweep(budget: number): number {
    const { table } = this;
    table.growOn(budget);
    const end = table.highWater;
    if (end === 0) return 0;
    if (this.room.pressed && this.pressedRows === 0) this.pressedRows = end;
    let removed = 0;
    let left = budget;
    for (let looked = 0; looked < end && left > 0; looked++, left--) {
      if (this.at >= end) this.at = 0;
      if (this.goes(this.at)) {
        this.ender.destroy(this.at);
        removed++;
        if (removed > CHEAP_REMOVALS) left -= LOOKS_PER_REMOVAL;
      }
      this.at++;
      if (this.pressedRows > 0 && --this.pressedRows === 0) this.room.pressed = false;
    }
    return removed;
  }

  /** Removes every connection, or those of one family (`conntrack -F`). Returns how many. */
  flush(family: number | null): number {
    const { table, tuple } = this;
    let removed = 0;
    for (let row = 0; row < table.highWater; row++) {
      if (!table.hasStatus(row, Status.Confirmed)) continue;
      table.readTuple(row, Direction.Original, tuple);
      if (family !== null && tuple.family !== family) continue;
      this.ender.destroy(row);
      removed++;
    }
    return removed;
  }

  private goes(row: number): boolean {
    const { table } = this;
    if (!table.hasStatus(row, Status.Confirmed)) return false;
    if (this.ender.isOver(row)) return true;
    return this.pressedRows > 0 && this.room.isTight() && isExpendable(table, row);
  }
}
