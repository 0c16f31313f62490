import { LinkType, type LinkTypeCode } from '../../wire/index.ts';

/**
 * The largest captured length that is believed: libpcap's MAXIMUM_SNAPLEN. More than this is a
 * damaged file, and libpcap stops there too.
 */
export const MAX_CAPTURED_BYTES = 262_144;

/** One frame of a capture file. The caller makes one and every `next()` fills it anew. */
export class CapturedFrame {
  /** The whole (uncompressed) file; the frame lies at [offset, offset + length). Read only. */
  bytes: Uint8Array = new Uint8Array(0);
  offset = 0;
  /** Captured bytes. */
  length = 0;
  /** Length on the wire; normally >= `length`, but as the file says it. */
  originalLength = 0;
  /** Whole seconds since 1970 (negative only by a pcapng if_tsoffset). */
  epochSec = 0;
  /** 0..999 999 999. */
  nanos = 0;
  /** False for pcapng Simple Packet Blocks, which carry no time: epochSec and nanos are then 0. */
  hasTimestamp = true;
  linkType: LinkTypeCode = LinkType.Ethernet;
  /** The interface's number within its pcapng section; 0 in a classic file. */
  interfaceId = 0;
  /** Index into `CaptureReader.interfaces`, unique within the file. */
  interfaceIndex = 0;
}

/** An interface that a capture file describes. */
export interface CaptureInterface {
  /** Number of the pcapng section, from 0; 0 in a classic file. */
  readonly section: number;
  /** Number within the section. */
  readonly id: number;
  /** pcapng if_name; '' where the file gives none. */
  readonly name: string;
  /** LINKTYPE_ value as it stands in the file. It may be one that Pinhole cannot read. */
  readonly fileLinkType: number;
  /** 0: no limit. */
  readonly snapLen: number;
}

/** Walks the frames of a capture file in file order. */
export interface CaptureReader {
  readonly format: 'pcap' | 'pcapng';
  /** Filled as the file is read: a pcapng file may describe an interface anywhere. */
  readonly interfaces: readonly CaptureInterface[];
  readonly framesRead: number;
  /** True once the reader has met an end of file inside a packet or block. */
  readonly truncated: boolean;
  /** One line about the truncation; '' while `truncated` is false. */
  readonly truncation: string;
  /**
   * Fills `frame` with the next frame and returns true; false at the end of the file. Allocates
   * nothing per frame. Throws `CaptureError` where the file contradicts itself or the frame's link
   * type is not supported; the reader is spent after that and returns false.
   */
  next(frame: CapturedFrame): boolean;
}
