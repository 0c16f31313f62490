/** What is mapped of a BPF_MAP_TYPE_RINGBUF. Words are of the machine's order, which is little-endian. */
export interface MappedRing {
  /** Bytes of data: a power of two. */
  readonly size: number;
  /** Where this process has read to, 64 bits in two words, low first. Writable. */
  readonly consumer: Int32Array;
  /** Where the kernel has written to: likewise, read-only. */
  readonly producer: Int32Array;
  /** The data, twice in a row: no record is ever cut. */
  readonly words: Int32Array;
}

/** Of a record's first word (BPF_RINGBUF_DISCARD_BIT; the busy bit, 31, is the sign). */
const DISCARDED = 1 << 30;
const LENGTH_MASK = DISCARDED - 1;
/** A record's length, then a word of the kernel's own. */
const RECORD_HEADER_BYTES = 8;

/**
 * The reading end of a ring. Positions count bytes from the beginning of the ring's life; here their
 * low 32 bits are kept, and compared only for being equal.
 *
 *     for (let at = ring.next(); at >= 0; at = ring.next()) use(ring.words, at);
 *     ring.release();
 *
 * Waking (kernel/bpf/ringbuf.c, bpf_ringbuf_commit): a record wakes a waiting reader only if the
 * reader's published position is that very record, that is, if everything before it was released. So
 * one releases, looks once more (`isEmpty`), and only then waits. The kernel writes the record's
 * header, then reads our position, with a full barrier in between; we write our position, then read
 * header and producer position, and `Atomics` puts the barrier there. One of the two sees the other.
 */
export class RingReader {
  readonly words: Int32Array;
  /** Bytes of data: a power of two. */
  readonly size: number;
  private readonly consumer: Int32Array;
  private readonly consumer64: BigUint64Array;
  private readonly producer: Int32Array;
  private readonly mask: number;
  /** Where the next record stands, what was released, and what the kernel was seen to have written. */
  private position: number;
  private released: number;
  private written: number;

  constructor(ring: MappedRing) {
    this.words = ring.words;
    this.size = ring.size;
    this.consumer = ring.consumer;
    this.consumer64 = new BigUint64Array(ring.consumer.buffer, ring.consumer.byteOffset, 1);
    this.producer = ring.producer;
    this.mask = ring.size - 1;
    // A ring that was taken over goes on where its last reader stood.
    this.position = Atomics.load(ring.consumer, 0);
    this.released = this.position;
    this.written = this.position;
  }

  /** Index into `words` of the next record's payload, aligned to eight bytes; -1: none is ready. */
  next(): number {
    if (this.position === this.written) this.look();
    return this.nextSeen();
  }

  /** Takes note of what the kernel has written so far: that is what `nextSeen` goes through. */
  look(): void {
    this.written = Atomics.load(this.producer, 0);
  }

  /** Bytes of the ring that were seen and not read. */
  get seenBytes(): number {
    return (this.written - this.position) >>> 0;
  }

  /** As `next`, up to where `look` saw the ring end. */
  nextSeen(): number {
    for (;;) {
      const { position } = this;
      if (position === this.written) return -1;
      const at = (position & this.mask) >>> 2;
      const header = Atomics.load(this.words, at);
      if (header < 0) return -1;
      const length = (header & LENGTH_MASK) + RECORD_HEADER_BYTES;
      this.position = (position + ((length + 7) & ~7)) | 0;
      if ((header & DISCARDED) === 0) return at + (RECORD_HEADER_BYTES >> 2);
    }
  }

  /** Gives back the room of all records read so far: they must not be read any more. */
  release(): void {
    const { position } = this;
    if (position === this.released) return;
    // Positions only grow: where the low word has become less, there is one to carry.
    if (position >>> 0 < this.released >>> 0) this.carry(position >>> 0);
    else Atomics.store(this.consumer, 0, position);
    this.released = position;
  }

  /** True where no record is ready. Says nothing of those read and not released. */
  isEmpty(): boolean {
    if (this.position === Atomics.load(this.producer, 0)) return true;
    return Atomics.load(this.words, (this.position & this.mask) >>> 2) < 0;
  }

  /** Throws away what stands in the ring: punted to an earlier process, which is gone. */
  clear(): void {
    while (this.next() >= 0);
    this.release();
  }

  /** Once in 4 GiB. In one store: between two, the kernel would find the ring full. */
  private carry(low: number): void {
    const high = (this.consumer[1]! + 1) >>> 0;
    Atomics.store(this.consumer64, 0, (BigInt(high) << 32n) | BigInt(low));
  }
}
