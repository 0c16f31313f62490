import { hasTelnet, stripTelnet } from '../grammar/telnet.ts';
import type { StreamLine } from '../stream/line.ts';

/**
 * A line as servers read it: Telnet sequences (RFC 854) are none of its text. One object per
 * helper, filled anew for each line.
 */
export class LineBody {
  bytes: Uint8Array = new Uint8Array(0);
  start = 0;
  end = 0;
  /** Something was taken out: offsets are not those of the line. */
  isStripped = false;
  private scratch = new Uint8Array(1024);

  of(line: StreamLine): this {
    const { bytes, start, end } = line;
    this.isStripped = hasTelnet(bytes, start, end);
    if (!this.isStripped) {
      this.bytes = bytes;
      this.start = start;
      this.end = end;
      return this;
    }
    if (this.scratch.length < end - start) this.scratch = new Uint8Array(2 * (end - start));
    this.bytes = this.scratch;
    this.start = 0;
    this.end = stripTelnet(bytes, start, end, this.scratch);
    return this;
  }
}
