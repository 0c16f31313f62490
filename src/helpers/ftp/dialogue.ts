import { EditLog, type EditLogs } from './edits.ts';
import { StreamFronts } from './fronts.ts';
import type { LineSink } from './lines.ts';

/** Lines remembered per direction, so that a retransmission is not taken for another line. */
const LINES_REMEMBERED = 16;

/** The places in a stream of the last lines that something was done about. */
export class LineMemory {
  private readonly seqs: number[] = [];

  add(seq: number): void {
    this.seqs.push(seq);
    if (this.seqs.length > LINES_REMEMBERED) this.seqs.shift();
  }

  has(seq: number): boolean {
    return this.seqs.includes(seq);
  }
}

/** What is remembered of one control connection; pairs are by direction code. */
export class Dialogue {
  readonly fronts: readonly [StreamFronts, StreamFronts];
  readonly edits: EditLogs = [new EditLog(), new EditLog()];
  /** Lines that announced something. */
  readonly announced: readonly [LineMemory, LineMemory] = [new LineMemory(), new LineMemory()];
  /** Commands of the client that named somebody else. */
  readonly bounces = new LineMemory();

  constructor(sink: LineSink) {
    this.fronts = [new StreamFronts(sink), new StreamFronts(sink)];
  }
}
