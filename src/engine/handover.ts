import {
  type CarriedFlows,
  type Conntrack,
  type ConntrackTable,
  Direction,
  type DirectionCode,
  Field,
  Status,
  TcpState,
} from '../conntrack/index.ts';
import type { Nat } from '../nat/index.ts';
import { type CompiledRules, type RuleContext, RuleTrail } from '../rules/index.ts';
import { type Packet, Proto, quotesDatagram, TcpFlag } from '../wire/index.ts';
import type { Flight } from './flight.ts';
import { type FlowGate, type FlowLedger, GateAction, type GateActionCode } from './flow-gate.ts';
import { FlowOffers } from './flow-offers.ts';
import type { EngineCounters } from './parts.ts';
import type { Routes } from './ports.ts';
import { Rehearsal } from './rehearsal.ts';
import { RouteAnswer } from './route-answer.ts';

/**
 * Of a TCP connection, both ways: the packet from which on it may be taken over. One that is opened,
 * says a little and is closed has no more before its first FIN, and never pays for being handed
 * over: three of the handshake, a request, an answer, their acknowledgements.
 */
const TCP_PACKETS = 8;
/**
 * The same of a connection that a helper announced, which will carry data, and of one that a helper
 * follows: the last ACK of its handshake.
 */
const HANDSHAKE_PACKETS = 3;
/** Queries of ICMP and their answers: three of each, so that a short ping stays here. */
const ICMP_PACKETS = 6;
/** Packets of UDP that nobody has answered: a stream by then, not a question. */
const ONE_WAY_PACKETS = 16;

/** In TCP, what a plain segment has of these: ACK alone. */
const TELLING_FLAGS = TcpFlag.Syn | TcpFlag.Fin | TcpFlag.Rst | TcpFlag.Urg | TcpFlag.Ack;

const IPV4_HEADER = 20;
const IPV6_HEADER = 40;

/** Whether a helper has anything to do with acknowledgements of a connection that it follows. */
export interface FollowedConnections {
  isQuiet(row: number): boolean;
}

export interface HandoverParts {
  readonly conntrack: Conntrack;
  readonly context: RuleContext;
  readonly counters: EngineCounters;
  readonly flight: Flight;
  readonly followed: FollowedConnections;
  readonly nat: Nat;
  readonly routes: Routes;
  readonly rules: CompiledRules;
}

/**
 * Hands directions of connections to a gate that forwards them without the engine, as soon as all
 * their later packets would fare as the one in hand; and keeps the books of what passes there.
 */
export class Handover implements FlowLedger {
  gate: FlowGate | null = null;
  rules: CompiledRules;
  private readonly carried: CarriedFlows;
  private readonly conntrack: Conntrack;
  private readonly context: RuleContext;
  private readonly counters: EngineCounters;
  private readonly flight: Flight;
  private readonly followed: FollowedConnections;
  private readonly offers: FlowOffers;
  private readonly rehearsal: Rehearsal;
  private readonly routes: Routes;
  private readonly answer = new RouteAnswer();
  private readonly table: ConntrackTable;
  private readonly trail = new RuleTrail();

  constructor(parts: HandoverParts) {
    this.conntrack = parts.conntrack;
    this.carried = parts.conntrack.carried;
    this.table = parts.conntrack.table;
    this.context = parts.context;
    this.counters = parts.counters;
    this.flight = parts.flight;
    this.followed = parts.followed;
    this.routes = parts.routes;
    this.rules = parts.rules;
    this.offers = new FlowOffers(parts.conntrack, parts.routes);
    this.rehearsal = new Rehearsal(parts);
  }

  setGate(gate: FlowGate | null): void {
    this.carried.setCarrier(gate);
    this.gate = gate;
    this.context.trail = null;
  }

  /** A packet of this direction has been routed: rules and answers may ask for other routes later. */
  routed(): void {
    this.offers.takeHop();
  }

  /** A packet begins its way. What the raw table says of it must be noted before it is tracked. */
  begin(): void {
    this.context.trail = this.trail;
    this.trail.begin();
  }

  /** The packet has been tracked: only where its direction may be handed over is the rest noted. */
  consider(packet: Packet): void {
    if (!this.isCandidate(packet)) this.context.trail = null;
  }

