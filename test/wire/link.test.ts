import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  Decode,
  type DecodeCode,
  decodeFrame,
  EtherType,
  LinkType,
  type LinkTypeCode,
  type Packet,
} from '../../src/wire/index.ts';
import { be16, join } from '../support/bytes.ts';
import { buildTcp, dirtyPacket } from '../support/packets.ts';

const endpoints = { src: '10.0.0.2', dst: '192.0.2.1', sport: 40000, dport: 21 };
const datagram4 = buildTcp({ ...endpoints, link: 'raw' });
const datagram6 = buildTcp({ ...endpoints, src: 'fd00::2', dst: '2001:db8::1', link: 'raw' });

function take(frame: Uint8Array, link: LinkTypeCode): { packet: Packet; code: DecodeCode } {
  const packet = dirtyPacket();
  assert.ok(packet.load(frame, link));
  return { packet, code: decodeFrame(packet) };
}

function expectOk(
  frame: Uint8Array,
  link: LinkTypeCode,
  headerLen: number,
  family: number,
): Packet {
  const { packet, code } = take(frame, link);
  assert.equal(code, Decode.Ok);
  assert.equal(packet.l3Offset - packet.frameOffset, headerLen);
  assert.equal(packet.family, family);
  assert.equal(packet.dstPortOrIcmpTypeCode, 21);
  return packet;
}

/** Every cut of a link header is truncated, the whole header alone is a truncated IP header. */
function expectCutsTruncated(frame: Uint8Array, link: LinkTypeCode, headerLen: number): void {
  for (let length = 0; length < headerLen; length++) {
    assert.equal(take(frame.slice(0, length), link).code, Decode.TruncatedLink, `${length} bytes`);
  }
  assert.equal(take(frame.slice(0, headerLen), link).code, Decode.TruncatedIp);
}

describe('Ethernet', () => {
  test('takes IPv4 and IPv6 apart', () => {
    const packet = expectOk(buildTcp(endpoints), LinkType.Ethernet, 14, 4);
    assert.equal(packet.etherType, EtherType.Ipv4);
    assert.equal(packet.vlanId, -1);
    const six = buildTcp({ ...endpoints, src: 'fd00::2', dst: 'fd00::1' });
    assert.equal(expectOk(six, LinkType.Ethernet, 14, 6).etherType, EtherType.Ipv6);
  });

  test('too short', () => {
    expectCutsTruncated(buildTcp(endpoints), LinkType.Ethernet, 14);
  });

  test('ARP and 802.3 length fields are not IP', () => {
    for (const etherType of [EtherType.Arp, 46, 0x0000, 0xffff, 0x88cc]) {
      const frame = buildTcp(endpoints);
      frame.set(be16(etherType), 12);
      const { packet, code } = take(frame, LinkType.Ethernet);
      assert.equal(code, Decode.NotIp);
      assert.equal(packet.family, 0);
      assert.equal(packet.etherType, etherType);
    }
  });

  test('an EtherType that lies about the version', () => {
    const frame = buildTcp(endpoints);
    frame.set(be16(EtherType.Ipv6), 12);
    assert.equal(take(frame, LinkType.Ethernet).code, Decode.BadIpVersion);
    const six = buildTcp({ ...endpoints, src: 'fd00::2', dst: 'fd00::1' });
    six.set(be16(EtherType.Ipv4), 12);
    assert.equal(take(six, LinkType.Ethernet).code, Decode.BadIpVersion);
  });

  test('padding behind the datagram is outside it', () => {
    const packet = expectOk(buildTcp({ ...endpoints, padTo: 60 }), LinkType.Ethernet, 14, 4);
    assert.equal(packet.frameLen, 60);
    assert.equal(packet.l3Len, 40);
    assert.equal(packet.payloadLen, 0);
  });

  test('nothing of the previous frame is left in the link fields', () => {
    const packet = dirtyPacket();
    packet.load(buildTcp({ ...endpoints, vlan: 7 }), LinkType.Ethernet);
    decodeFrame(packet);
    packet.load(new Uint8Array(3), LinkType.Ethernet);
    assert.equal(decodeFrame(packet), Decode.TruncatedLink);
    assert.deepEqual([packet.family, packet.etherType, packet.vlanId], [0, 0, -1]);
  });
});

describe('802.1Q', () => {
  test('one tag: the id without priority bits', () => {
    const frame = buildTcp({ ...endpoints, vlan: 0xe000 | 100 });
    assert.equal(expectOk(frame, LinkType.Ethernet, 18, 4).vlanId, 100);
    assert.equal(expectOk(buildTcp({ ...endpoints, vlan: 0 }), LinkType.Ethernet, 18, 4).vlanId, 0);
  });

  test('two tags: the outer id; 802.1ad outside', () => {
    const frame = buildTcp({ ...endpoints, vlan: [200, 4095] });
    assert.equal(expectOk(frame, LinkType.Ethernet, 22, 4).vlanId, 200);
    frame.set(be16(EtherType.QinQ), 12);
    assert.equal(expectOk(frame, LinkType.Ethernet, 22, 4).vlanId, 200);
  });

  test('three tags are not looked through', () => {
    const { code } = take(buildTcp({ ...endpoints, vlan: [1, 2, 3] }), LinkType.Ethernet);
    assert.equal(code, Decode.NotIp);
  });

  test('too short, within either tag', () => {
    expectCutsTruncated(buildTcp({ ...endpoints, vlan: 5 }), LinkType.Ethernet, 18);
    expectCutsTruncated(buildTcp({ ...endpoints, vlan: [5, 6] }), LinkType.Ethernet, 22);
  });
});

