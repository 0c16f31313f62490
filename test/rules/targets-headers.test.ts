import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Verdict } from '../../src/rules/index.ts';
import type { Packet } from '../../src/wire/index.ts';
import { buildIpv4Fragment, buildTcp, buildUdp, loadPacket } from '../support/packets.ts';
import { applyRules, assertSound, change } from './targets-support.ts';

const ends4 = { src: '10.1.2.3', dst: '192.168.1.1' };
const ends6 = { src: '2001:db8::2', dst: '2001:db8:1::3' };
const tcp = (more = {}) =>
  loadPacket(buildTcp({ ...ends4, sport: 40000, dport: 21, flags: 'S', tos: 0x2e, ...more }));
const tcp6 = (more = {}) => tcp({ ...ends6, ...more });

/** The field after the rule, and whether the packet was said to have changed. */
function after<K extends 'ttl' | 'tos' | 'tcpFlags'>(rule: string, packet: Packet, field: K) {
  const ctx = change('mangle', rule, packet);
  assertSound(packet);
  return [packet[field], ctx.changed];
}

describe('targets that change header fields', () => {
  test('TTL and HL', () => {
    assert.deepEqual(after('-j TTL --ttl-set 5', tcp(), 'ttl'), [5, true]);
    assert.deepEqual(after('-j TTL --ttl-set 64', tcp(), 'ttl'), [64, false]);
    assert.deepEqual(after('-j TTL --ttl-inc 10', tcp(), 'ttl'), [74, true]);
    assert.deepEqual(after('-j TTL --ttl-inc 255', tcp(), 'ttl'), [255, true]);
    assert.deepEqual(after('-j TTL --ttl-inc 1', tcp({ ttl: 255 }), 'ttl'), [255, false]);
    assert.deepEqual(after('-j TTL --ttl-dec 1', tcp(), 'ttl'), [63, true]);
    assert.deepEqual(after('-j TTL --ttl-dec 200', tcp(), 'ttl'), [0, true]);
    assert.deepEqual(after('-j HL --hl-set 9', tcp6(), 'ttl'), [9, true]);
    assert.deepEqual(after('-j HL --hl-dec 65', tcp6(), 'ttl'), [0, true]);
    assert.deepEqual(after('-j HL --hl-inc 1', tcp6({ tos: 0xff }), 'ttl'), [65, true]);
  });

  test('every time to live keeps the header checksum right', () => {
    for (let ttl = 0; ttl < 256; ttl++) {
      const packet = tcp({ id: ttl * 257 });
      change('mangle', `-j TTL --ttl-set ${ttl}`, packet);
      assertSound(packet);
    }
  });

  test('TOS', () => {
    assert.deepEqual(after('-j TOS --set-tos 0x10', tcp(), 'tos'), [0x10, true]);
    assert.deepEqual(after('-j TOS --set-tos 0x2e', tcp(), 'tos'), [0x2e, false]);
    // The mask is cleared, then the value is XORed in, bits outside the mask included.
    assert.deepEqual(after('-j TOS --set-tos 0x81/0x0f', tcp(), 'tos'), [0xa1, true]);
    assert.deepEqual(after('-j TOS --and-tos 0x0f', tcp(), 'tos'), [0x0e, true]);
    assert.deepEqual(after('-j TOS --or-tos 0x81', tcp(), 'tos'), [0xaf, true]);
    assert.deepEqual(after('-j TOS --xor-tos 0xff', tcp(), 'tos'), [0xd1, true]);
    assert.deepEqual(after('-j TOS --set-tos Minimize-Delay', tcp({ tos: 0xff }), 'tos'), [
      0xd0,
      true,
    ]);
    assert.deepEqual(after('-j TOS --set-tos 0xa5', tcp6(), 'tos'), [0xa5, true]);
  });

  test('DSCP leaves the ECN bits alone', () => {
    assert.deepEqual(after('-j DSCP --set-dscp 0x3f', tcp({ tos: 1 }), 'tos'), [0xfd, true]);
    assert.deepEqual(after('-j DSCP --set-dscp-class EF', tcp6({ tos: 3 }), 'tos'), [0xbb, true]);
    assert.deepEqual(after('-j DSCP --set-dscp 0', tcp({ tos: 2 }), 'tos'), [2, false]);
  });

  test('ECN', () => {
    const rule = (what: string) => `-p tcp -j ECN ${what}`;
    const both = { flags: 'SEC' };
    assert.deepEqual(after(rule('--ecn-tcp-remove'), tcp(both), 'tcpFlags'), [0x02, true]);
    assert.deepEqual(after(rule('--ecn-tcp-remove'), tcp(), 'tcpFlags'), [0x02, false]);
    assert.deepEqual(after(rule('--ecn-tcp-cwr 0'), tcp(both), 'tcpFlags'), [0x42, true]);
    assert.deepEqual(after(rule('--ecn-tcp-ece 1'), tcp(), 'tcpFlags'), [0x42, true]);
    assert.deepEqual(after(rule('--ecn-ip-ect 1'), tcp(), 'tos'), [0x2d, true]);
    assert.deepEqual(after('-j ECN --ecn-ip-ect 2', tcp(), 'tos'), [0x2e, false]);
  });

  test('fragments: the IP header is changed, payload is not taken for a TCP header', () => {
    const piece = () =>
      loadPacket(
        buildIpv4Fragment({
          ...ends4,
          protocol: 6,
          offsetBytes: 24,
          more: false,
          payload: new Uint8Array(24).fill(0xff),
          dontFragment: false,
        }),
      );
    assert.deepEqual(after('-j TTL --ttl-set 5', piece(), 'ttl'), [5, true]);
    assert.deepEqual(after('-j DSCP --set-dscp 1', piece(), 'tos'), [4, true]);
    const packet = piece();
    const payload = packet.bytes.slice(packet.payloadOffset, packet.l3End);
    const ctx = change('mangle', '-p tcp -j ECN --ecn-tcp-remove', packet);
    change('mangle', '-p tcp -j TCPOPTSTRIP --strip-options 255', packet);
    assert.equal(ctx.changed, false);
    assert.deepEqual(packet.bytes.slice(packet.payloadOffset, packet.l3End), payload);
  });

  test('CHECKSUM completes what was left to a network card, and nothing else', () => {
    const partial = (packet: Packet) => {
      const { view, l4Offset, l3End, protocol } = packet;
      // The pseudo-header sum alone, as a stack with checksum offload leaves it.
      let sum = protocol + l3End - l4Offset;
      for (let at = 12; at < 20; at += 2) sum += view.getUint16(packet.l3Offset + at);
      while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
      view.setUint16(l4Offset + (protocol === 6 ? 16 : 6), sum);
      return packet;
    };
    const udp = (more = {}) =>
      loadPacket(buildUdp({ ...ends4, sport: 68, dport: 67, payload: 'lease', ...more }));
    for (const packet of [partial(udp()), partial(tcp({ payload: 'x' }))]) {
      assert.equal(change('mangle', '-j CHECKSUM --checksum-fill', packet).changed, true);
      assertSound(packet);
    }
    const bad = udp({ badChecksum: true });
    const before = bad.copyFrame();
    assert.equal(change('mangle', '-j CHECKSUM --checksum-fill', bad).changed, false);
    assert.deepEqual(bad.copyFrame(), before);
    assert.equal(change('mangle', '-j CHECKSUM --checksum-fill', udp()).changed, false);
  });

  test('TCPOPTSTRIP writes NOP over options, at odd places too', () => {
    const options = Uint8Array.of(2, 4, 5, 180, 1, 3, 3, 7, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 4, 2);
    const strip = (what: string, packet: Packet) => {
      const rule = `-p tcp -j TCPOPTSTRIP --strip-options ${what}`;
      const { changed } = change('mangle', rule, packet);
      assertSound(packet);
      const at = packet.l4Offset + 20;
      return { changed, options: [...packet.bytes.slice(at, at + packet.tcpHeaderLen - 20)] };
    };
    const wanted = [...options];
    wanted.fill(1, 5, 18);
    assert.deepEqual(strip('wscale,timestamp', tcp({ options })), {
      changed: true,
      options: wanted,
    });
    assert.deepEqual(strip('mss', tcp6({ options })).options.slice(0, 5), [1, 1, 1, 1, 1]);
    assert.deepEqual(strip('19,254', tcp({ options })), { changed: false, options: [...options] });
    assert.deepEqual(strip('2', tcp()), { changed: false, options: [] });
    // An option that claims more than the header holds is left alone.
    const lying = Uint8Array.of(1, 1, 3, 9);
    assert.deepEqual(strip('3', tcp({ options: lying })), { changed: false, options: [...lying] });
  });

  test('a rule that does not match changes nothing', () => {
    const packet = tcp();
    const before = packet.copyFrame();
    const { ctx, verdict } = applyRules('mangle', ['-p udp -j TTL --ttl-set 1'], packet);
    assert.equal(verdict, Verdict.Accept);
    assert.equal(ctx.changed, false);
    assert.deepEqual(packet.copyFrame(), before);
  });
});
