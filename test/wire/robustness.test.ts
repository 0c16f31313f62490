/** Whatever the bytes: nothing throws, nothing outside the frame is read, offsets stay inside. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Prng } from '../../src/base/index.ts';
import {
  completeL4Checksum,
  Decode,
  type DecodeCode,
  decodeFrame,
  decodeName,
  findTcpOption,
  HEADROOM_BYTES,
  hasPartialChecksum,
  LinkType,
  type LinkTypeCode,
  MAX_FRAME_BYTES,
  Packet,
  Proto,
  verifyL4Checksum,
} from '../../src/wire/index.ts';
import { be16, join } from '../support/bytes.ts';
import {
  assertInsideFrame,
  packetFields,
  packetOver,
  tightPacket,
} from '../support/packet-fields.ts';
import {
  authentication,
  buildIcmp,
  buildIcmpv6,
  buildIp,
  buildIpv4Fragment,
  buildTcp,
  buildUdp,
  dirtyPacket,
  fragmentHeader,
  hopByHop,
  routing,
} from '../support/packets.ts';
import { buildSctp, initChunk } from '../support/sctp.ts';
import { slowChecksum } from '../support/slow-checksum.ts';

const four = { src: '10.0.0.2', dst: '192.0.2.1', sport: 40000, dport: 21 };
const six = { ...four, src: 'fd00::2', dst: 'fd00::1' };
const options = Uint8Array.of(2, 4, 5, 180, 4, 2, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 3, 3, 7);

const good: Record<string, Uint8Array> = {
  tcp: buildTcp({ ...four, vlan: [5, 6], flags: 'S', options, payload: 'x' }),
  tcpWithIpOptions: buildTcp({ ...four, ipOptions: new Uint8Array(12).fill(1), payload: 'abc' }),
  udp: buildUdp({ ...four, payload: 'abc' }),
  icmp: buildIcmp({ ...four, type: 3, inner: buildTcp({ ...four, link: 'raw' }) }),
  tcp6: buildTcp({ ...six, options, extensions: [hopByHop(), routing(), authentication()] }),
  udp6: buildUdp({ ...six, payload: 'abc' }),
  icmpv6: buildIcmpv6({ ...six, payload: 'abc' }),
  sctp: buildSctp({ ...four, tag: 1, chunks: [initChunk(2, 7)] }),
  gre6: buildIp(six, Proto.Gre, Uint8Array.of(0x30, 1, 0x88, 0x0b, 0, 1, 0, 9, 0)),
  fragment6: buildTcp({
    ...six,
    extensions: [fragmentHeader({ offsetBytes: 0, more: true, id: 1 })],
  }),
  fragment: buildIpv4Fragment({
    ...four,
    protocol: Proto.Tcp,
    offsetBytes: 8,
    more: false,
    payload: 'x',
  }),
  crossed: buildIp(six, Proto.Icmp, Uint8Array.of(1)),
};

/** Decodes and calls everything a caller may call after `Decode.Ok`. */
function exercise(packet: Packet): DecodeCode {
  const code = decodeFrame(packet);
  if (code !== Decode.Ok) return code;
  assertInsideFrame(packet);
  for (const kind of [2, 8, 99]) {
    const at = findTcpOption(packet, kind);
    assert.ok(at <= 0 || at + packet.bytes[at + 1]! <= packet.payloadOffset);
  }
  hasPartialChecksum(packet);
  verifyL4Checksum(packet);
  completeL4Checksum(packet);
  return code;
}

/** The same result over two kinds of dirt, and without a byte behind the frame to read. */
function exerciseCarefully(frame: Uint8Array, link: LinkTypeCode): DecodeCode {
  const one = packetOver(frame, link, 0xa5);
  const other = packetOver(frame, link, 0x00);
  const code = exercise(one);
  assert.equal(exercise(other), code);
  assert.equal(exercise(tightPacket(frame, link)), code);
  assert.deepEqual(packetFields(one), packetFields(other));
  assert.deepEqual(one.copyFrame(), other.copyFrame());
  assert.ok(
    one.bytes.slice(one.frameEnd).every((byte) => byte === 0xa5),
    'written behind',
  );
  return code;
}

