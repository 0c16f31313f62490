import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CtStateBit } from '../../src/conntrack/index.ts';
import { Hook, type RuleContext, Verdict } from '../../src/rules/index.ts';
import type { Packet } from '../../src/wire/index.ts';
import { bytesPerRound } from '../support/allocation.ts';
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

describe('chains', () => {
  test('first match wins, and who decided is known', () => {
    const text = block(
      'filter',
      ':FORWARD DROP',
      '-A FORWARD -p udp -j ACCEPT',
      '-A FORWARD -j ACCEPT',
      '-A FORWARD -j DROP',
    );
    const { compiled } = compile(text);
    assert.equal(walk(compiled, contextOf(tcpTo(21))), Verdict.Accept);
    assert.equal(compiled.decidedBy?.line, 4);
    assert.equal(compiled.decidedByPolicy, false);
  });

  test('the policy decides what no rule does', () => {
    const { compiled } = compile(block('filter', ':FORWARD DROP', '-A FORWARD -p udp -j ACCEPT'));
    assert.equal(walk(compiled, contextOf(tcpTo(21))), Verdict.Drop);
    assert.equal(compiled.decidedBy, null);
    assert.equal(compiled.decidedByPolicy, true);
    assert.equal(compiled.decidedChain?.name, 'FORWARD');
  });

  test('an absent table or chain accepts', () => {
    const { compiled } = compile(block('filter', ':FORWARD DROP'));
    assert.equal(walk(compiled, contextOf(tcpTo(21)), 'nat', Hook.Prerouting), Verdict.Accept);
    assert.equal(walk(compiled, contextOf(tcpTo(21)), 'filter', Hook.Prerouting), Verdict.Accept);
    assert.equal(compiled.decidedByPolicy, false);
    assert.equal(compiled.decidedChain, null);
  });

  test('jump, return, end of chain and goto', () => {
    const chains = [':FORWARD DROP', ':A -', ':B -', ':C -'];
    const run = (...rules: string[]) => {
      const { compiled } = compile(block('filter', ...chains, ...rules));
      return walk(compiled, contextOf(tcpTo(21)));
    };
    const { Accept, Drop } = Verdict;
    assert.equal(run('-A FORWARD -j A', '-A A -j ACCEPT'), Accept);
    assert.equal(run('-A FORWARD -j A', '-A FORWARD -j ACCEPT'), Accept, 'end of chain returns');
    assert.equal(
      run('-A FORWARD -j A', '-A FORWARD -j ACCEPT', '-A A -j RETURN', '-A A -j DROP'),
      Accept,
    );
    assert.equal(
      run('-A FORWARD -g A', '-A FORWARD -j ACCEPT'),
      Drop,
      'goto comes back to the policy',
    );
    assert.equal(
      run('-A FORWARD -j RETURN', '-A FORWARD -j ACCEPT'),
      Drop,
      'RETURN in a built-in chain',
    );
    // B is entered by goto from A, so its end leads to where A was jumped from.
    assert.equal(
      run('-A FORWARD -j A', '-A FORWARD -j ACCEPT', '-A A -g B', '-A A -j DROP'),
      Accept,
    );
    assert.equal(run('-A FORWARD -j A', '-A A -j B', '-A B -j C', '-A C -j ACCEPT'), Accept);
    // One chain reached twice on different ways.
    assert.equal(
      run('-A FORWARD -j A', '-A FORWARD -j A', '-A FORWARD -j ACCEPT', '-A A -j B'),
      Accept,
    );
  });

  test('targets are asked to act; LOG goes on', () => {
    const lines = [
      '-A FORWARD -j LOG --log-prefix "x: " --log-uid',
      '-A FORWARD -p tcp -j REJECT --reject-with tcp-reset',
    ];
    const { compiled } = compile(block('filter', ...lines));
    const ctx = contextOf(tcpTo(21));
    assert.equal(walk(compiled, ctx), Verdict.Drop);
    assert.deepEqual(ctx.actions.calls, ['log', 'reject tcp-reset']);
    assert.equal(ctx.actions.lastLog?.prefix, 'x: ');
    assert.equal(ctx.actions.lastLog?.uid, true);
    assert.equal(ctx.actions.lastLog?.level, 4);
  });

  test('NAT targets carry their ranges', () => {
    const nat = (chain: string, hook: 0 | 4, rule: string) => {
      const { compiled } = compile(block('nat', `-A ${chain} -p tcp ${rule}`));
      const ctx = contextOf(tcpTo(21));
      assert.equal(walk(compiled, ctx, 'nat', hook), Verdict.Accept);
      return ctx.actions;
    };
    const dnat = nat(
      'PREROUTING',
      Hook.Prerouting,
      '-j DNAT --to-destination 10.0.0.1-10.0.0.9:80-90',
    );
    assert.deepEqual(dnat.calls, ['dnat']);
    assert.deepEqual(dnat.lastRange?.minAddress, [0x0a000001]);
    assert.deepEqual(dnat.lastRange?.maxAddress, [0x0a000009]);
    assert.deepEqual([dnat.lastRange?.minPort, dnat.lastRange?.maxPort], [80, 90]);
    const snat = nat('POSTROUTING', Hook.Postrouting, '-j SNAT --to-source 1.2.3.4 --persistent');
    assert.deepEqual(snat.calls, ['snat']);
    assert.equal(snat.lastRange?.persistent, true);
    assert.equal(snat.lastRange?.minPort, 0);
    const masquerade = nat('POSTROUTING', Hook.Postrouting, '-j MASQUERADE --random');
    assert.deepEqual(masquerade.calls, ['masquerade']);
    assert.equal(masquerade.lastRange?.minAddress, null);
    const redirect = nat('PREROUTING', Hook.Prerouting, '-j REDIRECT --to-ports 3128');
    assert.deepEqual(redirect.calls, ['redirect']);
    assert.equal(redirect.lastRange?.maxPort, 3128);
  });

  test('CT and NOTRACK in raw go on with the next rule', () => {
    const { compiled } = compile(
      block(
        'raw',
        '-A PREROUTING -p tcp -j CT --helper ftp',
        '-A PREROUTING -j NOTRACK',
        '-A PREROUTING -j CT --notrack',
      ),
    );
    const ctx = contextOf(tcpTo(21));
    assert.equal(walk(compiled, ctx, 'raw', Hook.Prerouting), Verdict.Accept);
    assert.deepEqual(ctx.actions.calls, ['helper ftp', 'notrack', 'notrack']);
  });
});

