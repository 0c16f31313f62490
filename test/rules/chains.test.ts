import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Hook, Verdict } from '../../src/rules/index.ts';
import { bytesPerRound } from '../support/allocation.ts';
import { buildTcp, loadPacket } from '../support/packets.ts';
import { block, compile, contextOf, walk } from './support.ts';

const ends = { src: '10.1.2.3', dst: '192.168.1.1' };
const tcpTo = (dport: number, more = {}) =>
  loadPacket(buildTcp({ ...ends, sport: 40000, dport, flags: 'S', ...more }));

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

  test('CT and NOTRACK in raw go on with the next rule, and the first one counts', () => {
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
    assert.deepEqual(ctx.actions.calls, ['helper ftp']);
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
