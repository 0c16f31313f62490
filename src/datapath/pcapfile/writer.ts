import { closeSync, openSync, writeSync } from 'node:fs';
import { LinkType, type LinkTypeCode } from '../../wire/index.ts';
import { MAX_CAPTURED_BYTES } from './capture.ts';
import {
  PCAP_FILE_HEADER_BYTES,
  PCAP_MAGIC_MICROS,
  PCAP_MAGIC_NANOS,
  PCAP_RECORD_HEADER_BYTES,
  PCAP_VERSION_MAJOR,
  PCAP_VERSION_MINOR,
} from './classic.ts';
import { CaptureError } from './errors.ts';
import { linkTypeToFile } from './link-types.ts';

/** Holds one record of the largest size, and some hundred ordinary ones. */
const BUFFER_BYTES = 2 * MAX_CAPTURED_BYTES;
/** Captures hold what people said on the wire, passwords included: for their owner only. */
const FILE_MODE = 0o600;

export interface CaptureWriterOptions {
  /** One per file. Ethernet where not given. */
  readonly linkType?: LinkTypeCode;
  /** Keep nanoseconds (magic a1b23c4d); else they are cut to microseconds. */
  readonly nanoseconds?: boolean;
}

/**
 * Writes classic pcap, little endian, through one buffer: records reach the file when the buffer is
 * full, at `flush()` and at `close()`. `write()` allocates nothing per frame. Errors of the file
 * system are thrown as Node raises them (`ENOSPC` and the like).
 */
export class CaptureWriter {
  framesWritten = 0;

  private readonly buffer = new Uint8Array(BUFFER_BYTES);
  private readonly view = new DataView(this.buffer.buffer);
  private readonly fd: number;
  private readonly fileName: string;
  private readonly ownsFd: boolean;
  private readonly nanosPerUnit: number;
  private used = 0;
  private closed = false;
  /** The source of the last write and a view on it: callers keep to one buffer, mostly. */
  private source: Uint8Array = this.buffer;
  private sourceView: DataView = this.view;

  /**
   * `target` is a path (created or emptied, and closed by `close()`) or an open file descriptor,
   * which stays the caller's to close.
   */
  constructor(target: string | number, options: CaptureWriterOptions = {}) {
    const isPath = typeof target === 'string';
    this.nanosPerUnit = options.nanoseconds === true ? 1 : 1000;
    this.fd = isPath ? openSync(target, 'w', FILE_MODE) : target;
    this.fileName = isPath ? target : `file descriptor ${target}`;
    this.ownsFd = isPath;
    this.putFileHeader(linkTypeToFile(options.linkType ?? LinkType.Ethernet));
  }

  /**
   * Appends the frame at [offset, offset + length) of `bytes`, which must lie inside it. What is
   * beyond 262 144 bytes is cut, as a capture's snapshot length would; `originalLength` says how
   * long the frame was on the wire. `epochSec` is kept modulo 2^32: the format has no more.
   */
  write(
    bytes: Uint8Array,
    offset: number,
    length: number,
    originalLength: number,
    epochSec: number,
    nanos: number,
  ): void {
    if (this.closed) throw this.closedError();
    const kept = Math.min(length, MAX_CAPTURED_BYTES);
    if (this.used + PCAP_RECORD_HEADER_BYTES + kept > BUFFER_BYTES) this.flush();
    const at = this.used;
    this.view.setUint32(at, epochSec, true);
    this.view.setUint32(at + 4, Math.floor(nanos / this.nanosPerUnit), true);
    this.view.setUint32(at + 8, kept, true);
    this.view.setUint32(at + 12, originalLength, true);
    this.copy(bytes, offset, at + PCAP_RECORD_HEADER_BYTES, kept);
    this.used = at + PCAP_RECORD_HEADER_BYTES + kept;
    this.framesWritten++;
  }

  /** Hands everything written so far to the file. */
  flush(): void {
    if (this.closed) throw this.closedError();
    let done = 0;
    while (done < this.used) {
      done += writeSync(this.fd, this.buffer, done, this.used - done);
    }
    this.used = 0;
  }

  /** Flushes and closes; a second call does nothing. */
  close(): void {
    if (this.closed) return;
    try {
      this.flush();
    } finally {
      this.closed = true;
      if (this.ownsFd) closeSync(this.fd);
    }
  }

  private putFileHeader(fileLinkType: number): void {
    const magic = this.nanosPerUnit === 1 ? PCAP_MAGIC_NANOS : PCAP_MAGIC_MICROS;
    this.view.setUint32(0, magic, true);
    this.view.setUint16(4, PCAP_VERSION_MAJOR, true);
    this.view.setUint16(6, PCAP_VERSION_MINOR, true);
    // Two words that once held time zone and accuracy: zero in every file (draft-ietf-opsawg-pcap).
    this.view.setUint32(8, 0, true);
    this.view.setUint32(12, 0, true);
    this.view.setUint32(16, MAX_CAPTURED_BYTES, true);
    this.view.setUint32(20, fileLinkType, true);
    this.used = PCAP_FILE_HEADER_BYTES;
  }

  /**
   * By words through a long-lived view: `set(subarray())` would allocate for every frame, and a
   * plain byte loop is four times as slow.
   */
  private copy(bytes: Uint8Array, from: number, to: number, length: number): void {
    if (bytes !== this.source) {
      this.source = bytes;
      this.sourceView = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    }
    const source = this.sourceView;
    const wordsEnd = length & ~3;
    let i = 0;
    for (; i < wordsEnd; i += 4) this.view.setUint32(to + i, source.getUint32(from + i));
    for (; i < length; i++) this.view.setUint8(to + i, source.getUint8(from + i));
  }

  private closedError(): CaptureError {
    const found = 'the writer is closed';
    return new CaptureError('writer-closed', this.fileName, 0, found, 'no more frames');
  }
}
