import type { Clock, InterfaceTable } from '../base/index.ts';
import { TrackReason } from '../conntrack/index.ts';
import { Manip } from '../nat/index.ts';
import { type CompiledRules, Hook, type RuleContext, TableId } from '../rules/index.ts';
import { Decode, decodeName, isNeighbourDiscovery, type Packet, Proto } from '../wire/index.ts';
import { EngineActions } from './actions.ts';
import { Assembly } from './assembly.ts';
import { decrementTtl, isTooBig, transportFault } from './checks.ts';
import { Flight } from './flight.ts';
import { type FlowGate, type FlowLedger, GateAction } from './flow-gate.ts';
import { resetContext } from './fresh-context.ts';
import { Handover } from './handover.ts';
import { HomeConnections, type HomeWatch } from './home-connections.ts';
import { Hooks } from './hooks.ts';
import { IpOptions, ipOptionsFault } from './ip-options.ts';
import { type EngineListener, relayOf } from './listener.ts';
import type { NflogSink } from './nflog.ts';
import { OwnPackets, OwnWay } from './own-packets.ts';
import { type EngineCounters, type EngineParts, Outcome, type OutcomeCode } from './parts.ts';
import { RouteKind, type Routes } from './ports.ts';
import { DROP_REASONS, DropReason, type DropReasonCode, dropReasonName } from './reasons.ts';
import type { ChecksumPolicy, EngineSettings } from './settings.ts';
import { Tracking } from './tracking.ts';

const IPV4_HEADER = 20;

/**
 * The hook pipeline: a packet in, one verdict out, in netfilter's order. Does no I/O, reads no
 * clock, owns no thread. What happened to the last packet stays in `flight`.
 */
export class Engine {
  readonly clock: Clock;
  readonly interfaces: InterfaceTable;
  readonly routes: Routes;
  readonly settings: EngineSettings;
  readonly flight = new Flight();
  readonly tracking: Tracking;
  readonly context: RuleContext;
  readonly counters: EngineCounters = {
    packets: 0,
    forwarded: 0,
    delivered: 0,
    dropped: 0,
    ignored: 0,
    held: 0,
    reassembled: 0,
    rewritten: 0,
  };
  /** Drops by reason. */
  readonly drops = new Float64Array(DROP_REASONS);
  listener: EngineListener | null = null;

  readonly assembly: Assembly;
  private readonly actions: EngineActions;
  private readonly hooks: Hooks;
  private readonly own: OwnPackets;
  private readonly handover: Handover;

  constructor(parts: EngineParts) {
    this.clock = parts.clock;
    this.interfaces = parts.interfaces;
    this.routes = parts.routes;
    this.settings = parts.settings;
    this.tracking = new Tracking(parts, this.flight);
    this.actions = new EngineActions(parts, this.flight, this.tracking);
    this.assembly = new Assembly(parts, this.flight, this.counters, this.drops, this.actions);
    this.actions.logged = (line, level) => this.listener?.logged(line, level);
    this.tracking.invalidLog.logged = this.actions.logged;
    this.context = this.actions.context;
    const { actions, context, counters, flight, tracking } = this;
    this.hooks = new Hooks(parts.rules, context, flight, tracking, actions);
    const home = new HomeConnections(tracking.conntrack.table);
    this.own = new OwnPackets({ ...parts, context, flight, hooks: this.hooks, home });
    const { conntrack, nat, ftp: followed } = tracking;
    this.handover = new Handover({ ...parts, conntrack, context, counters, flight, followed, nat });
    this.tracking.conntrack.listen(relayOf(() => this.listener, home, this.tracking));
    this.tracking.ftp.setDirectives(parts.rules.ruleSet.ftp);
    this.tracking.ftp.listener = {
      announcementRefused: (refusal) => this.listener?.announcementRefused(refusal),
      controlEncrypted: (event) => this.listener?.controlEncrypted(event),
    };
  }

  /** Interface the last packet goes out of. */
  get outIf(): number {
    return this.flight.outIf;
  }

  get rules(): CompiledRules {
    return this.hooks.rules;
  }

  /**
   * Takes a new rule set into use between two packets; the tables are kept. What a gate has taken
   * over comes back and is decided anew. It counts in the rules that let it through: whoever copies
   * their counters calls `reconsiderFlows` before.
   */
  setRules(rules: CompiledRules): void {
    this.reconsiderFlows();
    this.hooks.rules = rules;
    this.handover.rules = rules;
    this.tracking.ftp.setDirectives(rules.ruleSet.ftp);
  }

  /** Sets who forwards flows without the engine; null for nobody. The one before gives all back. */
  setFlowGate(gate: FlowGate | null): void {
    this.handover.setGate(gate);
  }

