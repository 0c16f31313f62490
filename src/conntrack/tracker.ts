import { Arena, type Clock } from '../base/index.ts';
import type { Packet } from '../wire/index.ts';
import { isUntrackedByNature, refusalOf } from './admission.ts';
import { CtStateBit, Direction, type DirectionCode, Status } from './constants.ts';
import type { ConntrackListener } from './events.ts';
import { type Expectation, ExpectationTable } from './expectations.ts';
import { Field } from './fields.ts';
import { ProtocolTrackers } from './protocols/trackers.ts';
import { TrackReason, type TrackReasonCode } from './reasons.ts';
import { type ConntrackSettings, type ConntrackStats, newStats } from './settings.ts';
import { ConntrackTable } from './table.ts';
import { Template } from './template.ts';
import { TimeoutSets } from './timeout-sets.ts';
import { Tracked, type TrackedCode } from './tracked.ts';
import { Tuple } from './tuple.ts';

/** Few enough that a flood of new connections cannot make each of its packets expensive. */
const ROWS_SWEPT_WHEN_FULL = 64;

/** Of a packet that no rule has said anything about. */
const noTemplate = new Template();

/**
 * The connection tracker: classifies each packet (NEW, ESTABLISHED, RELATED, INVALID, UNTRACKED),
 * keeps the state machines, and owns the two tables. The result of `track` is left in `row`,
 * `direction`, `state` and `reason`.
 *
 * A new connection gets a row at once, but enters the index only with `confirm`, when its first
 * packet has been let through; `discard` gives the row of a dropped first packet back.
 */
export class Conntrack {
  readonly table: ConntrackTable;
  readonly expectations: ExpectationTable;
  readonly settings: ConntrackSettings;
  readonly timeouts: TimeoutSets;
  readonly trackers: ProtocolTrackers;
  readonly stats: ConntrackStats = newStats();
  listener: ConntrackListener | null = null;

  /** Row of the packet's connection, -1 where it has none. */
  row = -1;
  direction: DirectionCode = Direction.Original;
  /** One bit of CtStateBit. */
  state: number = CtStateBit.Invalid;
  reason: TrackReasonCode = TrackReason.None;
  /** The expectation that this packet's new connection fulfilled, else null. */
  fulfilled: Expectation | null = null;

  private readonly clock: Clock;
  private readonly tuple = new Tuple();
  private readonly inverse = new Tuple();
  private sweepAt = 0;

  constructor(clock: Clock, settings: ConntrackSettings, seed: number, arena = new Arena()) {
    this.clock = clock;
    this.settings = settings;
    this.timeouts = new TimeoutSets(settings.timeouts);
    this.table = new ConntrackTable(arena, settings.maximum, seed);
    this.trackers = new ProtocolTrackers(this.table, clock, settings);
    this.expectations = new ExpectationTable(seed, settings.expectMaximum);
    this.expectations.zoneOfMaster = (row) => this.zoneOf(row);
  }

  /** Sets who is told of changes. */
  listen(listener: ConntrackListener | null): void {
    this.listener = listener;
    this.expectations.listener = listener;
  }

  /** Classifies a decoded packet and moves its connection on. */
  track(packet: Packet, template = noTemplate): void {
    this.row = -1;
    this.direction = Direction.Original;
    this.state = CtStateBit.Invalid;
    this.reason = TrackReason.None;
    this.fulfilled = null;
    if (isUntrackedByNature(packet)) {
      this.state = CtStateBit.Untracked;
      return;
    }
    this.reason = refusalOf(packet);
    if (this.reason === TrackReason.None) this.resolve(packet, template);
    // A full table is counted as a drop alone, as the kernel does: the packet itself is not at fault.
    if (this.state === CtStateBit.Invalid && this.reason !== TrackReason.TableFull) {
      this.stats.invalid++;
    }
  }

  /** Marks the packet as not tracked (`-j NOTRACK`). */
  untrack(): void {
    this.row = -1;
    this.direction = Direction.Original;
    this.state = CtStateBit.Untracked;
    this.reason = TrackReason.None;
    this.fulfilled = null;
  }

