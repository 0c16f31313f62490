import type { Clock } from '../base/index.ts';
import { type Packet, Proto, TcpFlag } from '../wire/index.ts';
import { Direction, type DirectionCode, Status } from './constants.ts';
import { Field, ROW_WORDS } from './fields.ts';
import type { Settlement } from './settlement.ts';
import type { ConntrackTable } from './table.ts';
import {
  CARRIED_WORDS,
  copySides,
  fitsKnownWindows,
  hasBothSides,
  isClosedFurther,
  noteUnopened,
  takeSides,
} from './tcp/carried-sides.ts';
import { TcpState } from './tcp/states.ts';
import { SideFlag, sideFlags } from './tcp/words.ts';

/**
 * Whoever passes on packets of connections without the tracker seeing each of them. What it hands
 * back it settles first, through `Conntrack.settle`.
 */
export interface FlowCarrier {
  /** Settles what it has counted of this connection. */
  collect(row: number): void;
  /**
   * TCP: copies what it knows of both sides, `CARRIED_WORDS` as `copySides` has them, and returns
   * `Spoke` bits: of the last segment that it has passed on (`NoneSince` where `writeSides` has been
   * called since), and how far the connection has been closed; -1: it knows nothing.
   */
  readSides(row: number, into: Int32Array): number;
  /** TCP: timestamp of the last acknowledgement that passed in a direction; 0: none is known. */
  stampOf(row: number, direction: DirectionCode): number;
  /**
   * TCP: a segment was judged here, and this has changed since `readSides`; words that moved on
   * meanwhile stay.
   */
  writeSides(row: number, before: Int32Array, after: Int32Array): void;
  /**
   * TCP: the first FIN, of this direction, was judged here. False where the carrier would not pass what
   * follows it, FINs of both directions included.
   */
  noteFin(row: number, direction: DirectionCode): boolean;
  /** Gives a connection back, both directions, settled. */
  withdraw(row: number): void;
  withdrawAll(): void;
}

/** All that is noted of a connection that the carrier has something of. */
const OF_CARRIER = Status.InGate | Status.Strays | Status.OriginalComesIn | Status.ReplyComesIn;
const STRAYS_AT = 24;
const STRAYS_BITS = 3;
/** Of one direction, at its place in the status. */
const STRAYS = (1 << STRAYS_BITS) - 1;

/**
 * Connections of which packets pass elsewhere. Sees to it that what is known of them here is true
 * whenever somebody asks: counters and lifetimes are collected, windows brought up to date before a
 * segment is judged, and the connection is taken back before anything about it changes.
 */
export class CarriedFlows {
  private readonly table: ConntrackTable;
  private readonly clock: Clock;
  private carrier: FlowCarrier | null = null;
  /** What the carrier knew of both sides when the segment in hand came, and what is known now. */
  private readonly before = new Int32Array(CARRIED_WORDS);
  private readonly after = new Int32Array(CARRIED_WORDS);
  private hasSides = false;
  private wasEstablished = false;
  readonly settlement: Settlement;

  constructor(table: ConntrackTable, clock: Clock, settlement: Settlement) {
    this.table = table;
    this.clock = clock;
    this.settlement = settlement;
  }

  /** Changes the carrier; the one before gives everything back. */
  setCarrier(carrier: FlowCarrier | null): void {
    this.withdrawAll();
    this.carrier = carrier;
    this.settlement.carrier = carrier;
  }

  /** Brings the counters and the time of a connection up to date. */
  collect(row: number): void {
    if (this.table.hasStatus(row, Status.Carried)) this.carrier?.collect(row);
  }

  /** Takes a connection back: its next packets come here. To be called before it changes. */
  withdraw(row: number): void {
    const { table } = this;
    if (!table.hasStatus(row, Status.InGate)) return;
    this.carrier?.withdraw(row);
    table.removeStatus(row, OF_CARRIER);
  }

