import type { Bpf } from './bpf.ts';
import { type Mapping, Prot } from './ffi.ts';

/** A BPF array map that is mapped here, in the forms that its readers need. All the same memory. */
export interface SharedArray {
  readonly words: Int32Array;
  readonly unsigned: Uint32Array;
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

/**
 * A BPF_MAP_TYPE_RINGBUF (Documentation/bpf/ringbuf.rst). Positions count bytes from the beginning
 * and never go back; here their low 32 bits are used, and they wrap. A record stands at its position
 * modulo `size` and begins with 8 bytes: its length, with bit 31 while it is being written and bit 30
 * where it is to be passed over, then a word of the kernel's own. Records take multiples of 8 bytes.
 * The data is mapped twice in a row, so that no record is ever cut.
 */
export interface Ring {
  readonly size: number;
  /** Where this process has read to: low and high word of 64 bits. Writable. */
  readonly consumer: Int32Array;
  /** Where the kernel has written to: low and high word. */
  readonly producer: Int32Array;
  /** 2 * `size` bytes, read-only: writing ends the process with a signal. */
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
  readonly view: DataView;
}

/** What `mapArray` and `mapRing` have mapped, for `unmap` at the end. */
export type Mapped<T> = T & { readonly mappings: readonly Mapping[] };

/** Maps the values of an array map, `words` words of them. */
export function mapArray(bpf: Bpf, name: string, fd: number, words: number): Mapped<SharedArray> {
  const { libc } = bpf;
  const length = Math.ceil((words * 4) / libc.pageSize) * libc.pageSize;
  const mapping = libc.map(`mmap(map ${name})`, length, Prot.ReadWrite, fd, 0);
  return {
    words: new Int32Array(mapping.buffer, 0, words),
    unsigned: new Uint32Array(mapping.buffer, 0, words),
    bytes: new Uint8Array(mapping.buffer, 0, words * 4),
    view: new DataView(mapping.buffer, 0, words * 4),
    mappings: [mapping],
  };
}

/** Maps a ring: the consumer's page writable, the producer's page and the data, twice, to read. */
export function mapRing(bpf: Bpf, name: string, fd: number, size: number): Mapped<Ring> {
  const { libc } = bpf;
  const { pageSize } = libc;
  const mine = libc.map(`mmap(ring ${name})`, pageSize, Prot.ReadWrite, fd, 0);
  const theirs = libc.map(`mmap(ring ${name})`, pageSize + 2 * size, Prot.Read, fd, pageSize);
  return {
    size,
    consumer: new Int32Array(mine.buffer, 0, 2),
    producer: new Int32Array(theirs.buffer, 0, 2),
    bytes: new Uint8Array(theirs.buffer, pageSize, 2 * size),
    words: new Int32Array(theirs.buffer, pageSize, size / 2),
    view: new DataView(theirs.buffer, pageSize, 2 * size),
    mappings: [mine, theirs],
  };
}