/** A raw datagram cut to `length` with an IP length (and checksum) that agrees. */
function cutHonestly(datagram: Uint8Array, length: number): Uint8Array {
  const cut = datagram.slice(0, length);
  if (cut[0]! >>> 4 === 6) {
    if (length >= 40) cut.set(be16(length - 40), 4);
    return cut;
  }
  const headerLen = (cut[0]! & 15) * 4;
  if (length < headerLen) return cut;
  cut.set(be16(length), 2);
  cut.set([0, 0], 10);
  cut.set(be16(slowChecksum(cut.slice(0, headerLen))), 10);
  return cut;
}

describe('truncated at every byte', () => {
  for (const [name, frame] of Object.entries(good)) {
    test(name, () => {
      assert.equal(exerciseCarefully(frame, LinkType.Ethernet), Decode.Ok);
      for (let length = 0; length < frame.length; length++) {
        const code = exerciseCarefully(frame.slice(0, length), LinkType.Ethernet);
        assert.notEqual(code, Decode.Ok, `${length} bytes`);
      }
    });

    test(`${name}, with IP lengths that agree`, () => {
      const probe = packetOver(frame, LinkType.Ethernet, 0xa5);
      decodeFrame(probe);
      const datagram = probe.bytes.slice(probe.l3Offset, probe.l3End);
      for (let length = 1; length <= datagram.length; length++) {
        exerciseCarefully(cutHonestly(datagram, length), LinkType.RawIp);
      }
    });

    test(`${name}, with padding that must not count`, () => {
      const zeros = packetOver(join(frame, new Uint8Array(18)), LinkType.Ethernet, 0xa5);
      const ones = packetOver(join(frame, new Uint8Array(18).fill(0xff)), LinkType.Ethernet, 0xa5);
      assert.equal(exercise(zeros), Decode.Ok);
      assert.equal(exercise(ones), Decode.Ok);
      assert.deepEqual(packetFields(zeros), packetFields(ones));
      assert.ok(ones.bytes.slice(ones.l3End, ones.frameEnd).every((byte) => byte === 0xff));
    });
  }
});

describe('random frames', () => {
  const links = Object.values(LinkType);

  test('20,000 of noise, with the bytes that open doors set right', () => {
    const prng = new Prng(0x70686f6c);
    const packet = dirtyPacket();
    const seen = new Map<DecodeCode, number>();
    for (let i = 0; i < 20_000; i++) {
      const frame = Uint8Array.from({ length: prng.below(160) }, () => prng.next() >>> 24);
      const link = links[prng.below(links.length)]!;
      openDoors(frame, link, prng);
      assert.ok(packet.load(frame, link));
      const code = exercise(packet);
      seen.set(code, (seen.get(code) ?? 0) + 1);
    }
    const reached = [...seen.keys()].map(decodeName).sort();
    // Noise that only ever hits the first check proves nothing.
    assert.deepEqual(reached, Object.values(Decode).map(decodeName).sort());
    assert.ok(seen.get(Decode.Ok)! > 1000, `${seen.get(Decode.Ok)} frames decoded`);
  });

  test('20,000 good packets with a few bytes changed', () => {
    const prng = new Prng(0x6d757461);
    const packet = dirtyPacket();
    const frames = Object.values(good);
    let ok = 0;
    for (let i = 0; i < 20_000; i++) {
      const frame = Uint8Array.from(frames[prng.below(frames.length)]!);
      for (let change = prng.below(4); change >= 0; change--) {
        frame[prng.below(frame.length)] = prng.next() >>> 24;
      }
      if (prng.below(2) === 0) repairIpv4(frame, 14);
      packet.load(frame, LinkType.Ethernet);
      if (exercise(packet) === Decode.Ok) ok++;
    }
    assert.ok(ok > 2000 && ok < 18_000, `${ok} decoded`);
  });
});

