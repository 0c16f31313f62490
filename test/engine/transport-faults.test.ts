import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { TrackReason, trackReasonNames } from '../../src/conntrack/index.ts';
import { transportFault } from '../../src/engine/checks.ts';
import type { ChecksumPolicy } from '../../src/engine/settings.ts';
import { decodeFrame, LinkType } from '../../src/wire/index.ts';
import { be16, join } from '../support/bytes.ts';
import { packetOver } from '../support/packet-fields.ts';
import { buildIcmp, buildIp, buildTcp, buildUdp, udpSegment } from '../support/packets.ts';
import { buildSctp, initChunk } from '../support/sctp.ts';

const four = { src: '10.0.0.2', dst: '192.0.2.1', sport: 40000, dport: 7 };
const six = { ...four, src: 'fd00::2', dst: 'fd00::1' };
const chunks = [initChunk(1, 7)];

function faultOf(frame: Uint8Array, policy: ChecksumPolicy): string {
  const packet = packetOver(frame, LinkType.Ethernet, 0xa5);
  return trackReasonNames[transportFault(packet, decodeFrame(packet), policy)]!;
}

/** A UDP datagram that says it is of `length` bytes, whatever it is. */
function udpSaying(length: number, extra: Uint8Array = new Uint8Array(0)): Uint8Array {
  const segment = udpSegment({ ...four, payload: 'abcd', noChecksum: true });
  segment.set(be16(length), 4);
  return buildIp(four, 17, join(segment, extra));
}

describe('what makes a packet INVALID before any connection is looked for', () => {
  test('bad checksums of every protocol that has one, unless they are ignored', () => {
    for (const ends of [four, six]) {
      for (const frame of [
        buildTcp({ ...ends, badChecksum: true }),
        buildUdp({ ...ends, payload: 'x', badChecksum: true }),
        buildSctp({ ...ends, chunks, badChecksum: true }),
        buildIcmp({ ...four, badChecksum: true }),
      ]) {
        assert.equal(faultOf(frame, 'verify'), 'invalid-checksum');
        assert.equal(faultOf(frame, 'ignore'), '');
      }
    }
  });

  test('good ones, and UDP without', () => {
    for (const ends of [four, six]) {
      assert.equal(faultOf(buildSctp({ ...ends, chunks }), 'verify'), '');
      assert.equal(faultOf(buildUdp({ ...ends, noChecksum: true }), 'verify'), '');
    }
  });

  test('bytes behind a UDP datagram make its checksum bad, as in the kernel; none is no fault', () => {
    const trailed = join(udpSegment({ ...four, payload: 'abcd' }), Uint8Array.of(1, 2));
    assert.equal(faultOf(buildIp(four, 17, trailed), 'verify'), 'invalid-checksum');
    assert.equal(faultOf(udpSaying(12, Uint8Array.of(1, 2)), 'verify'), '');
  });

  test('headers that are cut short or lie, whatever the policy', () => {
    const malformed = [
      udpSaying(7),
      udpSaying(13),
      buildIp(four, 132, new Uint8Array(11)),
      buildIp(four, 136, new Uint8Array(7)),
      buildIp(four, 1, new Uint8Array(7)),
      buildIp(four, 47, Uint8Array.of(0x30, 1, 8, 0, 0, 4, 0, 1)),
    ];
    for (const frame of malformed) {
      for (const policy of ['verify', 'ignore'] as const) {
        assert.equal(faultOf(frame, policy), trackReasonNames[TrackReason.Malformed]);
      }
    }
    assert.equal(faultOf(buildIp(four, 47, new Uint8Array(0)), 'verify'), '');
  });
});