  private isCandidate(packet: Packet): boolean {
    const { row, direction } = this.flight;
    const { table } = this;
    if (row < 0) return false;
    const status = table.get(row, Field.Status);
    if ((status & (KEPT | Status.SeqAdjust)) !== 0) return false;
    return (
      this.isRipe(packet, row, direction, status) &&
      isPlain(packet) &&
      !isZoned(table, row) &&
      (table.helper(row) === 0 || this.followed.isQuiet(row)) &&
      this.carried.mayOffer(row, direction)
    );
  }

  /** The packet has been let through: hands over its direction where all that follow will be. */
  passed(packet: Packet, action: GateActionCode): void {
    const { flight, gate, table } = this;
    const { row } = flight;
    if (gate === null || row < 0) return;
    const isTrailed = this.context.trail !== null;
    if (isTrailed && this.isSteady(packet, action)) {
      if (table.helper(row) === 0) this.handOver(gate, action);
      else if (action === GateAction.Forward) this.handOverAcks(gate);
    }
    if (isTrailed && table.helper(row) === 0) return;
    const status = table.get(row, Field.Status);
    if ((status & KEPT) !== 0 || quotesDatagram(packet)) return;
    if (table.helper(row) !== 0 || (status & Status.SeqAdjust) !== 0) this.makeKnown(gate, row);
  }

  /** Whether all that follow in this direction fare like this one. */
  private isSteady(packet: Packet, action: GateActionCode): boolean {
    if (!this.trail.steady || this.context.changed) return false;
    if (action !== GateAction.Forward) return true;
    if (this.routes.looksAtTos(packet.family)) return false;
    return packet.l3End - packet.l3Offset <= this.offers.offer.mtu;
  }

  /** Whether a connection has come so far that the rest of it is to be expected like the present. */
  private isRipe(packet: Packet, row: number, direction: DirectionCode, status: number): boolean {
    switch (packet.protocol) {
      case Proto.Tcp: {
        if ((status & Status.Assured) === 0) return false;
        if ((packet.tcpFlags & TELLING_FLAGS) !== TcpFlag.Ack) return false;
        const isEarly = (status & (Status.Expected | Status.Helper)) !== 0;
        if (this.packets(row) < (isEarly ? HANDSHAKE_PACKETS : TCP_PACKETS)) return false;
        return this.carried.fitsWindows(row, direction, packet);
      }
      case Proto.Udp:
        if ((status & Status.Assured) !== 0) return true;
        return (status & Status.SeenReply) === 0 && this.packets(row) >= ONE_WAY_PACKETS;
      case Proto.Icmp:
      case Proto.Icmpv6:
        if (quotesDatagram(packet)) return false;
        return (status & Status.SeenReply) !== 0 && this.packets(row) >= ICMP_PACKETS;
      default:
        return false;
    }
  }

  private packets(row: number): number {
    return this.table.packets(row, Direction.Original) + this.table.packets(row, Direction.Reply);
  }

  /**
   * The direction in hand; and of a connection that a helper has announced, at the end of its handshake,
   * the other one too, if it is forwarded. In others packets of it may be waiting for the engine: those
   * that pass it by would make them look old to the tracker.
   */
  private handOver(gate: FlowGate, action: GateActionCode): void {
    const { carried, flight, offers, table } = this;
    const { row, direction, inIf, outIf } = flight;
    const path = this.rules.pathOf(this.trail);
    offers.describe(row);
    offers.goesBy(direction, action, inIf, outIf);
    if (action !== GateAction.Forward) offers.forgetHop();
    if (action === GateAction.Out) offers.offer.mark = flight.ownMark;
    if (!this.install(gate, path)) return;
    const back = other(direction);
    if (action !== GateAction.Forward || table.protocol(row) !== Proto.Tcp) return;
    if (!table.hasStatus(row, Status.Expected) || !carried.mayOfferUnseen(row, back)) return;
    this.answer.keep(this.routes);
    if (this.findBack(back, action)) this.install(gate, this.rules.pathOf(this.rehearsal.trail));
    this.answer.putBack(this.routes);
  }