test('a walk allocates nothing', () => {
  const lines = [
    ...Array.from(
      { length: 40 },
      (_, i) => `-A FORWARD -s 10.9.${i}.0/24 -p tcp --dport ${i} -j DROP`,
    ),
    '-A FORWARD -i eth+ -p tcp -m multiport --dports 1,2,3:9 -j DROP',
    '-A FORWARD -m limit --limit 1/second -j LOG',
    '-A FORWARD -m helper --helper ftp -j DROP',
    '-A FORWARD -m mark --mark 5/7 -m comment --comment x -j DROP',
    '-A FORWARD -j UC',
    '-A UC -m state --state NEW -p tcp --syn -j ACCEPT',
  ];
  const { compiled, interfaces } = compile(block('filter', ':UC - [0:0]', ...lines));
  const ctx = contextOf(tcpTo(21), { inIf: interfaces.id('wan'), masterHelper: 'irc' });
  ctx.actions.log = () => {};
  const bytes = bytesPerRound((n) => {
    ctx.clock.set(n >> 10, (n & 1023) * 900);
    compiled.walk(4, 3, Hook.Forward, ctx);
  }, 200_000);
  assert.equal(compiled.decidedBy?.chain, 'UC');
  assert.ok(bytes < 0.1, `${bytes} bytes per walk`);
});
