import type { Clock, InterfaceTable } from '../base/index.ts';
import { CtStateBit, Direction, Status, TrackReason, Tuple } from '../conntrack/index.ts';
import { type HelperPromise, helperId } from '../helpers/index.ts';
import {
  Manip,
  type ManipCode,
  PinnedRange,
  rewriteDestination,
  rewriteSource,
} from '../nat/index.ts';
import {
  Hook,
  type HookCode,
  type LogOptions,
  type NatRange,
  type NflogOptions,
  type RuleActions,
  type RuleContext,
  type TimeoutPolicy,
  Verdict,
  type VerdictCode,
  ZoneSide,
  type ZoneSideCode,
} from '../rules/index.ts';
import { type Packet, Proto, quotesDatagram } from '../wire/index.ts';
import { AnswerBuilder } from './answers.ts';
import type { Flight } from './flight.ts';
import { FlightConnection } from './flight-connection.ts';
import { newContext } from './fresh-context.ts';
import { logLine, TRACE_LEVEL, traceLine } from './log-line.ts';
import { type NflogSink, ReusedNflogRecord } from './nflog.ts';
import type { EngineParts } from './parts.ts';
import { type PacketOutput, RouteKind, type Routes } from './ports.ts';
import { DropReason } from './reasons.ts';
import { rejectAnswer } from './reject.ts';
import type { Tracking } from './tracking.ts';

const LOOPBACK = [0x7f000001];
const LOOPBACK6 = [0, 0, 0, 1];

/** What targets do to the packet in hand, and the answers the gateway gives of itself. */
export class EngineActions implements RuleActions {
  readonly context: RuleContext;
  logged: (line: string, level: number) => void = () => {};
  /** Where NFLOG rules lead; null for nowhere. */
  nflogSink: NflogSink | null = null;
  /** Packets that NFLOG rules handed out, with or without a sink. */
  nflogged = 0;

  private readonly flight: Flight;
  private readonly tracking: Tracking;
  private readonly routes: Routes;
  private readonly interfaces: InterfaceTable;
  private readonly output: PacketOutput;
  private readonly clock: Clock;
  private readonly answersPerSecond: number;
  private readonly answers = new AnswerBuilder();
  private readonly tuple = new Tuple();
  /** Of a packet that goes on after an answer to it. */
  private readonly translated = new Tuple();
  private readonly pinned = new PinnedRange();
  private readonly nflogRecord: ReusedNflogRecord;
  private answersLeft: number;
  private answersSec: number;

  constructor(parts: EngineParts, flight: Flight, tracking: Tracking) {
    this.flight = flight;
    this.tracking = tracking;
    this.routes = parts.routes;
    this.interfaces = parts.interfaces;
    this.output = parts.output;
    this.clock = parts.clock;
    this.answersPerSecond = parts.settings.answersPerSecond;
    this.answersLeft = this.answersPerSecond;
    this.answersSec = parts.clock.sec;
    this.context = newContext(
      this,
      parts,
      new FlightConnection(flight, tracking.conntrack, parts.clock),
    );
    this.nflogRecord = new ReusedNflogRecord(this.context);
  }

  log(options: LogOptions): void {
    this.logged(logLine(options, this.context, this.interfaces), options.level);
  }

  notrack(): void {
    this.flight.untracked = true;
    this.context.ctState = CtStateBit.Untracked;
  }

  assignHelper(name: string, comment: string): void {
    this.flight.helperOfRule = helperId(name);
    this.flight.helperComment = comment;
  }

  assignZone(zone: number, side: ZoneSideCode): void {
    const { template } = this.flight;
    if (side !== ZoneSide.Reply) template.originalZone = zone & 0xffff;
    if (side !== ZoneSide.Original) template.replyZone = zone & 0xffff;
  }

  assignTimeouts(policy: TimeoutPolicy): void {
    this.flight.template.timeoutSet = this.tracking.conntrack.timeouts.numberOf(policy);
  }

  nflog(options: NflogOptions): void {
    this.nflogged++;
    if (this.nflogSink === null) return;
    this.nflogRecord.fill(options);
    this.nflogSink.packetLogged(this.nflogRecord);
  }

