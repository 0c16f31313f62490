import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CtStateBit } from '../../src/conntrack/index.ts';
import { type RuleContext, Verdict } from '../../src/rules/index.ts';
import type { Packet } from '../../src/wire/index.ts';
import {
  buildIcmp,
  buildIcmpv6,
  buildIpv4Fragment,
  buildTcp,
  buildUdp,
  loadPacket,
  tcpSegment,
} from '../support/packets.ts';
import { block, compile, contextOf, walk } from './support.ts';

const ends = { src: '10.1.2.3', dst: '192.168.1.1' };
const tcpTo = (dport: number, more = {}) =>
  loadPacket(buildTcp({ ...ends, sport: 40000, dport, flags: 'S', ...more }));
const udpTo = (dport: number) => loadPacket(buildUdp({ ...ends, sport: 5353, dport }));

/** Whether a filter FORWARD rule with these conditions matches. */
function matches(rule: string, packet: Packet, changes: Partial<RuleContext> = {}): boolean {
  const family = packet.family as 4 | 6;
  const { compiled } = compile(block('filter', `-A FORWARD ${rule} -j DROP`), { family });
  return walk(compiled, contextOf(packet, changes)) === Verdict.Drop;
}

/** Conditions that match and conditions that do not. */
function expectMatches(packet: Packet, yes: string[], no: string[], changes = {}): void {
  for (const rule of yes) assert.equal(matches(rule, packet, changes), true, rule);
  for (const rule of no) assert.equal(matches(rule, packet, changes), false, rule);
}

describe('conditions of a rule', () => {
  test('addresses and protocol', () => {
    expectMatches(
      tcpTo(21),
      [
        '',
        '-s 10.1.2.3',
        '-s 10.0.0.0/8',
        '! -s 10.1.2.4',
        '-d 192.168.0.0/16',
        '-p tcp',
        '! -p udp',
        '-s 10.0.2.0/255.0.255.0',
        '-p tcp -s 10.1.2.3 -d 192.168.1.1',
      ],
      ['-s 10.1.2.4', '! -s 10.0.0.0/8', '! -d 192.168.1.1', '-p udp', '! -p tcp', '! -s 0/0'],
    );
  });

  test('IPv6 addresses, every word of them', () => {
    const packet = loadPacket(
      buildTcp({ src: '2001:db8:1:2:3:4:5:6', dst: '2001:db8::1', sport: 1, dport: 21 }),
    );
    expectMatches(
      packet,
      [
        '-s 2001:db8:1:2:3:4:5:6',
        '-s 2001:db8::/32',
        '-s 2001:db8:1:2::/64',
        '! -s 2001:db8:2::/48',
        '-d 2001:db8::1',
        '-p tcp --dport 21',
        '-s ::5:6/::ffff:ffff',
      ],
      [
        '-s 2001:db8:1:2:3:4:5:7',
        '-s 2001:db8:1:2:3:4:6:6',
        '-s 2001:db8:1:3::/64',
        '-d 2001:db8::2',
        '! -d 2001:db8::/32',
      ],
    );
  });

  test('interfaces by name, by pattern, negated, and where there is none', () => {
    const rule = (text: string) => compile(block('filter', `-A FORWARD ${text} -j DROP`));
    const hit = (text: string, name: string | null) => {
      const { compiled, interfaces } = rule(text);
      const inIf = name === null ? -1 : interfaces.id(name);
      return walk(compiled, contextOf(tcpTo(21), { inIf })) === Verdict.Drop;
    };
    assert.equal(hit('-i eth0', 'eth0'), true);
    assert.equal(hit('-i eth0', 'eth01'), false);
    assert.equal(hit('-i eth+', 'eth12'), true);
    assert.equal(hit('-i eth+', 'wlan0'), false);
    assert.equal(hit('! -i eth+', 'wlan0'), true);
    assert.equal(hit('-i +', 'eth0'), true);
    assert.equal(hit('! -i +', 'eth0'), false);
    assert.equal(hit('-i eth0', null), false);
    assert.equal(hit('! -i eth0', null), true);
    assert.equal(hit('-i ppp+', null), false);
    assert.equal(hit('-o eth0', 'eth0'), false);
  });

  test('an interface that appears after the rules were compiled', () => {
    const { compiled, interfaces } = compile(block('filter', '-A FORWARD -i ppp+ -j DROP'));
    const ctx = contextOf(tcpTo(21));
    for (let i = 0; i < 200; i++) {
      ctx.inIf = interfaces.id(i % 2 === 0 ? `ppp${i}` : `eth${i}`);
      assert.equal(walk(compiled, ctx), i % 2 === 0 ? Verdict.Drop : Verdict.Accept, `${i}`);
    }
  });

  test('fragments', () => {
    const segment = tcpSegment({ ...ends, sport: 1, dport: 21, flags: 'S' });
    const piece = (offsetBytes: number) =>
      loadPacket(
        buildIpv4Fragment({
          ...ends,
          protocol: 6,
          offsetBytes,
          more: true,
          payload: segment,
          dontFragment: false,
        }),
      );
    expectMatches(
      piece(24),
      ['-f', '-p tcp'],
      ['! -f', '-p tcp --dport 21', '-p tcp -m multiport --dports 21'],
    );
    expectMatches(piece(0), ['! -f', '-p tcp --dport 21'], ['-f']);
    expectMatches(tcpTo(21), ['! -f'], ['-f']);
  });

  test('a TCP fragment at offset 8 is dropped by any rule that asks for tcp', () => {
    const packet = loadPacket(
      buildIpv4Fragment({
        ...ends,
        protocol: 6,
        offsetBytes: 8,
        more: false,
        payload: new Uint8Array(24),
        dontFragment: false,
      }),
    );
    const { compiled } = compile(
      block('filter', '-A FORWARD -p tcp --dport 9 -j ACCEPT', '-A FORWARD -j ACCEPT'),
    );
    assert.equal(walk(compiled, contextOf(packet)), Verdict.Drop);
    assert.equal(compiled.decidedBy?.line, 2);
  });
});

