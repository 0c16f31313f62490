import type { LinkTypeCode } from '../../wire/index.ts';
import type { CaptureInterface } from './capture.ts';
import { CaptureError } from './errors.ts';
import { linkTypeFromFile } from './link-types.ts';
import { isUsableResolution, TimestampScale } from './timestamp.ts';

// Option codes of the Interface Description Block (draft-ietf-opsawg-pcapng, 4.2).
const OPT_END = 0;
const IF_NAME = 2;
const IF_TSRESOL = 9;
const IF_TSOFFSET = 14;

/** Microseconds, where if_tsresol is absent. */
const DEFAULT_TSRESOL = 6;
const TWO_32 = 4_294_967_296;

/** Where a block is read from: the reader itself, whose byte order changes with the section. */
export interface BlockSource {
  readonly view: DataView;
  readonly littleEndian: boolean;
  readonly fileName: string;
}

/** One Interface Description Block, taken apart. */
export class NgInterface implements CaptureInterface {
  readonly section: number;
  readonly id: number;
  readonly fileLinkType: number;
  readonly snapLen: number;
  /** `UNSUPPORTED_LINK_TYPE` where Pinhole cannot read it: refused only when a packet uses it. */
  readonly linkType: LinkTypeCode | -1;
  readonly scale: TimestampScale;
  name = '';

  private tsresol = DEFAULT_TSRESOL;
  private offsetSec = 0;

  /**
   * Reads the block body at [bodyOffset, bodyEnd), of at least 8 bytes. Throws `CaptureError` where
   * an option does not fit the block or has an impossible value.
   */
  constructor(
    source: BlockSource,
    bodyOffset: number,
    bodyEnd: number,
    section: number,
    id: number,
  ) {
    this.section = section;
    this.id = id;
    this.fileLinkType = source.view.getUint16(bodyOffset, source.littleEndian);
    this.snapLen = source.view.getUint32(bodyOffset + 4, source.littleEndian);
    this.linkType = linkTypeFromFile(this.fileLinkType);
    this.readOptions(source, bodyOffset + 8, bodyEnd);
    this.scale = new TimestampScale(this.tsresol, this.offsetSec);
  }

  /** Options are (code, length, value padded to four bytes); opt_endofopt may be missing. */
  private readOptions(source: BlockSource, from: number, end: number): void {
    let at = from;
    while (at + 4 <= end) {
      const code = source.view.getUint16(at, source.littleEndian);
      const length = source.view.getUint16(at + 2, source.littleEndian);
      if (code === OPT_END) return;
      const room = end - at - 4;
      if (length > room) {
        const found = `option ${code} claims ${length} bytes`;
        throw new CaptureError('bad-option', source.fileName, at, found, `at most ${room}`);
      }
      this.readOption(source, code, at + 4, length);
      at += 4 + ((length + 3) & ~3);
    }
  }

  private readOption(source: BlockSource, code: number, at: number, length: number): void {
    const { view, littleEndian } = source;
    if (code === IF_NAME) {
      const value = new Uint8Array(view.buffer, view.byteOffset + at, length);
      this.name = new TextDecoder().decode(value);
    } else if (code === IF_TSRESOL) {
      requireLength(source, 'if_tsresol', at, length, 1);
      this.tsresol = view.getUint8(at);
      this.checkResolution(source, at);
    } else if (code === IF_TSOFFSET) {
      requireLength(source, 'if_tsoffset', at, length, 8);
      const high = view.getInt32(littleEndian ? at + 4 : at, littleEndian);
      this.offsetSec = high * TWO_32 + view.getUint32(littleEndian ? at : at + 4, littleEndian);
    }
  }

  private checkResolution(source: BlockSource, at: number): void {
    if (isUsableResolution(this.tsresol)) return;
    const unit = `${(this.tsresol & 0x80) === 0 ? 10 : 2}^-${this.tsresol & 0x7f} s`;
    const found = `time unit of ${unit}`;
    throw new CaptureError(
      'bad-timestamp-resolution',
      source.fileName,
      at,
      found,
      '10^-19 or 2^-63 s at finest',
    );
  }
}

function requireLength(
  source: BlockSource,
  option: string,
  at: number,
  length: number,
  expected: number,
): void {
  if (length === expected) return;
  const found = `${option} has ${length} bytes`;
  throw new CaptureError('bad-option', source.fileName, at - 2, found, `${expected}`);
}
