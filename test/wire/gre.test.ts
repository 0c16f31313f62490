import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Decode, type DecodeCode, decodeFrame, LinkType, Proto } from '../../src/wire/index.ts';
import { be16, join } from '../support/bytes.ts';
import { packetOver } from '../support/packet-fields.ts';
import { buildIp, loadPacket } from '../support/packets.ts';

const four = { src: '10.0.0.2', dst: '192.0.2.1' };
const six = { src: 'fd00::2', dst: 'fd00::1' };

const PPP = 0x880b;

/** Flags and version, protocol, payload length, call id. */
function header(flags: number, protocol: number, callId: number): Uint8Array {
  return join(be16(flags), be16(protocol), be16(4), be16(callId), Uint8Array.of(1, 2, 3, 4));
}

function codeOf(segment: Uint8Array): DecodeCode {
  const datagram = buildIp({ ...four, link: 'raw' }, Proto.Gre, segment);
  return decodeFrame(packetOver(datagram, LinkType.RawIp, 0xa5));
}

describe('GRE', () => {
  test('of PPTP: the call id stands in place of the destination port', () => {
    for (const ends of [four, six]) {
      for (const flags of [0x2001, 0x3001, 0x3081]) {
        const packet = loadPacket(buildIp(ends, Proto.Gre, header(flags, PPP, 0xfedc)));
        assert.deepEqual([packet.srcPortOrIcmpId, packet.dstPortOrIcmpTypeCode], [0, 0xfedc]);
        assert.equal(packet.payloadLen, 12);
      }
    }
  });

  test('of any other version, and what is too short to tell, has no ports', () => {
    const plain = [0, 0x2000, 0xb000, 2, 3, 7].map((flags) => header(flags, PPP, 0xfedc));
    const whole = header(0x3001, PPP, 0xfedc);
    for (let length = 0; length < 8; length++) plain.push(whole.slice(0, length));
    for (const segment of plain) {
      const packet = loadPacket(buildIp(four, Proto.Gre, segment));
      assert.deepEqual([packet.srcPortOrIcmpId, packet.dstPortOrIcmpTypeCode], [0, 0]);
    }
  });

  test('of PPTP carries PPP and nothing else', () => {
    assert.equal(codeOf(header(0x3001, 0x0800, 1)), Decode.BadGreProtocol);
    assert.equal(codeOf(header(0x3001, 0x0800, 1).slice(0, 8)), Decode.BadGreProtocol);
    assert.equal(codeOf(header(0x3001, 0x0800, 1).slice(0, 7)), Decode.Ok);
    assert.equal(codeOf(header(0x3000, 0x0800, 1)), Decode.Ok);
  });
});
