import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  completeL4Checksum,
  decodeFrame,
  hasPartialChecksum,
  L4Checksum,
  l4ChecksumOffset,
  type Packet,
  Proto,
  verifyL4Checksum,
  verifyTrackedChecksum,
} from '../../src/wire/index.ts';
import { addressBytes, be16, join } from '../support/bytes.ts';
import {
  buildIcmp,
  buildIcmpv6,
  buildIp,
  buildIpv4Fragment,
  buildTcp,
  buildUdp,
  fragmentHeader,
  hopByHop,
  loadPacket,
  tcpSegment,
  udpSegment,
} from '../support/packets.ts';
import { pseudoHeader, slowL4Checksum, slowSum } from '../support/slow-checksum.ts';

const four = { src: '10.0.0.2', dst: '192.0.2.1', sport: 40000, dport: 21 };
const six = { ...four, src: 'fd00::2', dst: '2001:db8::1' };
const payload = 'PORT 10,0,0,2,4,1\r\n';

const good: Record<string, () => Uint8Array> = {
  'TCP over IPv4': () => buildTcp({ ...four, payload }),
  'TCP over IPv6': () => buildTcp({ ...six, payload, extensions: [hopByHop()] }),
  'TCP with padding behind it': () => buildTcp({ ...four, payload: 'x', padTo: 60 }),
  'UDP over IPv4': () => buildUdp({ ...four, payload }),
  'UDP over IPv6': () => buildUdp({ ...six, payload }),
  ICMP: () => buildIcmp({ ...four, payload }),
  ICMPv6: () => buildIcmpv6({ ...six, payload }),
};
const bad: Record<string, Uint8Array> = {
  'TCP over IPv4': buildTcp({ ...four, payload, badChecksum: true }),
  'TCP over IPv6': buildTcp({ ...six, payload, badChecksum: true }),
  'UDP over IPv4': buildUdp({ ...four, payload, badChecksum: true }),
  'UDP over IPv6': buildUdp({ ...six, payload, badChecksum: true }),
  ICMP: buildIcmp({ ...four, payload, badChecksum: true }),
  ICMPv6: buildIcmpv6({ ...six, payload, badChecksum: true }),
};

function fieldOf(packet: Packet): number {
  return packet.view.getUint16(packet.l4Offset + l4ChecksumOffset(packet.protocol));
}

function setField(packet: Packet, value: number): void {
  packet.view.setUint16(packet.l4Offset + l4ChecksumOffset(packet.protocol), value);
}

/** The pseudo-header sum the slow way: what a sender with checksum offload leaves in the field. */
function slowPseudo(src: string, dst: string, protocol: number, length: number): number {
  return slowSum(pseudoHeader(addressBytes(src), addressBytes(dst), protocol, length));
}

