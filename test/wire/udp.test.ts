import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Decode, type DecodeCode, decodeFrame, LinkType, Proto } from '../../src/wire/index.ts';
import { be16, join } from '../support/bytes.ts';
import { packetOver } from '../support/packet-fields.ts';
import {
  buildIp,
  buildIpv4Fragment,
  buildUdp,
  loadPacket,
  udpSegment,
} from '../support/packets.ts';

const four = { src: '10.0.0.2', dst: '192.0.2.1', sport: 5353, dport: 53 };
const six = { ...four, src: 'fd00::2', dst: 'fd00::1' };

function codeOf(datagram: Uint8Array): DecodeCode {
  return decodeFrame(packetOver(datagram, LinkType.RawIp, 0xa5));
}

/** A datagram of eight payload bytes whose UDP length says `length`. */
function lying(length: number, protocol: number = Proto.Udp): Uint8Array {
  const segment = udpSegment({ ...four, payload: 'abcdefgh' });
  segment.set(be16(length), 4);
  return buildIp({ ...four, link: 'raw' }, protocol, segment);
}

describe('UDP', () => {
  test('takes a header apart, over either family', () => {
    for (const endpoints of [four, six]) {
      const packet = loadPacket(buildUdp({ ...endpoints, payload: 'query' }));
      assert.deepEqual([packet.srcPortOrIcmpId, packet.dstPortOrIcmpTypeCode], [5353, 53]);
      assert.deepEqual([packet.payloadOffset - packet.l4Offset, packet.payloadLen], [8, 5]);
      assert.equal(packet.tcpFlags, 0);
    }
    assert.equal(loadPacket(buildUdp(four)).payloadLen, 0);
  });

  test('too short: every cut of the header, with an IP length that agrees', () => {
    const segment = udpSegment(four);
    for (let length = 0; length < 8; length++) {
      const cut = buildIp({ ...four, link: 'raw' }, Proto.Udp, segment.slice(0, length));
      assert.equal(codeOf(cut), Decode.TruncatedL4, `${length} bytes`);
    }
  });

  test('length lying both ways', () => {
    for (const length of [0, 1, 7, 17, 255, 65535]) {
      assert.equal(codeOf(lying(length)), Decode.BadUdpLength, `length ${length}`);
    }
    for (const length of [8, 9, 15, 16]) {
      assert.equal(codeOf(lying(length)), Decode.Ok, `length ${length}`);
    }
  });

  test('bytes behind the UDP datagram are no payload', () => {
    // payloadLen used to run to the end of the IP datagram.
    assert.equal(loadPacket(lying(11), 'raw').payloadLen, 3);
    assert.equal(loadPacket(lying(8), 'raw').payloadLen, 0);
  });

  test('the largest datagram', () => {
    const packet = loadPacket(buildUdp({ ...four, payload: new Uint8Array(65_535 - 28) }));
    assert.equal(packet.payloadLen, 65_507);
  });

  test('a first fragment is shorter than its UDP length says', () => {
    const segment = udpSegment({ ...four, payload: new Uint8Array(100) });
    const frame = buildIpv4Fragment({
      ...four,
      protocol: Proto.Udp,
      offsetBytes: 0,
      more: true,
      payload: segment.slice(0, 48),
    });
    const packet = loadPacket(frame);
    assert.deepEqual([packet.dstPortOrIcmpTypeCode, packet.payloadLen], [53, 40]);
  });
});

describe('UDP-Lite', () => {
  test('the length field is the checksum coverage; the payload is all there is', () => {
    for (const coverage of [0, 8, 12, 16]) {
      const packet = loadPacket(lying(coverage, Proto.UdpLite), 'raw');
      assert.deepEqual([packet.dstPortOrIcmpTypeCode, packet.payloadLen], [53, 8]);
    }
  });

  test('a coverage within the header or beyond the end (RFC 3828 section 3.1)', () => {
    for (const coverage of [1, 7, 17, 65535]) {
      assert.equal(codeOf(lying(coverage, Proto.UdpLite)), Decode.BadUdpLength, `${coverage}`);
    }
  });

  test('too short', () => {
    const cut = buildIp({ ...four, link: 'raw' }, Proto.UdpLite, new Uint8Array(7));
    assert.equal(codeOf(cut), Decode.TruncatedL4);
  });

  test('any other protocol with such bytes is left whole', () => {
    const segment = join(udpSegment({ ...four, payload: 'abcdefgh' }));
    const packet = loadPacket(buildIp(four, Proto.Esp, segment));
    assert.deepEqual([packet.dstPortOrIcmpTypeCode, packet.payloadLen], [0, 16]);
  });
});
