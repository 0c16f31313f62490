import {
  CARRIED_WORDS,
  type DirectionCode,
  Field,
  Status,
  TcpState,
} from '../../../conntrack/index.ts';
import { setAcknowledgement } from '../../../nat/index.ts';
import { findTcpOption, type Packet, seqAfter, TcpFlag, TcpOption } from '../../../wire/index.ts';
import { type HelperPromise, HelperVerdict, type HelperVerdictCode } from '../../helper.ts';
import type { FtpParts } from '../parts.ts';
import type { FtpPolicies } from '../policies.ts';
import type { RefusalCounts } from '../refusal-counts.ts';
import type { FtpCounters, FtpSessionView } from '../report.ts';
import { leaveAcknowledgement } from '../stream/emission.ts';
import { type Relay, RelayOutcome } from '../stream/relay.ts';
import { Bench } from './bench.ts';
import { Control } from './control.ts';

/** Of the four words of each side that `CarriedFlows.copySides` begins with. */
const MAX_ACK = 3;

export interface HardenedParts extends FtpParts {
  readonly policies: FtpPolicies;
  readonly promise: HelperPromise;
  readonly counters: FtpCounters;
  readonly refusals: RefusalCounts;
}

/**
 * The hardened helper: reads both directions as streams, opens only what was asked for and leads to
 * the ends of the control connection, and rewrites wherever a line lies. docs/ftp.md.
 */
export class HardenedFtp {
  /** Segments whose payload was changed, retransmissions included. */
  edited = 0;
  readonly bench: Bench;

  private readonly parts: FtpParts;
  private readonly policies: FtpPolicies;
  private readonly promise: HelperPromise;
  private readonly controls = new Map<number, Control>();
  /** What there was to know of those that are over: their entries live on for minutes. */
  private readonly over = new Map<number, FtpSessionView>();
  private readonly sides = new Int32Array(CARRIED_WORDS);

  constructor(parts: HardenedParts) {
    this.parts = parts;
    this.policies = parts.policies;
    this.promise = parts.promise;
    this.bench = new Bench(parts, parts.counters, parts.refusals);
  }

  /** The connection in `row` is a control connection, by a rule with this comment. */
  attach(row: number, comment: string): Control {
    const control = new Control(this.parts, this.policies, this.bench, row, comment);
    this.controls.set(row, control);
    return control;
  }

  handle(packet: Packet, row: number, direction: DirectionCode): HelperVerdictCode {
    const known = this.controls.get(row);
    if (known === undefined && this.over.has(row)) return this.handleLate(packet);
    const control = known ?? this.attach(row, '');
    const verdict = this.relay(packet, control, direction);
    if (control.isOver) this.endControl(control);
    return verdict;
  }

  private relay(packet: Packet, control: Control, direction: DirectionCode): HelperVerdictCode {
    const { row } = control;
    this.listen(packet, control, direction);
    const relay = control.relays[direction];
    this.catchUp(row, direction, relay);
    if (packet.tcpFlags & TcpFlag.Syn) this.learnStart(packet, row, relay);
    // An end that has said all it had to say announces nothing any more (and a reset says so too).
    if (packet.tcpFlags & (TcpFlag.Fin | TcpFlag.Rst)) control.closeHoles();
    switch (relay.take(packet)) {
      case RelayOutcome.Changed:
        this.edited++;
        return HelperVerdict.Accept;
      case RelayOutcome.Hold:
        this.hold(packet, control, direction);
        return HelperVerdict.Hold;
      case RelayOutcome.Drop:
        return HelperVerdict.Drop;
      case RelayOutcome.Reset:
        return HelperVerdict.Reset;
      default:
        return HelperVerdict.Accept;
    }
  }

  /**
   * Both ends have said everything, and know it. What comes now is sent once more, to an end that has
   * it: that answers with an acknowledgement, whatever the bytes are.
   */
  private handleLate(packet: Packet): HelperVerdictCode {
    if (packet.payloadLen > 0) {
      leaveAcknowledgement(packet, packet.seq);
      this.edited++;
    }
    return HelperVerdict.Accept;
  }

  /**
   * See `FtpHelper.closed`: the first FIN was seen here. If it came behind bytes that are missing, they
   * are still to come.
   */
  closed(row: number): void {
    const control = this.controls.get(row);
    if (control === undefined) return;
    if (control.relays[0].isFinished || control.relays[1].isFinished) this.endControl(control);
  }

  private endControl(control: Control): void {
    this.over.set(control.row, control.session.view(control.row));
    this.controls.delete(control.row);
  }

