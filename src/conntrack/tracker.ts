import { Arena, type Clock } from '../base/index.ts';
import { type Packet, quotesDatagram } from '../wire/index.ts';
import { isIcmpFault, isUntrackedByNature, refusalOf } from './admission.ts';
import { Connections } from './connections.ts';
import { CtStateBit, Direction, type DirectionCode, Status } from './constants.ts';
import type { Expectation } from './expectation.ts';
import { Field } from './fields.ts';
import { IcmpErrors, isWellDirected } from './icmp-errors.ts';
import { ProtocolTrackers } from './protocols/trackers.ts';
import { TrackReason, type TrackReasonCode } from './reasons.ts';
import type { ConntrackSettings } from './settings.ts';
import { Template } from './template.ts';
import { TimeoutSets } from './timeout-sets.ts';
import { Tracked, type TrackedCode } from './tracked.ts';
import { Tuple } from './tuple.ts';

/** Of a packet that no rule has said anything about. */
const noTemplate = new Template();

/**
 * The connection tracker: classifies each packet (NEW, ESTABLISHED, RELATED, INVALID, UNTRACKED) and
 * keeps the state machines. The result of `track` is left in `row`, `direction`, `state` and `reason`.
 *
 * A new connection gets a row at once, but enters the index only with `confirm`, when its first
 * packet has been let through; `discard` gives the row of a dropped first packet back.
 */
export class Conntrack extends Connections {
  readonly timeouts: TimeoutSets;
  readonly trackers: ProtocolTrackers;

  /** Row of the packet's connection, -1 where it has none. */
  row = -1;
  direction: DirectionCode = Direction.Original;
  /** One bit of CtStateBit. */
  state: number = CtStateBit.Invalid;
  reason: TrackReasonCode = TrackReason.None;
  /** The packet is to be dropped without asking any rule; `reason` says why. */
  mustDrop = false;
  /** The expectation that this packet's new connection fulfilled, else null. */
  fulfilled: Expectation | null = null;

  private readonly tuple = new Tuple();
  private readonly inverse = new Tuple();
  private readonly icmpErrors = new IcmpErrors();

  constructor(clock: Clock, settings: ConntrackSettings, seed: number, arena = new Arena()) {
    super(clock, settings, seed, arena);
    this.timeouts = new TimeoutSets(settings.timeouts);
    this.trackers = new ProtocolTrackers(this.table, clock, settings);
  }

  /** Classifies a decoded packet and moves its connection on. */
  track(packet: Packet, template = noTemplate): void {
    this.forget(CtStateBit.Invalid, TrackReason.None);
    if (isUntrackedByNature(packet)) {
      this.state = CtStateBit.Untracked;
      return;
    }
    this.reason = refusalOf(packet);
    if (this.reason === TrackReason.None) {
      if (quotesDatagram(packet)) this.relate(packet, template);
      else this.resolve(packet, template);
    }
    if (this.state === CtStateBit.Invalid) this.count(packet);
  }

  /**
   * So many packets of a connection's direction have passed without coming here, the last one at
   * `seenMs` of the clock.
   */
  settle(
    row: number,
    direction: DirectionCode,
    packets: number,
    bytes: number,
    seenMs: number,
  ): void {
    const timeouts = this.timeouts.of(this.table.timeoutSet(row));
    this.carried.settlement.settle(row, direction, packets, bytes, seenMs, timeouts);
  }

  /** TCP: puts into a connection's row what was seen elsewhere, as `FlowCarrier.readSides` tells it. */
  takeOver(row: number, sides: Int32Array, spoke: number): void {
    const timeouts = this.timeouts.of(this.table.timeoutSet(row));
    this.carried.settlement.takeOver(row, sides, spoke, timeouts);
  }

  /** Marks the packet as not tracked (`-j NOTRACK`). */
  untrack(): void {
    this.forget(CtStateBit.Untracked, TrackReason.None);
  }

  /** Marks the packet INVALID for a reason found before tracking (undecodable headers). */
  invalidate(reason: TrackReasonCode, packet: Packet): void {
    this.forget(CtStateBit.Invalid, reason);
    this.count(packet);
  }

  /** What the tracker said of the packet before is not true of this one. */
  private forget(state: number, reason: TrackReasonCode): void {
    this.row = -1;
    this.direction = Direction.Original;
    this.state = state;
    this.reason = reason;
    this.mustDrop = false;
    this.fulfilled = null;
  }

  /** Counts a packet without a connection as the kernel does. */
  private count(packet: Packet): void {
    if (this.mustDrop) this.stats.drop++;
    // The packet itself is not at fault where the table is full.
    if (this.reason === TrackReason.TableFull) return;
    if (isIcmpFault(packet, this.reason)) this.stats.error++;
    else this.stats.invalid++;
  }

  private resolve(packet: Packet, template: Template): void {
    this.tuple.fromPacket(packet);
    const ref = this.find(template);
    if (ref < 0) this.start(packet, template);
    else this.follow(ref, packet, template);
  }

