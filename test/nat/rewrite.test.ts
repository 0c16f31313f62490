import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { hasPorts, rewriteDestination, rewriteSource } from '../../src/nat/index.ts';
import { type Packet, Proto } from '../../src/wire/index.ts';
import { be16 } from '../support/bytes.ts';
import {
  buildIcmp,
  buildIcmpv6,
  buildIp,
  buildTcp,
  buildUdp,
  hopByHop,
  loadPacket,
} from '../support/packets.ts';
import { assertChecksums, seen } from '../support/seen.ts';
import { tupleOf } from './flows.ts';

const v4 = { src: '192.168.1.10', dst: '198.51.100.9', sport: 40_000, dport: 80 };
const v6 = { src: 'fd00:1::10', dst: '2001:db8:9::1', sport: 40_000, dport: 80 };
const new4 = { src: '203.0.113.1', dst: '10.255.0.1', sport: 1, dport: 65_535 };
const new6 = { src: '2001:db8:1::1', dst: '2001:db8:ffff:1:2:3:4:5', sport: 1, dport: 65_535 };

/** Every byte outside the datagram is as it was; the datagram's checksums hold. */
function rewritten(frame: Uint8Array, change: (packet: Packet) => void) {
  const packet = loadPacket(frame);
  const before = packet.bytes.slice();
  change(packet);
  assertChecksums(packet);
  for (let at = 0; at < before.length; at++) {
    if (at >= packet.l3Offset && at < packet.l3End) continue;
    if (packet.bytes[at] !== before[at]) assert.fail(`byte ${at} outside the datagram changed`);
  }
  const again = loadPacket(packet.copyFrame());
  for (const field of ['src0', 'src3', 'dst0', 'dst3', 'srcPortOrIcmpId'] as const) {
    assert.equal(packet[field], again[field], `the cursor's ${field} follows the bytes`);
  }
  return seen(packet.copyFrame());
}

for (const [name, ends, target] of [
  ['IPv4', v4, new4],
  ['IPv6', v6, new6],
] as const) {
  for (const [protocol, build] of [
    [Proto.Tcp, buildTcp],
    [Proto.Udp, buildUdp],
  ] as const) {
    describe(`${name}, protocol ${protocol}`, () => {
      for (const payload of ['', 'odd', 'even', 'x'.repeat(1000)]) {
        const frame = build({ ...ends, payload, padTo: 60 });
        const tuple = tupleOf({ ...target, protocol });

        test(`source, ${payload.length} bytes of payload`, () => {
          const got = rewritten(frame, (packet) => rewriteSource(packet, tuple));
          assert.deepEqual([got.src, got.sport], [target.src, 1]);
          assert.deepEqual([got.dst, got.dport, got.text], [ends.dst, 80, payload]);
        });

        test(`destination, ${payload.length} bytes of payload`, () => {
          const got = rewritten(frame, (packet) => rewriteDestination(packet, tuple));
          assert.deepEqual([got.dst, got.dport], [target.dst, 65_535]);
          assert.deepEqual([got.src, got.sport, got.text], [ends.src, 40_000, payload]);
        });

        test(`both, and back to the same bytes, ${payload.length} bytes of payload`, () => {
          const packet = loadPacket(frame);
          rewriteSource(packet, tuple);
          rewriteDestination(packet, tuple);
          assertChecksums(packet);
          rewriteSource(packet, tupleOf({ ...ends, protocol }));
          rewriteDestination(packet, tupleOf({ ...ends, protocol }));
          assert.deepEqual(packet.copyFrame(), frame);
        });
      }
    });
  }
}

test('the same target changes nothing', () => {
  const frame = buildTcp(v4);
  const packet = loadPacket(frame);
  rewriteSource(packet, tupleOf(v4));
  rewriteDestination(packet, tupleOf(v4));
  assert.deepEqual(packet.copyFrame(), frame);
});

test('IPv4 options and VLAN tags: the fields are found behind them', () => {
  const frame = buildTcp({ ...v4, ipOptions: Uint8Array.of(1, 1, 1), vlan: 7 });
  const got = rewritten(frame, (packet) => rewriteSource(packet, tupleOf(new4)));
  assert.deepEqual([got.src, got.sport], [new4.src, 1]);
});

test('node information has no identifier: its kind of question stays', () => {
  const ends = { ...v6, type: 139, id16: 2, payload: '12345678' };
  const target = tupleOf({ ...new6, protocol: Proto.Icmpv6 });
  const sourced = rewritten(buildIcmpv6(ends), (packet) => rewriteSource(packet, target));
  assert.deepEqual([sourced.src, sourced.sport], [new6.src, 2]);
  const answer = buildIcmpv6({ ...ends, type: 140 });
  const got = rewritten(answer, (packet) => rewriteDestination(packet, target));
  assert.deepEqual([got.dst, got.sport], [new6.dst, 2]);
});

test('IPv6 extension headers: ports and checksum are found behind them', () => {
  const frame = buildUdp({ ...v6, extensions: [hopByHop()] });
  const got = rewritten(frame, (packet) =>
    rewriteDestination(packet, tupleOf({ ...new6, protocol: 17 })),
  );
  assert.deepEqual([got.dst, got.dport], [new6.dst, 65_535]);
});

