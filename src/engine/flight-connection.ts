import type { Clock } from '../base/index.ts';
import {
  type Conntrack,
  type DirectionCode,
  Field,
  Status,
  TcpState,
  Tuple,
} from '../conntrack/index.ts';
import type { ConnectionView } from '../rules/index.ts';
import { Proto } from '../wire/index.ts';
import type { Flight } from './flight.ts';

/** The connection of the packet in flight, as rules ask for it: always the present row's. */
export class FlightConnection implements ConnectionView {
  private readonly flight: Flight;
  private readonly conntrack: Conntrack;
  private readonly clock: Clock;
  private readonly scratch = new Tuple();

  constructor(flight: Flight, conntrack: Conntrack, clock: Clock) {
    this.flight = flight;
    this.conntrack = conntrack;
    this.clock = clock;
  }

  get exists(): boolean {
    return this.flight.row >= 0;
  }

  get direction(): DirectionCode {
    return this.flight.direction;
  }

  get status(): number {
    return this.conntrack.table.get(this.flight.row, Field.Status);
  }

  get expiresIn(): number {
    const { table } = this.conntrack;
    // The clock of an entry runs from its confirmation; before that the kernel reads no time left.
    if (!table.hasStatus(this.flight.row, Status.Confirmed)) return 0;
    return table.secondsLeft(this.flight.row, this.clock);
  }

  get zone(): number {
    return this.conntrack.zoneOf(this.flight.row);
  }

  get row(): number {
    return this.flight.row;
  }

  get id(): number {
    return this.conntrack.table.get(this.flight.row, Field.Id);
  }

  get mark(): number {
    return this.conntrack.table.get(this.flight.row, Field.Mark);
  }

  /** A connection that is not in the table yet tells its mark with its NEW event. */
  set mark(mark: number) {
    const { conntrack, flight } = this;
    const { table, listener } = conntrack;
    if (flight.row < 0 || table.get(flight.row, Field.Mark) === mark) return;
    conntrack.carried.withdraw(flight.row);
    table.set(flight.row, Field.Mark, mark);
    if (listener !== null && table.hasStatus(flight.row, Status.Confirmed)) {
      listener.connectionUpdate(flight.row);
    }
  }

  hasLabel(label: number): boolean {
    return this.conntrack.labels.has(this.flight.row, label);
  }

  /** A connection that is not in the table yet tells its labels with its NEW event. */
  addLabel(label: number): void {
    const { conntrack, flight } = this;
    const { table, listener } = conntrack;
    if (!conntrack.labels.add(flight.row, label)) return;
    conntrack.carried.withdraw(flight.row);
    if (listener === null) return;
    if (table.hasStatus(flight.row, Status.Confirmed)) listener.connectionUpdate(flight.row);
  }

  packets(direction: DirectionCode): number {
    const { conntrack, flight } = this;
    conntrack.carried.collect(flight.row);
    return conntrack.table.packets(flight.row, direction);
  }

  bytes(direction: DirectionCode): number {
    const { conntrack, flight } = this;
    conntrack.carried.collect(flight.row);
    return conntrack.table.bytes(flight.row, direction);
  }

  tuple(direction: DirectionCode): Tuple {
    this.conntrack.table.readTuple(this.flight.row, direction, this.scratch);
    return this.scratch;
  }

  /** As nf_conncount.c counts: what is expired or closing is over (already_closed). */
  isOpen(row: number, id: number): boolean {
    const { table } = this.conntrack;
    if (!table.inUse(row) || table.get(row, Field.Id) !== id) return false;
    if (this.conntrack.isOver(row)) return false;
    if (table.protocol(row) !== Proto.Tcp) return true;
    const state = table.get(row, Field.State);
    return state !== TcpState.TimeWait && state !== TcpState.Close;
  }
}
