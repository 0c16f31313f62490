import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { TcpSegmenter } from '../../../src/datapath/paths/segment.ts';
import type { Packet } from '../../../src/wire/index.ts';
import { destinationOptions } from '../../support/ipv6-extensions.ts';
import { buildTcp, loadPacket, type TcpOptions } from '../../support/packets.ts';
import { slowL4Checksum, slowVerify } from '../../support/slow-checksum.ts';

const base = { sport: 40000, dport: 21, seq: 0xfffffff0, ack: 7, window: 1234, id: 0xffff };
const over4: TcpOptions = { ...base, src: '10.0.0.2', dst: '192.0.2.1' };
const over6: TcpOptions = { ...base, src: 'fd00::2', dst: '2001:db8::1' };
// No-operation twice, then timestamps: what nearly every segment carries.
const timestamps = Uint8Array.of(1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8);

function payload(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 8)) & 255);
}

/** Every segment as a frame of its own, read back through a fresh cursor. */
function cut(options: TcpOptions, mtu: number, mss = 0): Packet[] {
  const segmenter = new TcpSegmenter();
  segmenter.segment.bytes.fill(0xa5);
  const packets: Packet[] = [];
  if (!segmenter.begin(loadPacket(buildTcp(options)), mtu, mss)) return packets;
  while (segmenter.next()) {
    const { bytes, l3Offset, l3End } = segmenter.segment;
    const datagram = bytes.slice(l3Offset, l3End);
    packets.push(loadPacket(datagram, 'raw'));
  }
  return packets;
}

function checkSums(packet: Packet): void {
  const { bytes, l3Offset, l4Offset, l3End } = packet;
  if (packet.family === 4) assert.ok(slowVerify(bytes.slice(l3Offset, l4Offset)), 'IP checksum');
  const addressesAt = l3Offset + (packet.family === 4 ? 12 : 8);
  const size = packet.family === 4 ? 4 : 16;
  const segment = bytes.slice(l4Offset, l3End);
  const found = (segment[16]! << 8) | segment[17]!;
  segment.fill(0, 16, 18);
  const src = bytes.slice(addressesAt, addressesAt + size);
  const dst = bytes.slice(addressesAt + size, addressesAt + 2 * size);
  assert.equal(found, slowL4Checksum(src, dst, 6, segment), 'TCP checksum');
}

function joined(packets: readonly Packet[]): Buffer {
  return Buffer.concat(
    packets.map((p) => p.bytes.slice(p.payloadOffset, p.payloadOffset + p.payloadLen)),
  );
}

describe('TcpSegmenter', () => {
  for (const [name, options, headers] of [
    ['IPv4', over4, 40],
    [
      'IPv4 with IP and TCP options',
      { ...over4, options: timestamps, ipOptions: Uint8Array.of(7, 3, 4) },
      56,
    ],
    ['IPv6', over6, 60],
    ['IPv6 with extension headers', { ...over6, extensions: [destinationOptions()] }, 68],
  ] as const) {
    test(`${name}: bytes, lengths, sequence numbers, flags and checksums`, () => {
      const data = payload(5000);
      const packets = cut({ ...options, flags: 'FPAC', payload: data }, 1500);
      const room = 1500 - headers;
      assert.equal(packets.length, Math.ceil(5000 / room));
      assert.deepEqual(joined(packets), Buffer.from(data));
      let sent = 0;
      for (const [index, packet] of packets.entries()) {
        const last = index === packets.length - 1;
        assert.ok(packet.l3End - packet.l3Offset <= 1500);
        if (!last) assert.equal(packet.payloadLen, room);
        assert.equal(packet.seq >>> 0, (0xfffffff0 + sent) % 2 ** 32);
        assert.equal(packet.ack, 7);
        // FIN 1, PSH 8, ACK 16, CWR 128.
        assert.equal(packet.tcpFlags, 16 | (last ? 9 : 0) | (index === 0 ? 128 : 0));
        if (packet.family === 4) assert.equal(packet.ipId, (0xffff + index) & 0xffff);
        checkSums(packet);
        sent += packet.payloadLen;
      }
    });
  }

  test('whatever the payload and the MTU, the stream comes out whole', () => {
    const property = fc.property(
      fc.integer({ min: 1, max: 20_000 }),
      fc.integer({ min: 80, max: 9000 }),
      fc.integer({ min: 0, max: 3000 }),
      fc.boolean(),
      (length, mtu, mss, four) => {
        const data = payload(length);
        const packets = cut({ ...(four ? over4 : over6), payload: data }, mtu, mss);
        assert.deepEqual(joined(packets), Buffer.from(data));
        for (const packet of packets) {
          assert.ok(packet.l3End - packet.l3Offset <= mtu);
          checkSums(packet);
        }
      },
    );
    fc.assert(property, { seed: 3, numRuns: 60 });
  });

  test('segments are no longer than the receiver announced, options counted', () => {
    const packets = cut({ ...over4, options: timestamps, payload: payload(3000) }, 1500, 1000);
    assert.deepEqual(
      packets.map((packet) => packet.payloadLen),
      [988, 988, 988, 36],
    );
  });

  test('an announcement of nothing is not believed', () => {
    const packets = cut({ ...over4, payload: payload(3000) }, 1500, 1);
    assert.deepEqual(
      packets.map((packet) => packet.payloadLen),
      [1460, 1460, 80],
    );
  });

  test('65,535 bytes, the longest datagram there is', () => {
    const data = payload(65_535 - 40);
    const packets = cut({ ...over4, payload: data }, 1500);
    assert.equal(packets.length, Math.ceil(data.length / 1460));
    assert.deepEqual(joined(packets), Buffer.from(data));
  });

  test('an MTU that the headers fill is refused', () => {
    assert.equal(cut({ ...over4, payload: payload(100) }, 47).length, 0);
    assert.equal(cut({ ...over4, payload: payload(100) }, 48).length, 13);
  });
});
