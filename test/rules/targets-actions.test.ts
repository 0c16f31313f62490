import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Hook, type HookCode, Verdict } from '../../src/rules/index.ts';
import { buildTcp, buildUdp, loadPacket } from '../support/packets.ts';
import { block, compile, contextOf, ruleSetOf, walk } from './support.ts';
import { applyRules, assertSound, change } from './targets-support.ts';

const ends4 = { src: '10.1.2.3', dst: '192.168.1.77' };
const ends6 = { src: '2001:db8::2', dst: '2001:db8:1:2:3:4:5:6' };
const ports = { sport: 40000, dport: 21 };
const tcp4 = () => loadPacket(buildTcp({ ...ends4, ...ports, flags: 'S' }));
const tcp6 = () => loadPacket(buildTcp({ ...ends6, ...ports, flags: 'S' }));
const udp4 = () => loadPacket(buildUdp({ ...ends4, ...ports }));

const chainOf = { 0: 'PREROUTING', 1: 'INPUT', 3: 'OUTPUT', 4: 'POSTROUTING' } as const;

/** What a nat rule asks the engine for at a hook. */
function translation(rule: string, hook: HookCode, packet = tcp4()) {
  const chain = chainOf[hook as keyof typeof chainOf];
  const family = packet.family as 4 | 6;
  const { compiled } = compile(block('nat', `-A ${chain} ${rule}`), { family });
  const ctx = contextOf(packet);
  assert.equal(walk(compiled, ctx, 'nat', hook), Verdict.Accept);
  return { call: ctx.actions.calls[0], range: ctx.actions.lastRange! };
}

const words = (...text: number[]) => text.map((word) => word | 0);

describe('NAT targets', () => {
  test('NETMAP maps the host part, of the destination before routing and of the source behind', () => {
    const rule = '-j NETMAP --to 172.16.0.0/16';
    for (const hook of [Hook.Prerouting, Hook.Output]) {
      const { call, range } = translation(rule, hook);
      assert.equal(call, 'dnat');
      assert.deepEqual(range.minAddress, words(0xac10014d));
      assert.deepEqual(range.maxAddress, range.minAddress);
      assert.deepEqual([range.minPort, range.maxPort], [0, 0]);
    }
    for (const hook of [Hook.Postrouting, Hook.Input]) {
      const { call, range } = translation(rule, hook);
      assert.equal(call, 'snat');
      assert.deepEqual(range.minAddress, words(0xac100203));
    }
    const whole = translation('-j NETMAP --to 9.9.9.9', Hook.Prerouting);
    assert.deepEqual(whole.range.minAddress, words(0x09090909));
    const nothing = translation('-j NETMAP --to 9.9.9.9/0', Hook.Prerouting);
    assert.deepEqual(nothing.range.minAddress, words(0xc0a8014d));
  });

  test('NETMAP over IPv6, with a prefix that ends inside a word', () => {
    const { range } = translation('-j NETMAP --to fd00:1::/40', Hook.Prerouting, tcp6());
    assert.deepEqual(range.minAddress, words(0xfd000001, 0x00010002, 0x00030004, 0x00050006));
    const source = translation('-j NETMAP --to fd00::/64', Hook.Postrouting, tcp6());
    assert.deepEqual(source.range.minAddress, words(0xfd000000, 0, 0, 2));
  });

  test('ranges, ports, bases and flags arrive as they were written', () => {
    const dnat = translation(
      '-p tcp -j DNAT --to-destination 1.1.1.1-1.1.1.9:1000-2000/3000 --random --persistent',
      Hook.Prerouting,
    );
    assert.equal(dnat.call, 'dnat');
    assert.deepEqual(dnat.range, {
      minAddress: words(0x01010101),
      maxAddress: words(0x01010109),
      minPort: 1000,
      maxPort: 2000,
      basePort: 3000,
      random: true,
      randomFully: false,
      persistent: true,
    });
    const snat = translation('-p tcp -j SNAT --to :5-6 --random-fully', Hook.Postrouting);
    assert.deepEqual([snat.range.minAddress, snat.range.minPort, snat.range.maxPort], [null, 5, 6]);
    assert.equal(snat.range.randomFully, true);
    const masquerade = translation('-p tcp -j MASQUERADE --to-ports 7', Hook.Postrouting);
    assert.deepEqual([masquerade.call, masquerade.range.minPort], ['masquerade', 7]);
    const redirect = translation('-p tcp -j REDIRECT --to-ports ftp', Hook.Prerouting);
    assert.deepEqual([redirect.call, redirect.range.maxPort], ['redirect', 21]);
    const bracket = translation('-p tcp -j DNAT --to [fd00::1]:80', Hook.Output, tcp6());
    assert.deepEqual(bracket.range.minAddress, words(0xfd000000, 0, 0, 1));
    assert.equal(bracket.range.minPort, 80);
  });
});

