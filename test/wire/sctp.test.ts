import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { crc32c, crc32cEnd, crc32cStart } from '../../src/wire/crc32c.ts';
import {
  completeL4Checksum,
  Decode,
  decodeFrame,
  hasPartialChecksum,
  L4Checksum,
  LinkType,
  Proto,
  sctpTag,
  verifyL4Checksum,
  verifyTrackedChecksum,
} from '../../src/wire/index.ts';
import { packetOver } from '../support/packet-fields.ts';
import { buildIp, buildIpv4Fragment, loadPacket } from '../support/packets.ts';
import { buildSctp, initChunk, sctpSegment, slowCrc32c } from '../support/sctp.ts';

const four = { src: '10.0.0.2', dst: '192.0.2.1', sport: 36412, dport: 38412 };
const six = { ...four, src: 'fd00::2', dst: 'fd00::1' };
const chunks = [initChunk(1, 0x89abcdef)];

function crcOf(bytes: Uint8Array): number {
  return crc32cEnd(crc32c(crc32cStart, bytes, 0, bytes.length)) >>> 0;
}

describe('CRC32c', () => {
  test('the vectors of RFC 3720 appendix B.4, and the check value', () => {
    const ascending = Uint8Array.from({ length: 32 }, (_, i) => i);
    const vectors: readonly (readonly [Uint8Array, number])[] = [
      [new Uint8Array(32), 0x8a9136aa],
      [new Uint8Array(32).fill(0xff), 0x62a8ab43],
      [ascending, 0x46dd794e],
      [ascending.slice().reverse(), 0x113fdb5c],
      [Uint8Array.from('123456789', (c) => c.charCodeAt(0)), 0xe3069283],
      [new Uint8Array(0), 0],
    ];
    for (const [bytes, crc] of vectors) assert.equal(crcOf(bytes), crc);
  });

  test('agrees with the slow twin at every length to 70, from any offset, in two parts', () => {
    const bytes = Uint8Array.from({ length: 80 }, (_, i) => (i * 167 + 13) & 0xff);
    for (let length = 0; length <= 70; length++) {
      const from = length % 7;
      const middle = from + (length >> 1);
      const half = crc32c(crc32cStart, bytes, from, middle);
      const crc = crc32cEnd(crc32c(half, bytes, middle, from + length));
      assert.equal(crc, slowCrc32c(bytes.slice(from, from + length)), `${length} bytes`);
    }
  });
});

describe('SCTP', () => {
  test('takes a header apart, over either family', () => {
    for (const ends of [four, six]) {
      const packet = loadPacket(buildSctp({ ...ends, tag: 0xfedcba98, chunks }));
      assert.deepEqual([packet.srcPortOrIcmpId, packet.dstPortOrIcmpTypeCode], [36412, 38412]);
      assert.equal(sctpTag(packet) >>> 0, 0xfedcba98);
      assert.deepEqual([packet.payloadOffset - packet.l4Offset, packet.payloadLen], [12, 20]);
      assert.equal(packet.tcpFlags, 0);
    }
  });

  test('too short: every cut of the header, with an IP length that agrees', () => {
    const segment = sctpSegment({ ...four, chunks });
    for (let length = 0; length < 12; length++) {
      const cut = buildIp({ ...four, link: 'raw' }, Proto.Sctp, segment.slice(0, length));
      const code = decodeFrame(packetOver(cut, LinkType.RawIp, 0xa5));
      assert.equal(code, Decode.TruncatedL4, `${length} bytes`);
    }
    assert.equal(loadPacket(buildIp(four, Proto.Sctp, segment.slice(0, 12))).payloadLen, 0);
  });

  test('the checksum: good, and bad with any bit of the packet turned', () => {
    for (const ends of [four, six]) {
      const packet = loadPacket(buildSctp({ ...ends, tag: 7, chunks, padTo: 200 }));
      assert.equal(verifyL4Checksum(packet), L4Checksum.Good);
      assert.equal(verifyTrackedChecksum(packet), L4Checksum.Good);
      assert.equal(hasPartialChecksum(packet), false);
      for (let at = packet.l4Offset; at < packet.l3End; at++) {
        const bit = 1 << (at & 7);
        packet.bytes[at]! ^= bit;
        assert.equal(verifyL4Checksum(packet), L4Checksum.Bad, `byte ${at}`);
        packet.bytes[at]! ^= bit;
      }
      packet.bytes[packet.l3End]! ^= 0xff;
      assert.equal(verifyL4Checksum(packet), L4Checksum.Good, 'padding is not covered');
    }
  });

  test('completed after a change of ports it is what the sender would have made', () => {
    for (const ends of [four, six]) {
      const packet = loadPacket(buildSctp({ ...ends, tag: 7, chunks, badChecksum: true }));
      packet.view.setUint16(packet.l4Offset, 1024);
      completeL4Checksum(packet);
      assert.deepEqual(packet.copyFrame(), buildSctp({ ...ends, sport: 1024, tag: 7, chunks }));
    }
  });

  test('a fragment has no checksum that can be checked or completed', () => {
    const payload = sctpSegment({ ...four, chunks, badChecksum: true });
    const piece = { ...four, protocol: Proto.Sctp, offsetBytes: 0, more: true, payload };
    const packet = loadPacket(buildIpv4Fragment(piece));
    assert.equal(verifyL4Checksum(packet), L4Checksum.None);
    const before = packet.copyFrame();
    completeL4Checksum(packet);
    assert.deepEqual(packet.copyFrame(), before);
  });
});
