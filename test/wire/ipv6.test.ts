import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  Decode,
  type DecodeCode,
  decodeFrame,
  formatIpv6,
  LinkType,
  Proto,
} from '../../src/wire/index.ts';
import { be16, join } from '../support/bytes.ts';
import { packetOver } from '../support/packet-fields.ts';
import {
  authentication,
  buildIp,
  buildTcp,
  destinationOptions,
  fragmentHeader,
  hopByHop,
  type Ipv6Extension,
  loadPacket,
  routing,
} from '../support/packets.ts';

const endpoints = { src: 'fd00:1:2::3', dst: '2001:db8::fe', sport: 40000, dport: 21 };
const raw = { ...endpoints, link: 'raw' as const };

function codeOf(datagram: Uint8Array): DecodeCode {
  return decodeFrame(packetOver(datagram, LinkType.RawIp, 0xa5));
}

/** Checks that the TCP header is found behind `extensions`. */
function expectBehind(extensions: readonly Ipv6Extension[]): void {
  const packet = loadPacket(buildTcp({ ...endpoints, extensions, payload: 'QUIT\r\n' }));
  const bytes = extensions.reduce((sum, extension) => sum + extension.bytes.length, 0);
  assert.deepEqual([packet.l3HeaderLen, packet.protocol], [40 + bytes, Proto.Tcp]);
  assert.deepEqual([packet.dstPortOrIcmpTypeCode, packet.payloadLen], [21, 6]);
}

describe('IPv6', () => {
  test('takes a header apart', () => {
    const packet = loadPacket(buildTcp({ ...endpoints, ttl: 9, tos: 0xb8, payload: 'hello' }));
    assert.equal(packet.family, 6);
    assert.equal(formatIpv6(packet.src0, packet.src1, packet.src2, packet.src3), 'fd00:1:2::3');
    assert.equal(formatIpv6(packet.dst0, packet.dst1, packet.dst2, packet.dst3), '2001:db8::fe');
    assert.deepEqual([packet.ttl, packet.tos, packet.ipId], [9, 0xb8, 0]);
    assert.deepEqual([packet.protocol, packet.l3HeaderLen, packet.l3Len], [Proto.Tcp, 40, 65]);
    assert.deepEqual([packet.dontFragment, packet.isFragment], [true, false]);
    assert.equal(packet.payloadLen, 5);
  });

  test('the flow label is no part of the traffic class', () => {
    const datagram = buildTcp({ ...raw, tos: 0x12 });
    datagram[1]! |= 0x0f;
    datagram.set([0xff, 0xff], 2);
    assert.equal(loadPacket(datagram, 'raw').tos, 0x12);
  });

  test('too short: every cut of the header', () => {
    const datagram = buildTcp(raw);
    for (let length = 1; length < 40; length++) {
      assert.equal(codeOf(datagram.slice(0, length)), Decode.TruncatedIp, `${length} bytes`);
    }
  });

  test('payload length lying both ways', () => {
    const withLength = (length: number) => {
      const datagram = buildTcp({ ...raw, payload: 'abcdefgh' });
      datagram.set(be16(length), 4);
      return codeOf(datagram);
    };
    assert.equal(withLength(0), Decode.TruncatedL4);
    assert.equal(withLength(19), Decode.TruncatedL4);
    assert.equal(withLength(20), Decode.Ok);
    assert.equal(withLength(28), Decode.Ok);
    assert.equal(withLength(29), Decode.BadIpTotalLength);
    assert.equal(withLength(65535), Decode.BadIpTotalLength);
  });

  test('the largest datagram fits', () => {
    const payload = new Uint8Array(65_535 - 20);
    const packet = loadPacket(buildTcp({ ...endpoints, payload }));
    assert.deepEqual([packet.l3Len, packet.payloadLen], [65_575, 65_515]);
  });

  test('padding behind the datagram is outside it', () => {
    const packet = loadPacket(buildTcp({ ...endpoints, padTo: 90 }));
    assert.deepEqual([packet.frameEnd - packet.l3End, packet.payloadLen], [16, 0]);
  });

  test('no next header: nothing behind it is looked at', () => {
    const packet = loadPacket(buildIp(endpoints, Proto.NoNext, new Uint8Array(0)));
    assert.deepEqual([packet.protocol, packet.payloadLen], [Proto.NoNext, 0]);
  });
});

