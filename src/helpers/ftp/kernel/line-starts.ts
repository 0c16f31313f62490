import type { DirectionCode } from '../../../conntrack/index.ts';
import { seqAfter, seqBefore } from '../../../wire/index.ts';

/**
 * Where lines may begin in one direction: the sequence numbers, in the sender's own count, right
 * behind the last two segments that ended in LF. Two of them, so that a command sent again is still
 * recognised (nf_conntrack_ftp.c, update_nl_seq).
 */
class Places {
  /** The next segment begins a line wherever it stands. */
  isPickedUp = false;
  private known = 0;
  private first = 0;
  private second = 0;

  has(seq: number): boolean {
    if (this.known > 0 && this.first === seq) return true;
    return this.known > 1 && this.second === seq;
  }

  /** A later place takes that of the older of the two; an earlier one is not taken note of. */
  learn(seq: number): void {
    if (this.has(seq)) return;
    if (this.known === 0) this.first = seq;
    else if (this.known === 1) this.second = seq;
    else if (seqBefore(this.first, this.second)) {
      if (seqAfter(seq, this.first)) this.first = seq;
    } else if (seqAfter(seq, this.second)) this.second = seq;
    if (this.known < 2) this.known++;
  }
}

/** The line starts of one control connection. Sequence numbers are signed 32-bit integers. */
export class LineStarts {
  private readonly original = new Places();
  private readonly reply = new Places();

  /**
   * True where a segment at `seq`, sent in `direction`, begins a line. Once in each direction that is
   * believed unseen, if `pickUp` was called.
   */
  begins(direction: DirectionCode, seq: number): boolean {
    const places = this.of(direction);
    if (places.has(seq)) return true;
    const isFirst = places.isPickedUp;
    places.isPickedUp = false;
    return isFirst;
  }

  /** The connection came by a command: nothing is known of what was said before. */
  pickUp(): void {
    this.original.isPickedUp = true;
    this.reply.isPickedUp = true;
  }

  /** A segment sent in `direction` ended in LF, and `seq` is the number behind it. */
  learn(direction: DirectionCode, seq: number): void {
    this.of(direction).learn(seq);
  }

  private of(direction: DirectionCode): Places {
    return direction === 0 ? this.original : this.reply;
  }
}