  /** Marks the packet INVALID for a reason found before tracking (undecodable headers). */
  invalidate(reason: TrackReasonCode): void {
    this.untrack();
    this.state = CtStateBit.Invalid;
    this.reason = reason;
    this.stats.invalid++;
  }

  private resolve(packet: Packet, template: Template): void {
    this.tuple.fromPacket(packet);
    const ref = this.find(template);
    if (ref < 0) this.start(packet, template);
    else this.follow(ref, packet, template);
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

  /** The zone of a connection, whichever directions it holds for. */
  zoneOf(row: number): number {
    const original = this.table.zone(row, Direction.Original);
    return original !== 0 ? original : this.table.zone(row, Direction.Reply);
  }

  /**
   * The reference (row << 1 | direction) of the living connection with this tuple, or -1; an entry
   * whose time is over is removed and not found.
   */
  lookup(tuple: Tuple): number {
    const ref = this.table.lookup(tuple);
    if (ref < 0) return -1;
    if (!this.isOver(ref >> 1)) return ref;
    this.destroy(ref >> 1);
    return -1;
  }

  private isOver(row: number): boolean {
    return this.table.isOver(row, this.clock);
  }

  private follow(ref: number, packet: Packet, template: Template): void {
    const row = ref >> 1;
    const direction = (ref & 1) as DirectionCode;
    const { table } = this;
    const outcome = this.trackProtocol(row, direction, packet);
    if (outcome === Tracked.Reopen) {
      this.destroy(row);
      this.start(packet, template);
      return;
    }
    if (outcome === Tracked.Invalid) return;
    this.row = row;
    this.direction = direction;
    this.state = this.stateOf(row, direction);
    table.countPacket(row, direction, packet.l3End - packet.l3Offset);
    if (outcome === Tracked.Ends) {
      this.destroyAfterPacket(row);
      return;
    }
    const firstReply = direction === Direction.Reply && !table.hasStatus(row, Status.SeenReply);
    if (firstReply) table.addStatus(row, Status.SeenReply);
    if (firstReply || outcome === Tracked.Changed) this.listener?.connectionUpdate(row);
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
    if (outcome === Tracked.Invalid) this.reason = tracker.reason;
    return outcome;
  }

  /** A free row; in a full table one of an expired connection, if a short look finds one. */
  private allocate(): number {
    const row = this.table.allocate();
    if (row >= 0 || this.sweep(ROWS_SWEPT_WHEN_FULL) === 0) return row;
    return this.table.allocate();
  }

  /** Gives the first packet of a connection a row of its own, not yet in the index. */
  private start(packet: Packet, template: Template): void {
    const tracker = this.trackers.of(packet.protocol);
    this.reason = tracker.startRefusal(packet);
    if (this.reason !== TrackReason.None) return;
    const row = this.allocate();
    if (row < 0) {
      this.reason = TrackReason.TableFull;
      this.stats.drop++;
      return;
    }
    this.inverse.invertFrom(this.tuple);
    if (template.replyZone !== template.originalZone) this.inverse.zone = template.replyZone;
    this.table.setTimeoutSet(row, template.timeoutSet);
    this.table.writeTuple(row, Direction.Original, this.tuple);
    this.table.writeTuple(row, Direction.Reply, this.inverse);
    this.table.set(row, Field.StartSec, this.clock.sec);
    if (this.settings.accounting) this.table.addStatus(row, Status.Accounting);
    if (this.settings.timestamps) this.table.addStatus(row, Status.Timestamped);
    this.row = row;
    this.state = CtStateBit.New;
    if (this.expectations.count > 0) this.fulfil(row, template);
    tracker.start(row, packet);
    this.trackProtocol(row, Direction.Original, packet);
    this.table.countPacket(row, Direction.Original, packet.l3End - packet.l3Offset);
  }

  /** Makes a new connection RELATED where it was announced; the expectation is used up by it. */
  private fulfil(row: number, template: Template): void {
    const zone = template.originalZone !== 0 ? template.originalZone : template.replyZone;
    const expectation = this.expectations.match(this.tuple, this.clock.sec, zone);
    if (expectation === null) return;
    const { table } = this;
    const master = expectation.masterRow;
    if (table.get(master, Field.Id) !== expectation.masterId) return;
    // Whether the sweep has been by must not decide what an ended master's announcements are worth.
    if (this.isOver(master)) {
      this.destroy(master);
      return;
    }
    this.expectations.remove(expectation);
    table.addStatus(row, Status.Expected);
    table.set(row, Field.MasterRow, master);
    table.set(row, Field.MasterId, expectation.masterId);
    table.setMasterHelper(row, expectation.helper);
    table.set(row, Field.Mark, table.get(master, Field.Mark));
    this.state = CtStateBit.Related;
    this.fulfilled = expectation;
  }

  /** Enters a new connection whose first packet is let through. False on a tuple clash. */
  confirm(row: number): boolean {
    if (!this.table.insert(row) && !this.insertOverExpired(row)) {
      this.stats.insertFailed++;
      return false;
    }
    this.stats.insert++;
    const master = this.masterOf(row);
    if (master >= 0)
      this.table.set(master, Field.Children, this.table.get(master, Field.Children) + 1);
    this.listener?.connectionNew(row);
    return true;
  }

  /** A clash with a connection whose time is over is none: that one is removed first. */
  private insertOverExpired(row: number): boolean {
    for (const direction of [Direction.Original, Direction.Reply]) {
      this.table.readTuple(row, direction, this.inverse);
      this.lookup(this.inverse);
    }
    return this.table.insert(row);
  }

  /** Gives the row of a connection back that never got confirmed. */
  discard(row: number): void {
    this.table.release(row);
  }

  /** The master's row while the master lives, else -1. */
  masterOf(row: number): number {
    const master = this.table.get(row, Field.MasterRow);
    if (master < 0) return -1;
    return this.table.get(master, Field.Id) === this.table.get(row, Field.MasterId) ? master : -1;
  }

  /** Ends a connection now: out of the index, its expectations gone, its row free. */
  destroy(row: number): void {
    this.table.unlink(row);
    this.expectations.removeOfMaster(row);
    const master = this.masterOf(row);
    if (master >= 0)
      this.table.set(master, Field.Children, this.table.get(master, Field.Children) - 1);
    this.listener?.connectionDestroy(row);
    this.table.release(row);
  }

  /** Ends a connection as soon as the packet in hand is done with it: it expires at once. */
  private destroyAfterPacket(row: number): void {
    this.table.set(row, Field.ExpiresAt, this.clock.ms);
  }

  /**
   * Removes expired connections, looking at no more than `budget` rows from where the last call
   * stopped, so that the packet loop never pauses for the whole table. Returns how many it removed.
   */
  sweep(budget: number): number {
    const { table } = this;
    const end = table.highWater;
    if (end === 0) return 0;
    let removed = 0;
    for (let looked = Math.min(budget, end); looked > 0; looked--) {
      if (this.sweepAt >= end) this.sweepAt = 0;
      const row = this.sweepAt++;
      if (!table.hasStatus(row, Status.Confirmed)) continue;
      if (!this.isOver(row)) continue;
      this.destroy(row);
      removed++;
    }
    this.expectations.sweep(this.clock.sec);
    return removed;
  }

  /** Removes every connection, or those of one family (`conntrack -F`). Returns how many. */
  flush(family: number | null = null): number {
    const { table } = this;
    let removed = 0;
    for (let row = 0; row < table.highWater; row++) {
      if (!table.hasStatus(row, Status.Confirmed)) continue;
      table.readTuple(row, Direction.Original, this.inverse);
      if (family !== null && this.inverse.family !== family) continue;
      this.destroy(row);
      removed++;
    }
    return removed;
  }
}