  /**
   * Of a connection that a helper follows, acknowledgements without data may pass, both ways or none:
   * all else is for the helper.
   */
  private handOverAcks(gate: FlowGate): void {
    const { carried, flight, offers, rules } = this;
    const { row, direction, inIf, outIf } = flight;
    const back = other(direction);
    const path = rules.pathOf(this.trail);
    offers.describe(row);
    offers.goesBy(direction, GateAction.Acks, inIf, outIf);
    if (path < 0 || !this.install(gate, path)) return;
    this.answer.keep(this.routes);
    const backPath = this.findBack(back, GateAction.Acks) ? rules.pathOf(this.rehearsal.trail) : -1;
    if (backPath < 0 || !this.install(gate, backPath)) carried.withdraw(row);
    else carried.noteKnown(row);
    this.answer.putBack(this.routes);
  }

  /**
   * Whether the other direction is forwarded, should it come in where this one leaves: then the offer
   * says how. Asks the routes. (If it comes in elsewhere it is found to stray, and is offered with a
   * packet of its own.)
   */
  private findBack(back: DirectionCode, action: GateActionCode): boolean {
    const { flight, offers, routes } = this;
    const { outIf, row } = flight;
    if (!this.rehearsal.isForwarded(this.rules, row, back, outIf)) return false;
    offers.goesBy(back, action, outIf, routes.outIf);
    offers.takeHop();
    return true;
  }

  private install(gate: FlowGate, path: number): boolean {
    const { carried } = this;
    const { offer } = this.offers;
    offer.path = path;
    const isThere = path >= 0 && gate.install(offer);
    if (isThere) {
      carried.noteCarried(offer.row, offer.direction, offer.action === GateAction.Local);
    } else carried.noteRefused(offer.row, offer.direction);
    return isThere;
  }

  /** An open connection all of whose packets are looked at here is not to wait behind strangers. */
  private makeKnown(gate: FlowGate, row: number): void {
    const { carried, flight, offers, table } = this;
    const { direction, inIf, outIf } = flight;
    if (table.protocol(row) !== Proto.Tcp || isZoned(table, row)) return;
    if (table.get(row, Field.State) !== TcpState.Established) return;
    if (!carried.mayOffer(row, direction)) return;
    offers.describe(row);
    offers.offer.path = 0;
    offers.goesBy(direction, GateAction.Known, inIf, outIf);
    offers.forgetHop();
    const there = gate.install(offers.offer);
    offers.goesBy(other(direction), GateAction.Known, outIf, inIf);
    const back = gate.install(offers.offer);
    if (there || back) carried.noteKnown(row);
    else carried.noteRefused(row, direction);
  }

  settle(
    row: number,
    direction: DirectionCode,
    path: number,
    packets: number,
    bytes: number,
    seenMs: number,
  ): void {
    const { conntrack, counters, table } = this;
    const comesIn = direction === Direction.Original ? ORIGINAL_COMES_IN : REPLY_COMES_IN;
    counters.packets += packets;
    if (table.hasStatus(row, comesIn)) counters.delivered += packets;
    else {
      counters.forwarded += packets;
      if (table.hasStatus(row, TRANSLATED)) counters.rewritten += packets;
    }
    if (path !== 0) this.rules.countPath(path, packets, bytes);
    conntrack.settle(row, direction, packets, bytes, seenMs);
  }
}

const ORIGINAL_COMES_IN = Status.OriginalComesIn;
const REPLY_COMES_IN = Status.ReplyComesIn;
const TRANSLATED = Status.SrcNat | Status.DstNat;
/** What is not offered: what the carrier knows already, and what is to be over in a moment. */
const KEPT = Status.KnownToCarrier | Status.NatClash;

const other = (direction: DirectionCode): DirectionCode =>
  direction === Direction.Original ? Direction.Reply : Direction.Original;

/** As the gate takes them (`FlowGate`); flags of TCP are looked at elsewhere. */
function isPlain(packet: Packet): boolean {
  if (packet.isFragment || packet.hasFragmentHeader || packet.fragMaxSize > 0) return false;
  return packet.l3HeaderLen === (packet.family === 4 ? IPV4_HEADER : IPV6_HEADER);
}

/** The gate knows no zones. */
function isZoned(table: ConntrackTable, row: number): boolean {
  return table.zone(row, Direction.Original) !== 0 || table.zone(row, Direction.Reply) !== 0;
}
