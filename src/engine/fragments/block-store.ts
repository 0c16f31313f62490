/** Smaller blocks waste less on small fragments, larger ones less on links between blocks. */
export const BLOCK_BYTES = 512;
const NONE = -1;

/**
 * Memory for the bytes of fragments: a fixed number of blocks, taken in chains. The memory is
 * mapped by the operating system as it is first used; what was given back is used again first.
 */
export class BlockStore {
  /** Blocks that nobody holds. */
  available: number;
  readonly blocks: number;
  private readonly bytes: Uint8Array;
  /** The block that continues a chain, or the next free one. */
  private readonly next: Int32Array;
  private freed = NONE;
  /** Blocks from here on have never been used. */
  private fresh = 0;

  constructor(blocks: number) {
    this.blocks = blocks;
    this.available = blocks;
    this.bytes = new Uint8Array(blocks * BLOCK_BYTES);
    this.next = new Int32Array(blocks);
  }

  /** True where `length` bytes find room. */
  fits(length: number): boolean {
    return Math.ceil(length / BLOCK_BYTES) <= this.available;
  }

  /** Copies bytes in; the first block of their chain. `length` must be positive and fit. */
  write(source: Uint8Array, from: number, length: number): number {
    const first = this.take();
    let block = first;
    let done = 0;
    for (;;) {
      const part = Math.min(BLOCK_BYTES, length - done);
      const at = block * BLOCK_BYTES;
      for (let i = 0; i < part; i++) this.bytes[at + i] = source[from + done + i]!;
      done += part;
      if (done === length) return first;
      const following = this.take();
      this.next[block] = following;
      block = following;
    }
  }

  /** Copies `length` bytes of a chain out, without its first `skip`. */
  read(first: number, skip: number, length: number, into: Uint8Array, at: number): void {
    let block = first;
    let offset = skip;
    while (offset >= BLOCK_BYTES) {
      block = this.next[block]!;
      offset -= BLOCK_BYTES;
    }
    let done = 0;
    while (done < length) {
      const part = Math.min(BLOCK_BYTES - offset, length - done);
      const from = block * BLOCK_BYTES + offset;
      for (let i = 0; i < part; i++) into[at + done + i] = this.bytes[from + i]!;
      done += part;
      offset = 0;
      block = this.next[block]!;
    }
  }

  /** Gives a chain back. */
  free(first: number): void {
    let block = first;
    let count = 1;
    while (this.next[block] !== NONE) {
      block = this.next[block]!;
      count++;
    }
    this.next[block] = this.freed;
    this.freed = first;
    this.available += count;
  }

  private take(): number {
    const block = this.freed === NONE ? this.fresh++ : this.freed;
    if (block === this.freed) this.freed = this.next[block]!;
    this.next[block] = NONE;
    this.available--;
    return block;
  }
}