  /** Says who watches `lo` for answers of connections that OUTPUT turns home; null for nobody. */
  setHomeWatch(watch: HomeWatch | null): void {
    this.own.home.setWatch(watch);
  }

  /** Where the gate accounts for what it has forwarded. */
  get ledger(): FlowLedger {
    return this.handover;
  }

  /** To be called before counters of rules are shown, copied or set to zero: makes them true. */
  settleFlows(): void {
    this.handover.gate?.collectAll();
  }

  /** To be called when routes, addresses, interfaces or settings are others: takes all flows back. */
  reconsiderFlows(): void {
    this.tracking.conntrack.carried.withdrawAll();
  }

  /** Says where NFLOG rules lead; null for nowhere. */
  setNflogSink(sink: NflogSink | null): void {
    this.actions.nflogSink = sink;
  }

  /** Packets that NFLOG rules handed out, wherever they went. */
  get nflogged(): number {
    return this.actions.nflogged;
  }

  /** Ports whose new connections get the FTP helper without a rule. */
  setFtpPorts(ports: readonly number[]): void {
    this.tracking.ftpPorts = ports;
  }

  /** Expiry, bounded to `budget` rows. To be called from the packet loop and from a timer. */
  sweep(budget: number): void {
    this.tracking.conntrack.sweep(budget);
    this.assembly.sweep(budget);
  }

  /** Drops by the name of their reason; reasons that never occurred are left out. Cold. */
  dropCounts(): Record<string, number> {
    const counts: Record<string, number> = {};
    this.drops.forEach((count, reason) => {
      if (count > 0) counts[dropReasonName(reason)] = count;
    });
    return counts;
  }

  /** A frame that came in on `inIf`: decodes, filters and translates it in place. */
  process(packet: Packet, inIf: number): OutcomeCode {
    this.begin(packet, inIf);
    const decoded = this.assembly.decode(packet, Hook.Prerouting, inIf);
    if (decoded === Decode.NotIp) return this.ignore();
    if (this.flight.withheld) return this.stop();
    if (decoded !== Decode.Ok && decoded < Decode.TruncatedL4) {
      this.flight.malformed = decodeName(decoded);
      return this.drop(DropReason.Malformed);
    }
    if (packet.protocol === Proto.Icmpv6 && isNeighbourDiscovery(packet.icmpType)) {
      if (this.staysOnLink(packet, inIf)) return this.ignore();
      return this.drop(DropReason.ForeignDiscovery);
    }
    const { handover, hooks } = this;
    const fault = transportFault(packet, decoded, this.checksums);
    if (!hooks.track(packet, Hook.Prerouting, fault)) return this.stop();
    if (handover.gate !== null) handover.consider(packet);
    const passed =
      hooks.walk(TableId.Mangle, Hook.Prerouting) &&
      hooks.translate(packet, Hook.Prerouting, Manip.Destination);
    if (!passed || !this.takesOptions(packet)) return this.stop();
    const kind = this.routes.lookup(packet, inIf, this.context.mark);
    if (kind === RouteKind.Local || kind === RouteKind.Broadcast) return this.input(packet, kind);
    return this.forward(packet, kind);
  }

  /**
   * A packet that this host itself sends out of `outIf`, with full enforcement (OUTPUT and
   * POSTROUTING). For datapaths that can hold such packets back. `uid`: owner of the sending socket,
   * -1 where there is none; `mark`: what that has put on it (SO_MARK). Where `flight.rerouted` is set
   * it is not to go as its sender meant, but out of `outIf` by `routes`; what OUTPUT has turned back to
   * this host is to be delivered.
   */
  processOutput(packet: Packet, outIf: number, uid = -1, mark = 0): OutcomeCode {
    this.begin(packet, -1);
    this.context.socketUid = uid;
    this.context.mark = mark;
    this.flight.ownMark = mark;
    const decoded = this.assembly.decode(packet, Hook.Output, outIf);
    if (this.flight.withheld) return this.stop();
    if (decoded !== Decode.Ok) return this.ignore();
    this.leaveBy(outIf);
    if (!this.hooks.track(packet, Hook.Output, TrackReason.None)) return this.stop();
    if (this.handover.gate !== null) this.handover.consider(packet);
    const way = this.own.output(packet);
    if (way === OwnWay.Nowhere) return this.stop();
    if (way === OwnWay.Home) return this.own.comeHome(packet) ? this.deliver() : this.stop();
    if (way === OwnWay.Anew) this.leaveBy(this.routes.outIf);
    if (!this.hooks.postrouting(packet)) return this.stop();
    if (way === OwnWay.AsRouted && this.handover.gate !== null) {
      this.handover.passed(packet, GateAction.Out);
    }
    return this.finishForward(packet);
  }