  /** Takes all of them back. Goes through the whole table. */
  withdrawAll(): void {
    const { table } = this;
    if (this.carrier === null) return;
    this.carrier.withdrawAll();
    for (let row = 0; row < table.highWater; row++) table.removeStatus(row, OF_CARRIER);
  }

  /**
   * Takes back what is over, and of which nothing much will come. Not where that was found out: a carrier
   * is asked for nothing else while it settles.
   */
  withdrawOver(): void {
    const { settlement, table } = this;
    const { over } = settlement;
    for (const row of over) {
      if (table.get(row, Field.State) === TcpState.TimeWait) this.withdraw(row);
    }
    over.length = 0;
  }

  /** Packets of a direction pass elsewhere from now on; `comesIn`: up to this host. */
  noteCarried(row: number, direction: DirectionCode, comesIn: boolean): void {
    const bits = Status.OriginalCarried | (comesIn ? Status.OriginalComesIn : 0);
    const isReply = direction === Direction.Reply;
    const ofReply = Status.ReplyCarried | (comesIn ? Status.ReplyComesIn : 0);
    this.setStrays(row, STRAYS_AT + direction * STRAYS_BITS, 0);
    this.table.addStatus(row, isReply ? ofReply : bits);
  }

  noteKnown(row: number): void {
    this.table.addStatus(row, Status.KnownToCarrier);
  }

  /** The carrier would not have a direction: it is offered again some packets later. */
  noteRefused(row: number, direction: DirectionCode): void {
    this.setStrays(row, STRAYS_AT + direction * STRAYS_BITS, 1);
  }

  /**
   * Whether a direction is to be offered to the carrier with the packet in hand. Not while it is
   * carried, and for some packets after it was refused.
   */
  mayOffer(row: number, direction: DirectionCode): boolean {
    const { table } = this;
    const status = table.get(row, Field.Status);
    const shift = STRAYS_AT + direction * STRAYS_BITS;
    const strays = (status >>> shift) & STRAYS;
    if ((status & (Status.OriginalCarried << direction)) !== 0) {
      this.noteStray(row, shift, strays);
      return false;
    }
    if (strays === 0 || strays === STRAYS) return true;
    this.setStrays(row, shift, strays + 1);
    return false;
  }

  /** Whether a direction is to be offered along with the other, before a packet of it has come. */
  mayOfferUnseen(row: number, direction: DirectionCode): boolean {
    const status = this.table.get(row, Field.Status);
    const strays = (status >>> (STRAYS_AT + direction * STRAYS_BITS)) & STRAYS;
    return strays === 0 && (status & (Status.OriginalCarried << direction)) === 0;
  }

  /**
   * A packet has come here though its direction is carried: it was on its way when that was taken
   * over, as thousands may be where segments are cut or a flood waits before them. Taken back only
   * if they go on coming a second and more after the first, to be offered anew as things stand then:
   * it comes in by another way. What is noted is the second of the first.
   */
  private noteStray(row: number, shift: number, first: number): void {
    const second = 1 + (this.clock.sec % STRAYS);
    if (first === 0) this.setStrays(row, shift, second);
    else if ((second - first + STRAYS) % STRAYS > 1) {
      this.withdraw(row);
      // Next with a packet of its own, not along with the other direction (`mayOfferUnseen`).
      this.setStrays(row, shift, STRAYS);
    }
  }

  private setStrays(row: number, shift: number, value: number): void {
    const { table } = this;
    const others = table.get(row, Field.Status) & ~(STRAYS << shift);
    table.set(row, Field.Status, others | (value << shift));
  }

  /** TCP: see `fitsKnownWindows`. */
  fitsWindows(row: number, direction: DirectionCode, packet: Packet): boolean {
    return fitsKnownWindows(this.table.rows, row, direction, packet);
  }

  /** TCP: both sides as they are known here, four words each, then where the last segment ended. */
  copySides(row: number, into: Int32Array): void {
    copySides(this.table.rows, row, into);
  }

