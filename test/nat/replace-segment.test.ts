import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clearTcpFlag, replaceSegment, replaceSequence } from '../../src/nat/index.ts';
import { HEADROOM_BYTES, LinkType, Packet, TcpFlag } from '../../src/wire/index.ts';
import { toBytes } from '../support/bytes.ts';
import { buildTcp, loadPacket } from '../support/packets.ts';
import { assertChecksums, seen } from '../support/seen.ts';

const kinds = [
  { src: '192.168.1.10', dst: '198.51.100.9', sport: 40_000, dport: 21 },
  { src: 'fd00:1::10', dst: '2001:db8:9::1', sport: 40_000, dport: 21 },
];

test('the whole payload and the number: longer, shorter, as long, none', () => {
  for (const ends of kinds) {
    for (const text of ['QUIT and more\r\n', 'Q\n', 'NOOP\r\n', '']) {
      const packet = loadPacket(buildTcp({ ...ends, seq: 7, payload: 'noop\r\n', padTo: 90 }));
      assert.ok(replaceSegment(packet, -5, toBytes(`${text}beyond`), text.length));
      assertChecksums(packet);
      assert.equal(packet.seq, -5);
      assert.equal(packet.view.getInt32(packet.l4Offset + 4), -5);
      assert.equal(packet.payloadLen, text.length);
      assert.equal(seen(packet.copyFrame()).text, text);
    }
  }
});

test('what does not fit the buffer, or an IP packet, changes nothing', () => {
  const frame = buildTcp({ ...kinds[0]!, seq: 7, payload: 'x' });
  const tight = new Packet(new ArrayBuffer(HEADROOM_BYTES + frame.length + 512 + 4));
  assert.ok(tight.load(frame, LinkType.Ethernet));
  const packet = loadPacket(frame, 'ethernet', tight);
  const before = packet.bytes.slice();
  assert.equal(replaceSegment(packet, 9, new Uint8Array(600), 518), false);
  assert.deepEqual(packet.bytes, before);
  assert.equal(packet.seq, 7);
  assert.ok(replaceSegment(packet, 9, new Uint8Array(600), 517));
  const roomy = loadPacket(frame);
  assert.equal(replaceSegment(roomy, 9, new Uint8Array(70_000), 65_496), false);
  assert.ok(replaceSegment(roomy, 9, new Uint8Array(70_000), 65_495));
});

test('the number alone', () => {
  for (const ends of kinds) {
    for (const seq of [7, 8, -1, 0x7fff_ffff, 0xffff_0000 | 0]) {
      const packet = loadPacket(buildTcp({ ...ends, seq: 7, payload: 'abc' }));
      replaceSequence(packet, seq);
      assertChecksums(packet);
      assert.equal(packet.view.getInt32(packet.l4Offset + 4), seq);
      assert.equal(packet.seq, seq);
    }
  }
});

test('a flag, and the urgent pointer with its own', () => {
  for (const ends of kinds) {
    const packet = loadPacket(buildTcp({ ...ends, flags: 'UFA', urgent: 0xfff1, payload: 'abc' }));
    clearTcpFlag(packet, TcpFlag.Fin);
    assertChecksums(packet);
    assert.equal(packet.view.getUint16(packet.l4Offset + 18), 0xfff1);
    clearTcpFlag(packet, TcpFlag.Urg);
    clearTcpFlag(packet, TcpFlag.Psh);
    assertChecksums(packet);
    assert.equal(packet.tcpFlags, TcpFlag.Ack);
    assert.equal(packet.bytes[packet.l4Offset + 13], TcpFlag.Ack);
    assert.equal(packet.view.getUint16(packet.l4Offset + 18), 0);
  }
});
