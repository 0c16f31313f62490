import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type RuleContext, Verdict } from '../../src/rules/index.ts';
import type { Packet } from '../../src/wire/index.ts';
import {
  buildIcmp,
  buildIpv4Fragment,
  buildTcp,
  buildUdp,
  loadPacket,
} from '../support/packets.ts';
import { compileBoth, ends, from, tcpTo } from './sets-support.ts';
import { block, contextOf, walk } from './support.ts';

const udpTo = (dport: number) => loadPacket(buildUdp({ ...ends, sport: 5353, dport }));

/** Whether `-m set` with these arguments matches the packet. */
function inSet(
  sets: string,
  rule: string,
  packet: Packet,
  changes: Partial<RuleContext> & { ins?: string; outs?: string } = {},
): boolean {
  const family = packet.family as 4 | 6;
  const line = block('filter', `-A FORWARD -m set ${rule} -j DROP`);
  const { compiled, interfaces } = compileBoth(sets, line, { family });
  const { ins, outs, ...rest } = changes;
  const ctx = contextOf(packet, {
    inIf: ins === undefined ? -1 : interfaces.id(ins),
    outIf: outs === undefined ? -1 : interfaces.id(outs),
    ...rest,
  });
  return walk(compiled, ctx) === Verdict.Drop;
}

