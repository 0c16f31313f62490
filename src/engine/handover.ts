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
import { type Packet, Proto, quotesDatagram } from '../wire/index.ts';
import type { Flight } from './flight.ts';
import { type FlowGate, type FlowLedger, GateAction, type GateActionCode } from './flow-gate.ts';
import { FlowOffers } from './flow-offers.ts';
import type { EngineCounters } from './parts.ts';
import type { Routes } from './ports.ts';
import { type FollowedConnections, isZoned, KEPT, Ripeness } from './ripeness.ts';
import { UnseenDirections } from './unseen-directions.ts';

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
  private readonly offers: FlowOffers;
  private readonly ripeness: Ripeness;
  private readonly routes: Routes;
  private readonly table: ConntrackTable;
  private readonly trail = new RuleTrail();
  private readonly unseen: UnseenDirections;
  /** The packet in hand is the SYN/ACK of a connection that goes as a whole. */
  private opens = false;

  constructor(parts: HandoverParts) {
    this.conntrack = parts.conntrack;
    this.carried = parts.conntrack.carried;
    this.table = parts.conntrack.table;
    this.context = parts.context;
    this.counters = parts.counters;
    this.flight = parts.flight;
    this.routes = parts.routes;
    this.rules = parts.rules;
    this.offers = new FlowOffers(parts.conntrack, parts.routes);
    this.ripeness = new Ripeness(parts.conntrack, parts.flight, parts.followed);
    this.unseen = new UnseenDirections(parts, this.offers);
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
    this.opens = this.ripeness.isOpening(packet);
    if (!this.ripeness.isCandidate(packet)) this.context.trail = null;
  }

  /** The packet has been let through: hands over its direction where all that follow will be. */
  passed(packet: Packet, action: GateActionCode): void {
    const { flight, gate, table } = this;
    const { row } = flight;
    if (gate === null || row < 0) return;
    if (this.opens) {
      if (action === GateAction.Forward) this.handOverWhole(gate, packet.family);
      return;
    }
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

  /** Whether FINs of the connection on offer may pass, too. */
  private mayClose(): boolean {
    const { checkWindow, original } = this.offers.offer;
    if (original.protocol !== Proto.Tcp || !checkWindow) return false;
    return this.rules.takeFinsAlike(original.family);
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
    offers.offer.closes = this.mayClose();
    offers.goesBy(direction, action, inIf, outIf);
    if (action !== GateAction.Forward) offers.forgetHop();
    if (action === GateAction.Out) offers.offer.mark = flight.ownMark;
    if (!this.install(gate, path)) return;
    const back = other(direction);
    if (action !== GateAction.Forward || table.protocol(row) !== Proto.Tcp) return;
    if (!table.hasStatus(row, Status.Expected) || !carried.mayOfferUnseen(row, back)) return;
    this.handOverUnseen(gate, back, outIf, action);
  }

  /** Both directions, behind the SYN/ACK, before a plain packet of either has come. */
  private handOverWhole(gate: FlowGate, family: number): void {
    const { carried, flight, offers, table } = this;
    const { direction, inIf, outIf, row } = flight;
    if (this.routes.looksAtTos(family)) return;
    carried.noteUnopened(row);
    offers.describe(row);
    offers.offer.closes = this.mayClose();
    // As the packets to come will find it: the first of them is that ACK.
    table.addStatus(row, Status.Assured);
    this.handOverUnseen(gate, other(direction), outIf, GateAction.Forward);
    this.handOverUnseen(gate, direction, inIf, GateAction.Forward);
    table.removeStatus(row, Status.Assured);
  }

  private handOverUnseen(
    gate: FlowGate,
    direction: DirectionCode,
    inIf: number,
    action: GateActionCode,
  ): boolean {
    const path = this.unseen.describe(this.rules, direction, inIf, action);
    return path >= 0 && this.install(gate, path);
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
    offers.offer.closes = this.mayClose();
    offers.goesBy(direction, GateAction.Acks, inIf, outIf);
    if (path < 0 || !this.install(gate, path)) return;
    if (this.handOverUnseen(gate, back, outIf, GateAction.Acks)) carried.noteKnown(row);
    else carried.withdraw(row);
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

const other = (direction: DirectionCode): DirectionCode =>
  direction === Direction.Original ? Direction.Reply : Direction.Original;
