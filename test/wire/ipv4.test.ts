import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  Decode,
  type DecodeCode,
  decodeFrame,
  formatIpv4,
  LinkType,
  Proto,
} from '../../src/wire/index.ts';
import { be16 } from '../support/bytes.ts';
import { packetOver } from '../support/packet-fields.ts';
import {
  buildIp,
  buildIpv4Fragment,
  buildTcp,
  loadPacket,
  tcpSegment,
} from '../support/packets.ts';
import { slowChecksum } from '../support/slow-checksum.ts';

const endpoints = { src: '10.1.2.3', dst: '203.0.113.254', sport: 40000, dport: 21 };
const raw = { ...endpoints, link: 'raw' as const };

/** The header checksum made right again after a change, so that only the change is at fault. */
function resum(datagram: Uint8Array): Uint8Array {
  const headerLen = (datagram[0]! & 15) * 4;
  datagram.set([0, 0], 10);
  datagram.set(be16(slowChecksum(datagram.slice(0, headerLen))), 10);
  return datagram;
}

function codeOf(datagram: Uint8Array): DecodeCode {
  return decodeFrame(packetOver(datagram, LinkType.RawIp, 0xa5));
}

/** What decoding says of a good datagram whose byte or bytes at `at` were changed. */
function codeWith(at: number, bytes: readonly number[]): DecodeCode {
  const datagram = buildTcp({ ...raw, payload: 'abcdefgh' });
  datagram.set(bytes, at);
  return codeOf(resum(datagram));
}

describe('IPv4', () => {
  test('takes a header apart', () => {
    const packet = loadPacket(
      buildTcp({ ...endpoints, ttl: 17, tos: 0xb8, id: 0xfedc, payload: 'USER x\r\n' }),
    );
    assert.equal(packet.family, 4);
    assert.equal(formatIpv4(packet.src0), '10.1.2.3');
    assert.equal(formatIpv4(packet.dst0), '203.0.113.254');
    assert.equal(packet.dst0, packet.dst0 | 0, 'address words are signed');
    assert.deepEqual([packet.src1, packet.src2, packet.src3], [0, 0, 0]);
    assert.deepEqual([packet.dst1, packet.dst2, packet.dst3], [0, 0, 0]);
    assert.deepEqual([packet.ttl, packet.tos, packet.ipId], [17, 0xb8, 0xfedc]);
    assert.deepEqual([packet.protocol, packet.l3HeaderLen, packet.l3Len], [Proto.Tcp, 20, 48]);
    assert.deepEqual([packet.dontFragment, packet.isFragment], [true, false]);
    assert.equal(packet.l4Offset, packet.l3Offset + 20);
    assert.equal(packet.payloadLen, 8);
  });

  test('nothing of an IPv6 packet before it is left', () => {
    const packet = loadPacket(buildTcp({ ...endpoints, src: 'fd12::3', dst: 'fd12::4' }));
    loadPacket(buildTcp(endpoints), 'ethernet', packet);
    assert.deepEqual([packet.src1, packet.src3, packet.dst2, packet.dst3], [0, 0, 0, 0]);
  });

  test('steps over options, up to the largest header', () => {
    const few = loadPacket(buildTcp({ ...endpoints, ipOptions: Uint8Array.of(148, 4, 0, 0) }));
    assert.deepEqual([few.l3HeaderLen, few.dstPortOrIcmpTypeCode], [24, 21]);
    const ipOptions = new Uint8Array(40).fill(1);
    const most = loadPacket(buildTcp({ ...endpoints, ipOptions, payload: 'x' }));
    assert.deepEqual([most.l3HeaderLen, most.payloadLen], [60, 1]);
  });

  test('too short: every cut of the header', () => {
    const datagram = buildTcp({ ...raw, ipOptions: new Uint8Array(8).fill(1) });
    for (let length = 1; length < 28; length++) {
      assert.equal(codeOf(datagram.slice(0, length)), Decode.TruncatedIp, `${length} bytes`);
    }
    assert.equal(codeOf(datagram.slice(0, 28)), Decode.BadIpTotalLength);
  });

  test('header length below five words', () => {
    for (let words = 0; words < 5; words++) {
      const datagram = buildTcp(raw);
      datagram[0] = 0x40 | words;
      assert.equal(codeOf(datagram), Decode.BadIpHeaderLength, `${words} words`);
    }
  });

  test('header length beyond the frame, and beyond the total length', () => {
    const short = buildIp(raw, 250, new Uint8Array(0));
    short[0] = 0x46;
    assert.equal(codeOf(short), Decode.TruncatedIp);
    assert.equal(codeWith(0, [0x4b, 0, 0, 43]), Decode.BadIpTotalLength);
  });

  test('total length lying both ways', () => {
    assert.equal(codeWith(2, be16len(0)), Decode.BadIpTotalLength, '0, as in super-frames');
    assert.equal(codeWith(2, be16len(19)), Decode.BadIpTotalLength);
    assert.equal(codeWith(2, be16len(20)), Decode.TruncatedL4, 'a header and nothing else');
    assert.equal(codeWith(2, be16len(39)), Decode.TruncatedL4);
    assert.equal(codeWith(2, be16len(40)), Decode.Ok, 'the rest is padding');
    assert.equal(codeWith(2, be16len(48)), Decode.Ok);
    assert.equal(codeWith(2, be16len(49)), Decode.BadIpTotalLength);
    assert.equal(codeWith(2, be16len(65535)), Decode.BadIpTotalLength);
  });

  test('the largest datagram fits', () => {
    const payload = new Uint8Array(65_535 - 40).fill(0x41);
    const packet = loadPacket(buildTcp({ ...endpoints, vlan: [1, 2], payload }));
    assert.deepEqual([packet.l3Len, packet.payloadLen], [65_535, 65_495]);
  });

  test('padding behind the datagram is not payload, whatever it holds', () => {
    const packet = loadPacket(buildTcp({ ...endpoints, payload: 'hi', padTo: 60 }));
    assert.equal(packet.payloadLen, 2);
    assert.equal(packet.l3End, packet.payloadOffset + 2);
    assert.equal(packet.frameEnd - packet.l3End, 4);
  });

  test('bad checksum, of the header and of its options', () => {
    assert.equal(codeOf(buildTcp({ ...raw, badIpChecksum: true })), Decode.BadIpChecksum);
    const datagram = buildTcp({ ...raw, ipOptions: new Uint8Array(4).fill(1) });
    for (let at = 1; at < 24; at++) {
      // Bytes 2 and 3 are the total length, whose own check comes first.
      if (at === 2 || at === 3) continue;
      const damaged = Uint8Array.from(datagram);
      damaged[at]! ^= 0x10;
      assert.equal(codeOf(damaged), Decode.BadIpChecksum, `byte ${at}`);
    }
  });

  test('other protocols are left whole', () => {
    const packet = loadPacket(buildIp(endpoints, Proto.Esp, new Uint8Array(12).fill(9)));
    assert.deepEqual([packet.protocol, packet.payloadLen], [Proto.Esp, 12]);
    assert.equal(packet.payloadOffset, packet.l4Offset);
    assert.deepEqual([packet.srcPortOrIcmpId, packet.dstPortOrIcmpTypeCode], [0, 0]);
    const empty = loadPacket(buildIp(endpoints, Proto.Esp, new Uint8Array(0)));
    assert.equal(empty.payloadLen, 0);
  });
});