describe('targets that speak to the engine', () => {
  test('NFLOG hands its options over and goes on', () => {
    const rule =
      '-j NFLOG --nflog-group 3 --nflog-prefix "in: " --nflog-size 64 --nflog-threshold 5';
    const { actions } = change('filter', rule, tcp4());
    assert.deepEqual(actions.lastNflog, { group: 3, prefix: 'in: ', size: 64, threshold: 5 });
    const whole = change('filter', '-j NFLOG --nflog-range 20', tcp4());
    assert.deepEqual(whole.actions.lastNflog, { group: 0, prefix: '', size: 0, threshold: 0 });
    assert.deepEqual(change('filter', '-p udp -j NFLOG', tcp4()).actions.calls, []);
  });

  test('LOG hands its options over and goes on', () => {
    const { actions } = change('filter', '-j LOG --log-prefix "a b" --log-level crit', tcp4());
    assert.deepEqual(
      [actions.lastLog?.prefix, actions.lastLog?.level, actions.lastLog?.uid],
      ['a b', 2, false],
    );
  });

  test('REJECT names its answer', () => {
    const kind = (rule: string, packet = tcp4()) => {
      const { ctx, verdict } = applyRules('filter', [rule], packet);
      assert.equal(verdict, Verdict.Drop);
      return ctx.actions.calls;
    };
    assert.deepEqual(kind('-j REJECT'), ['reject icmp-port-unreachable']);
    assert.deepEqual(kind('-p tcp -j REJECT --reject-with tcp-rst'), ['reject tcp-reset']);
    assert.deepEqual(kind('-j REJECT --reject-with policy', tcp6()), ['reject icmp6-policy-fail']);
  });
});

describe('targets that are not carried out', () => {
  const verdictOf = (table: 'filter' | 'mangle', rule: string, packet = tcp4()) =>
    applyRules(table, [rule, '-j ACCEPT'], packet).verdict;

  test('queues without a listener drop, or accept with --queue-bypass', () => {
    assert.equal(verdictOf('filter', '-j NFQUEUE'), Verdict.Drop);
    assert.equal(verdictOf('filter', '-j NFQUEUE --queue-balance 0:3'), Verdict.Drop);
    assert.equal(verdictOf('filter', '-j QUEUE'), Verdict.Drop);
    assert.equal(verdictOf('filter', '-p udp -j NFQUEUE'), Verdict.Accept);
    const bypass = applyRules('filter', ['-j NFQUEUE --queue-bypass', '-j DROP'], tcp4());
    assert.equal(bypass.verdict, Verdict.Accept);
  });

  test('TPROXY without a socket drops', () => {
    const chain = block('mangle', '-A PREROUTING -p udp -j TPROXY --on-port 1');
    const { compiled } = compile(chain);
    assert.equal(walk(compiled, contextOf(udp4()), 'mangle', Hook.Prerouting), Verdict.Drop);
    assert.equal(walk(compiled, contextOf(tcp4()), 'mangle', Hook.Prerouting), Verdict.Accept);
  });

  const goingOn: readonly (readonly [rule: string, family: 4 | 6])[] = [
    ['-j CLASSIFY --set-class 1:10', 4],
    ['-p tcp -j SYNPROXY --mss 1460', 4],
    ['-j AUDIT --type drop', 4],
    ['-j CONNSECMARK --save', 4],
    ['-j SECMARK --selctx a', 4],
    ['-j IDLETIMER --timeout 5 --label a', 4],
    ['-j LED --led-trigger-id a', 4],
    ['-j HMARK --hmark-tuple src --hmark-mod 5 --hmark-rnd 1', 6],
    ['-j RATEEST --rateest-name a --rateest-interval 1s --rateest-ewmalog 2s', 4],
    ['-j TEE --gateway 1.2.3.4', 4],
    ['-j ULOG', 4],
  ];
  for (const [rule, family] of goingOn) {
    test(`${rule} says so, changes nothing and goes on`, () => {
      const packet = family === 4 ? tcp4() : tcp6();
      const before = packet.copyFrame();
      const ctx = change('mangle', rule, packet, { mark: 3 });
      assert.deepEqual([ctx.changed, ctx.mark, ctx.actions.calls], [false, 3, []]);
      assert.deepEqual(packet.copyFrame(), before);
      assertSound(packet);
      const set = ruleSetOf(block('mangle', `-A FORWARD ${rule}`), { family });
      const { jump } = set.table(family, 1)!.chains.get('FORWARD')!.rules[0]!;
      assert.ok(jump.kind === 'target');
      assert.notEqual(jump.target.unenforced(), null);
    });
  }

  test('what is enforced says nothing', () => {
    const enforced = ['-j MARK --set-mark 1', '-j NFLOG', '-j TTL --ttl-set 1', '-j LOG'];
    for (const rule of enforced) {
      const set = ruleSetOf(block('mangle', `-A FORWARD ${rule}`));
      const { jump } = set.table(4, 1)!.chains.get('FORWARD')!.rules[0]!;
      assert.ok(jump.kind === 'target');
      assert.equal(jump.target.unenforced(), null, rule);
    }
  });
});