describe('matches', () => {
  test('tcp', () => {
    expectMatches(
      tcpTo(21),
      [
        '-p tcp --dport 21',
        '-p tcp --dport 20:21',
        '-p tcp ! --dport 22',
        '-p tcp --sport 1024:',
        '-p tcp --syn',
        '-p tcp --tcp-flags ALL SYN',
        '-p tcp --tcp-flags SYN,ACK SYN',
        '-p tcp ! --tcp-flags SYN,ACK ACK',
        '-p tcp ! --tcp-option 2',
      ],
      [
        '-p tcp --dport 22',
        '-p tcp ! --dport 20:21',
        '-p tcp --sport :1023',
        '-p tcp ! --syn',
        '-p tcp --tcp-flags ALL ALL',
        '-p tcp --tcp-option 2',
        '-p tcp ! --sport :',
      ],
    );
    const withMss = tcpTo(21, { options: Uint8Array.of(1, 1, 2, 4, 5, 180) });
    expectMatches(
      withMss,
      ['-p tcp --tcp-option 2'],
      ['-p tcp --tcp-option 3', '-p tcp ! --tcp-option 2'],
    );
  });

  test('udp and multiport', () => {
    expectMatches(
      udpTo(53),
      [
        '-p udp --dport 53',
        '-p udp ! --sport 53',
        '-p udp -m multiport --dports 1,53',
        '-p udp -m multiport --ports 5353',
        '-p udp -m multiport --sports 5000:6000',
        '-p udp -m multiport ! --dports 54,60:70',
      ],
      [
        '-p udp --dport 54',
        '-p udp ! --dport 53',
        '-p udp -m multiport --sports 53',
        '-p udp -m multiport ! --ports 53',
        '-p tcp --dport 53',
      ],
    );
  });

  test('icmp and icmp6', () => {
    const unreachable = loadPacket(buildIcmp({ ...ends, type: 3, code: 4 }));
    expectMatches(
      unreachable,
      [
        '-p icmp --icmp-type 3',
        '-p icmp --icmp-type 3/4',
        '-p icmp --icmp-type any',
        '-p icmp ! --icmp-type 8',
        '-p icmp --icmp-type fragmentation-needed',
      ],
      [
        '-p icmp --icmp-type 8',
        '-p icmp --icmp-type 3/3',
        '-p icmp ! --icmp-type 3',
        '-p icmp ! --icmp-type any',
      ],
    );
    const echo6 = loadPacket(buildIcmpv6({ src: 'fe80::1', dst: 'fe80::2', type: 128 }));
    expectMatches(
      echo6,
      ['-p icmpv6 --icmpv6-type 128', '-p icmpv6 --icmpv6-type 128/0', '-p 58'],
      ['-p icmpv6 --icmpv6-type 129', '-p icmpv6 ! --icmpv6-type echo-request'],
    );
  });

  test('state and conntrack', () => {
    const related = { ctState: CtStateBit.Related | CtStateBit.Dnat };
    expectMatches(
      tcpTo(21),
      [
        '-m state --state RELATED',
        '-m conntrack --ctstate DNAT',
        '-m conntrack --ctstate RELATED,NEW',
        '-m state ! --state NEW,INVALID',
      ],
      ['-m state --state NEW', '-m conntrack --ctstate SNAT', '-m conntrack ! --ctstate DNAT'],
      related,
    );
    expectMatches(tcpTo(21), ['-m state --state UNTRACKED'], ['-m state --state INVALID'], {
      ctState: CtStateBit.Untracked,
    });
  });

  test('helper, mark and comment', () => {
    const ours = { masterHelper: 'ftp', mark: 0x15 };
    expectMatches(
      tcpTo(21),
      [
        '-m helper --helper ftp',
        '-m helper --helper ftp-2121',
        '-m helper --helper ""',
        '-m mark --mark 0x15',
        '-m mark --mark 5/0xf',
        '-m mark ! --mark 1',
        '-m comment --comment anything',
      ],
      [
        '-m helper --helper irc',
        '-m helper ! --helper ftp',
        '-m mark --mark 5',
        '-m mark ! --mark 0x10/0x10',
      ],
      ours,
    );
    expectMatches(
      tcpTo(21),
      ['-m helper ! --helper ftp'],
      ['-m helper --helper ftp', '-m helper --helper ""'],
    );
    assert.equal(matches('-m mark --mark 0xffffffff', tcpTo(21), { mark: -1 }), true);
  });

  test('length, ttl and iprange', () => {
    expectMatches(
      tcpTo(21, { ttl: 64 }),
      [
        '-m length --length 40',
        '-m length --length :40',
        '-m length ! --length 41:',
        '-m ttl --ttl-eq 64',
        '-m ttl --ttl-lt 65',
        '-m ttl --ttl-gt 63',
        '-m ttl ! --ttl-eq 1',
        '-m iprange --src-range 10.1.2.3-10.1.2.3',
        '-m iprange --src-range 10.0.0.0-10.255.255.255 --dst-range 192.168.1.1',
        '-m iprange ! --dst-range 192.168.1.2-255.255.255.255',
      ],
      [
        '-m length --length 41:',
        '-m ttl --ttl-lt 64',
        '-m ttl --ttl-gt 64',
        '-m iprange --src-range 10.1.2.4-255.255.255.255',
        '-m iprange ! --dst-range 0.0.0.0-255.255.255.255',
      ],
    );
    expectMatches(
      loadPacket(buildTcp({ src: '2001:db8::5', dst: 'fe80::1', sport: 1, dport: 2 })),
      ['-m iprange --src-range 2001:db8::4-2001:db8::6', '-m iprange --dst-range ::-fe80::1'],
      ['-m iprange --src-range 2001:db8::6-2001:db8::9', '-m iprange --dst-range ::-fe7f::'],
    );
  });

  test('limit: starts full, empties, fills with time up to its burst', () => {
    const { compiled } = compile(
      block('filter', '-A FORWARD -m limit --limit 2/second --limit-burst 3 -j DROP'),
    );
    const ctx = contextOf(tcpTo(21));
    const hits = (count: number) => {
      let hit = 0;
      for (let i = 0; i < count; i++) if (walk(compiled, ctx) === Verdict.Drop) hit++;
      return hit;
    };
    ctx.clock.set(100, 0);
    assert.equal(hits(10), 3, 'the burst');
    ctx.clock.set(100, 499_999);
    assert.equal(hits(1), 0, 'one microsecond too early');
    ctx.clock.set(100, 500_000);
    assert.equal(hits(2), 1, 'one every half second');
    ctx.clock.set(200, 0);
    assert.equal(hits(10), 3, 'never more than the burst');
  });

  test('limit counts only what reaches it', () => {
    const rule = '-A FORWARD -p udp -m limit --limit 1/hour --limit-burst 1 -j DROP';
    const { compiled } = compile(block('filter', rule));
    for (let i = 0; i < 5; i++) walk(compiled, contextOf(tcpTo(21)));
    assert.equal(walk(compiled, contextOf(udpTo(53))), Verdict.Drop);
    assert.equal(walk(compiled, contextOf(udpTo(53))), Verdict.Accept);
  });
});