  trace(table: string, chain: string, kind: 'rule' | 'return' | 'policy', number: number): void {
    const prefix = `TRACE: ${table}:${chain}:${kind}:${number} `;
    this.logged(traceLine(prefix, this.context, this.interfaces), TRACE_LEVEL);
  }

  sourceNat(range: NatRange): VerdictCode {
    return this.bind(range, Manip.Source);
  }

  destinationNat(range: NatRange): VerdictCode {
    return this.bind(range, Manip.Destination);
  }

  masquerade(range: NatRange): VerdictCode {
    const { outIf, row } = this.flight;
    const address = this.routes.addressOf(this.context.packet.family, outIf);
    this.tracking.conntrack.table.setMasqueradedBy(row, outIf);
    return this.bindTo(range, address, Manip.Source);
  }

  redirect(range: NatRange): VerdictCode {
    const { packet, hook } = this.context;
    const { family, src0, src1, src2, src3 } = packet;
    if (hook === Hook.Output) {
      return this.bindTo(range, family === 4 ? LOOPBACK : LOOPBACK6, Manip.Destination);
    }
    // Of several addresses of the interface the one nearest to the sender.
    this.routes.lookupAddress(family, src0, src1, src2, src3);
    return this.bindTo(range, this.routes.addressOf(family, this.flight.inIf), Manip.Destination);
  }

  private bindTo(
    range: NatRange,
    address: readonly number[] | null,
    manip: ManipCode,
  ): VerdictCode {
    if (address === null) {
      this.flight.reason = DropReason.NoAddress;
      return Verdict.Drop;
    }
    return this.bind(this.pinned.like(range, address), manip);
  }

  private bind(range: NatRange, manip: ManipCode): VerdictCode {
    this.tracking.nat.bind(this.flight.row, range, manip);
    return Verdict.Accept;
  }

  reject(kind: string): VerdictCode {
    const { packet, hook } = this.context;
    this.flight.reason = DropReason.RuleReject;
    this.restore(packet);
    if (!this.deservesAnswer(packet)) return Verdict.Drop;
    const answer = rejectAnswer(kind, packet.family);
    if (answer.reset) {
      if (this.answers.tcpReset(packet)) this.emit();
    } else this.answerError(answer.type, answer.code, 0, hook);
    return Verdict.Drop;
  }

  /**
   * Nothing is said about damaged bytes (nf_reject_ip_tcphdr_get and nf_send_unreach check the sum
   * first, but not the CRC of SCTP), nor to a packet for everybody on a link.
   */
  private deservesAnswer(packet: Packet): boolean {
    const { trackReason } = this.flight;
    if (trackReason === TrackReason.Malformed) return false;
    if (trackReason === TrackReason.BadChecksum && packet.protocol !== Proto.Sctp) return false;
    const { flight, context } = this;
    return this.routes.lookup(packet, flight.inIf, context.mark) !== RouteKind.Broadcast;
  }

  /** The sender must be answered about the packet that it sent: takes translations back. */
  private restore(packet: Packet): void {
    const { row, direction } = this.flight;
    // No error is answered, so none need be restored.
    if (row < 0 || quotesDatagram(packet)) return;
    this.tracking.conntrack.table.readTuple(row, direction, this.tuple);
    rewriteSource(packet, this.tuple);
    rewriteDestination(packet, this.tuple);
  }

  /** About an option of IPv4, at this offset of the header. */
  parameterProblem(offset: number): void {
    this.answerAfterRestore(12, 0, offset << 24);
  }

  timeExceeded(): void {
    this.answerAfterRestore(this.context.packet.family === 4 ? 11 : 3, 0, 0);
  }

  /** Says that the rest of a datagram did not come in time. */
  reassemblyTimedOut(first: Packet, inIf: number): void {
    const { routes } = this;
    const { family, src0, src1, src2, src3 } = first;
    const { dst0, dst1, dst2, dst3 } = first;
    const isLocal = routes.lookup(first, inIf, 0) === RouteKind.Local;
    const kind = routes.lookupAddress(family, src0, src1, src2, src3);
    const towards = kind === RouteKind.Forward ? routes.outIf : inIf;
    const source = isLocal ? [dst0, dst1, dst2, dst3] : routes.addressOf(family, towards);
    if (source === null || !this.mayAnswer()) return;
    if (this.answers.icmpError(first, family === 4 ? 11 : 3, 1, 0, source)) {
      this.output.emit(this.answers.packet, inIf);
    }
  }

