import { Status } from './constants.ts';
import type { ConntrackRows } from './rows.ts';

/** Labels that a connection can have: numbers 0 to 127 (XT_CONNLABEL_MAXBIT). */
export const LABELS = 128;
const WORDS = LABELS / 32;

/**
 * Labels of connections, 128 bits each, beside the rows: most gateways use none, and then there is
 * no memory for them. A row's words count only while its `Status.Labelled` is set, so that they are
 * forgotten with the row without anybody being told.
 */
export class Labels {
  private readonly table: ConntrackRows;
  private words = new Int32Array(0);

  constructor(table: ConntrackRows) {
    this.table = table;
  }

  has(row: number, label: number): boolean {
    if (!this.table.hasStatus(row, Status.Labelled)) return false;
    return (this.words[row * WORDS + (label >> 5)]! & (1 << (label & 31))) !== 0;
  }

  /** Gives a connection a label. True where it had not got it. */
  add(row: number, label: number): boolean {
    if (this.has(row, label)) return false;
    if (!this.table.hasStatus(row, Status.Labelled)) this.begin(row);
    this.words[row * WORDS + (label >> 5)]! |= 1 << (label & 31);
    return true;
  }

  /** Takes a label away. True where it had been there. */
  remove(row: number, label: number): boolean {
    if (!this.has(row, label)) return false;
    this.words[row * WORDS + (label >> 5)]! &= ~(1 << (label & 31));
    return true;
  }

  /** The numbers of a connection's labels in order, null where it has none. Cold. */
  list(row: number): number[] | null {
    if (!this.table.hasStatus(row, Status.Labelled)) return null;
    const labels: number[] = [];
    for (let label = 0; label < LABELS; label++) if (this.has(row, label)) labels.push(label);
    return labels.length === 0 ? null : labels;
  }

  /** Memory for every row at once, the first time: a packet that sets a label later takes none. */
  private begin(row: number): void {
    const at = row * WORDS;
    if (at >= this.words.length) {
      const grown = new Int32Array(this.table.capacity * WORDS);
      grown.set(this.words);
      this.words = grown;
    }
    this.words.fill(0, at, at + WORDS);
    this.table.addStatus(row, Status.Labelled);
  }
}
