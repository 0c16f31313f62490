import {
  type CarriedFlows,
  type Conntrack,
  type ConntrackTable,
  Direction,
  type DirectionCode,
  Field,
  Status,
  TcpSideFlag,
  TcpState,
  Tuple,
} from '../conntrack/index.ts';
import { type CompiledRules, type RuleContext, RuleTrail } from '../rules/index.ts';
import { type Packet, Proto, quotesDatagram, TcpFlag } from '../wire/index.ts';
import type { Flight } from './flight.ts';
import {
  type FlowGate,
  type FlowLedger,
  type FlowOffer,
  GateAction,
  type GateActionCode,
} from './flow-gate.ts';
import type { EngineCounters } from './parts.ts';
import type { Routes } from './ports.ts';

/**
 * Of a TCP connection, both ways: the packet from which on it may be taken over. One that is opened,
 * says a little and is closed has no more before its first FIN, and never pays for being handed
 * over: three of the handshake, a request, an answer, their acknowledgements.
 */
const TCP_PACKETS = 8;
/** The same of a connection that a helper announced: the last ACK of its handshake. It will carry data. */
const ANNOUNCED_TCP_PACKETS = 3;
/** Queries of ICMP and their answers: three of each, so that a short ping stays here. */
const ICMP_PACKETS = 6;
/** Packets of UDP that nobody has answered: a stream by then, not a question. */
const ONE_WAY_PACKETS = 16;

/** In TCP, what a plain segment has of these: ACK alone. */
const TELLING_FLAGS = TcpFlag.Syn | TcpFlag.Fin | TcpFlag.Rst | TcpFlag.Urg | TcpFlag.Ack;

const IPV4_HEADER = 20;
const IPV6_HEADER = 40;

export interface HandoverParts {
  readonly conntrack: Conntrack;
  readonly context: RuleContext;
  readonly counters: EngineCounters;
  readonly flight: Flight;
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
  private readonly routes: Routes;
  private readonly table: ConntrackTable;
  private readonly trail = new RuleTrail();
  private readonly offer: FlowOffer = {
    row: -1,
    original: new Tuple(),
    reply: new Tuple(),
    direction: Direction.Original,
    action: GateAction.Forward,
    inIf: -1,
    outIf: -1,
    mtu: 0,
    hopFamily: 0,
    hop0: 0,
    hop1: 0,
    hop2: 0,
    hop3: 0,
    path: 0,
    checkWindow: false,
    sides: new Int32Array(8),
    originalSack: false,
    replySack: false,
    originalScale: 0,
    replyScale: 0,
  };

  constructor(parts: HandoverParts) {
    this.conntrack = parts.conntrack;
    this.carried = parts.conntrack.carried;
    this.table = parts.conntrack.table;
    this.context = parts.context;
    this.counters = parts.counters;
    this.flight = parts.flight;
    this.routes = parts.routes;
    this.rules = parts.rules;
  }

  setGate(gate: FlowGate | null): void {
    this.carried.setCarrier(gate);
    this.gate = gate;
    this.context.trail = null;
  }

  /** A packet of this direction has been routed: rules and answers may ask for other routes later. */
  routed(): void {
    const { offer, routes } = this;
    offer.mtu = routes.mtu;
    offer.hopFamily = routes.hopFamily;
    offer.hop0 = routes.hop0;
    offer.hop1 = routes.hop1;
    offer.hop2 = routes.hop2;
    offer.hop3 = routes.hop3;
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
    if ((status & (KEPT | Status.SeqAdjust)) !== 0 || table.helper(row) !== 0) return false;
    return (
      this.isRipe(packet, row, direction, status) &&
      isPlain(packet) &&
      !isZoned(table, row) &&
      this.carried.mayOffer(row, direction)
    );
  }

  /** The packet has been let through: hands over its direction where all that follow will be. */
  passed(packet: Packet, action: GateActionCode): void {
    const { context, flight, gate, table } = this;
    const { row, direction } = flight;
    if (gate === null || row < 0) return;
    if (context.trail === null) {
      const status = table.get(row, Field.Status);
      if ((status & KEPT) !== 0 || quotesDatagram(packet)) return;
      if (table.helper(row) !== 0 || (status & Status.SeqAdjust) !== 0) this.makeKnown(gate, row);
      return;
    }
    if (!this.trail.steady || context.changed) return;
    if (action === GateAction.Forward && packet.l3End - packet.l3Offset > this.offer.mtu) return;
    this.install(gate, row, direction, action);
  }

