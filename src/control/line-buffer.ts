const CHUNK_BYTES = 65_536;
/** UTF-8 takes no more for each UTF-16 unit. */
const BYTES_PER_UNIT = 3;

/**
 * Lines on their way to a reader, as bytes: texts that are kept by the ten thousand, or joined to
 * long ones, would have every garbage collection carry them about.
 */
export class LineBuffer {
  bytes = 0;
  private chunks: Buffer[] = [];
  private filled = 0;

  push(text: string): void {
    const room = text.length * BYTES_PER_UNIT;
    let chunk = this.chunks.at(-1);
    if (chunk === undefined || chunk.length - this.filled < room) {
      this.closeLast();
      chunk = Buffer.allocUnsafeSlow(Math.max(CHUNK_BYTES, room));
      this.chunks.push(chunk);
      this.filled = 0;
    }
    const written = chunk.write(text, this.filled);
    this.filled += written;
    this.bytes += written;
  }

  /** Everything, which then waits no longer. */
  take(): Buffer[] {
    this.closeLast();
    const taken = this.chunks;
    this.chunks = [];
    this.bytes = 0;
    return taken;
  }

  private closeLast(): void {
    const last = this.chunks.pop();
    if (last !== undefined) this.chunks.push(last.subarray(0, this.filled));
  }
}