describe('Linux cooked capture', () => {
  const cooked1 = (etherType: number) => join(new Uint8Array(14).fill(3), be16(etherType));
  const cooked2 = (etherType: number) => join(be16(etherType), new Uint8Array(18).fill(3));

  test('version 1: protocol at 14, IP at 16', () => {
    expectOk(join(cooked1(EtherType.Ipv4), datagram4), LinkType.LinuxCooked, 16, 4);
    expectOk(join(cooked1(EtherType.Ipv6), datagram6), LinkType.LinuxCooked, 16, 6);
  });

  test('version 1: a VLAN tag between protocol field and IP', () => {
    // Was NotIp: libpcap puts the tag a network card took off back in front of the protocol field.
    const tagged = join(cooked1(EtherType.Vlan), be16(12), be16(EtherType.Ipv4), datagram4);
    assert.equal(expectOk(tagged, LinkType.LinuxCooked, 20, 4).vlanId, 12);
    expectCutsTruncated(tagged, LinkType.LinuxCooked, 20);
  });

  test('version 2: protocol at 0, IP at 20', () => {
    expectOk(join(cooked2(EtherType.Ipv4), datagram4), LinkType.LinuxCooked2, 20, 4);
    expectOk(join(cooked2(EtherType.Ipv6), datagram6), LinkType.LinuxCooked2, 20, 6);
  });

  test('too short', () => {
    expectCutsTruncated(join(cooked1(EtherType.Ipv4), datagram4), LinkType.LinuxCooked, 16);
    expectCutsTruncated(join(cooked2(EtherType.Ipv4), datagram4), LinkType.LinuxCooked2, 20);
  });

  test('not IP, or a lying protocol', () => {
    const link = LinkType.LinuxCooked;
    assert.equal(take(join(cooked1(EtherType.Arp), datagram4), link).code, Decode.NotIp);
    assert.equal(take(join(cooked1(EtherType.Ipv6), datagram4), link).code, Decode.BadIpVersion);
    const link2 = LinkType.LinuxCooked2;
    assert.equal(take(join(cooked2(EtherType.Arp), datagram4), link2).code, Decode.NotIp);
    assert.equal(take(join(cooked2(EtherType.Ipv4), datagram6), link2).code, Decode.BadIpVersion);
  });
});

describe('raw IP', () => {
  test('the version nibble decides', () => {
    expectOk(datagram4, LinkType.RawIp, 0, 4);
    expectOk(datagram6, LinkType.RawIp, 0, 6);
  });

  test('too short', () => {
    assert.equal(take(new Uint8Array(0), LinkType.RawIp).code, Decode.TruncatedLink);
    assert.equal(take(datagram4.slice(0, 1), LinkType.RawIp).code, Decode.TruncatedIp);
    assert.equal(take(datagram6.slice(0, 39), LinkType.RawIp).code, Decode.TruncatedIp);
  });

  test('any other version is not IP', () => {
    for (let version = 0; version < 16; version++) {
      if (version === 4 || version === 6) continue;
      const bytes = Uint8Array.from(datagram4);
      bytes[0] = (version << 4) | 5;
      assert.equal(take(bytes, LinkType.RawIp).code, Decode.NotIp, `version ${version}`);
    }
  });

  test('an IPv4 version over an IPv6 packet is a fault of the header', () => {
    const bytes = Uint8Array.from(datagram6);
    bytes[0] = 0x45;
    assert.notEqual(take(bytes, LinkType.RawIp).code, Decode.Ok);
  });
});

describe('BSD loopback (Null)', () => {
  const little = Uint8Array.of(2, 0, 0, 0);
  const big = Uint8Array.of(0, 0, 0, 30);

  test('either byte order', () => {
    expectOk(join(little, datagram4), LinkType.Null, 4, 4);
    expectOk(join(big, datagram6), LinkType.Null, 4, 6);
  });

  test('too short', () => {
    for (let length = 0; length <= 4; length++) {
      const cut = join(little, datagram4).slice(0, length);
      assert.equal(take(cut, LinkType.Null).code, Decode.TruncatedLink, `${length} bytes`);
    }
    assert.equal(
      take(join(little, datagram4.slice(0, 19)), LinkType.Null).code,
      Decode.TruncatedIp,
    );
  });

  test('the address family is not believed, the version nibble is', () => {
    expectOk(join(Uint8Array.of(30, 0, 0, 0), datagram4), LinkType.Null, 4, 4);
  });

  test('not IP', () => {
    assert.equal(take(join(little, new Uint8Array(40)), LinkType.Null).code, Decode.NotIp);
  });
});
