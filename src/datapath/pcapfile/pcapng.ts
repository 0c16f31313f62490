import {
  type CapturedFrame,
  type CaptureInterface,
  type CaptureReader,
  MAX_CAPTURED_BYTES,
} from './capture.ts';
import { CaptureError, type CaptureErrorCode } from './errors.ts';
import { linkTypeText, READABLE_LINK_TYPES, UNSUPPORTED_LINK_TYPE } from './link-types.ts';
import { type BlockSource, NgInterface } from './pcapng-interface.ts';

// Block types (draft-ietf-opsawg-pcapng). Every block: type, total length, body, total length.
/** Reads the same in both byte orders, so that it can be found before the order is known. */
export const PCAPNG_SECTION_HEADER = 0x0a0d0d0a;
const INTERFACE_DESCRIPTION = 1;
/** Obsolete; as the enhanced block, but 16 bits of interface and 16 of drop count. */
const PACKET = 2;
const SIMPLE_PACKET = 3;
const ENHANCED_PACKET = 6;

const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const BYTE_ORDER_MAGIC_SWAPPED = 0x4d3c2b1a;
/** Type and the two total lengths. */
const BLOCK_OVERHEAD_BYTES = 12;
const SECTION_HEADER_BYTES = 28;
const INTERFACE_BYTES = 20;
/** Overhead and fixed fields of an enhanced (or obsolete) packet block without data. */
const PACKET_BYTES = 32;
const SIMPLE_PACKET_BYTES = 16;
/** A block that overruns the file by claiming more than this is a lie, not a cut (as in libpcap). */
const MAX_BLOCK_BYTES = 16 * 1024 * 1024;
const MAX_INTERFACES = 65_536;

/** Reads pcapng. Made by `openCapture`, which has seen the section header's type. */
export class NgReader implements CaptureReader, BlockSource {
  readonly format = 'pcapng';
  framesRead = 0;
  truncated = false;
  truncation = '';

  readonly view: DataView;
  readonly fileName: string;
  littleEndian = true;

  private readonly bytes: Uint8Array;
  private readonly known: NgInterface[] = [];
  private section = -1;
  /** Index in `known` of the current section's interface 0. */
  private sectionBase = 0;
  private position = 0;

