import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { IpFragmenter } from '../../src/engine/index.ts';
import { Decode, decodeFrame, Packet } from '../../src/wire/index.ts';
import { buildUdp, loadPacket } from '../support/packets.ts';
import { slowVerify } from '../support/slow-checksum.ts';

/** All fragments of a frame, as their own decoded facts. */
function cut(frame: Uint8Array, mtu: number) {
  const fragmenter = new IpFragmenter();
  assert.ok(fragmenter.begin(loadPacket(frame), mtu));
  const parts: {
    offset: number;
    more: boolean;
    length: number;
    data: Uint8Array;
    header: Uint8Array;
  }[] = [];
  while (fragmenter.next()) {
    const { fragment } = fragmenter;
    const datagram = fragment.bytes.slice(fragment.l3Offset, fragment.l3End);
    const headerLen = (datagram[0]! & 15) * 4;
    const flags = (datagram[6]! << 8) | datagram[7]!;
    parts.push({
      offset: (flags & 0x1fff) * 8,
      more: (flags & 0x2000) !== 0,
      length: datagram.length,
      data: datagram.slice(headerLen),
      header: datagram.slice(0, headerLen),
    });
  }
  return parts;
}

const ends = { src: '10.0.0.1', dst: '10.0.0.2', sport: 1, dport: 2 };

describe('IpFragmenter', () => {
  test('the parts put together are the datagram, each within the MTU', () => {
    const payload = Uint8Array.from({ length: 3001 }, (_, i) => i & 255);
    const frame = buildUdp({ ...ends, payload });
    const parts = cut(frame, 1400);
    assert.deepEqual(
      parts.map((p) => p.offset),
      [0, 1376, 2752],
    );
    assert.deepEqual(
      parts.map((p) => p.more),
      [true, true, false],
    );
    assert.ok(parts.every((p) => p.length <= 1400));
    assert.ok(parts.every((p) => slowVerify(p.header)));
    const whole = Buffer.concat(parts.map((p) => p.data));
    assert.deepEqual(whole, Buffer.from(frame.slice(14 + 20)));
  });

  test('every part decodes as a fragment', () => {
    const fragmenter = new IpFragmenter();
    fragmenter.begin(loadPacket(buildUdp({ ...ends, payload: new Uint8Array(2000) })), 1000);
    const seen = new Packet();
    while (fragmenter.next()) {
      const { fragment } = fragmenter;
      fragment.view.setUint16(fragment.l3Offset - 2, 0x0800);
      seen.load(fragment.bytes.slice(fragment.l3Offset - 14, fragment.l3End), 0);
      assert.equal(decodeFrame(seen), Decode.Ok);
      assert.ok(seen.isFragment);
    }
  });

  test('options without the copied flag stand in the first part only', () => {
    // Record route (7) is not copied, router alert (148) is.
    const ipOptions = Uint8Array.of(7, 4, 4, 0, 148, 4, 0, 0);
    const parts = cut(buildUdp({ ...ends, ipOptions, payload: new Uint8Array(1500) }), 800);
    assert.deepEqual([...parts[0]!.header.slice(20)], [...ipOptions]);
    assert.deepEqual([...parts[1]!.header.slice(20)], [1, 1, 1, 1, 148, 4, 0, 0]);
  });

  test('an MTU that leaves no room, and IPv6, are refused', () => {
    const fragmenter = new IpFragmenter();
    assert.equal(fragmenter.begin(loadPacket(buildUdp({ ...ends, payload: 'x' })), 27), false);
    const v6 = buildUdp({
      src: 'fd00::1',
      dst: 'fd00::2',
      family: 6,
      sport: 1,
      dport: 2,
      payload: 'x',
    });
    assert.equal(fragmenter.begin(loadPacket(v6), 1280), false);
  });
});
