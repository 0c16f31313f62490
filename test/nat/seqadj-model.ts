/** The slow twin of sequence adjustment: whole byte streams, and every position mapped by counting. */

/** `oldLen` bytes at `start` (from the first byte of the stream) go on as `text`. */
export interface Edit {
  readonly start: number;
  readonly oldLen: number;
  readonly text: string;
}

export class StreamModel {
  readonly sent: string;
  readonly edits: readonly Edit[];
  readonly iss: number;

  /** `edits` in ascending order and not overlapping; `iss` is the number of the first byte. */
  constructor(sent: string, edits: readonly Edit[], iss: number) {
    this.sent = sent;
    this.edits = edits;
    this.iss = iss;
  }

  /** What the receiver must end up with. */
  get received(): string {
    let text = '';
    let at = 0;
    for (const edit of this.edits) {
      text += this.sent.slice(at, edit.start) + edit.text;
      at = edit.start + edit.oldLen;
    }
    return text + this.sent.slice(at);
  }

  /** Receiver's position of a sender's position; inside replaced bytes: where they begin. */
  toReceiver(position: number): number {
    let delta = 0;
    for (const { start, oldLen, text } of this.edits) {
      if (position >= start + oldLen) delta += text.length - oldLen;
      else if (position > start) return start + delta;
    }
    return position + delta;
  }

  /** Sender's position of a receiver's position; inside a replacement: where it begins. */
  toSender(position: number): number {
    let delta = 0;
    for (const { start, oldLen, text } of this.edits) {
      const from = start + delta;
      if (position >= from + text.length) delta += text.length - oldLen;
      else if (position > from) return start;
    }
    return position - delta;
  }

  /** A position where a segment may begin or end: not within replaced bytes. */
  boundary(position: number): number {
    const hit = this.edits.find((e) => position > e.start && position < e.start + e.oldLen);
    return hit === undefined ? position : hit.start + hit.oldLen;
  }

  number(position: number): number {
    return (this.iss + position) >>> 0;
  }
}