  /** An ICMP error belongs to the connection that it speaks about, and changes nothing of it. */
  private relate(packet: Packet, template: Template): void {
    if (!this.icmpErrors.readAnswering(packet, this.tuple)) {
      this.reason = TrackReason.IcmpErrorUnreadable;
      return;
    }
    const ref = this.find(template);
    if (ref < 0) this.reason = TrackReason.IcmpErrorUnmatched;
    else if (!isWellDirected(packet, this.tuple)) this.reason = TrackReason.IcmpErrorMisdirected;
    else {
      this.row = ref >> 1;
      this.direction = (ref & 1) as DirectionCode;
      this.state = CtStateBit.Related;
    }
  }

  /**
   * Looks `tuple` up in the packet's zones: with zones of its own for each direction it is an
   * original in the one or a reply in the other (resolve_normal_ct).
   */
  private find(template: Template): number {
    const { tuple } = this;
    const { originalZone, replyZone } = template;
    if (originalZone === replyZone) {
      if (originalZone !== 0) tuple.zone = originalZone;
      return this.lookup(tuple);
    }
    tuple.zone = replyZone;
    const asReply = this.lookup(tuple);
    tuple.zone = originalZone;
    const asOriginal = this.lookup(tuple);
    if (asOriginal >= 0 && (asOriginal & 1) === Direction.Original) return asOriginal;
    return asReply >= 0 && (asReply & 1) === Direction.Reply ? asReply : -1;
  }

  private follow(ref: number, packet: Packet, template: Template): void {
    const row = ref >> 1;
    const direction = (ref & 1) as DirectionCode;
    const { table } = this;
    const inGate = table.hasStatus(row, Status.InGate);
    if (inGate) this.carried.beforePacket(row, direction, packet);
    const outcome = this.trackProtocol(row, direction, packet);
    if (inGate) this.carried.afterPacket(row, direction, packet);
    if (outcome === Tracked.Reopen) {
      this.destroy(row);
      this.start(packet, template);
      return;
    }
    if (this.isRefused(outcome)) return;
    this.row = row;
    this.direction = direction;
    this.state = this.stateOf(row, direction);
    if (outcome !== Tracked.Uncounted) {
      table.countPacket(row, direction, packet.l3End - packet.l3Offset);
    }
    if (outcome === Tracked.Ends) {
      this.destroyAfterPacket(row);
      return;
    }
    const firstReply = direction === Direction.Reply && !table.hasStatus(row, Status.SeenReply);
    if (firstReply) table.addStatus(row, Status.SeenReply);
    if (firstReply || outcome === Tracked.Changed) this.listener?.connectionUpdate(row);
  }

  /** True where the tracker of the protocol would not have the packet. */
  private isRefused(outcome: TrackedCode): boolean {
    if (outcome !== Tracked.Invalid && outcome !== Tracked.Drop) return false;
    this.mustDrop = outcome === Tracked.Drop;
    return true;
  }

  private stateOf(row: number, direction: DirectionCode): number {
    if (direction === Direction.Reply || this.table.hasStatus(row, Status.SeenReply)) {
      return CtStateBit.Established;
    }
    return this.table.hasStatus(row, Status.Expected) ? CtStateBit.Related : CtStateBit.New;
  }

  private trackProtocol(row: number, direction: DirectionCode, packet: Packet): TrackedCode {
    const tracker = this.trackers.of(packet.protocol);
    const timeouts = this.timeouts.of(this.table.timeoutSet(row));
    const outcome = tracker.follow(row, direction, packet, timeouts);
    if (outcome === Tracked.Invalid || outcome === Tracked.Drop) this.reason = tracker.reason;
    return outcome;
  }

  /** Gives the first packet of a connection a row of its own, not yet in the index. */
  private start(packet: Packet, template: Template): void {
    // A full table refuses before it is asked whether the packet may start anything.
    if (!this.room.make(this.tuple)) {
      this.reason = TrackReason.TableFull;
      this.mustDrop = true;
      return;
    }
    const tracker = this.trackers.of(packet.protocol);
    this.reason = tracker.startRefusal(packet);
    if (this.reason !== TrackReason.None) return;
    this.inverse.invertFrom(this.tuple);
    if (template.replyZone !== template.originalZone) this.inverse.zone = template.replyZone;
    const row = this.occupy(this.tuple, this.inverse);
    this.table.setTimeoutSet(row, template.timeoutSet);
    const zone = template.originalZone !== 0 ? template.originalZone : template.replyZone;
    this.fulfilled = this.relations.fulfil(row, this.tuple, zone);
    tracker.start(row, packet);
    if (this.isRefused(this.trackProtocol(row, Direction.Original, packet))) {
      this.discard(row);
      this.fulfilled = null;
      return;
    }
    this.row = row;
    this.state = this.fulfilled === null ? CtStateBit.New : CtStateBit.Related;
    this.table.countPacket(row, Direction.Original, packet.l3End - packet.l3Offset);
  }

  /** Ends a connection as soon as the packet in hand is done with it: it expires at once. */
  private destroyAfterPacket(row: number): void {
    this.table.set(row, Field.ExpiresAt, this.clock.ms);
  }
}
