import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  Decode,
  decodeFrame,
  findTcpOption,
  LinkType,
  TcpOption,
  updateChecksum32,
  verifyL4Checksum,
} from '../../src/wire/index.ts';
import { bytesPerRound } from '../support/allocation.ts';
import { buildTcp, dirtyPacket } from '../support/packets.ts';

const BYTES_PER_PACKET = 0.1;
const timestamps = Uint8Array.of(1, 1, 8, 10, 0x80, 2, 3, 4, 0xff, 6, 7, 8);
// Words above 2^31 everywhere: they are what would be boxed.
const established = { sport: 40000, dport: 21, seq: 0xfffffff0, ack: 0xdeadbeef, flags: 'PA' };

describe('allocation', () => {
  const frames = {
    IPv4: buildTcp({
      ...established,
      src: '192.168.7.7',
      dst: '203.0.113.1',
      options: timestamps,
      payload: 'NOOP\r\n',
    }),
    IPv6: buildTcp({
      ...established,
      src: 'fd00::2',
      dst: '2001:db8::ffff',
      options: timestamps,
      payload: 'NOOP\r\n',
    }),
  };
  for (const [name, frame] of Object.entries(frames)) {
    test(`taking an established flow's ${name} packet apart allocates nothing`, () => {
      const packet = dirtyPacket();
      packet.load(frame, LinkType.Ethernet);
      let failures = 0;
      const perPacket = bytesPerRound((n) => {
        packet.begin(frame.length, LinkType.Ethernet);
        packet.view.setInt32(packet.l4Offset + 4, Math.imul(n, 1_000_003));
        if (decodeFrame(packet) !== Decode.Ok) failures++;
        if (findTcpOption(packet, TcpOption.Timestamps) <= 0) failures++;
        if (updateChecksum32(n & 0xffff, packet.src0, packet.dst0) < 0) failures++;
        if (verifyL4Checksum(packet) > 3) failures++;
      });
      assert.equal(failures, 0);
      assert.ok(perPacket < BYTES_PER_PACKET, `${perPacket} bytes per packet`);
    });
  }

  test('the measure itself sees an object per round, and a boxed number', () => {
    let kept: { n: number } = { n: 0 };
    const object = bytesPerRound((n) => {
      kept = { n };
    });
    assert.ok(kept.n > 0);
    assert.ok(object > 1, `${object} bytes per round`);
    const numbers: unknown[] = [null];
    const boxed = bytesPerRound((n) => {
      numbers[0] = n + 0.5;
    });
    assert.ok(boxed > 1, `${boxed} bytes per round`);
  });

  test('the measure itself sees one object in fifty rounds', () => {
    let kept: { n: number } = { n: 0 };
    const perRound = bytesPerRound((n) => {
      if (n % 50 === 0) kept = { n };
    });
    assert.ok(kept.n > 0);
    assert.ok(perRound > 0.1, `${perRound} bytes per round`);
  });
});