  tooBig(mtu: number): void {
    if (this.context.packet.family === 4) this.answerAfterRestore(3, 4, mtu);
    else this.answerAfterRestore(2, 0, mtu);
  }

  noRoute(prohibited: boolean): void {
    if (this.context.packet.family === 4) this.answerAfterRestore(3, prohibited ? 13 : 0, 0);
    else this.answerAfterRestore(1, prohibited ? 1 : 0, 0);
  }

  private answerAfterRestore(type: number, code: number, extra: number): void {
    this.restore(this.context.packet);
    this.answerError(type, code, extra, Hook.Forward);
  }

  private answerError(type: number, code: number, extra: number, hook: HookCode): void {
    const { packet } = this.context;
    const source = this.errorSource(packet, hook);
    if (source === null || !this.mayAnswer()) return;
    if (this.answers.icmpError(packet, type, code, extra, source)) this.emit();
  }

  /**
   * Where the destination of the packet was translated, the error about it comes from the address
   * that its sender knows, as the answers do: the gateway's own errors are translated like others.
   */
  private errorSource(packet: Packet, hook: HookCode): readonly number[] | null {
    const { row, direction } = this.flight;
    const bit = direction === Direction.Original ? Status.DstNat : Status.SrcNat;
    if (row >= 0 && this.tracking.conntrack.table.hasStatus(row, bit)) {
      return [packet.dst0, packet.dst1, packet.dst2, packet.dst3];
    }
    return this.ownAddress(packet, hook);
  }

  /** Errors come from the address that was meant, or else from the one nearest to the sender. */
  private ownAddress(packet: Packet, hook: HookCode): readonly number[] | null {
    if (hook === Hook.Input) return [packet.dst0, packet.dst1, packet.dst2, packet.dst3];
    // About this host's own packets it speaks to itself.
    if (hook === Hook.Output) return [packet.src0, packet.src1, packet.src2, packet.src3];
    const { routes } = this;
    const { family, src0, src1, src2, src3 } = packet;
    const kind = routes.lookupAddress(family, src0, src1, src2, src3);
    const towards = kind === RouteKind.Forward ? routes.outIf : this.flight.inIf;
    return routes.addressOf(family, towards);
  }

  /** ICMP errors are rationed, so that nobody makes the gateway shout. */
  private mayAnswer(): boolean {
    const { clock } = this;
    if (clock.sec !== this.answersSec) {
      this.answersSec = clock.sec;
      this.answersLeft = this.answersPerSecond;
    }
    return this.answersLeft-- > 0;
  }

  private emit(): void {
    this.output.emit(this.answers.packet, this.flight.inIf);
  }

  /** Keeps a helper's promise. It follows on a segment that was let through, so is not rationed. */
  acknowledge(packet: Packet, promise: HelperPromise): void {
    const { translated } = this;
    translated.fromPacket(packet);
    this.restore(packet);
    this.answers.tcpAck(packet, promise);
    this.emit();
    rewriteSource(packet, translated);
    rewriteDestination(packet, translated);
  }

  /** Resets a connection towards both ends, and ends it. */
  resetConnection(packet: Packet): void {
    const { flight, tracking } = this;
    const { seq, ack } = packet;
    tracking.seqAdjust.get(flight.row)?.apply(packet, flight.direction);
    this.answers.tcpResetForward(packet);
    this.output.emit(this.answers.packet, flight.outIf);
    packet.seq = seq;
    packet.ack = ack;
    this.restore(packet);
    if (this.answers.tcpReset(packet)) this.emit();
    // One that never got into the table is given back with the dropped packet.
    if (!tracking.isConfirmed()) return;
    tracking.conntrack.destroy(flight.row);
    flight.row = -1;
  }
}