  /** TCP: the latest timestamp (TSval) that passed elsewhere in a direction; 0: none is known. */
  stampOf(row: number, direction: DirectionCode): number {
    if (!this.table.hasStatus(row, Status.Carried)) return 0;
    return this.carrier?.stampOf(row, direction) ?? 0;
  }

  /**
   * TCP: whether segments outside the windows are to come here. Not those of a connection that was
   * picked up in mid-stream: how they are scaled is not known, and out of its window either side is
   * believed. Where only one of them is, as behind a SYN that began the other anew (`resync`), the
   * other one's are judged. With `tcp_be_liberal` all come here, and pass.
   */
  checksWindows(row: number): boolean {
    const { rows } = this.table;
    const at = row * ROW_WORDS;
    const both = sideFlags(rows, at, Direction.Original) & sideFlags(rows, at, Direction.Reply);
    return (both & SideFlag.BeLiberal) === 0;
  }

  /**
   * TCP: whether both directions may be offered with the SYN/ACK in hand, before the ACK that completes
   * the handshake: both sides are known by then, and their windows.
   */
  mayOpen(row: number): boolean {
    return (
      this.mayOfferUnseen(row, Direction.Original) &&
      this.mayOfferUnseen(row, Direction.Reply) &&
      this.checksWindows(row) &&
      hasBothSides(this.table.rows, row)
    );
  }

  /** TCP: both directions are about to be offered so early (`mayOpen`). */
  noteUnopened(row: number): void {
    noteUnopened(this.table.rows, row);
  }

  /** A packet of a connection InGate has come: brings up to date what it will be judged by. */
  beforePacket(row: number, direction: DirectionCode, packet: Packet): void {
    const { carrier, table } = this;
    this.hasSides = false;
    if (carrier === null || !table.hasStatus(row, Status.Carried)) return;
    if (packet.protocol === Proto.Tcp) {
      let spoke = carrier.readSides(row, this.before);
      if (spoke >= 0 && this.isBehind(row, spoke)) {
        carrier.collect(row);
        spoke = carrier.readSides(row, this.before);
      }
      this.hasSides = spoke >= 0;
      if (this.hasSides) takeSides(table.rows, row, this.before, spoke);
      this.wasEstablished = table.get(row, Field.State) === TcpState.Established;
    } else if (direction === Direction.Reply && !table.hasStatus(row, Status.SeenReply)) {
      // The first answer changes what all later packets are: NEW becomes ESTABLISHED.
      this.withdraw(row);
    }
  }

  /** Whether the connection may have come to another state elsewhere. */
  private isBehind(row: number, spoke: number): boolean {
    const state = this.table.get(row, Field.State);
    return state === TcpState.SynRecv || isClosedFurther(state, spoke);
  }

  /** The packet has been judged: hands over what it taught, or takes back what is about to end. */
  afterPacket(row: number, direction: DirectionCode, packet: Packet): void {
    const { table } = this;
    if (packet.protocol !== Proto.Tcp || !table.hasStatus(row, Status.InGate)) return;
    if (this.hasSides) {
      copySides(table.rows, row, this.after);
      this.carrier?.writeSides(row, this.before, this.after);
    }
    const state = table.get(row, Field.State);
    // A SYN that is let pass may be about to begin the connection anew (`rememberIgnored`).
    const isSyn = (packet.tcpFlags & TcpFlag.Syn) !== 0;
    if (state === TcpState.Established && !isSyn) return;
    if (this.isFirstFin(row, state) && this.carrier?.noteFin(row, direction)) return;
    this.withdraw(row);
  }

  private isFirstFin(row: number, state: number): boolean {
    if (!this.hasSides || !this.wasEstablished || state !== TcpState.FinWait) return false;
    return (this.table.get(row, Field.Status) & Status.Carried) === Status.Carried;
  }
}
