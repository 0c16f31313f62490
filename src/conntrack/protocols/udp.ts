import type { Clock } from '../../base/index.ts';
import type { Packet } from '../../wire/index.ts';
import { type DirectionCode, Status } from '../constants.ts';
import { Field } from '../fields.ts';
import { TrackReason, type TrackReasonCode } from '../reasons.ts';
import type { ConntrackTable } from '../table.ts';
import type { Timeouts } from '../timeouts.ts';
import { type ProtocolTracker, Tracked, type TrackedCode } from '../tracked.ts';
import { becomeAssured } from './assured.ts';

/** Two-way traffic must have lasted this long to count as a stream. */
const STREAM_AFTER_MS = 2000;

/** Words of the row that are this tracker's. */
const Word = {
  /** When traffic counts as a stream, in the clock's milliseconds. */
  StreamAt: Field.Track,
  /**
   * 1 until then. Not told by `StreamAt` alone, whose 32 bits wrap; and 0 from the start in a row
   * that a command made, which is a stream with the first packet after an answer, as in the kernel.
   */
  Young: Field.Track + 1,
} as const;

/** UDP: nf_conntrack_proto_udp.c. */
export class UdpTracker implements ProtocolTracker {
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

  start(row: number): void {
    this.table.set(row, Word.StreamAt, (this.clock.ms + STREAM_AFTER_MS) | 0);
    this.table.set(row, Word.Young, 1);
  }

  follow(row: number, _: DirectionCode, __: Packet, timeouts: Timeouts): TrackedCode {
    const { table, clock } = this;
    const isStream = table.hasStatus(row, Status.SeenReply) && this.isGrown(row);
    table.refresh(row, clock, isStream ? timeouts.udpStream : timeouts.udp);
    return isStream && becomeAssured(table, row) ? Tracked.Changed : Tracked.Ok;
  }

  private isGrown(row: number): boolean {
    const { table } = this;
    if (table.get(row, Word.Young) === 0) return true;
    if (((table.get(row, Word.StreamAt) - this.clock.ms) | 0) >= 0) return false;
    table.set(row, Word.Young, 0);
    return true;
  }
}

/** UDP-Lite: in the same file of the kernel, but a stream with the first packet after an answer. */
export class UdpLiteTracker implements ProtocolTracker {
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
    const { table, clock } = this;
    const isStream = table.hasStatus(row, Status.SeenReply);
    table.refresh(row, clock, isStream ? timeouts.udpStream : timeouts.udp);
    return isStream && becomeAssured(table, row) ? Tracked.Changed : Tracked.Ok;
  }
}
