import type { Clock } from '../../base/index.ts';
import type { Packet } from '../../wire/index.ts';
import { type DirectionCode, Status } from '../constants.ts';
import { Field } from '../fields.ts';
import { TrackReason, type TrackReasonCode } from '../reasons.ts';
import type { ConntrackTable } from '../table.ts';
import type { Timeouts } from '../timeouts.ts';
import { type ProtocolTracker, Tracked, type TrackedCode } from '../tracked.ts';
import { becomeAssured } from './assured.ts';

/**
 * Words of the row that are this tracker's: a connection keeps the timeouts it began with, in
 * seconds. They are shown in /proc/net/nf_conntrack. In a row that a command made they are zero, and
 * its next packet ends it, as in the kernel.
 */
const Word = {
  Timeout: Field.Track,
  StreamTimeout: Field.Track + 1,
} as const;

/** GRE: nf_conntrack_proto_gre.c. Its keys stand in the tuple in place of the ports. */
export class GreTracker implements ProtocolTracker {
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
    if (!table.hasStatus(row, Status.Confirmed)) {
      table.set(row, Word.Timeout, timeouts.gre);
      table.set(row, Word.StreamTimeout, timeouts.greStream);
    }
    const isStream = table.hasStatus(row, Status.SeenReply);
    const word = isStream ? Word.StreamTimeout : Word.Timeout;
    table.refresh(row, clock, table.get(row, word));
    return isStream && becomeAssured(table, row) ? Tracked.Changed : Tracked.Ok;
  }
}
