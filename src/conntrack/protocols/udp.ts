import type { Clock } from '../../base/index.ts';
import type { Packet } from '../../wire/index.ts';
import { type DirectionCode, Status } from '../constants.ts';
import { Field } from '../fields.ts';
import type { ConntrackTable } from '../table.ts';
import type { Timeouts } from '../timeouts.ts';
import { Tracked, type TrackedCode } from '../tracked.ts';
import { StatelessTracker } from './stateless.ts';

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
export class UdpTracker extends StatelessTracker {
  override start(row: number): void {
    this.table.set(row, Word.StreamAt, (this.clock.ms + STREAM_AFTER_MS) | 0);
    this.table.set(row, Word.Young, 1);
  }

  override follow(row: number, _: DirectionCode, __: Packet, timeouts: Timeouts): TrackedCode {
    const { table, clock } = this;
    const isStream = isUdpStream(table, row, clock);
    table.refresh(row, clock, isStream ? timeouts.udpStream : timeouts.udp);
    return isStream && this.becomeAssured(row) ? Tracked.Changed : Tracked.Ok;
  }
}

/** Whether a connection of UDP has been answered, and has lasted long enough, to count as a stream. */
export function isUdpStream(table: ConntrackTable, row: number, clock: Clock): boolean {
  if (!table.hasStatus(row, Status.SeenReply)) return false;
  if (table.get(row, Word.Young) === 0) return true;
  if (((table.get(row, Word.StreamAt) - clock.ms) | 0) >= 0) return false;
  table.set(row, Word.Young, 0);
  return true;
}

/** UDP-Lite: in the same file of the kernel, but a stream with the first packet after an answer. */
export class UdpLiteTracker extends StatelessTracker {
  override follow(row: number, _: DirectionCode, __: Packet, timeouts: Timeouts): TrackedCode {
    const { table, clock } = this;
    const isStream = table.hasStatus(row, Status.SeenReply);
    table.refresh(row, clock, isStream ? timeouts.udpStream : timeouts.udp);
    return isStream && this.becomeAssured(row) ? Tracked.Changed : Tracked.Ok;
  }
}
