import {
  type ConntrackTable,
  type DirectionCode,
  type SequenceOffsets,
  Status,
} from '../conntrack/index.ts';
import { SeqAdjust } from './seqadj.ts';

/** The sequence adjustments of the few connections that have one, by row. */
export class SeqAdjustTable implements SequenceOffsets {
  private readonly byRow = new Map<number, SeqAdjust>();
  private readonly table: ConntrackTable;

  constructor(table: ConntrackTable) {
    this.table = table;
  }

  /** The adjustment of a connection, made at first use; its SEQ_ADJUST status is set. */
  ensure(row: number): SeqAdjust {
    let adjust = this.byRow.get(row);
    if (adjust === undefined) {
      adjust = new SeqAdjust();
      this.byRow.set(row, adjust);
      this.table.addStatus(row, Status.SeqAdjust);
    }
    return adjust;
  }

  get(row: number): SeqAdjust | undefined {
    return this.byRow.get(row);
  }

  /** What to subtract from an acknowledgement sent in `direction`: see `SequenceOffsets`. */
  ackOffset(row: number, direction: DirectionCode, ack: number): number {
    if (!this.table.hasStatus(row, Status.SeqAdjust)) return 0;
    const adjust = this.byRow.get(row);
    return adjust === undefined ? 0 : adjust.ackOffset(direction, ack);
  }

  forget(row: number): void {
    this.byRow.delete(row);
  }
}