describe('UDP checksum', () => {
  test('zero means none, and stays zero', () => {
    const packet = loadPacket(buildUdp({ ...v4, noChecksum: true, payload: 'x' }));
    rewriteSource(packet, tupleOf({ ...new4, protocol: Proto.Udp }));
    rewriteDestination(packet, tupleOf({ ...new4, protocol: Proto.Udp }));
    assert.equal(packet.view.getUint16(packet.l4Offset + 6), 0);
    assertChecksums(packet);
  });

  test('one that becomes zero is sent as all ones', () => {
    // Walk the source port until the sum would be zero: one of 65,536 does.
    let found = 0;
    const packet = loadPacket(buildUdp({ ...v4, sport: 1, payload: 'seek' }));
    for (let sport = 2; sport < 65_536; sport++) {
      rewriteSource(packet, tupleOf({ ...v4, sport, protocol: Proto.Udp }));
      const field = packet.view.getUint16(packet.l4Offset + 6);
      assert.notEqual(field, 0);
      if (field !== 0xffff) continue;
      found++;
      assertChecksums(packet);
    }
    assert.ok(found > 0);
  });
});

describe('ICMP', () => {
  test('query: source address and id', () => {
    const frame = buildIcmp({ ...v4, id16: 77, seq16: 5, payload: 'ping' });
    const tuple = tupleOf({ ...new4, sport: 99, dport: 0x0800, protocol: Proto.Icmp });
    const got = rewritten(frame, (packet) => rewriteSource(packet, tuple));
    assert.deepEqual([got.src, got.sport, got.icmpType], [new4.src, 99, 8]);
  });

  test('answer: the id comes back with the destination', () => {
    const frame = buildIcmp({ ...v4, type: 0, id16: 99, seq16: 5, payload: 'ping' });
    const tuple = tupleOf({ ...new4, sport: 77, dport: 0, protocol: Proto.Icmp });
    const got = rewritten(frame, (packet) => rewriteDestination(packet, tuple));
    assert.deepEqual([got.dst, got.sport, got.icmpType], [new4.dst, 77, 0]);
  });

  test('ICMPv6 covers the addresses too', () => {
    const frame = buildIcmpv6({ ...v6, id16: 77, seq16: 5, payload: 'pings' });
    const tuple = tupleOf({ ...new6, sport: 99, dport: 0x8000, protocol: Proto.Icmpv6 });
    const got = rewritten(frame, (packet) => {
      rewriteSource(packet, tuple);
      rewriteDestination(packet, tuple);
    });
    assert.deepEqual([got.src, got.dst, got.sport], [new6.src, new6.dst, 99]);
  });
});

test('a protocol without ports: addresses only, its bytes untouched', () => {
  const body = Uint8Array.from({ length: 24 }, (_, i) => i);
  const frame = buildIp(v4, Proto.Esp, body);
  const got = rewritten(frame, (packet) => {
    rewriteSource(packet, tupleOf({ ...new4, protocol: Proto.Esp }));
    rewriteDestination(packet, tupleOf({ ...new4, protocol: Proto.Esp }));
  });
  assert.deepEqual([got.src, got.dst], [new4.src, new4.dst]);
  assert.deepEqual(got.datagram.slice(20), body);
});

test("PPTP's GRE: the call id goes with the destination, other GRE has none", () => {
  const call = [0x30, 0x01, 0x88, 0x0b, ...be16(4), ...be16(7), ...[0, 0, 0, 1], 1, 2, 3, 4];
  const plain = [0x00, 0x00, 0x08, 0x00, ...be16(4), ...be16(7), 1, 2, 3, 4];
  const tuple = tupleOf({ ...new4, dport: 99, protocol: Proto.Gre });
  for (const [bytes, callId] of [
    [call, 99],
    [plain, 7],
  ] as const) {
    const frame = buildIp(v4, Proto.Gre, Uint8Array.from(bytes));
    const got = rewritten(frame, (packet) => {
      rewriteSource(packet, tuple);
      rewriteDestination(packet, tuple);
    });
    const expected = Uint8Array.from(bytes);
    expected.set(be16(callId), 6);
    assert.deepEqual(got.datagram.slice(20), expected);
    assert.deepEqual([got.src, got.dst], [new4.src, new4.dst]);
  }
});

test('UDP-Lite: partial coverage holds the pseudo header', () => {
  const segment = Uint8Array.from([...be16(40_000), ...be16(80), ...be16(8), ...be16(0), 1, 2, 3]);
  const packet = loadPacket(buildIp(v4, Proto.UdpLite, segment));
  packet.view.setUint16(packet.l4Offset + 6, 0x1234);
  rewriteSource(packet, tupleOf({ ...v4, sport: 40_001, protocol: Proto.UdpLite }));
  // One more in a summed word is one less in the field.
  assert.equal(packet.view.getUint16(packet.l4Offset + 6), 0x1233);
});

test('hasPorts', () => {
  assert.deepEqual([6, 17, 136, 1, 58, 47, 132].map(hasPorts), [
    ...[true, true, true, false, false, false, true],
  ]);
});
