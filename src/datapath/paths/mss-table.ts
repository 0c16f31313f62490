import { findTcpOption, type Packet, Proto, TcpFlag, TcpOption } from '../../wire/index.ts';

const SLOTS = 16_384;

/**
 * The segment sizes that TCP hosts announced, by connection. A super-frame does not tell how long
 * its segments were to be, and longer ones than the receiver announced may be lost on a narrow link
 * further on, for ever. Direct-mapped: a new connection may push an old one out, whose segments are
 * then as long as the MTU allows. Only TCP options of SYN segments are read.
 */
export class MssTable {
  private readonly slots = new Int32Array(SLOTS * 3);
  private first = 0;
  private second = 0;

  /** Notes the announcement of a SYN, before any translation: what its sender wants to receive. */
  learn(packet: Packet): void {
    if (packet.protocol !== Proto.Tcp || (packet.tcpFlags & TcpFlag.Syn) === 0) return;
    const option = findTcpOption(packet, TcpOption.Mss);
    if (option <= 0 || packet.view.getUint8(option + 1) !== 4) return;
    const at = this.place(packet, false);
    this.slots[at] = this.first;
    this.slots[at + 1] = this.second;
    this.slots[at + 2] = packet.view.getUint16(option + 2);
  }

  /** What the receiver of this packet, after any translation, announced; 0 where it is not known. */
  towards(packet: Packet): number {
    const at = this.place(packet, true);
    const { slots } = this;
    return slots[at] === this.first && slots[at + 1] === this.second ? slots[at + 2]! : 0;
  }

  /** Slot of a connection seen from the host that announces: its own side, then the other one. */
  private place(p: Packet, hostIsDestination: boolean): number {
    this.first = p.family;
    this.second = 0;
    if (hostIsDestination) {
      this.side(p.dst0, p.dst1, p.dst2, p.dst3, p.dstPortOrIcmpTypeCode);
      this.side(p.src0, p.src1, p.src2, p.src3, p.srcPortOrIcmpId);
    } else {
      this.side(p.src0, p.src1, p.src2, p.src3, p.srcPortOrIcmpId);
      this.side(p.dst0, p.dst1, p.dst2, p.dst3, p.dstPortOrIcmpTypeCode);
    }
    return ((this.first ^ (this.second >>> 5)) & (SLOTS - 1)) * 3;
  }

  private side(w0: number, w1: number, w2: number, w3: number, port: number): void {
    this.take(w0);
    this.take(w1);
    this.take(w2);
    this.take(w3);
    this.take(port);
  }

  private take(word: number): void {
    this.first = Math.imul(this.first ^ word, 0x9e3779b1);
    this.first ^= this.first >>> 15;
    this.second = Math.imul(this.second ^ word, 0x85ebca6b) + 0x165667b1;
    this.second ^= this.second >>> 13;
  }
}