describe('IPv4 fragments', () => {
  const segment = tcpSegment({ ...endpoints, seq: 77, payload: new Uint8Array(100).fill(0x42) });
  const piece = (from: number, to: number, more: boolean) =>
    buildIpv4Fragment({
      ...endpoints,
      id: 0x5151,
      protocol: Proto.Tcp,
      offsetBytes: from,
      more,
      payload: segment.slice(from, to),
    });

  test('the first carries the transport header', () => {
    const packet = loadPacket(piece(0, 48, true));
    assert.deepEqual([packet.isFragment, packet.fragmentOffset, packet.ipId], [true, 0, 0x5151]);
    assert.deepEqual([packet.dontFragment, packet.seq], [false, 77]);
    assert.deepEqual([packet.dstPortOrIcmpTypeCode, packet.payloadLen], [21, 28]);
  });

  test('the middle and the last have no ports, only payload', () => {
    for (const [from, to, more] of [[48, 96, true] as const, [96, 120, false] as const]) {
      const packet = loadPacket(piece(from, to, more));
      assert.deepEqual([packet.isFragment, packet.fragmentOffset], [true, from]);
      assert.deepEqual([packet.srcPortOrIcmpId, packet.dstPortOrIcmpTypeCode], [0, 0]);
      assert.deepEqual([packet.payloadOffset, packet.payloadLen], [packet.l4Offset, to - from]);
    }
  });

  test('nothing of the packet before is left in the fields of a later fragment', () => {
    // seq, ack, window and tcpHeaderLen used to keep the values of the packet before.
    const packet = loadPacket(buildTcp({ ...endpoints, seq: 5, ack: 6, flags: 'SA' }));
    loadPacket(piece(48, 96, true), 'ethernet', packet);
    const { seq, ack, window, tcpFlags, tcpHeaderLen } = packet;
    assert.deepEqual([seq, ack, window, tcpFlags, tcpHeaderLen], [0, 0, 0, 0, 0]);
  });

  test('a first fragment too short for its transport header', () => {
    for (const length of [0, 8, 16]) {
      const frame = piece(0, length, true).slice(14);
      assert.equal(codeOf(frame), Decode.TruncatedL4, `${length} bytes`);
    }
  });

  test('the last possible offset', () => {
    const frame = buildIpv4Fragment({
      ...endpoints,
      protocol: Proto.Udp,
      offsetBytes: 65_528,
      more: false,
      payload: new Uint8Array(7),
    });
    assert.equal(loadPacket(frame).fragmentOffset, 65_528);
  });

  test('the reserved bit makes no fragment', () => {
    const datagram = buildTcp(raw);
    datagram[6] = 0x80;
    const packet = loadPacket(resum(datagram), 'raw');
    assert.deepEqual([packet.isFragment, packet.dontFragment], [false, false]);
  });
});

function be16len(length: number): number[] {
  return [...be16(length)];
}