  /**
   * A packet that this host has sent, merely seen: it can not be stopped or translated, but its
   * connection must be known so that the answers are, and what it announces expected. Of the rules
   * only the raw table is asked, for NOTRACK and CT.
   */
  observeOutput(packet: Packet, outIf: number): void {
    this.begin(packet, -1);
    const decoded = this.assembly.decode(packet, Hook.Output, outIf);
    if (decoded !== Decode.Ok || this.flight.withheld) return;
    this.leaveBy(outIf);
    this.hooks.walk(TableId.Raw, Hook.Output);
    this.tracking.track(packet, this.context, TrackReason.None);
    this.tracking.observe(packet);
  }

  private begin(packet: Packet, inIf: number): void {
    this.counters.packets++;
    this.flight.begin(inIf);
    resetContext(this.context, packet, inIf);
    if (this.handover.gate !== null) this.handover.begin();
  }

  private leaveBy(outIf: number): void {
    this.flight.outIf = outIf;
    this.context.outIf = outIf;
  }

  /** Neighbour discovery means nothing beyond a link (RFC 4861): it is never forwarded. */
  private staysOnLink(packet: Packet, inIf: number): boolean {
    const { dst0 } = packet;
    const isForLink = dst0 >>> 24 === 0xff || (dst0 & 0xffc00000) === (0xfe800000 | 0);
    return isForLink || this.routes.lookup(packet, inIf, 0) === RouteKind.Local;
  }

  /** Options of IPv4 are looked at behind PREROUTING (ip_rcv_options). */
  private takesOptions(packet: Packet): boolean {
    if (packet.family !== 4 || packet.l3HeaderLen === IPV4_HEADER) return true;
    const fault = ipOptionsFault(packet);
    if (fault === IpOptions.Fine) return true;
    this.flight.reason = DropReason.SourceRoute;
    if (fault === IpOptions.SourceRoute) return false;
    this.flight.reason = DropReason.Malformed;
    this.flight.malformed = 'ip-options';
    this.actions.parameterProblem(fault);
    return false;
  }

  private input(packet: Packet, kind: number): OutcomeCode {
    const { hooks } = this;
    const passed =
      hooks.filter(Hook.Input) &&
      hooks.translate(packet, Hook.Input, Manip.Source) &&
      hooks.leave(packet);
    if (!passed) return this.stop();
    if (kind === RouteKind.Local && this.handover.gate !== null) {
      this.handover.passed(packet, GateAction.Local);
    }
    return this.deliver();
  }

  private forward(packet: Packet, kind: number): OutcomeCode {
    if (kind !== RouteKind.Forward) return this.refuseRoute(kind);
    if (packet.ttl <= 1) {
      this.actions.timeExceeded();
      return this.drop(DropReason.TtlExceeded);
    }
    const { handover, hooks } = this;
    this.leaveBy(this.routes.outIf);
    if (handover.gate !== null) handover.routed();
    if (isTooBig(packet, this.routes, this.flight.inIf)) {
      this.actions.tooBig(this.routes.mtu);
      return this.drop(DropReason.TooBig);
    }
    decrementTtl(packet);
    if (!hooks.filter(Hook.Forward) || !hooks.postrouting(packet)) return this.stop();
    if (handover.gate !== null) handover.passed(packet, GateAction.Forward);
    return this.finishForward(packet);
  }

  private refuseRoute(kind: number): OutcomeCode {
    if (kind === RouteKind.Blackhole) return this.drop(DropReason.RouteBlackhole);
    const prohibited = kind === RouteKind.Prohibited;
    this.actions.noRoute(prohibited);
    return this.drop(prohibited ? DropReason.RouteProhibited : DropReason.NoRoute);
  }

  /** What is verified: a setting of the start, and the kernel's sysctl while it runs. */
  private get checksums(): ChecksumPolicy {
    return this.tracking.conntrack.settings.checksum ? this.settings.checksums : 'ignore';
  }

  private finishForward(packet: Packet): OutcomeCode {
    this.counters.forwarded++;
    if (packet.fragMaxSize > 0) this.assembly.leaving(packet, this.tracking);
    if (this.flight.rewritten) this.counters.rewritten++;
    return Outcome.Forward;
  }

  private deliver(): OutcomeCode {
    this.counters.delivered++;
    return Outcome.Deliver;
  }

  private drop(reason: DropReasonCode): OutcomeCode {
    this.flight.reason = reason;
    return this.stop();
  }

  /** It goes no further: dropped for a reason, or kept. */
  private stop(): OutcomeCode {
    if (this.flight.withheld && this.flight.reason === DropReason.None) {
      this.counters.held++;
      return Outcome.Hold;
    }
    this.tracking.discardUnconfirmed();
    this.counters.dropped++;
    this.drops[this.flight.reason]! += 1;
    return Outcome.Drop;
  }

  private ignore(): OutcomeCode {
    this.counters.ignored++;
    return Outcome.Ignore;
  }
}
