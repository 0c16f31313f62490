import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  addFilter,
  bytecode,
  deleteFilter,
  type Instruction,
  ipv4Program,
  ipv6Program,
  MAX_OWN_ADDRESSES,
  taggedProgram,
} from '../../../src/datapath/capture/ingress-filter.ts';
import { tapFilter } from '../../../src/datapath/capture/tap.ts';
import { parseIpv6 } from '../../../src/wire/index.ts';
import { buildIcmp, buildIcmpv6, buildTcp, buildUdp, hopByHop } from '../../support/packets.ts';
import { runBpf } from './cbpf.ts';

const SHOT = 2;
const PASS = -1;
const HOST = 0;
const own = [parseIpv6('2001:db8::1')!, parseIpv6('fd00:1:2:3::4')!];

function solicitation(dst: string, more: object = {}): Uint8Array {
  return buildIcmpv6({
    src: 'fe80::2',
    dst,
    type: 135,
    ttl: 255,
    payload: 'x'.repeat(16),
    ...more,
  });
}

function verdict(program: readonly Instruction[], frame: Uint8Array, packetType = HOST): number {
  return runBpf(program, { frame, packetType });
}

describe('the drop behind the tap', () => {
  test('IPv4: frames for this host, of whatever protocol, are dropped; no others', () => {
    const program = ipv4Program();
    const frames = [
      buildTcp({ src: '10.0.0.2', dst: '192.0.2.1', sport: 1, dport: 2 }),
      buildIcmp({ src: '10.0.0.2', dst: '192.0.2.1' }),
    ];
    for (const frame of frames) {
      assert.equal(verdict(program, frame), SHOT);
      for (const other of [1, 2, 3]) assert.equal(verdict(program, frame, other), PASS);
    }
  });

  test('IPv6: all but neighbour discovery', () => {
    const program = ipv6Program(own);
    const to = { src: 'fd00::2', dst: '2001:db8::1' };
    const dropped = [
      buildTcp({ ...to, sport: 1, dport: 2 }),
      buildUdp({ ...to, sport: 1, dport: 2 }),
      buildIcmpv6({ ...to, type: 128 }),
      buildIcmpv6({ ...to, type: 132, ttl: 255 }),
      buildIcmpv6({ ...to, type: 138, ttl: 255 }),
    ];
    for (const frame of dropped) {
      assert.equal(verdict(program, frame), SHOT);
      for (const other of [1, 2, 3]) assert.equal(verdict(program, frame, other), PASS);
    }
    for (const type of [133, 134, 135, 136, 137]) {
      assert.equal(verdict(program, buildIcmpv6({ ...to, type, ttl: 255 })), PASS, `type ${type}`);
    }
  });

  test('neighbour discovery passes to own and link-local addresses only: no way round the rules', () => {
    const program = ipv6Program(own);
    for (const dst of ['2001:db8::1', 'fd00:1:2:3::4', 'fe80::1', 'febf:ffff::1']) {
      assert.equal(verdict(program, solicitation(dst)), PASS, dst);
    }
    for (const dst of ['2001:db8::2', 'fd00:1:2:3::5', '2001:db8:0:1::1', 'fec0::1', 'fe7f::1']) {
      assert.equal(verdict(program, solicitation(dst)), SHOT, dst);
    }
  });

  test('a hop limit below 255 is no neighbour, an extension header no discovery', () => {
    const program = ipv6Program(own);
    assert.equal(verdict(program, solicitation('2001:db8::1', { ttl: 254 })), SHOT);
    assert.equal(verdict(program, solicitation('fe80::1', { extensions: [hopByHop()] })), SHOT);
  });

  test('no own address, and more than fit', () => {
    assert.equal(verdict(ipv6Program([]), solicitation('2001:db8::1')), SHOT);
    const many = Array.from({ length: MAX_OWN_ADDRESSES + 1 }, (_, i) => [1, 2, 3, i]);
    const program = ipv6Program(many);
    // BPF_MAXINSNS, and jumps are one byte wide.
    assert.ok(program.length <= 4096);
    for (const [, jt, jf] of program) assert.ok(jt < 256 && jf < 256);
    const hex = (i: number) => `0:1:0:2:0:3:0:${i.toString(16)}`;
    assert.equal(verdict(program, solicitation(hex(MAX_OWN_ADDRESSES - 1))), PASS);
    assert.equal(verdict(program, solicitation(hex(MAX_OWN_ADDRESSES))), SHOT);
  });

  /** Frames as the filter meets them: the outer tag has been taken off. */
  function taggedVerdict(frame: Uint8Array, tag: number, packetType = HOST): number {
    return runBpf(taggedProgram(own), { frame, packetType, tag });
  }

  test('a tag of VLAN 0 hides nothing, whatever its priority', () => {
    const to4 = { src: '10.0.0.2', dst: '192.0.2.1', sport: 1, dport: 2 };
    const to6 = { src: 'fd00::2', dst: '2001:db8::1', sport: 1, dport: 2 };
    for (const frame of [buildTcp(to4), buildUdp(to6), solicitation('2001:db8::2')]) {
      for (const tag of [0, 0x1000, 0xe000]) {
        assert.equal(taggedVerdict(frame, tag), SHOT);
        for (const other of [1, 2, 3]) assert.equal(taggedVerdict(frame, tag, other), PASS);
      }
      for (const tag of [1, 10, 0xefff]) assert.equal(taggedVerdict(frame, tag), PASS);
    }
    for (const dst of ['2001:db8::1', 'fe80::1']) {
      assert.equal(taggedVerdict(solicitation(dst), 0), PASS, dst);
    }
  });

  test('within a tag of VLAN 0: a second one, another VLAN, another protocol', () => {
    const to = { src: '10.0.0.2', dst: '192.0.2.1', sport: 1, dport: 2 };
    assert.equal(taggedVerdict(buildTcp({ ...to, vlan: 0 }), 0), SHOT);
    assert.equal(taggedVerdict(buildTcp({ ...to, vlan: 0 }), 0, 1), PASS);
    assert.equal(taggedVerdict(buildTcp({ ...to, vlan: 10 }), 0), PASS);
    const service = buildTcp({ ...to, vlan: 0 });
    service.set([0x88, 0xa8], 12);
    assert.equal(taggedVerdict(service, 0), SHOT);
    const arp = buildTcp(to);
    arp.set([0x08, 0x06], 12);
    assert.equal(taggedVerdict(arp, 0), PASS);
  });

  test('as tc takes it', () => {
    const code = '4,32 0 0 4294963204,21 0 1 0,6 0 0 2,6 0 0 4294967295';
    assert.equal(bytecode(ipv4Program()), code);
    const key = 'protocol ip pref 1 handle 1 bpf';
    assert.equal(
      addFilter('eth0', 'ip', ipv4Program()).join(' '),
      `tc filter add dev eth0 ingress ${key} bytecode ${code} direct-action`,
    );
    assert.equal(deleteFilter('eth0', 'ip').join(' '), `tc filter del dev eth0 ingress ${key}`);
    const tagged = addFilter('eth0', '802.1ad', []).join(' ');
    assert.match(tagged, / ingress protocol 802\.1ad pref 5 handle 1 bpf /);
    assert.match(
      deleteFilter('eth0', '802.1Q').join(' '),
      / protocol 802\.1Q pref 4 handle 1 bpf$/,
    );
  });
});

test('the tap takes what came in under our own address for neither', () => {
  assert.equal(
    tapFilter('02:00:00:00:00:01'),
    '(ip or ip6) and ((outbound and ether src 02:00:00:00:00:01) or ' +
      '(inbound and ether dst 02:00:00:00:00:01 and not ether src 02:00:00:00:00:01))',
  );
});
