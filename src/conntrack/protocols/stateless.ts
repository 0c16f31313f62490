import type { Clock } from '../../base/index.ts';
import type { Packet } from '../../wire/index.ts';
import { type DirectionCode, Status } from '../constants.ts';
import { TrackReason, type TrackReasonCode } from '../reasons.ts';
import type { ConntrackTable } from '../table.ts';
import type { Timeouts } from '../timeouts.ts';
import type { ProtocolTracker, TrackedCode } from '../tracked.ts';

/** What trackers without states share: every packet may start a connection, none is refused. */
export abstract class StatelessTracker implements ProtocolTracker {
  readonly reason: TrackReasonCode = TrackReason.None;
  protected readonly table: ConntrackTable;
  protected readonly clock: Clock;

  constructor(table: ConntrackTable, clock: Clock) {
    this.table = table;
    this.clock = clock;
  }

  startRefusal(_packet: Packet): TrackReasonCode {
    return TrackReason.None;
  }

  start(_row: number, _packet: Packet): void {}

  abstract follow(
    row: number,
    direction: DirectionCode,
    packet: Packet,
    timeouts: Timeouts,
  ): TrackedCode;

  /**
   * Marks a connection as worth keeping. False where it is already, or where it is the loser of a
   * clash, which is to be over soon (IPS_NAT_CLASH).
   */
  protected becomeAssured(row: number): boolean {
    const { table } = this;
    if (table.hasStatus(row, Status.Assured | Status.NatClash)) return false;
    table.addStatus(row, Status.Assured);
    return true;
  }
}
