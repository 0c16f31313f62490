import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  Decode,
  type DecodeCode,
  decodeFrame,
  icmpQueryReplyType,
  isIcmpError,
  isIcmpv6Error,
  isNeighbourDiscovery,
  LinkType,
  type Packet,
  Proto,
} from '../../src/wire/index.ts';
import { packetOver } from '../support/packet-fields.ts';
import { buildIcmp, buildIcmpv6, buildIp, buildTcp, loadPacket } from '../support/packets.ts';

const four = { src: '10.0.0.2', dst: '192.0.2.1' };
const six = { src: 'fd00::2', dst: 'fd00::1' };

function codeOf(datagram: Uint8Array): DecodeCode {
  return decodeFrame(packetOver(datagram, LinkType.RawIp, 0xa5));
}

/** The datagram an error carries, in a cursor of its own. */
function innerOf(packet: Packet): Packet {
  return loadPacket(packet.bytes.slice(packet.payloadOffset, packet.l3End), 'raw');
}

describe('ICMP', () => {
  test('takes an echo request apart', () => {
    const packet = loadPacket(buildIcmp({ ...four, id16: 0xbeef, seq16: 3, payload: 'ping' }));
    assert.deepEqual([packet.icmpType, packet.icmpCode], [8, 0]);
    assert.deepEqual([packet.srcPortOrIcmpId, packet.dstPortOrIcmpTypeCode], [0xbeef, 0x0800]);
    assert.deepEqual([packet.payloadOffset - packet.l4Offset, packet.payloadLen], [8, 4]);
  });

  test('an unreachable carries the packet it speaks about', () => {
    const inner = buildTcp({ ...four, sport: 40000, dport: 21, link: 'raw' });
    const packet = loadPacket(buildIcmp({ src: four.dst, dst: four.src, type: 3, code: 4, inner }));
    assert.deepEqual([packet.icmpType, packet.icmpCode], [3, 4]);
    assert.equal(packet.dstPortOrIcmpTypeCode, 0x0304);
    assert.equal(innerOf(packet).dstPortOrIcmpTypeCode, 21);
  });

  test('only queries and answers have an identifier', () => {
    // The MTU or gateway of an error used to be taken for one.
    for (const type of [3, 4, 5, 11, 12, 9, 200]) {
      const packet = loadPacket(buildIcmp({ ...four, type, rest: 0x12345678 }));
      assert.equal(packet.srcPortOrIcmpId, 0, `type ${type}`);
    }
    for (const type of [0, 8, 13, 14, 15, 16, 17, 18]) {
      const packet = loadPacket(buildIcmp({ ...four, type, rest: 0x12345678 }));
      assert.equal(packet.srcPortOrIcmpId, 0x1234, `type ${type}`);
    }
  });

  test('too short: every cut of the header, with an IP length that agrees', () => {
    for (let length = 0; length < 8; length++) {
      const raw = { ...four, link: 'raw' as const };
      const cut = buildIp(raw, Proto.Icmp, new Uint8Array(length));
      assert.equal(codeOf(cut), Decode.TruncatedL4, `${length} bytes`);
    }
  });

  test('the largest message', () => {
    const packet = loadPacket(buildIcmp({ ...four, payload: new Uint8Array(65_507) }));
    assert.equal(packet.payloadLen, 65_507);
  });
});

describe('ICMPv6', () => {
  test('takes an echo request apart', () => {
    const packet = loadPacket(buildIcmpv6({ ...six, id16: 0xbeef, seq16: 3, payload: 'ping' }));
    assert.deepEqual([packet.icmpType, packet.icmpCode], [128, 0]);
    assert.deepEqual([packet.srcPortOrIcmpId, packet.dstPortOrIcmpTypeCode], [0xbeef, 0x8000]);
    assert.equal(packet.payloadLen, 4);
  });

  test('packet too big carries the packet it speaks about, and no identifier', () => {
    const inner = buildTcp({ ...six, sport: 40000, dport: 21, link: 'raw' });
    const packet = loadPacket(
      buildIcmpv6({ src: six.dst, dst: six.src, type: 2, rest: 0x04000000 | 1280, inner }),
    );
    assert.deepEqual([packet.icmpType, packet.srcPortOrIcmpId], [2, 0]);
    assert.equal(innerOf(packet).dstPortOrIcmpTypeCode, 21);
  });

  test('too short', () => {
    for (let length = 0; length < 8; length++) {
      const raw = { ...six, link: 'raw' as const };
      const cut = buildIp(raw, Proto.Icmpv6, new Uint8Array(length));
      assert.equal(codeOf(cut), Decode.TruncatedL4, `${length} bytes`);
    }
  });

  test('the ICMP of the other family is just some protocol', () => {
    const crossed = [
      buildIp(six, Proto.Icmp, Uint8Array.of(8)),
      buildIp(four, Proto.Icmpv6, Uint8Array.of(128)),
    ];
    for (const frame of crossed) {
      const packet = loadPacket(frame);
      assert.deepEqual([packet.icmpType, packet.dstPortOrIcmpTypeCode], [0, 0]);
      assert.equal(packet.payloadLen, 1);
    }
  });
});

describe('ICMP kinds', () => {
  const all = Array.from({ length: 256 }, (_, type) => type);

  test('queries and answers pair up both ways', () => {
    for (const family of [4, 6]) {
      for (const type of all) {
        const reply = icmpQueryReplyType(family, type);
        if (reply >= 0) assert.equal(icmpQueryReplyType(family, reply), type, `${family} ${type}`);
      }
    }
    const queries = (family: number) => all.filter((t) => icmpQueryReplyType(family, t) >= 0);
    assert.deepEqual(queries(4), [0, 8, 13, 14, 15, 16, 17, 18]);
    assert.deepEqual(queries(6), [128, 129, 139, 140]);
  });

  test('errors are what speaks about another packet', () => {
    assert.deepEqual(all.filter(isIcmpError), [3, 4, 5, 11, 12]);
    assert.deepEqual(all.filter(isIcmpv6Error), all.slice(0, 128));
  });

  test('no query is an error', () => {
    for (const type of all) {
      assert.ok(!(isIcmpError(type) && icmpQueryReplyType(4, type) >= 0));
      assert.ok(!(isIcmpv6Error(type) && icmpQueryReplyType(6, type) >= 0));
    }
  });

  test('neighbour discovery: RFC 4861 has five messages', () => {
    assert.deepEqual(all.filter(isNeighbourDiscovery), [133, 134, 135, 136, 137]);
  });
});
