import {
  checksum,
  completeL4Checksum,
  HEADROOM_BYTES,
  LinkType,
  Packet,
  TcpFlag,
} from '../../wire/index.ts';

/** Where the IP header of a segment lies in the segmenter's buffer: room for an Ethernet header. */
const L3_AT = HEADROOM_BYTES + 14;
/** RFC 9293 section 3.7.1: no MSS below this is believed. */
const MIN_PAYLOAD = 8;

/**
 * Cuts a TCP super-frame, which the sender left to segmentation offload, into the segments that a
 * network card would have sent: same headers, lengths and sequence numbers set right, FIN and PSH on
 * the last segment only, CWR on the first only (RFC 3168 section 6.1.2), the IPv4 identification
 * counted up. Allocates nothing once constructed.
 *
 *     if (segmenter.begin(packet, mtu, mss)) while (segmenter.next()) send(segmenter.segment);
 */
export class TcpSegmenter {
  /** The present segment; its IP header lies at `l3Offset`, with 14 bytes of room before it. */
  readonly segment = new Packet();
  private source: Packet | null = null;
  private headersLen = 0;
  private payloadPerSegment = 0;
  private done = 0;
  private count = 0;

  /**
   * Begins with the whole, decoded TCP packet in the cursor. `mtu` is the longest datagram that may
   * leave, `mss` the segment size that the receiver announced, 0 where it is not known. False where
   * the headers leave no room for payload.
   */
  begin(packet: Packet, mtu: number, mss: number): boolean {
    const tcpOptionsLen = packet.tcpHeaderLen - 20;
    this.headersLen = packet.payloadOffset - packet.l3Offset;
    const byMtu = mtu - this.headersLen;
    // The announced size counts neither IP nor TCP header, but the options come off it (RFC 6691).
    const byMss = mss > 0 ? mss - tcpOptionsLen : byMtu;
    this.payloadPerSegment = Math.min(byMtu, byMss);
    if (this.payloadPerSegment < MIN_PAYLOAD) this.payloadPerSegment = byMtu;
    if (this.payloadPerSegment < MIN_PAYLOAD) return false;
    this.source = packet;
    this.done = 0;
    this.count = 0;
    return true;
  }

  /** Makes the next segment. False after the last one. */
  next(): boolean {
    const { source, segment } = this;
    if (source === null || this.done >= source.payloadLen) return false;
    const length = Math.min(this.payloadPerSegment, source.payloadLen - this.done);
    const last = this.done + length >= source.payloadLen;
    const { bytes } = segment;
    copy(source.bytes, source.l3Offset, bytes, L3_AT, this.headersLen);
    copy(source.bytes, source.payloadOffset + this.done, bytes, L3_AT + this.headersLen, length);
    this.describe(source, length);
    this.writeTcp(source, last);
    this.writeIp(source);
    completeL4Checksum(segment);
    this.done += length;
    this.count++;
    if (last) this.source = null;
    return true;
  }

  /** Sets the cursor's fields for the bytes just copied. */
  private describe(source: Packet, payloadLen: number): void {
    const { segment } = this;
    const moved = L3_AT - source.l3Offset;
    segment.begin(14 + this.headersLen + payloadLen, LinkType.Ethernet);
    segment.etherType = source.etherType;
    segment.family = source.family;
    segment.l3Offset = L3_AT;
    segment.l3End = L3_AT + this.headersLen + payloadLen;
    segment.l3HeaderLen = source.l3HeaderLen;
    segment.protocol = source.protocol;
    segment.isFragment = false;
    segment.src0 = source.src0;
    segment.src1 = source.src1;
    segment.src2 = source.src2;
    segment.src3 = source.src3;
    segment.dst0 = source.dst0;
    segment.dst1 = source.dst1;
    segment.dst2 = source.dst2;
    segment.dst3 = source.dst3;
    segment.l4Offset = source.l4Offset + moved;
    segment.tcpHeaderLen = source.tcpHeaderLen;
    segment.payloadOffset = source.payloadOffset + moved;
    segment.payloadLen = payloadLen;
  }

  private writeTcp(source: Packet, last: boolean): void {
    const { view, l4Offset } = this.segment;
    view.setInt32(l4Offset + 4, (source.view.getInt32(source.l4Offset + 4) + this.done) | 0);
    let flags = source.view.getUint8(source.l4Offset + 13);
    if (!last) flags &= ~(TcpFlag.Fin | TcpFlag.Psh);
    if (this.done > 0) flags &= ~TcpFlag.Cwr;
    view.setUint8(l4Offset + 13, flags);
  }

  private writeIp(source: Packet): void {
    const { view, l3Offset, l3End, l3HeaderLen } = this.segment;
    if (source.family === 6) {
      view.setUint16(l3Offset + 4, l3End - l3Offset - 40);
      return;
    }
    view.setUint16(l3Offset + 2, l3End - l3Offset);
    view.setUint16(
      l3Offset + 4,
      (source.view.getUint16(source.l3Offset + 4) + this.count) & 0xffff,
    );
    view.setUint16(l3Offset + 10, 0);
    view.setUint16(l3Offset + 10, checksum(view, l3Offset, l3Offset + l3HeaderLen));
  }
}

/** Without `subarray`, which would allocate a view a segment; a word at a time is fast enough. */
function copy(from: Uint8Array, at: number, to: Uint8Array, toAt: number, length: number): void {
  for (let i = 0; i < length; i++) to[toAt + i] = from[at + i]!;
}
