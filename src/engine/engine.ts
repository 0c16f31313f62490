import type { Clock, InterfaceTable } from '../base/index.ts';
import { CtStateBit, TrackReason, type TrackReasonCode } from '../conntrack/index.ts';
import { followMaster, Manip, type ManipCode } from '../nat/index.ts';
import {
  type CompiledRules,
  type Family,
  Hook,
  type HookCode,
  type RuleContext,
  type TableCode,
  TableId,
  Verdict,
} from '../rules/index.ts';
import {
  Decode,
  decodeName,
  isNeighbourDiscovery,
  type Packet,
  Proto,
  quotesDatagram,
} from '../wire/index.ts';
import { EngineActions } from './actions.ts';
import { Assembly } from './assembly.ts';
import { decrementTtl, isTooBig, transportFault } from './checks.ts';
import { Flight } from './flight.ts';
import { type EngineListener, relayOf } from './listener.ts';
import type { NflogSink } from './nflog.ts';
import { type EngineCounters, type EngineParts, Outcome, type OutcomeCode } from './parts.ts';
import { RouteKind, type Routes } from './ports.ts';
import { DROP_REASONS, DropReason, type DropReasonCode, dropReasonName } from './reasons.ts';
import type { ChecksumPolicy, EngineSettings } from './settings.ts';
import { Tracking } from './tracking.ts';

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
  rules: CompiledRules;

  readonly assembly: Assembly;
  private readonly actions: EngineActions;

  constructor(parts: EngineParts) {
    this.clock = parts.clock;
    this.interfaces = parts.interfaces;
    this.routes = parts.routes;
    this.settings = parts.settings;
    this.rules = parts.rules;
    this.tracking = new Tracking(parts, this.flight);
    this.actions = new EngineActions(parts, this.flight, this.tracking);
    this.assembly = new Assembly(parts, this.flight, this.counters, this.drops, this.actions);
    this.actions.logged = (line, level) => this.listener?.logged(line, level);
    this.tracking.invalidLog.logged = this.actions.logged;
    this.context = this.actions.context;
    this.tracking.conntrack.listen(relayOf(() => this.listener, this.tracking));
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

  /** Takes a new rule set into use between two packets; the tables are kept. */
  setRules(rules: CompiledRules): void {
    this.rules = rules;
    this.tracking.ftp.setDirectives(rules.ruleSet.ftp);
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
      return this.ignore();
    }
    const passed =
      this.track(packet, Hook.Prerouting, transportFault(packet, decoded, this.checksums)) &&
      this.walk(TableId.Mangle, Hook.Prerouting) &&
      this.translate(packet, Hook.Prerouting, Manip.Destination);
    if (!passed) return this.stop();
    const kind = this.routes.lookup(packet);
    if (kind === RouteKind.Local || kind === RouteKind.Broadcast) return this.input(packet);
    return this.forward(packet, kind);
  }

  /**
   * A packet that this host itself sends out of `outIf`, with full enforcement (OUTPUT and
   * POSTROUTING). For datapaths that can hold such packets back.
   */
  processOutput(packet: Packet, outIf: number): OutcomeCode {
    this.begin(packet, -1);
    const decoded = this.assembly.decode(packet, Hook.Output, outIf);
    if (this.flight.withheld) return this.stop();
    if (decoded !== Decode.Ok) return this.ignore();
    this.leaveBy(outIf);
    const passed =
      this.track(packet, Hook.Output, TrackReason.None) &&
      this.walk(TableId.Mangle, Hook.Output) &&
      this.translate(packet, Hook.Output, Manip.Destination) &&
      this.walk(TableId.Filter, Hook.Output) &&
      this.walk(TableId.Security, Hook.Output) &&
      this.postrouting(packet);
    return passed ? this.finishForward(packet) : this.stop();
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
    this.walk(TableId.Raw, Hook.Output);
    this.tracking.track(packet, this.context, TrackReason.None);
    this.tracking.observe(packet);
  }

  private begin(packet: Packet, inIf: number): void {
    this.counters.packets++;
    this.flight.begin(inIf);
    const { context } = this;
    context.packet = packet;
    context.inIf = inIf;
    context.outIf = -1;
    context.ctState = CtStateBit.Invalid;
    context.masterHelper = '';
    context.mark = 0;
    context.changed = false;
    context.templated = false;
    context.traced = false;
  }

  private leaveBy(outIf: number): void {
    this.flight.outIf = outIf;
    this.context.outIf = outIf;
  }

  private input(packet: Packet): OutcomeCode {
    const passed =
      this.walk(TableId.Mangle, Hook.Input) &&
      this.walk(TableId.Filter, Hook.Input) &&
      this.walk(TableId.Security, Hook.Input) &&
      this.translate(packet, Hook.Input, Manip.Source) &&
      this.tracking.leave(packet, this.actions);
    if (!passed) return this.stop();
    this.counters.delivered++;
    return Outcome.Deliver;
  }

  private forward(packet: Packet, kind: number): OutcomeCode {
    if (kind !== RouteKind.Forward) return this.refuseRoute(kind);
    if (packet.ttl <= 1) {
      this.actions.timeExceeded();
      return this.drop(DropReason.TtlExceeded);
    }
    this.leaveBy(this.routes.outIf);
    if (isTooBig(packet, this.routes, this.flight.inIf)) {
      this.actions.tooBig(this.routes.mtu);
      return this.drop(DropReason.TooBig);
    }
    decrementTtl(packet);
    const passed =
      this.walk(TableId.Mangle, Hook.Forward) &&
      this.walk(TableId.Filter, Hook.Forward) &&
      this.walk(TableId.Security, Hook.Forward) &&
      this.postrouting(packet);
    return passed ? this.finishForward(packet) : this.stop();
  }

  private refuseRoute(kind: number): OutcomeCode {
    if (kind === RouteKind.Blackhole) return this.drop(DropReason.RouteBlackhole);
    const prohibited = kind === RouteKind.Prohibited;
    this.actions.noRoute(prohibited);
    return this.drop(prohibited ? DropReason.RouteProhibited : DropReason.NoRoute);
  }

  private postrouting(packet: Packet): boolean {
    // POSTROUTING knows no way in: `-i` cannot be used there.
    this.context.inIf = -1;
    return (
      this.walk(TableId.Mangle, Hook.Postrouting) &&
      this.translate(packet, Hook.Postrouting, Manip.Source) &&
      this.tracking.leave(packet, this.actions)
    );
  }

  /** What is verified: a setting of the start, and the kernel's sysctl while it runs. */
  private get checksums(): ChecksumPolicy {
    return this.tracking.conntrack.settings.checksum ? this.settings.checksums : 'ignore';
  }

  /** raw table, then connection tracking. */
  private track(packet: Packet, hook: HookCode, fault: TrackReasonCode): boolean {
    // To rules, a packet that nobody has looked at yet is INVALID (xt_conntrack.c).
    return this.walk(TableId.Raw, hook) && this.tracking.track(packet, this.context, fault);
  }

  /** Walks one chain. False where the packet ends there; the reason is set then. */
  private walk(table: TableCode, hook: HookCode): boolean {
    const { context, flight, rules } = this;
    const family = context.packet.family as Family;
    // Most rule sets have no raw, mangle or security table: that must cost next to nothing.
    if (!rules.hasTable(family, table)) return true;
    context.hook = hook;
    const verdict = rules.walk(family, table, hook, context);
    if (context.changed) flight.rewritten = true;
    // The filter table decides what passes; any other table is worth naming where it drops.
    if (table === TableId.Filter || verdict === Verdict.Drop) {
      flight.rule = rules.decidedBy;
      flight.chain = rules.decidedChain;
    }
    if (verdict !== Verdict.Drop) return true;
    if (flight.reason === DropReason.None) {
      flight.reason = rules.decidedBy === null ? DropReason.Policy : DropReason.RuleDrop;
    }
    return false;
  }

  /** Decides the side of a new connection that `manip` names, then rewrites the packet. */
  private translate(packet: Packet, hook: HookCode, manip: ManipCode): boolean {
    const { flight, tracking } = this;
    const { row } = flight;
    if (row < 0) return true;
    if (quotesDatagram(packet)) {
      const underNat = this.rules.hasTable(packet.family as Family, TableId.Nat);
      return tracking.translateError(packet, manip, underNat);
    }
    const undecided = !tracking.isConfirmed() && !tracking.nat.isDecided(row, manip);
    if (undecided && !this.decide(hook, manip)) return false;
    if (tracking.nat.translate(packet, row, flight.direction, manip)) flight.rewritten = true;
    return true;
  }

  private decide(hook: HookCode, manip: ManipCode): boolean {
    const { flight, tracking } = this;
    const { conntrack, nat } = tracking;
    const { fulfilled } = conntrack;
    if (fulfilled?.followsMasterNat) {
      followMaster(nat, conntrack.table, flight.row, fulfilled);
      tracking.fillContext(this.context);
      return true;
    }
    if (!this.rules.hasTable(this.context.packet.family as Family, TableId.Nat)) return true;
    if (!this.walk(TableId.Nat, hook)) return false;
    if (!nat.isDecided(flight.row, manip)) nat.bindNothing(flight.row, manip);
    tracking.fillContext(this.context);
    return true;
  }

  private finishForward(packet: Packet): OutcomeCode {
    this.counters.forwarded++;
    if (packet.fragMaxSize > 0) this.assembly.leaving(packet, this.tracking);
    if (this.flight.rewritten) this.counters.rewritten++;
    return Outcome.Forward;
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
