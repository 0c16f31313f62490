import type { Packet } from '../../wire/index.ts';

const SLOTS = 4096;

/**
 * Remembers packets that went out through the raw socket, so that the tap, which sees them leave,
 * does not take them for this host's own. A slot keeps one signature and how often it was sent; a
 * new one overwrites an old one in the same slot, so what never showed up is forgotten by itself.
 * Identification, TTL and header checksum are left out: the kernel fills in an identification of
 * zero (raw_send_hdrinc), and the checksum with it. Hot; allocates nothing.
 */
export class SentSignatures {
  private readonly slots = new Int32Array(SLOTS * 3);
  private first = 0;
  private second = 0;

  /** Notes the datagram in the cursor, which is about to be sent. */
  add(packet: Packet): void {
    const at = this.place(packet);
    const { slots } = this;
    const same = slots[at] === this.first && slots[at + 1] === this.second;
    slots[at] = this.first;
    slots[at + 1] = this.second;
    slots[at + 2] = same ? slots[at + 2]! + 1 : 1;
  }

  /** True where the datagram in the cursor was noted; takes the note away. */
  consume(packet: Packet): boolean {
    const at = this.place(packet);
    const { slots } = this;
    if (slots[at] !== this.first || slots[at + 1] !== this.second) return false;
    if (slots[at + 2]! <= 0) return false;
    slots[at + 2] = slots[at + 2]! - 1;
    return true;
  }

  /** Computes the signature of addresses, length, protocol and the first 20 bytes behind the header. */
  private place(packet: Packet): number {
    const { view, l3Offset, l3End } = packet;
    const four = packet.family === 4;
    this.first = (l3End - l3Offset) | 0;
    this.second = four ? view.getUint8(l3Offset + 9) : view.getUint8(l3Offset + 6);
    const addressesAt = l3Offset + (four ? 12 : 8);
    const behind = l3Offset + (four ? (view.getUint8(l3Offset) & 15) * 4 : 40);
    for (let at = addressesAt; at < addressesAt + (four ? 8 : 32); at += 4) {
      this.take(view.getInt32(at));
    }
    const end = Math.min(behind + 20, l3End - 3);
    for (let at = behind; at < end; at += 4) this.take(view.getInt32(at));
    return ((this.first ^ (this.second >>> 7)) & (SLOTS - 1)) * 3;
  }

  private take(word: number): void {
    this.first = Math.imul(this.first ^ word, 0x9e3779b1);
    this.first ^= this.first >>> 15;
    this.second = Math.imul(this.second ^ word, 0x85ebca6b) + 0x165667b1;
    this.second ^= this.second >>> 13;
  }
}