describe('transport checksum', () => {
  for (const [name, build] of Object.entries(good)) {
    test(`${name}: good, and one flipped bit anywhere is bad`, () => {
      const packet = loadPacket(build());
      assert.equal(verifyL4Checksum(packet), L4Checksum.Good);
      for (let at = packet.l4Offset; at < packet.l3End; at++) {
        // The UDP length decides what is covered; its own check stands in udp.test.ts.
        if (packet.protocol === Proto.Udp && (at - packet.l4Offset) >> 1 === 2) continue;
        packet.bytes[at]! ^= 0x04;
        assert.equal(verifyL4Checksum(packet), L4Checksum.Bad, `byte ${at - packet.l4Offset}`);
        packet.bytes[at]! ^= 0x04;
      }
    });

    test(`${name}: completing gives what the sender computed`, () => {
      const packet = loadPacket(build());
      const sent = fieldOf(packet);
      const before = packet.copyFrame();
      for (const rubbish of [0x0000, 0xffff, 0xa5a5]) {
        setField(packet, rubbish);
        completeL4Checksum(packet);
        assert.equal(fieldOf(packet), sent);
      }
      assert.deepEqual(packet.copyFrame(), before, 'nothing else was touched');
    });
  }

  for (const [name, frame] of Object.entries(bad)) {
    test(`${name}: bad`, () => {
      assert.equal(verifyL4Checksum(loadPacket(frame)), L4Checksum.Bad);
    });
  }

  test('UDP without checksum, over either family', () => {
    // RFC 6935 allows it over IPv6 for tunnels; it used to be found bad there.
    for (const endpoints of [four, six]) {
      const packet = loadPacket(buildUdp({ ...endpoints, payload, noChecksum: true }));
      assert.equal(verifyL4Checksum(packet), L4Checksum.None);
      assert.equal(hasPartialChecksum(packet), false);
    }
  });

  test('a computed zero is sent as all ones by UDP, and as zero by TCP', () => {
    const segment = udpSegment({ ...four, payload: Uint8Array.of(0, 0) });
    // The payload is chosen so that the sum of everything is all ones.
    const withoutField = Uint8Array.from(segment);
    withoutField.set([0, 0], 6);
    const fill = slowL4Checksum(addressBytes(four.src), addressBytes(four.dst), 17, withoutField);
    const packet = loadPacket(buildUdp({ ...four, payload: be16(fill) }));
    assert.equal(fieldOf(packet), 0xffff);
    assert.equal(verifyL4Checksum(packet), L4Checksum.Good);
    completeL4Checksum(packet);
    assert.equal(fieldOf(packet), 0xffff);

    const plain = tcpSegment({ ...four, payload: Uint8Array.of(0, 0) });
    const tcp = loadPacket(buildTcp({ ...four, payload: plain.slice(16, 18) }));
    assert.equal(fieldOf(tcp), 0);
    completeL4Checksum(tcp);
    assert.equal(fieldOf(tcp), 0);
    assert.equal(verifyL4Checksum(tcp), L4Checksum.Good);
  });

  test('UDP ends by its own length, not by that of IP', () => {
    // The bytes behind it used to be summed too, so a good datagram was found bad.
    const datagram = udpSegment({ ...four, payload: 'abc' });
    const packet = loadPacket(buildIp(four, Proto.Udp, join(datagram, Uint8Array.of(7, 7, 7))));
    assert.equal(verifyL4Checksum(packet), L4Checksum.Good);
    const sent = fieldOf(packet);
    completeL4Checksum(packet);
    assert.equal(fieldOf(packet), sent);
  });

  test('the tracker sums UDP to the end of the IP datagram, as the kernel does', () => {
    const behind = Uint8Array.of(7, 7, 7);
    for (const ends of [four, six]) {
      const plain = loadPacket(buildUdp({ ...ends, payload: 'abc' }));
      assert.equal(verifyTrackedChecksum(plain), L4Checksum.Good);
      const datagram = udpSegment({ ...ends, payload: 'abc' });
      const trailed = loadPacket(buildIp(ends, Proto.Udp, join(datagram, behind)));
      assert.equal(verifyTrackedChecksum(trailed), L4Checksum.Bad);
      const silent = udpSegment({ ...ends, payload: 'abc', noChecksum: true });
      const unchecked = loadPacket(buildIp(ends, Proto.Udp, join(silent, behind)));
      assert.equal(verifyTrackedChecksum(unchecked), L4Checksum.None);
      // Summed over all of it, though its length says less: bad to the receiver, good to the tracker.
      const whole = udpSegment({ ...ends, payload: 'abcdef', noChecksum: true });
      whole.set(be16(11), 4);
      const [from, to] = [addressBytes(ends.src), addressBytes(ends.dst)];
      whole.set(be16(slowL4Checksum(from, to, 17, whole)), 6);
      const long = loadPacket(buildIp(ends, Proto.Udp, whole));
      assert.equal(verifyTrackedChecksum(long), L4Checksum.Good);
      assert.equal(verifyL4Checksum(long), L4Checksum.Bad);
    }
  });

  test('UDP-Lite covers what it says', () => {
    // Completing used to sum the whole datagram, whatever the coverage.
    for (const coverage of [0, 8, 13, 20]) {
      const segment = udpSegment({ ...four, payload: 'abcdefghijkl', noChecksum: true });
      segment.set(be16(coverage), 4);
      const covered = segment.slice(0, coverage === 0 ? 20 : coverage);
      const pseudo = pseudoHeader(addressBytes(four.src), addressBytes(four.dst), 136, 20);
      const field = 0xffff - slowSum(join(pseudo, covered));
      const packet = loadPacket(buildIp(four, Proto.UdpLite, segment));
      completeL4Checksum(packet);
      assert.equal(fieldOf(packet), field, `coverage ${coverage}`);
      assert.equal(verifyL4Checksum(packet), L4Checksum.Good);
      if (coverage !== 0 && coverage < 20) {
        packet.bytes[packet.l3End - 1]! ^= 0xff;
        assert.equal(verifyL4Checksum(packet), L4Checksum.Good, 'beyond the coverage');
      }
      packet.bytes[packet.l4Offset + 3]! ^= 0xff;
      assert.equal(verifyL4Checksum(packet), L4Checksum.Bad);
    }
  });

  test('protocols without one', () => {
    const packet = loadPacket(buildIp(four, Proto.Gre, new Uint8Array(20)));
    assert.equal(verifyL4Checksum(packet), L4Checksum.None);
    const before = packet.copyFrame();
    completeL4Checksum(packet);
    assert.deepEqual(packet.copyFrame(), before);
  });

  test('the ICMP of the other family has none, and is not written to', () => {
    // It was not looked at by decoding, so the field may lie behind the datagram: it was written.
    for (const frame of [
      buildIp({ ...six, link: 'raw' }, Proto.Icmp, Uint8Array.of(8)),
      buildIp({ ...four, link: 'raw' }, Proto.Icmpv6, Uint8Array.of(128)),
    ]) {
      const packet = loadPacket(frame, 'raw');
      assert.equal(verifyL4Checksum(packet), L4Checksum.None);
      completeL4Checksum(packet);
      assert.ok(packet.bytes.slice(packet.frameEnd).every((byte) => byte === 0xa5));
    }
  });

  test('fragments have none that can be checked or completed', () => {
    // A later fragment used to get a "checksum" written into its payload.
    const pieces = [true, false].map((first) =>
      buildIpv4Fragment({
        ...four,
        protocol: Proto.Tcp,
        offsetBytes: first ? 0 : 1480,
        more: first,
        payload: new Uint8Array(48).fill(0x50),
      }),
    );
    const later = fragmentHeader({ offsetBytes: 1232, more: false, id: 1 });
    pieces.push(buildIp({ ...six, extensions: [later] }, Proto.Udp, Uint8Array.of(1, 2, 3)));
    for (const frame of pieces) {
      const packet = loadPacket(frame);
      assert.equal(verifyL4Checksum(packet), L4Checksum.None);
      assert.equal(hasPartialChecksum(packet), false);
      completeL4Checksum(packet);
      assert.deepEqual(packet.copyFrame(), frame);
    }
  });

  test('an all-zero ICMP message must say 0xffff', () => {
    const packet = loadPacket(buildIcmp({ ...four, type: 0 }));
    assert.equal(fieldOf(packet), 0xffff);
    assert.equal(verifyL4Checksum(packet), L4Checksum.Good);
    setField(packet, 0);
    assert.equal(verifyL4Checksum(packet), L4Checksum.Bad);
  });

  test('any payload agrees with the slow twin', () => {
    const packet = loadPacket(buildTcp(four));
    const bytes = fc.uint8Array({ maxLength: 120 });
    fc.assert(
      fc.property(bytes, fc.boolean(), fc.boolean(), (data, tcp, overSix) => {
        const endpoints = { ...(overSix ? six : four), payload: data };
        loadPacket(tcp ? buildTcp(endpoints) : buildUdp(endpoints), 'ethernet', packet);
        return verifyL4Checksum(packet) === L4Checksum.Good;
      }),
      { seed: 5, numRuns: 300 },
    );
  });
});

