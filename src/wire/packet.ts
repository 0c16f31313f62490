import { LinkType, type LinkTypeCode } from './codes.ts';

/** Free bytes kept before and after a frame, so that headers can be put in front and lines grow. */
export const HEADROOM_BYTES = 128;
export const TAILROOM_BYTES = 512;
/** The largest frame that fits: a 64 KiB super-frame with its link header. */
export const MAX_FRAME_BYTES = 65_536 + 64;

/**
 * The packet cursor: one long-lived object over one long-lived buffer. `decodeFrame` fills its integer
 * fields from the bytes; nobody allocates a packet. Addresses are signed 32-bit words (`>>> 0` only
 * to print); an IPv4 address is in word 0 and words 1..3 are zero.
 *
 * Contract of this room: `decodeFrame` checks every length once. After `Decode.Ok` all offsets lie
 * within the frame and may be read freely.
 */
export class Packet {
  /** The whole buffer. A frame lies at [frameOffset, frameEnd). */
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** The same memory in words of the machine's order: to copy whole frames, not to read fields. */
  readonly words: Int32Array;

  frameOffset = HEADROOM_BYTES;
  frameEnd = HEADROOM_BYTES;
  linkType: LinkTypeCode = LinkType.Ethernet;

  /** Set by whoever has just computed the transport checksum: nobody need verify it again. */
  checksumIsOurs = false;

  /**
   * Where it was put together from fragments: bytes of the largest one, as an IP datagram; else 0.
   */
  fragMaxSize = 0;

  etherType = 0;
  /** VLAN id of the (outermost) 802.1Q tag, or -1. */
  vlanId = -1;

  /** 4, 6, or 0 where the frame is not IP. */
  family = 0;
  l3Offset = 0;
  /** End of the IP datagram (frames may carry padding behind it). */
  l3End = 0;
  /** IPv4 header length with options, or IPv6 header with extension headers, in bytes. */
  l3HeaderLen = 0;
  /** The final protocol number (after IPv6 extension headers). */
  protocol = 0;
  ttl = 0;
  tos = 0;
  src0 = 0;
  src1 = 0;
  src2 = 0;
  src3 = 0;
  dst0 = 0;
  dst1 = 0;
  dst2 = 0;
  dst3 = 0;
  /** Identification field (IPv4), 0 for IPv6 without fragment header. */
  ipId = 0;
  dontFragment = false;
  /** True for every fragment, the first included. */
  isFragment = false;
  /** An IPv4 fragment, or an IPv6 packet with a fragment header, whole as it may be. */
  hasFragmentHeader = false;
  /** Offset of this fragment in bytes; 0 for whole packets and first fragments. */
  fragmentOffset = 0;

  l4Offset = 0;
  /** Source port; ICMP echo id for ICMP queries; 0 where there is none, as in GRE. */
  srcPortOrIcmpId = 0;
  /** Destination port; (type << 8 | code) for ICMP; call id for GRE of PPTP; 0 where there is none. */
  dstPortOrIcmpTypeCode = 0;
  icmpType = 0;
  icmpCode = 0;

  tcpFlags = 0;
  seq = 0;
  ack = 0;
  window = 0;
  tcpHeaderLen = 0;

  payloadOffset = 0;
  payloadLen = 0;

  constructor(buffer?: ArrayBuffer) {
    const memory = buffer ?? new ArrayBuffer(HEADROOM_BYTES + MAX_FRAME_BYTES + TAILROOM_BYTES);
    this.bytes = new Uint8Array(memory);
    this.view = new DataView(memory);
    this.words = new Int32Array(memory, 0, memory.byteLength >> 2);
  }

  /** How long a frame this cursor can hold, tailroom kept free. */
  get capacity(): number {
    return this.bytes.length - HEADROOM_BYTES - TAILROOM_BYTES;
  }

  /** Copies a frame in. False where it does not fit. */
  load(frame: Uint8Array, linkType: LinkTypeCode): boolean {
    if (frame.length > this.capacity) return false;
    this.bytes.set(frame, HEADROOM_BYTES);
    this.begin(frame.length, linkType);
    return true;
  }

  /** Copies `length` bytes of `source` from `offset` in; `length` must not exceed `capacity`. */
  loadRange(source: Uint8Array, offset: number, length: number, linkType: LinkTypeCode): void {
    const { bytes } = this;
    // A loop and not set(subarray): that would allocate a view per frame.
    for (let i = 0; i < length; i++) bytes[HEADROOM_BYTES + i] = source[offset + i]!;
    this.begin(length, linkType);
  }

  /**
   * Says that a frame of `length` bytes lies at the start of the buffer (behind the headroom).
   * `length` must not exceed `capacity`.
   */
  begin(length: number, linkType: LinkTypeCode): void {
    this.frameOffset = HEADROOM_BYTES;
    this.frameEnd = HEADROOM_BYTES + length;
    this.checksumIsOurs = false;
    this.fragMaxSize = 0;
    this.linkType = linkType;
  }

  get frameLen(): number {
    return this.frameEnd - this.frameOffset;
  }

  /** Length of the IP datagram in bytes. */
  get l3Len(): number {
    return this.l3End - this.l3Offset;
  }

  /** A copy of the frame's bytes. Cold path. */
  copyFrame(): Uint8Array {
    return this.bytes.slice(this.frameOffset, this.frameEnd);
  }
}