  /** Whether a connection has come so far that the rest of it is to be expected like the present. */
  private isRipe(packet: Packet, row: number, direction: DirectionCode, status: number): boolean {
    switch (packet.protocol) {
      case Proto.Tcp: {
        if ((status & Status.Assured) === 0) return false;
        if ((packet.tcpFlags & TELLING_FLAGS) !== TcpFlag.Ack) return false;
        const isAnnounced = (status & Status.Expected) !== 0;
        if (this.packets(row) < (isAnnounced ? ANNOUNCED_TCP_PACKETS : TCP_PACKETS)) return false;
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

  private install(
    gate: FlowGate,
    row: number,
    direction: DirectionCode,
    action: GateActionCode,
  ): void {
    const { carried, flight, offer } = this;
    const path = this.rules.pathOf(this.trail);
    this.describe(row);
    offer.direction = direction;
    offer.action = action;
    offer.path = path;
    offer.inIf = flight.inIf;
    offer.outIf = flight.outIf;
    if (action !== GateAction.Forward) this.forgetHop();
    if (path >= 0 && gate.install(offer)) {
      carried.noteCarried(row, direction, action === GateAction.Local);
    } else carried.noteRefused(row, direction);
  }

  /** What the offer says of both directions. */
  private describe(row: number): void {
    const { carried, offer, table } = this;
    offer.row = row;
    table.readTuple(row, Direction.Original, offer.original);
    table.readTuple(row, Direction.Reply, offer.reply);
    if (table.protocol(row) !== Proto.Tcp) return;
    const { tcp } = this.conntrack.trackers;
    carried.copySides(row, offer.sides);
    offer.checkWindow = carried.checksWindows(row);
    offer.originalSack = (tcp.flags(row, Direction.Original) & TcpSideFlag.SackPermitted) !== 0;
    offer.replySack = (tcp.flags(row, Direction.Reply) & TcpSideFlag.SackPermitted) !== 0;
    offer.originalScale = tcp.scale(row, Direction.Original);
    offer.replyScale = tcp.scale(row, Direction.Reply);
  }

  private forgetHop(): void {
    const { offer } = this;
    offer.mtu = offer.outIf < 0 ? 0 : this.routes.mtuOf(offer.outIf);
    offer.hopFamily = 0;
    offer.hop0 = 0;
    offer.hop1 = 0;
    offer.hop2 = 0;
    offer.hop3 = 0;
  }

  /** An open connection all of whose packets are looked at here is not to wait behind strangers. */
  private makeKnown(gate: FlowGate, row: number): void {
    const { carried, flight, offer, table } = this;
    if (table.protocol(row) !== Proto.Tcp || isZoned(table, row)) return;
    if (table.get(row, Field.State) !== TcpState.Established) return;
    if (!carried.mayOffer(row, flight.direction)) return;
    this.describe(row);
    offer.action = GateAction.Known;
    offer.path = 0;
    offer.direction = flight.direction;
    offer.inIf = flight.inIf;
    offer.outIf = flight.outIf;
    this.forgetHop();
    const there = gate.install(offer);
    offer.direction =
      flight.direction === Direction.Original ? Direction.Reply : Direction.Original;
    offer.inIf = flight.outIf;
    offer.outIf = flight.inIf;
    const back = gate.install(offer);
    if (there || back) carried.noteKnown(row);
    else carried.noteRefused(row, flight.direction);
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

/** As the gate takes them (`FlowGate`); flags of TCP are looked at elsewhere. */
function isPlain(packet: Packet): boolean {
  if (packet.isFragment || packet.hasFragmentHeader || packet.fragMaxSize > 0) return false;
  return packet.l3HeaderLen === (packet.family === 4 ? IPV4_HEADER : IPV6_HEADER);
}

/** The gate knows no zones. */
function isZoned(table: ConntrackTable, row: number): boolean {
  return table.zone(row, Direction.Original) !== 0 || table.zone(row, Direction.Reply) !== 0;
}