  /** Throws `CaptureError` where the first section header is too short or not understood. */
  constructor(bytes: Uint8Array, fileName: string) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.fileName = fileName;
    if (bytes.length < SECTION_HEADER_BYTES) {
      this.fail(
        'truncated-header',
        0,
        `the file ends after ${bytes.length} bytes`,
        `a section header of ${SECTION_HEADER_BYTES}`,
      );
    }
    const total = this.enterBlock(0);
    if (total === 0) return;
    this.startSection(0, total);
    this.position = total;
  }

  get interfaces(): readonly CaptureInterface[] {
    return this.known;
  }

  next(frame: CapturedFrame): boolean {
    while (this.position < this.bytes.length) {
      const start = this.position;
      const total = this.enterBlock(start);
      if (total === 0) return false;
      const isPacket = this.readBlock(start, total, frame);
      this.position = start + total;
      if (isPacket) {
        this.framesRead++;
        return true;
      }
    }
    return false;
  }

  /**
   * Checks the frame of the block at `start` and returns its total length: a multiple of four, >= 12,
   * and inside the file. 0 where the file ends inside the block.
   */
  private enterBlock(start: number): number {
    const left = this.bytes.length - start;
    if (left < BLOCK_OVERHEAD_BYTES) return this.endEarly(start, BLOCK_OVERHEAD_BYTES, left);
    if (this.view.getUint32(start, true) === PCAPNG_SECTION_HEADER) this.readByteOrder(start);
    const total = this.view.getUint32(start + 4, this.littleEndian);
    if (total < BLOCK_OVERHEAD_BYTES || (total & 3) !== 0) {
      this.fail(
        'bad-block-length',
        start + 4,
        `block of ${total} bytes`,
        `at least ${BLOCK_OVERHEAD_BYTES} and a multiple of 4`,
      );
    }
    if (total > left) {
      if (total <= MAX_BLOCK_BYTES) return this.endEarly(start, total, left);
      this.fail(
        'bad-block-length',
        start + 4,
        `block of ${total} bytes, ${left} left in the file`,
        `at most ${MAX_BLOCK_BYTES}`,
      );
    }
    const trailer = this.view.getUint32(start + total - 4, this.littleEndian);
    if (trailer !== total) {
      this.fail(
        'block-length-mismatch',
        start + total - 4,
        `block ends with length ${trailer}`,
        `${total} as at its start`,
      );
    }
    return total;
  }

  private readBlock(start: number, total: number, frame: CapturedFrame): boolean {
    switch (this.view.getUint32(start, this.littleEndian)) {
      case ENHANCED_PACKET:
        this.requireBytes('enhanced packet block', start, total, PACKET_BYTES);
        this.readPacket(start, total, this.view.getUint32(start + 8, this.littleEndian), frame);
        return true;
      case PACKET:
        this.requireBytes('packet block', start, total, PACKET_BYTES);
        this.readPacket(start, total, this.view.getUint16(start + 8, this.littleEndian), frame);
        return true;
      case SIMPLE_PACKET:
        this.requireBytes('simple packet block', start, total, SIMPLE_PACKET_BYTES);
        this.readSimplePacket(start, total, frame);
        return true;
      case INTERFACE_DESCRIPTION:
        this.addInterface(start, total);
        return false;
      case PCAPNG_SECTION_HEADER:
        this.startSection(start, total);
        return false;
      default:
        return false;
    }
  }

  private readByteOrder(start: number): void {
    const magic = this.view.getUint32(start + 8, true);
    if (magic !== BYTE_ORDER_MAGIC && magic !== BYTE_ORDER_MAGIC_SWAPPED) {
      this.fail(
        'bad-byte-order-magic',
        start + 8,
        `byte-order magic ${hex(magic)}`,
        `${hex(BYTE_ORDER_MAGIC)} in either order`,
      );
    }
    this.littleEndian = magic === BYTE_ORDER_MAGIC;
  }

  /** Interfaces are numbered anew in each section; the section length is not needed. */
  private startSection(start: number, total: number): void {
    this.requireBytes('section header', start, total, SECTION_HEADER_BYTES);
    const major = this.view.getUint16(start + 12, this.littleEndian);
    const minor = this.view.getUint16(start + 14, this.littleEndian);
    // 1.2 was written by mistake and is read as 1.0 (draft-ietf-opsawg-pcapng, 4.1).
    if (major !== 1 || (minor !== 0 && minor !== 2)) {
      this.fail(
        'unsupported-version',
        start + 12,
        `pcapng version ${major}.${minor} is not supported`,
        `1.0`,
      );
    }
    this.section++;
    this.sectionBase = this.known.length;
  }

  private addInterface(start: number, total: number): void {
    this.requireBytes('interface description', start, total, INTERFACE_BYTES);
    if (this.known.length >= MAX_INTERFACES) {
      this.fail(
        'too-many-interfaces',
        start,
        `one interface too many`,
        `at most ${MAX_INTERFACES}`,
      );
    }
    const id = this.known.length - this.sectionBase;
    const bodyEnd = start + total - 4;
    try {
      this.known.push(new NgInterface(this, start + 8, bodyEnd, this.section, id));
    } catch (error) {
      this.position = this.bytes.length;
      throw error;
    }
  }

  /** Enhanced and obsolete packet blocks: they differ in the interface field only. */
  private readPacket(start: number, total: number, id: number, frame: CapturedFrame): void {
    const length = this.view.getUint32(start + 20, this.littleEndian);
    this.checkCaptured(length, total - PACKET_BYTES, start + 20);
    const port = this.interfaceOf(id, start);
    port.scale.resolve(
      this.view.getUint32(start + 12, this.littleEndian),
      this.view.getUint32(start + 16, this.littleEndian),
    );
    if (!Number.isSafeInteger(port.scale.epochSec)) {
      this.fail(
        'bad-timestamp',
        start + 12,
        `time of ${port.scale.epochSec} s since 1970`,
        `less than 2^53`,
      );
    }
    frame.originalLength = this.view.getUint32(start + 24, this.littleEndian);
    frame.epochSec = port.scale.epochSec;
    frame.nanos = port.scale.nanos;
    frame.hasTimestamp = true;
    this.place(frame, port, start + 28, length);
  }

  /** Belongs to interface 0; its captured length is implied by that interface's snapshot length. */
  private readSimplePacket(start: number, total: number, frame: CapturedFrame): void {
    const port = this.interfaceOf(0, start);
    const originalLength = this.view.getUint32(start + 8, this.littleEndian);
    const snapLen = port.snapLen === 0 ? originalLength : port.snapLen;
    const length = Math.min(originalLength, snapLen);
    this.checkCaptured(length, total - SIMPLE_PACKET_BYTES, start + 8);
    frame.originalLength = originalLength;
    frame.epochSec = 0;
    frame.nanos = 0;
    frame.hasTimestamp = false;
    this.place(frame, port, start + 12, length);
  }

  private place(frame: CapturedFrame, port: NgInterface, offset: number, length: number): void {
    const linkType = port.linkType;
    if (linkType === UNSUPPORTED_LINK_TYPE) {
      this.fail(
        'unsupported-link-type',
        offset,
        linkTypeText(port.fileLinkType),
        READABLE_LINK_TYPES,
      );
    }
    frame.bytes = this.bytes;
    frame.offset = offset;
    frame.length = length;
    frame.linkType = linkType;
    frame.interfaceId = port.id;
    frame.interfaceIndex = this.sectionBase + port.id;
  }

  private interfaceOf(id: number, start: number): NgInterface {
    const count = this.known.length - this.sectionBase;
    if (id >= count) {
      this.fail(
        'unknown-interface',
        start + 8,
        `packet ${this.framesRead + 1} belongs to interface ${id}`,
        `one of the ${count} described so far in this section`,
      );
    }
    return this.known[this.sectionBase + id]!;
  }

  private checkCaptured(length: number, room: number, offset: number): void {
    const most = Math.min(room, MAX_CAPTURED_BYTES);
    if (length <= most) return;
    this.fail(
      'bad-captured-length',
      offset,
      `packet ${this.framesRead + 1} claims ${length} captured bytes`,
      `at most ${most}`,
    );
  }

  private requireBytes(what: string, start: number, total: number, least: number): void {
    if (total >= least) return;
    this.fail('bad-block-length', start + 4, `${what} of ${total} bytes`, `at least ${least}`);
  }

  private endEarly(start: number, wanted: number, left: number): 0 {
    this.truncated = true;
    this.truncation = `${this.fileName}: byte ${start}: the file ends inside a block after packet ${this.framesRead}: ${wanted} bytes announced, ${left} left`;
    this.position = this.bytes.length;
    return 0;
  }

  private fail(code: CaptureErrorCode, offset: number, found: string, expected: string): never {
    this.position = this.bytes.length;
    throw new CaptureError(code, this.fileName, offset, found, expected);
  }
}

function hex(word: number): string {
  return `0x${word.toString(16).padStart(8, '0')}`;
}