/** Makes noise plausible so far that deeper checks are reached: type, version, lengths, checksum. */
function openDoors(frame: Uint8Array, link: LinkTypeCode, prng: Prng): void {
  const headerLens: Record<LinkTypeCode, number> = { 0: 14, 1: 0, 2: 16, 3: 20, 4: 4 };
  const at = headerLens[link];
  if (frame.length <= at + 40 || prng.below(8) === 0) return;
  const version6 = prng.below(2) === 0;
  const typeAt = link === LinkType.LinuxCooked2 ? 0 : at - 2;
  if (link !== LinkType.RawIp && link !== LinkType.Null) {
    frame.set(be16(version6 ? 0x86dd : 0x0800), typeAt);
  }
  const protocols = [1, 6, 17, 47, 58, 136, 0, 43, 44, 51, 60, 132];
  const protocol = protocols[prng.below(protocols.length)]!;
  const room = frame.length - at;
  if (prng.below(16) !== 0) frame[at] = version6 ? 0x60 : 0x40 | (4 + prng.below(5));
  if (version6) {
    if (prng.below(8) !== 0) frame.set(be16(room - 40 - prng.below(4)), at + 4);
    frame[at + 6] = protocol;
    // Small next-header numbers and lengths, so that chains of headers come about, and long ones.
    const onlyExtensions = prng.below(4) === 0;
    if (onlyExtensions) frame[at + 6] = Proto.DestOptions;
    for (let i = at + 40; i < frame.length; i += 8) {
      frame[i] = onlyExtensions ? Proto.DestOptions : protocols[prng.below(protocols.length)]!;
      if (i + 1 < frame.length) frame[i + 1] = prng.below(8) === 0 ? 1 : 0;
    }
    return;
  }
  if (prng.below(8) !== 0) frame.set(be16(room - prng.below(4)), at + 2);
  if (prng.below(4) !== 0) frame.set([0x40, 0], at + 6);
  frame[at + 9] = protocol;
  const l4 = at + (frame[at]! & 15) * 4;
  if (protocol === Proto.Udp && l4 + 6 <= frame.length && prng.below(2) === 0) {
    frame.set(be16(8), l4 + 4);
  }
  if (protocol === Proto.Gre && l4 + 1 < frame.length) frame[l4 + 1] = prng.below(2);
  if (prng.below(8) !== 0) repairIpv4(frame, at);
}

/** Sets the IPv4 header checksum right where there is room for a header at `at`. */
function repairIpv4(frame: Uint8Array, at: number): void {
  const headerLen = ((frame[at] ?? 0) & 15) * 4;
  if (headerLen < 20 || at + headerLen > frame.length || frame[at]! >>> 4 !== 4) return;
  frame.set([0, 0], at + 10);
  frame.set(be16(slowChecksum(frame.slice(at, at + headerLen))), at + 10);
}

describe('the cursor', () => {
  test('holds the largest frame, refuses one more byte and keeps what it had', () => {
    const packet = new Packet();
    assert.equal(packet.capacity, MAX_FRAME_BYTES);
    assert.ok(packet.load(new Uint8Array(MAX_FRAME_BYTES).fill(1), LinkType.RawIp));
    assert.equal(packet.frameLen, MAX_FRAME_BYTES);
    assert.equal(packet.load(new Uint8Array(MAX_FRAME_BYTES + 1).fill(2), LinkType.Null), false);
    assert.deepEqual([packet.frameLen, packet.linkType], [MAX_FRAME_BYTES, LinkType.RawIp]);
    assert.equal(packet.bytes[HEADROOM_BYTES], 1);
  });

  test('an empty frame is truncated', () => {
    for (const link of Object.values(LinkType)) {
      const packet = packetOver(new Uint8Array(0), link, 0xa5);
      assert.equal(decodeFrame(packet), Decode.TruncatedLink);
    }
  });

  test('a copy of the frame is a copy', () => {
    const packet = packetOver(good.udp!, LinkType.Ethernet, 0xa5);
    const copy = packet.copyFrame();
    packet.bytes.fill(0);
    assert.deepEqual(copy, good.udp);
  });

  test('every decode code has a name of its own', () => {
    const names = Object.values(Decode).map(decodeName);
    assert.equal(new Set(names).size, names.length);
    assert.ok(names.every((name) => /^[a-z0-9-]+$/.test(name) && !name.startsWith('decode-')));
  });
});