  /** A packet that has gone already. */
  observe(packet: Packet, row: number, direction: DirectionCode): void {
    if (this.over.has(row)) return;
    const control = this.controlOf(row);
    control.isObserved[direction] = true;
    this.listen(packet, control, direction);
    const relay = control.relays[direction];
    if (packet.tcpFlags & TcpFlag.Syn) this.learnStart(packet, row, relay);
    if (packet.tcpFlags & (TcpFlag.Fin | TcpFlag.Rst)) control.closeHoles();
    relay.observe(packet);
  }

  /** What the other end must not wait for: bytes that are kept here count as received. */
  lift(packet: Packet, row: number, direction: DirectionCode): void {
    if ((packet.tcpFlags & TcpFlag.Ack) === 0) return;
    const control = this.controls.get(row);
    if (control === undefined) return;
    const lifted = control.relays[direction === 0 ? 1 : 0].lift(packet.ack);
    if (lifted !== packet.ack) setAcknowledgement(packet, lifted);
  }

  /** See `FtpHelper.isQuiet`. */
  isQuiet(row: number): boolean {
    const control = this.controls.get(row);
    return control?.relays[0].isQuiet === true && control.relays[1].isQuiet;
  }

  forget(row: number): void {
    this.controls.delete(row);
    this.over.delete(row);
  }

  /** A data connection of the control connection in `row` has ended. */
  dataEnded(row: number, bytes: number): void {
    const control = this.controls.get(row);
    if (control !== undefined) control.session.bytes += bytes;
    const last = this.over.get(row);
    if (last !== undefined) this.over.set(row, { ...last, bytes: last.bytes + bytes });
  }

  sessionOf(row: number): FtpSessionView | null {
    const view = this.controls.get(row)?.session.view(row) ?? this.over.get(row);
    if (view === undefined) return null;
    return { ...view, bytes: view.bytes + this.parts.conntrack.livingChildrenBytes(row) };
  }

  private controlOf(row: number): Control {
    return this.controls.get(row) ?? this.attach(row, '');
  }

  /** The handshake says where the first line begins. Later SYNs are ignored, as the tracker does. */
  private learnStart(packet: Packet, row: number, relay: Relay): void {
    const { table } = this.parts.conntrack;
    const state = table.get(row, Field.State);
    const opens =
      state === TcpState.SynSent || state === TcpState.SynRecv || state === TcpState.SynSent2;
    if (opens) relay.startAt((packet.seq + 1) | 0);
  }

  /** What this packet says of the bytes that have come the other way. */
  private listen(packet: Packet, control: Control, direction: DirectionCode): void {
    if ((packet.tcpFlags & TcpFlag.Ack) === 0) return;
    const offset = this.parts.seqAdjust.ackOffset(control.row, direction, packet.ack);
    const window = packet.view.getUint16(packet.l4Offset + 14);
    const heard = control.relays[direction === 0 ? 1 : 0];
    heard.acknowledged((packet.ack - offset) | 0, window, timestampOf(packet));
  }

  /**
   * What the receiver has said with acknowledgements that passed elsewhere. Its timestamp matters, too:
   * one that is older than what the sender has seen would make it drop a promise (PAWS, RFC 7323
   * section 5).
   */
  private catchUp(row: number, direction: DirectionCode, relay: Relay): void {
    const { carried, table } = this.parts.conntrack;
    if (!table.hasStatus(row, Status.Carried)) return;
    const back = direction === 0 ? 1 : 0;
    carried.copySides(row, this.sides);
    const stamp = carried.stampOf(row, back);
    const isLater = stamp !== 0 && seqAfter(stamp, relay.receiverTimestamp);
    const timestamp = isLater ? stamp : relay.receiverTimestamp;
    relay.acknowledged(this.sides[4 * back + MAX_ACK]!, relay.receiverWindow, timestamp);
  }

  private hold(packet: Packet, control: Control, direction: DirectionCode): void {
    const { promise } = this;
    const relay = control.relays[direction];
    const back = direction === 0 ? 1 : 0;
    // What the segment itself acknowledges is old where more is on its way to its sender.
    const gone = control.relays[back].goneSeq;
    const shift = this.parts.seqAdjust.get(control.row);
    promise.seq = gone === null ? packet.ack : (shift?.toReceiver(back, gone) ?? gone);
    promise.isDue = relay.mayPromise;
    promise.leavesPacket = relay.leavesAck;
    promise.ack = relay.promisedAck;
    promise.window = relay.receiverWindow;
    promise.timestamp = relay.receiverTimestamp;
  }
}

/** TSval of the packet (RFC 7323); 0 where it carries none. */
function timestampOf(packet: Packet): number {
  const at = findTcpOption(packet, TcpOption.Timestamps);
  return at > 0 ? packet.view.getInt32(at + 2) : 0;
}
