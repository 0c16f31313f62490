/** The slow path without a kernel: a ring's writing end, a batch that keeps what it would send. */
import assert from 'node:assert/strict';
import {
  PUNT_HEADER_BYTES,
  PUNT_RECORD_BYTES,
  PuntWord,
} from '../../../../src/datapath/gate/layout.ts';
import type {
  FrameBatch,
  HopSource,
  MappedRing,
} from '../../../../src/datapath/gate/punt/index.ts';

const BUSY = 1 << 31;
const DISCARDED = 1 << 30;

/**
 * The kernel's end of a ring, written from its documentation (Documentation/bpf/ringbuf.rst), with
 * whole 64-bit positions and one copy of the data, which it mirrors.
 */
export class RingTwin implements MappedRing {
  readonly size: number;
  readonly consumer = new Int32Array(2);
  readonly producer = new Int32Array(2);
  readonly words: Int32Array;
  /** How often a waiting reader would have been woken. */
  wakes = 0;
  lost = 0;
  private readonly bytes: Uint8Array;

  constructor(size = 4096, position = 0n) {
    this.size = size;
    const memory = new ArrayBuffer(2 * size);
    this.words = new Int32Array(memory);
    this.bytes = new Uint8Array(memory).fill(0xa5);
    set64(this.consumer, position);
    set64(this.producer, position);
  }

  get consumed(): bigint {
    return get64(this.consumer);
  }

  /** Makes room for a payload; its position, or -1n: the ring is full. */
  reserve(length: number): bigint {
    const position = get64(this.producer);
    const end = position + BigInt((length + 8 + 7) & ~7);
    if (end - this.consumed > BigInt(this.size)) {
      this.lost++;
      return -1n;
    }
    this.write(position, 0, Buffer.from(Int32Array.of(length | BUSY, 0).buffer));
    set64(this.producer, end);
    return position;
  }

  /** Fills a reserved record and lets the reader have it. */
  commit(position: bigint, payload: Uint8Array, discard = false): void {
    this.write(position, 8, payload);
    const length = this.headerAt(position) & ~BUSY;
    const header = Int32Array.of(length | (discard ? DISCARDED : 0));
    this.write(position, 0, Buffer.from(header.buffer));
    if (this.consumed === position) this.wakes++;
  }

  push(payload: Uint8Array, discard = false): boolean {
    const position = this.reserve(payload.length);
    if (position >= 0n) this.commit(position, payload, discard);
    return position >= 0n;
  }

  /** A punted frame, in a record of a size that the program has. */
  punt(frame: Uint8Array, ifindex: number, flags = 0, uid = -1, mark = 0): boolean {
    const needed = PUNT_HEADER_BYTES + frame.length;
    const size = PUNT_RECORD_BYTES.find((bytes) => bytes >= needed);
    assert.ok(size !== undefined, 'the frame fits a record');
    const payload = new Uint8Array(size).fill(0xa5);
    const head = new Int32Array(payload.buffer, 0, 4);
    head[PuntWord.Length] = frame.length;
    head[PuntWord.Way] = (ifindex << 8) | flags;
    head[PuntWord.Uid] = uid;
    head[PuntWord.Mark] = mark;
    payload.set(frame, PUNT_HEADER_BYTES);
    return this.push(payload);
  }

  private headerAt(position: bigint): number {
    return this.words[Number(position % BigInt(this.size)) >> 2]!;
  }

  /** Byte by byte into both mappings: a record may reach over the end of the first. */
  private write(position: bigint, offset: number, data: Uint8Array): void {
    const start = Number((position + BigInt(offset)) % BigInt(this.size));
    for (let i = 0; i < data.length; i++) {
      const at = (start + i) % this.size;
      this.bytes[at] = data[i]!;
      this.bytes[at + this.size] = data[i]!;
    }
  }
}

export interface SentFrame {
  readonly ifindex: number;
  readonly frame: Uint8Array;
  readonly mark: number;
}

/** Keeps copies of what would have been sent, from the flush on; or counts only. */
export class MemoryBatch implements FrameBatch {
  readonly slots: number;
  readonly slotBytes: number;
  readonly words: Int32Array;
  readonly view: DataView;
  readonly sent: SentFrame[] = [];
  queued = 0;
  flushes = 0;
  /** For measuring: throws the frames away. */
  forgetful = false;
  private readonly waiting: Int32Array;

  constructor(slots = 8, slotBytes = 2048) {
    this.slots = slots;
    this.slotBytes = slotBytes;
    const memory = new ArrayBuffer(slots * slotBytes);
    this.words = new Int32Array(memory).fill(0xa5a5a5a5 | 0);
    this.view = new DataView(memory);
    this.waiting = new Int32Array(slots * 4);
  }

  queue(slot: number, offset: number, length: number, ifindex: number, mark = 0): void {
    if (slot !== this.queued || slot >= this.slots) throw new RangeError(`slot ${slot}`);
    if (offset + length > this.slotBytes) throw new RangeError(`${offset} + ${length} bytes`);
    this.waiting[slot * 4] = slot * this.slotBytes + offset;
    this.waiting[slot * 4 + 1] = length;
    this.waiting[slot * 4 + 2] = ifindex;
    this.waiting[slot * 4 + 3] = mark;
    this.queued++;
  }

  flush(): void {
    this.flushes++;
    for (let slot = 0; slot < this.queued && !this.forgetful; slot++) {
      const [at, length, ifindex, mark] = this.waiting.subarray(slot * 4);
      const frame = new Uint8Array(this.view.buffer as ArrayBuffer).slice(at!, at! + length!);
      this.sent.push({ ifindex: ifindex!, frame, mark: mark! });
    }
    this.queued = 0;
  }
}

/** Numbers hops in the order in which they are asked for. */
export class MemoryHops implements HopSource {
  readonly hops: string[] = [];
  limit = 4096;

  intern(
    ifindex: number,
    mtu: number,
    family: number,
    a0: number,
    a1: number,
    a2: number,
    a3: number,
    managed: boolean,
  ): number {
    const address = family === 0 ? 'own' : [a0, a1, a2, a3].map((w) => w >>> 0).join('.');
    const text = `${ifindex} mtu ${mtu} ${family} ${address}${managed ? ' managed' : ''}`;
    const known = this.hops.indexOf(text);
    if (known >= 0) return known;
    if (this.hops.length >= this.limit) return -1;
    return this.hops.push(text) - 1;
  }
}

function get64(words: Int32Array): bigint {
  return (BigInt(words[1]! >>> 0) << 32n) | BigInt(words[0]! >>> 0);
}

function set64(words: Int32Array, value: bigint): void {
  words[0] = Number(BigInt.asIntN(32, value));
  words[1] = Number(BigInt.asIntN(32, value >> 32n));
}
