import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { overwritePayload, replacePayload } from '../../src/nat/index.ts';
import { HEADROOM_BYTES, LinkType, Packet, TAILROOM_BYTES } from '../../src/wire/index.ts';
import { toBytes } from '../support/bytes.ts';
import { packetOver } from '../support/packet-fields.ts';
import { buildTcp, loadPacket } from '../support/packets.ts';
import { assertChecksums, seen } from '../support/seen.ts';

const v4 = { src: '192.168.1.10', dst: '198.51.100.9', sport: 40_000, dport: 21 };
const v6 = { src: 'fd00:1::10', dst: '2001:db8:9::1', sport: 40_000, dport: 21 };

/** Replaces `oldText` of the payload by `newText`, and checks all that must follow from it. */
function replaced(ends: typeof v4, payload: string, oldText: string, newText: string, padTo = 0) {
  const packet = loadPacket(buildTcp({ ...ends, payload, padTo }));
  const at = packet.payloadOffset + payload.indexOf(oldText);
  const bytes = toBytes(newText);
  assert.ok(replacePayload(packet, at, oldText.length, bytes, bytes.length));
  assertChecksums(packet);
  const got = seen(packet.copyFrame());
  assert.equal(got.text, payload.replace(oldText, newText));
  assert.equal(packet.payloadLen, got.text.length, 'the cursor follows');
  assert.equal(packet.l3Len, got.datagram.length);
  return packet;
}

for (const [name, ends] of [
  ['IPv4', v4],
  ['IPv6', v6],
] as const) {
  describe(name, () => {
    test('grows, moving what follows', () => {
      replaced(ends, 'PORT 10,0,0,1,4,5\r\nNOOP\r\n', '10,0,0,1', '203,0,113,101');
    });

    test('shrinks', () => {
      replaced(ends, 'PORT 192,168,100,100,200,10\r\nNOOP\r\n', '192,168,100,100', '1,2,3,4');
    });

    test('keeps its length', () => {
      replaced(ends, 'PORT 10,0,0,1,4,5\r\n', '10,0,0,1', '10,0,0,2');
    });

    test('at the very end, and by nothing', () => {
      replaced(ends, 'first second', 'second', 'a longer second');
      replaced(ends, 'first second', ' second', '');
    });

    test('payloads of 255, 256 and 257 bytes, before and after', () => {
      for (const length of [255, 256, 257]) {
        const payload = 'PORT 1,2,3,4,5,6'.padEnd(length, '.');
        for (const newText of ['1,2,3', '1,2,3,4,5,7', '192,168,255,255,255,254']) {
          replaced(ends, payload, '1,2,3,4,5,6', newText);
        }
      }
    });

    test('Ethernet padding moves along and stays outside', () => {
      const packet = replaced(ends, 'ab', 'a', 'xyz', 80);
      assert.equal(packet.frameLen, 82);
    });
  });
}

test('the buffer’s last byte is used, one more is refused and nothing changes', () => {
  const frame = buildTcp({ ...v4, payload: 'x' });
  const packet = new Packet(new ArrayBuffer(HEADROOM_BYTES + frame.length + TAILROOM_BYTES));
  assert.ok(packet.load(frame, LinkType.Ethernet));
  const loaded = loadPacket(frame, 'ethernet', packet);
  const before = loaded.bytes.slice();
  const text = new Uint8Array(TAILROOM_BYTES + 2).fill(0x61);
  const at = loaded.payloadOffset;
  assert.equal(replacePayload(loaded, at, 1, text, TAILROOM_BYTES + 2), false);
  assert.deepEqual(loaded.bytes, before);
  assert.ok(replacePayload(loaded, at, 1, text, TAILROOM_BYTES + 1));
  assert.equal(loaded.frameEnd, loaded.bytes.length);
  assertChecksums(loaded);
});

test('no datagram longer than IP can say', () => {
  const frame = buildTcp({ ...v4, payload: 'x'.repeat(0xffff - 40) });
  const packet = loadPacket(frame);
  const two = toBytes('yy');
  assert.equal(replacePayload(packet, packet.payloadOffset, 1, two, 2), false);
  assert.deepEqual(packet.copyFrame(), frame);
  assert.ok(replacePayload(packet, packet.payloadOffset, 2, two, 1));
  assertChecksums(packet);
});

test('overwritePayload: same length, checksum mended', () => {
  const frame = buildTcp({ ...v4, payload: 'PORT 1,2\r\n' });
  const packet = packetOver(frame, LinkType.Ethernet, 0xa5);
  loadPacket(frame, 'ethernet', packet);
  overwritePayload(packet, packet.payloadOffset, toBytes('XXXX'), 4);
  assertChecksums(packet);
  assert.equal(seen(packet.copyFrame()).text, 'XXXX 1,2\r\n');
  assert.equal(packet.frameLen, frame.length);
});