describe('partial checksum', () => {
  const left: [string, Uint8Array, number][] = [
    ['TCP over IPv4', buildTcp({ ...four, payload }), slowPseudo(four.src, four.dst, 6, 39)],
    ['TCP over IPv6', buildTcp({ ...six, payload }), slowPseudo(six.src, six.dst, 6, 39)],
    ['UDP over IPv4', buildUdp({ ...four, payload }), slowPseudo(four.src, four.dst, 17, 27)],
    ['UDP over IPv6', buildUdp({ ...six, payload }), slowPseudo(six.src, six.dst, 17, 27)],
  ];
  for (const [name, frame, pseudo] of left) {
    test(`${name}: found, and completed to the right one`, () => {
      const packet = loadPacket(frame);
      const sent = fieldOf(packet);
      assert.equal(hasPartialChecksum(packet), false);
      setField(packet, pseudo);
      assert.equal(hasPartialChecksum(packet), true);
      assert.equal(verifyL4Checksum(packet), L4Checksum.Partial);
      completeL4Checksum(packet);
      assert.equal(fieldOf(packet), sent);
      assert.equal(verifyL4Checksum(packet), L4Checksum.Good);
      setField(packet, (pseudo + 1) & 0xffff);
      assert.equal(hasPartialChecksum(packet), false);
      assert.equal(verifyL4Checksum(packet), L4Checksum.Bad);
    });
  }

  test('ICMPv6 is never left to the card: its pseudo sum is just bad', () => {
    const packet = loadPacket(buildIcmpv6({ ...six, payload }));
    setField(packet, slowPseudo(six.src, six.dst, 58, 8 + payload.length));
    assert.equal(hasPartialChecksum(packet), false);
    assert.equal(verifyL4Checksum(packet), L4Checksum.Bad);
  });

  test('a super-frame', () => {
    const big = loadPacket(buildTcp({ ...four, payload: new Uint8Array(65_000).fill(0xff) }));
    const sent = fieldOf(big);
    setField(big, slowPseudo(four.src, four.dst, 6, 65_020));
    assert.equal(verifyL4Checksum(big), L4Checksum.Partial);
    completeL4Checksum(big);
    assert.equal(fieldOf(big), sent);
    assert.equal(decodeFrame(big), 0);
  });
});
