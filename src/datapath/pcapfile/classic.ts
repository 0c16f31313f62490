import type { LinkTypeCode } from '../../wire/index.ts';
import {
  type CapturedFrame,
  type CaptureInterface,
  type CaptureReader,
  MAX_CAPTURED_BYTES,
} from './capture.ts';
import { CaptureError, type CaptureErrorCode } from './errors.ts';
import {
  linkTypeFromFile,
  linkTypeText,
  READABLE_LINK_TYPES,
  UNSUPPORTED_LINK_TYPE,
} from './link-types.ts';

// Layout: draft-ietf-opsawg-pcap. A file header of 24 bytes, then records of 16 + length bytes.
export const PCAP_MAGIC_MICROS = 0xa1b2c3d4;
export const PCAP_MAGIC_NANOS = 0xa1b23c4d;
export const PCAP_FILE_HEADER_BYTES = 24;
export const PCAP_RECORD_HEADER_BYTES = 16;
export const PCAP_VERSION_MAJOR = 2;
export const PCAP_VERSION_MINOR = 4;

const NANOS_PER_SEC = 1_000_000_000;

/** Reads classic pcap. Made by `openCapture`, which has seen the magic number. */
export class ClassicReader implements CaptureReader {
  readonly format = 'pcap';
  readonly interfaces: readonly CaptureInterface[];
  framesRead = 0;
  truncated = false;
  truncation = '';

  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private readonly fileName: string;
  private readonly littleEndian: boolean;
  private readonly nanosPerUnit: number;
  private readonly linkType: LinkTypeCode;
  private position = PCAP_FILE_HEADER_BYTES;

  /** Throws `CaptureError` where the header is too short or names what is not supported. */
  constructor(bytes: Uint8Array, fileName: string, littleEndian: boolean) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.fileName = fileName;
    this.littleEndian = littleEndian;
    if (bytes.length < PCAP_FILE_HEADER_BYTES) {
      this.fail(
        'truncated-header',
        0,
        `the file ends after ${bytes.length} bytes`,
        `a pcap header of ${PCAP_FILE_HEADER_BYTES}`,
      );
    }
    const isNanos = this.view.getUint32(0, littleEndian) === PCAP_MAGIC_NANOS;
    this.nanosPerUnit = isNanos ? 1 : 1000;
    this.checkVersion();
    // The upper half may say that frames end in a checksum; the link type is the lower half.
    const fileLinkType = this.view.getUint32(20, littleEndian) & 0xffff;
    const linkType = linkTypeFromFile(fileLinkType);
    if (linkType === UNSUPPORTED_LINK_TYPE) {
      this.fail('unsupported-link-type', 20, linkTypeText(fileLinkType), READABLE_LINK_TYPES);
    }
    this.linkType = linkType;
    const snapLen = this.view.getUint32(16, littleEndian);
    this.interfaces = [{ section: 0, id: 0, name: '', fileLinkType, snapLen }];
  }

  next(frame: CapturedFrame): boolean {
    const start = this.position;
    const left = this.bytes.length - start;
    if (left === 0) return false;
    if (left < PCAP_RECORD_HEADER_BYTES) {
      return this.endEarly(start, `${PCAP_RECORD_HEADER_BYTES} bytes of packet header`, left);
    }
    const length = this.view.getUint32(start + 8, this.littleEndian);
    if (length > MAX_CAPTURED_BYTES) {
      this.fail(
        'bad-captured-length',
        start + 8,
        `packet ${this.framesRead + 1} claims ${length} captured bytes`,
        `at most ${MAX_CAPTURED_BYTES}`,
      );
    }
    const room = left - PCAP_RECORD_HEADER_BYTES;
    if (length > room) return this.endEarly(start, `${length} captured bytes`, room);
    this.position = start + PCAP_RECORD_HEADER_BYTES + length;
    this.fill(frame, start, length);
    this.framesRead++;
    return true;
  }

  private fill(frame: CapturedFrame, start: number, length: number): void {
    frame.bytes = this.bytes;
    frame.offset = start + PCAP_RECORD_HEADER_BYTES;
    frame.length = length;
    frame.originalLength = this.view.getUint32(start + 12, this.littleEndian);
    // A fraction of a second or more is a writer's slip: carried, so that nanos stays in range.
    const fraction = this.view.getUint32(start + 4, this.littleEndian) * this.nanosPerUnit;
    const carrySec = Math.floor(fraction / NANOS_PER_SEC);
    frame.epochSec = this.view.getUint32(start, this.littleEndian) + carrySec;
    frame.nanos = fraction - carrySec * NANOS_PER_SEC;
    frame.hasTimestamp = true;
    frame.linkType = this.linkType;
    frame.interfaceId = 0;
    frame.interfaceIndex = 0;
  }

  /** Before 2.4 the two lengths of a record may stand in the other order: not worth guessing. */
  private checkVersion(): void {
    const major = this.view.getUint16(4, this.littleEndian);
    const minor = this.view.getUint16(6, this.littleEndian);
    if (major === PCAP_VERSION_MAJOR && minor === PCAP_VERSION_MINOR) return;
    this.fail(
      'unsupported-version',
      4,
      `pcap version ${major}.${minor} is not supported`,
      `${PCAP_VERSION_MAJOR}.${PCAP_VERSION_MINOR}`,
    );
  }

  private endEarly(start: number, wanted: string, left: number): false {
    this.truncated = true;
    this.truncation = `${this.fileName}: byte ${start}: the file ends inside packet ${this.framesRead + 1}: ${wanted} announced, ${left} left`;
    this.position = this.bytes.length;
    return false;
  }

  private fail(code: CaptureErrorCode, offset: number, found: string, expected: string): never {
    this.position = this.bytes.length;
    throw new CaptureError(code, this.fileName, offset, found, expected);
  }
}
