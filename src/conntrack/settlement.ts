import type { Clock } from '../base/index.ts';
import { Proto } from '../wire/index.ts';
import { Direction, type DirectionCode, Status } from './constants.ts';
import { Field } from './fields.ts';
import { isUdpStream } from './protocols/udp.ts';
import type { ConntrackSettings } from './settings.ts';
import type { ConntrackTable } from './table.ts';
import {
  CARRIED_WORDS,
  nextClosing,
  noteCloser,
  noteOpened,
  takeSides,
} from './tcp/carried-sides.ts';
import { tcpLifetime } from './tcp/lifetime.ts';
import { TcpIndex, TcpState } from './tcp/states.ts';
import type { Timeouts } from './timeouts.ts';

/** Of a `FlowCarrier`. */
export interface SidesReader {
  readSides(row: number, into: Int32Array): number;
}

/** Puts into the table what connections have done elsewhere: counters, states, lifetimes. */
export class Settlement {
  /** Rows of connections that have been closed elsewhere, for whoever takes them back. */
  readonly over: number[] = [];
  /** Told of each connection that has been closed elsewhere. */
  onClosed: ((row: number) => void) | null = null;
  /** Who knows what the connections have done. */
  carrier: SidesReader | null = null;
  private readonly table: ConntrackTable;
  private readonly clock: Clock;
  private readonly settings: ConntrackSettings;
  private readonly changed: (row: number) => void;
  private readonly settled = new Int32Array(CARRIED_WORDS);

  /** `changed` is told of each state that a connection has come to elsewhere. */
  constructor(
    table: ConntrackTable,
    clock: Clock,
    settings: ConntrackSettings,
    changed: (row: number) => void,
  ) {
    this.table = table;
    this.clock = clock;
    this.settings = settings;
    this.changed = changed;
  }

  /**
   * So many packets of a direction have passed elsewhere, the last one at `seenMs` of the clock:
   * counts them and lets the connection live on from then, as its tracker would have. A settlement
   * may be older than what was seen here: it does not shorten a life, except that of a connection
   * in which something is amiss since.
   */
  settle(
    row: number,
    direction: DirectionCode,
    packets: number,
    bytes: number,
    seenMs: number,
    timeouts: Timeouts,
  ): void {
    const { carrier, table } = this;
    table.countPackets(row, direction, packets, bytes);
    const isTcp = table.protocol(row) === Proto.Tcp;
    if (isTcp && carrier !== null) {
      const spoke = carrier.readSides(row, this.settled);
      if (spoke >= 0) {
        takeSides(table.rows, row, this.settled, spoke);
        if (direction === Direction.Original && packets > 0) this.open(row, seenMs, timeouts);
        this.close(row, spoke, seenMs, timeouts);
      }
    }
    if (table.hasStatus(row, Status.FixedTimeout)) return;
    const seconds = this.lifetime(row, timeouts);
    const expires = (seenMs + seconds * 1000) | 0;
    const longer = (expires - table.get(row, Field.ExpiresAt)) | 0;
    const isOpen = isTcp && table.get(row, Field.State) === TcpState.Established;
    const isAmiss = isOpen && seconds < timeouts.tcp[TcpState.Established]!;
    if (longer > 0 || isAmiss) table.set(row, Field.ExpiresAt, expires);
  }

  /** TCP: puts into a connection's row what was seen elsewhere, as `SidesReader` tells it. */
  takeOver(row: number, sides: Int32Array, spoke: number, timeouts: Timeouts): void {
    takeSides(this.table.rows, row, sides, spoke);
    this.close(row, spoke, this.clock.ms, timeouts);
  }

  /** The originator has acknowledged the SYN/ACK elsewhere, if it had not before. */
  private open(row: number, seenMs: number, timeouts: Timeouts): void {
    const { table } = this;
    if (table.get(row, Field.State) !== TcpState.SynRecv) return;
    noteOpened(table.rows, row);
    table.addStatus(row, Status.Assured);
    this.moveTo(row, TcpState.Established, seenMs, timeouts);
  }

  /** Goes through the states that a connection has come to elsewhere, the last time at `seenMs`. */
  private close(row: number, spoke: number, seenMs: number, timeouts: Timeouts): void {
    const { table } = this;
    for (;;) {
      const state = nextClosing(table.get(row, Field.State), spoke);
      if (state < 0) return;
      if (state === TcpState.FinWait) noteCloser(table.rows, row, spoke);
      this.moveTo(row, state, seenMs, timeouts);
      if (state !== TcpState.TimeWait) continue;
      this.onClosed?.(row);
      if (table.hasStatus(row, Status.InGate)) this.over.push(row);
    }
  }

  /** Told of with all of the state's time left, as when it came to it; of which some has gone since. */
  private moveTo(row: number, state: number, seenMs: number, timeouts: Timeouts): void {
    const { clock, table } = this;
    table.set(row, Field.State, state);
    table.refresh(row, clock, timeouts.tcp[state]!);
    this.changed(row);
    if (table.hasStatus(row, Status.FixedTimeout)) return;
    table.set(row, Field.ExpiresAt, (seenMs + this.lifetime(row, timeouts) * 1000) | 0);
  }

  /** How long a connection lives after a plain packet. */
  private lifetime(row: number, timeouts: Timeouts): number {
    const { table, settings } = this;
    switch (table.protocol(row)) {
      case Proto.Tcp: {
        const state = table.get(row, Field.State);
        const { tcpMaxRetrans } = settings;
        return tcpLifetime(table.rows, row, state, TcpIndex.Ack, timeouts, tcpMaxRetrans);
      }
      case Proto.Udp:
        return isUdpStream(table, row, this.clock) ? timeouts.udpStream : timeouts.udp;
      case Proto.Icmp:
        return timeouts.icmp;
      default:
        return timeouts.icmpv6;
    }
  }
}
