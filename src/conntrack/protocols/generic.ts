import type { Clock } from '../../base/index.ts';
import type { Packet } from '../../wire/index.ts';
import type { DirectionCode } from '../constants.ts';
import { TrackReason, type TrackReasonCode } from '../reasons.ts';
import type { ConntrackTable } from '../table.ts';
import type { Timeouts } from '../timeouts.ts';
import { type ProtocolTracker, Tracked, type TrackedCode } from '../tracked.ts';

/**
 * Every protocol without a tracker of its own, told apart by addresses and number only
 * (nf_conntrack_proto_generic.c). DCCP is one since Linux 6.17.
 */
export class GenericTracker implements ProtocolTracker {
  readonly reason: TrackReasonCode = TrackReason.None;
  private readonly table: ConntrackTable;
  private readonly clock: Clock;

  constructor(table: ConntrackTable, clock: Clock) {
    this.table = table;
    this.clock = clock;
  }

  startRefusal(): TrackReasonCode {
    return TrackReason.None;
  }

  start(): void {}

  follow(row: number, _: DirectionCode, __: Packet, timeouts: Timeouts): TrackedCode {
    this.table.refresh(row, this.clock, timeouts.generic);
    return Tracked.Ok;
  }
}
