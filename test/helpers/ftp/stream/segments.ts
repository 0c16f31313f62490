import assert from 'node:assert/strict';
import type { LineJudge } from '../../../../src/helpers/ftp/stream/line.ts';
import { Relay, RelayOutcome } from '../../../../src/helpers/ftp/stream/relay.ts';
import { L4Checksum, type Packet, TcpFlag, verifyL4Checksum } from '../../../../src/wire/index.ts';
import { buildTcp, dirtyPacket, loadPacket, tcpFlagBits } from '../../../support/packets.ts';
import { LetterJudge } from './letter-judge.ts';

const ends = { src: '10.0.0.2', dst: '192.0.2.9', sport: 40_000, dport: 21 };

/** The stream begins here: a few bytes before the numbers wrap. */
export const START = 0xffff_fffa | 0;

/** One relay and what came of each segment, in numbers relative to the beginning of the stream. */
export class Bench {
  readonly relay: Relay;
  readonly judge: LetterJudge;
  /** `[seq, oldLen, newLen]` of every length change. */
  readonly resized: [number, number, number][] = [];
  readonly packet: Packet = dirtyPacket();
  readonly start = START;

  constructor(judge: LetterJudge | LineJudge = new LetterJudge(), hasHandshake = true) {
    this.judge = judge as LetterJudge;
    this.relay = new Relay(judge, (seq, oldLen, newLen) => {
      this.resized.push([(seq - START) | 0, oldLen, newLen]);
    });
    if (hasHandshake) this.relay.startAt(START);
  }

  load(at: number, payload: string | Uint8Array, flags = 'A', more = {}): Packet {
    const seq = (this.start + at) | 0;
    return loadPacket(buildTcp({ ...ends, seq, flags, payload, ...more }), 'ethernet', this.packet);
  }

  /**
   * What goes on for a segment at `at`: `12 F "text"`, with `=` in front where it is as it came;
   * `hold 7`, `hold (7)` where nothing may be promised yet; `drop`; `reset`.
   */
  send(at: number, payload: string | Uint8Array, flags = 'A', more = {}): string {
    const packet = this.load(at, payload, flags, more);
    const before = packet.copyFrame();
    const { relay } = this;
    const outcome = relay.take(packet);
    assert.equal(verifyL4Checksum(packet), L4Checksum.Good, 'checksum');
    switch (outcome) {
      case RelayOutcome.Hold: {
        assert.equal(packet.payloadLen, 0);
        const promised = (relay.promisedAck - this.start) | 0;
        return relay.mayPromise ? `hold ${promised}` : `hold (${promised})`;
      }
      case RelayOutcome.Drop:
        return 'drop';
      case RelayOutcome.Reset:
        return 'reset';
      case RelayOutcome.Unchanged:
        assert.deepEqual(packet.copyFrame(), before);
        return `=${this.seen()}`;
      default:
        return this.seen();
    }
  }

  observe(at: number, payload: string, flags = 'A'): void {
    const packet = this.load(at, payload, flags);
    const before = packet.copyFrame();
    this.relay.observe(packet);
    assert.deepEqual(packet.copyFrame(), before);
  }

  ack(at: number): void {
    this.relay.acknowledged((this.start + at) | 0, 500, 0);
  }

  lift(at: number): number {
    return (this.relay.lift((this.start + at) | 0) - this.start) | 0;
  }

  private seen(): string {
    const { bytes, payloadOffset, payloadLen, tcpFlags, seq, view, l4Offset } = this.packet;
    assert.equal(view.getInt32(l4Offset + 4), seq, 'the cursor follows');
    const text = Buffer.from(bytes.slice(payloadOffset, payloadOffset + payloadLen));
    const letters = ['F', 'S', 'R', 'U'].filter((letter) => tcpFlags & tcpFlagBits(letter));
    const urgent = tcpFlags & TcpFlag.Urg ? `${view.getUint16(l4Offset + 18)} ` : '';
    const flags = letters.length > 0 ? `${letters.join('')} ` : '';
    return `${(seq - this.start) | 0} ${flags}${urgent}${JSON.stringify(text.toString('latin1'))}`;
  }
}
