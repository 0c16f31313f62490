import { checksum, HEADROOM_BYTES, LinkType, Packet } from '../../wire/index.ts';

/** Where the IP header of a fragment lies: room for an Ethernet header before it. */
const L3_AT = HEADROOM_BYTES + 14;
const FIXED_HEADER_LEN = 20;
const MORE_FRAGMENTS = 0x2000;
const OPTION_END = 0;
const OPTION_NOP = 1;
/** Set in options that every fragment carries (RFC 791 section 3.1). */
const COPIED = 0x80;

/**
 * Cuts an IPv4 datagram that may be fragmented and is longer than the way out takes (RFC 791
 * section 2.3). Allocates nothing once constructed.
 *
 *     if (fragmenter.begin(packet, mtu)) while (fragmenter.next()) send(fragmenter.fragment);
 */
export class IpFragmenter {
  /** The present fragment; its IP header lies at `l3Offset`, with 14 bytes of room before it. */
  readonly fragment = new Packet();
  private source: Packet | null = null;
  private headerLen = 0;
  private perFragment = 0;
  private done = 0;

  /** Begins with the decoded datagram in the cursor. False where nothing fits behind its header. */
  begin(packet: Packet, mtu: number): boolean {
    this.headerLen = (packet.bytes[packet.l3Offset]! & 15) << 2;
    // Offsets count in units of eight bytes.
    this.perFragment = (mtu - this.headerLen) & ~7;
    if (packet.family !== 4 || this.perFragment < 8) return false;
    this.source = packet;
    this.done = 0;
    return true;
  }

  /** Makes the next fragment. False after the last one. */
  next(): boolean {
    const { source, fragment, headerLen } = this;
    if (source === null) return false;
    const dataLen = source.l3End - source.l3Offset - headerLen;
    const length = Math.min(this.perFragment, dataLen - this.done);
    const last = this.done + length >= dataLen;
    const from = source.l3Offset + headerLen + this.done;
    for (let i = 0; i < headerLen; i++) {
      fragment.bytes[L3_AT + i] = source.bytes[source.l3Offset + i]!;
    }
    for (let i = 0; i < length; i++) {
      fragment.bytes[L3_AT + headerLen + i] = source.bytes[from + i]!;
    }
    this.describe(source, length);
    if (this.done > 0) this.blankUncopiedOptions();
    this.writeHeader(source, length, last);
    this.done += length;
    if (last) this.source = null;
    return true;
  }

  private describe(source: Packet, length: number): void {
    const { fragment, headerLen } = this;
    fragment.begin(14 + headerLen + length, LinkType.Ethernet);
    fragment.family = 4;
    fragment.l3Offset = L3_AT;
    fragment.l3End = L3_AT + headerLen + length;
    fragment.l3HeaderLen = headerLen;
    fragment.l4Offset = L3_AT + headerLen;
    fragment.protocol = source.protocol;
    fragment.isFragment = true;
    fragment.ipId = source.ipId;
    fragment.src0 = source.src0;
    fragment.dst0 = source.dst0;
  }

  /** Options without the copied flag stand in the first fragment only. */
  private blankUncopiedOptions(): void {
    const { bytes } = this.fragment;
    const end = L3_AT + this.headerLen;
    let at = L3_AT + FIXED_HEADER_LEN;
    while (at < end && bytes[at] !== OPTION_END) {
      const kind = bytes[at]!;
      const length = kind === OPTION_NOP ? 1 : Math.max(2, bytes[at + 1] ?? 2);
      if ((kind & COPIED) === 0) bytes.fill(OPTION_NOP, at, Math.min(end, at + length));
      at += length;
    }
  }

  /** A datagram that was a fragment already keeps its place in the whole. */
  private writeHeader(source: Packet, length: number, last: boolean): void {
    const { view } = this.fragment;
    const before = source.view.getUint16(source.l3Offset + 6);
    const offset = (before & 0x1fff) + (this.done >> 3);
    const more = last ? before & MORE_FRAGMENTS : MORE_FRAGMENTS;
    view.setUint16(L3_AT + 2, this.headerLen + length);
    view.setUint16(L3_AT + 6, more | offset);
    view.setUint16(L3_AT + 10, 0);
    view.setUint16(L3_AT + 10, checksum(view, L3_AT, L3_AT + this.headerLen));
  }
}