describe('IPv6 extension headers', () => {
  test('each kind is stepped over', () => {
    expectBehind([hopByHop()]);
    expectBehind([hopByHop(new Uint8Array(20).fill(0))]);
    expectBehind([routing()]);
    expectBehind([destinationOptions()]);
    expectBehind([destinationOptions(new Uint8Array(2046).fill(0))]);
    expectBehind([authentication(12)]);
    expectBehind([authentication(32)]);
  });

  test('all of them in the order of RFC 8200 section 4.1', () => {
    expectBehind([
      hopByHop(),
      destinationOptions(),
      routing(),
      fragmentHeader({ offsetBytes: 0, more: true, id: 1 }),
      authentication(),
      destinationOptions(),
    ]);
  });

  test('eight are looked through, the ninth is too many', () => {
    const chain = (count: number) =>
      codeOf(buildTcp({ ...raw, extensions: new Array(count).fill(destinationOptions()) }));
    assert.equal(chain(8), Decode.Ok);
    assert.equal(chain(9), Decode.TooManyExtensions);
    assert.equal(chain(200), Decode.TooManyExtensions);
  });

  test('truncated anywhere in the chain, with a payload length that agrees', () => {
    const extensions = [hopByHop(), routing(), authentication(12)];
    const datagram = buildTcp({ ...raw, extensions });
    for (let length = 0; length < 8 + 24 + 24; length++) {
      const cut = datagram.slice(0, 40 + length);
      cut.set(be16(length), 4);
      assert.equal(codeOf(cut), Decode.TruncatedExtension, `${length} bytes`);
    }
  });

  test('an extension length that lies', () => {
    for (const extension of [hopByHop(), routing(), destinationOptions(), authentication()]) {
      const datagram = buildTcp({ ...raw, extensions: [extension] });
      datagram[41] = 255;
      assert.equal(codeOf(datagram), Decode.TruncatedExtension, `header ${extension.protocol}`);
    }
  });

  test('jumbo: payload length 0 with hop-by-hop options is refused', () => {
    const jumbo = hopByHop(Uint8Array.of(0xc2, 4, 0, 1, 0, 0));
    const datagram = buildTcp({ ...raw, extensions: [jumbo] });
    datagram.set([0, 0], 4);
    assert.equal(codeOf(datagram), Decode.TruncatedExtension);
  });

  test('mobility and the like are protocols, not extensions', () => {
    const packet = loadPacket(buildIp(endpoints, 135, new Uint8Array(8)));
    assert.deepEqual([packet.protocol, packet.l3HeaderLen, packet.payloadLen], [135, 40, 8]);
  });
});

describe('IPv6 fragments', () => {
  const first = fragmentHeader({ offsetBytes: 0, more: true, id: 0xdeadbeef });

  test('the first carries the transport header', () => {
    const packet = loadPacket(buildTcp({ ...endpoints, extensions: [first] }));
    assert.deepEqual([packet.isFragment, packet.fragmentOffset], [true, 0]);
    assert.equal(packet.ipId >>> 0, 0xdeadbeef);
    assert.deepEqual([packet.l3HeaderLen, packet.dstPortOrIcmpTypeCode], [48, 21]);
  });

  test('a later one: the next header names the protocol, even where it is an extension', () => {
    for (const more of [true, false]) {
      const later = fragmentHeader({ offsetBytes: 1232, more, id: 7 });
      for (const protocol of [Proto.Tcp, Proto.DestOptions, Proto.Icmpv6]) {
        const frame = buildIp({ ...endpoints, extensions: [later] }, protocol, new Uint8Array(3));
        const packet = loadPacket(frame);
        assert.deepEqual([packet.isFragment, packet.fragmentOffset], [true, 1232]);
        assert.deepEqual([packet.protocol, packet.l3HeaderLen], [protocol, 48]);
        assert.deepEqual([packet.srcPortOrIcmpId, packet.payloadLen], [0, 3]);
      }
    }
  });

  test('an atomic fragment (RFC 6946) is a whole packet', () => {
    const atomic = fragmentHeader({ offsetBytes: 0, more: false, id: 7 });
    const packet = loadPacket(buildTcp({ ...endpoints, extensions: [atomic] }));
    assert.deepEqual([packet.isFragment, packet.fragmentOffset, packet.ipId], [false, 0, 7]);
  });

  test('reserved bits of the fragment word count for nothing', () => {
    const atomic = fragmentHeader({ offsetBytes: 0, more: false, id: 7 });
    atomic.bytes.set(be16(0x0006), 2);
    const packet = loadPacket(buildTcp({ ...endpoints, extensions: [atomic] }));
    assert.equal(packet.isFragment, false);
  });

  test('a second fragment header is refused', () => {
    // The second, atomic header used to win: the first fragment passed for a whole packet.
    const atomic = fragmentHeader({ offsetBytes: 0, more: false, id: 7 });
    for (const extensions of [
      [first, atomic],
      [first, first],
      [atomic, first],
      [first, destinationOptions(), atomic],
    ]) {
      assert.equal(codeOf(buildTcp({ ...raw, extensions })), Decode.TooManyExtensions);
    }
  });

  test('too short for the fragment header', () => {
    const datagram = buildIp(raw, Proto.Fragment, join(Uint8Array.of(6, 0, 0, 1), be16(0)));
    assert.equal(codeOf(datagram), Decode.TruncatedExtension);
  });

  test('its length byte is reserved and not believed', () => {
    const odd = fragmentHeader({ offsetBytes: 0, more: true, id: 1 });
    odd.bytes[1] = 255;
    expectBehind([odd]);
  });
});
