import type { Packet } from '../../wire/index.ts';
import { type DirectionCode, Status } from '../constants.ts';
import { Field } from '../fields.ts';
import type { Timeouts } from '../timeouts.ts';
import { Tracked, type TrackedCode } from '../tracked.ts';
import { StatelessTracker } from './stateless.ts';

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
export class GreTracker extends StatelessTracker {
  override follow(row: number, _: DirectionCode, __: Packet, timeouts: Timeouts): TrackedCode {
    const { table, clock } = this;
    if (!table.hasStatus(row, Status.Confirmed)) {
      table.set(row, Word.Timeout, timeouts.gre);
      table.set(row, Word.StreamTimeout, timeouts.greStream);
    }
    const isStream = table.hasStatus(row, Status.SeenReply);
    const word = isStream ? Word.StreamTimeout : Word.Timeout;
    table.refresh(row, clock, table.get(row, word));
    return isStream && this.becomeAssured(row) ? Tracked.Changed : Tracked.Ok;
  }
}
