import { type ConntrackTable, Direction, Tuple } from '../conntrack/index.ts';

/** Brings packets that this host sends over `lo` to the engine, by their ends. */
export interface HomeWatch {
  /** From now on they come; false where there is no room for more. */
  watch(ends: Tuple): boolean;
  /** They are left alone again. */
  forget(ends: Tuple): void;
}

/**
 * Connections of this host that OUTPUT has turned back to it. What answers passes over `lo`, where the
 * engine sees nothing, and has to come to it to be translated back. Cold: once a connection.
 */
export class HomeConnections {
  private watch: HomeWatch | null = null;
  private readonly rows = new Set<number>();
  private readonly table: ConntrackTable;
  private readonly answer = new Tuple();

  constructor(table: ConntrackTable) {
    this.table = table;
  }

  setWatch(watch: HomeWatch | null): void {
    this.rows.clear();
    this.watch = watch;
  }

  /** A packet of this connection is about to be delivered here. */
  turned(row: number): void {
    if (this.watch === null || row < 0 || this.rows.has(row)) return;
    this.table.readTuple(row, Direction.Reply, this.answer);
    if (this.watch.watch(this.answer)) this.rows.add(row);
  }

  /** The connection is over; its tuples can still be read. */
  connectionEnded(row: number): void {
    if (!this.rows.delete(row)) return;
    this.table.readTuple(row, Direction.Reply, this.answer);
    this.watch?.forget(this.answer);
  }
}