describe('types of sets, asked with packets', () => {
  test('hash:ip: addresses, ranges, networks, netmask, absence, negation', () => {
    const sets = 'create a hash:ip\nadd a 10.1.2.3\nadd a 10.9.0.0/30\nadd a 10.8.0.1-10.8.0.3\n';
    for (const src of ['10.1.2.3', '10.9.0.0', '10.9.0.3', '10.8.0.2']) {
      assert.equal(inSet(sets, '--match-set a src', from(src)), true, src);
      assert.equal(inSet(sets, '! --match-set a src', from(src)), false, src);
      assert.equal(inSet(sets, '--match-set a dst', from(src)), false, src);
    }
    for (const src of ['10.1.2.4', '10.9.0.4', '10.8.0.4']) {
      assert.equal(inSet(sets, '--match-set a src', from(src)), false, src);
      assert.equal(inSet(sets, '! --match-set a src', from(src)), true, src);
    }
    const masked = 'create m hash:ip netmask 24\nadd m 10.1.2.99\n';
    assert.equal(inSet(masked, '--match-set m src', from('10.1.2.3')), true);
    assert.equal(inSet(masked, '--match-set m src', from('10.1.3.3')), false);
  });

  test('hash:net: the longest prefix decides, nomatch is an exception', () => {
    const sets =
      'create n hash:net\nadd n 10.0.0.0/8\nadd n 10.2.0.0/16 nomatch\nadd n 10.2.3.0/24\n' +
      'add n 192.168.1.0-192.168.2.255\n';
    const expected: [string, boolean, boolean][] = [
      ['10.1.2.3', true, false],
      ['10.2.9.9', false, true],
      ['10.2.3.4', true, false],
      ['192.168.2.9', true, false],
      ['192.168.3.1', false, false],
    ];
    for (const [src, hit, exception] of expected) {
      assert.equal(inSet(sets, '--match-set n src', from(src)), hit, src);
      assert.equal(inSet(sets, '--match-set n src --return-nomatch', from(src)), exception, src);
      const negated = '! --match-set n src --return-nomatch';
      assert.equal(inSet(sets, negated, from(src)), !exception, src);
    }
  });

  test('hash:ip,port: protocol counts, ICMP by type, other protocols by 0, no later fragments', () => {
    const sets =
      'create p hash:ip,port\nadd p 192.168.1.1,80-82\nadd p 192.168.1.1,udp:53\n' +
      'add p 192.168.1.1,icmp:echo-request\n';
    const rule = '--match-set p dst,dst';
    assert.equal(inSet(sets, rule, tcpTo(80)), true);
    assert.equal(inSet(sets, rule, tcpTo(82)), true);
    assert.equal(inSet(sets, rule, tcpTo(83)), false);
    assert.equal(inSet(sets, rule, tcpTo(53)), false);
    assert.equal(inSet(sets, rule, udpTo(53)), true);
    const ping = loadPacket(buildIcmp({ ...ends, type: 8 }));
    assert.equal(inSet(sets, rule, ping), true);
    const fragment = loadPacket(
      buildIpv4Fragment({
        ...ends,
        protocol: 17,
        offsetBytes: 64,
        more: false,
        payload: new Uint8Array(24),
        dontFragment: false,
      }),
    );
    assert.equal(inSet(sets, rule, fragment), false);
    // With fewer flags than parts a set matches nothing, so that the negation matches all.
    assert.equal(inSet(sets, '--match-set p dst', tcpTo(80)), false);
    assert.equal(inSet(sets, '! --match-set p dst', tcpTo(80)), true);
  });

  test('bitmap:port and bitmap:ip', () => {
    const sets =
      'create b bitmap:port range 0-1023\nadd b 21\nadd b ftp-data\n' +
      'create i bitmap:ip range 10.1.0.0/16 netmask 24\nadd i 10.1.2.7\n';
    assert.equal(inSet(sets, '--match-set b dst', tcpTo(21)), true);
    assert.equal(inSet(sets, '--match-set b dst', udpTo(21)), true);
    assert.equal(inSet(sets, '--match-set b dst', tcpTo(22)), false);
    assert.equal(inSet(sets, '--match-set b dst', tcpTo(2000)), false);
    assert.equal(inSet(sets, '--match-set b src', tcpTo(21, { sport: 20 })), true);
    assert.equal(inSet(sets, '--match-set i src', from('10.1.2.200')), true);
    assert.equal(inSet(sets, '--match-set i src', from('10.1.3.1')), false);
    assert.equal(inSet(sets, '--match-set i src', from('11.1.2.1')), false);
  });

  test('three parts, interfaces with wildcards, marks, MAC addresses, two networks', () => {
    const three = 'create t hash:ip,port,net\nadd t 10.1.2.3,tcp:80,192.168.0.0/16\n';
    assert.equal(inSet(three, '--match-set t src,dst,dst', tcpTo(80)), true);
    assert.equal(inSet(three, '--match-set t src,dst,dst', tcpTo(81)), false);
    const faces =
      'create f hash:net,iface\nadd f 10.1.0.0/16,eth0\nadd f 10.1.0.0/16,ppp wildcard\n' +
      'add f 10.1.0.0/16,lan\n';
    const face = (name: string) => inSet(faces, '--match-set f src,src', tcpTo(80), { ins: name });
    assert.deepEqual(['eth0', 'eth00', 'ppp7', 'lan', 'wan'].map(face), [
      true,
      false,
      true,
      true,
      false,
    ]);
    assert.equal(inSet(faces, '--match-set f src,dst', tcpTo(80), { ins: 'eth0' }), false);
    assert.equal(inSet(faces, '--match-set f src,dst', tcpTo(80), { outs: 'eth0' }), true);
    const nested = 'create f hash:net,iface\nadd f 10.0.0.0/8,eth0\nadd f 10.1.0.0/16,ppp0\n';
    const ins = 'eth0';
    assert.equal(inSet(nested, '--match-set f src,src', from('10.2.2.3'), { ins }), true);
    // The narrower network hides the wider one, though its interface is another.
    assert.equal(inSet(nested, '--match-set f src,src', from('10.1.2.3'), { ins }), false);
    const marks = 'create k hash:ip,mark markmask 0xff\nadd k 10.1.2.3,0x7\n';
    assert.equal(inSet(marks, '--match-set k src,src', tcpTo(80), { mark: 0x107 }), true);
    assert.equal(inSet(marks, '--match-set k src,src', tcpTo(80), { mark: 0x108 }), false);
    const nets = 'create d hash:net,net\nadd d 10.0.0.0/8,192.168.0.0/16\n';
    assert.equal(inSet(nets, '--match-set d src,dst', tcpTo(80)), true);
    assert.equal(inSet(nets, '--match-set d dst,src', tcpTo(80)), false);
    const packet = tcpTo(80);
    const mac = Array.from(packet.bytes.slice(packet.frameOffset + 6, packet.frameOffset + 12));
    const text = mac.map((byte) => byte.toString(16).padStart(2, '0')).join(':');
    assert.equal(inSet(`create h hash:mac\nadd h ${text}\n`, '--match-set h src', packet), true);
    assert.equal(
      inSet('create h hash:mac\nadd h 02:00:00:00:99:99\n', '--match-set h src', packet),
      false,
    );
  });

  test('IPv6 sets, and sets of no family in both', () => {
    const v6 = loadPacket(
      buildTcp({ src: '2001:db8::1', dst: '2001:db8:1::2', sport: 1, dport: 21 }),
    );
    const sets =
      'create s hash:ip family inet6\nadd s 2001:db8::1\n' +
      'create n hash:net,port family inet6\nadd n 2001:db8:1::/48,21\ncreate b bitmap:port range 1-99\nadd b 21\n';
    assert.equal(inSet(sets, '--match-set s src', v6), true);
    assert.equal(inSet(sets, '--match-set s dst', v6), false);
    assert.equal(inSet(sets, '--match-set n dst,dst', v6), true);
    assert.equal(inSet(sets, '--match-set b dst', v6), true);
    assert.equal(inSet(sets, '--match-set b dst', tcpTo(21)), true);
  });

  test('list:set asks its members in order', () => {
    const sets =
      'create a hash:ip\nadd a 10.1.2.3\ncreate n hash:net\nadd n 192.168.0.0/16\n' +
      'create l list:set size 8\nadd l n\nadd l a before n\n';
    assert.equal(inSet(sets, '--match-set l src', tcpTo(80)), true);
    assert.equal(inSet(sets, '--match-set l dst', tcpTo(80)), true);
    assert.equal(inSet(sets, '--match-set l src', from('9.9.9.9')), false);
  });
});
