import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ct } from '../../src/rules/ext/targets/ct.ts';
import type { CompileScope, ParseScope } from '../../src/rules/extension.ts';
import { loadRuleFiles, type TimeoutPolicy, Verdict } from '../../src/rules/index.ts';
import { buildTcp, loadPacket } from '../support/packets.ts';
import { block, contextOf, errorOf, FakeConnection, ruleSetOf, services } from './support.ts';
import { applyRules, change } from './targets-support.ts';

const packet = () =>
  loadPacket(
    buildTcp({ src: '10.1.2.3', dst: '192.168.1.1', sport: 40000, dport: 21, flags: 'S' }),
  );

/** The packet's mark after one rule, unsigned. */
const markAfter = (rule: string, mark: number, connection = new FakeConnection()) =>
  change('mangle', rule, packet(), { mark: mark | 0, connection }).mark >>> 0;

function connected(mark: number): FakeConnection {
  const connection = new FakeConnection();
  connection.exists = true;
  connection.mark = mark | 0;
  return connection;
}

/** The connection's mark after one rule, unsigned. */
function ctMarkAfter(rule: string, ctMark: number, mark = 0): number {
  const connection = connected(ctMark);
  markAfter(rule, mark, connection);
  return connection.mark >>> 0;
}

describe('MARK', () => {
  test('all spellings', () => {
    assert.equal(markAfter('-j MARK --set-mark 0x10', 0xff), 0x10);
    assert.equal(markAfter('-j MARK --set-mark 0x10/0xf0', 0xff), 0x1f);
    // --set-mark ORs what is outside the mask, --set-xmark flips it.
    assert.equal(markAfter('-j MARK --set-mark 0x3/0x1', 0x6), 0x7);
    assert.equal(markAfter('-j MARK --set-xmark 0x3/0x1', 0x6), 0x5);
    assert.equal(markAfter('-j MARK --and-mark 0xf0', 0x1ff), 0xf0);
    assert.equal(markAfter('-j MARK --or-mark 0x80000000', 1), 0x80000001);
    assert.equal(markAfter('-j MARK --xor-mark 0xffffffff', 0xf), 0xfffffff0);
  });

  test('goes on with the next rule, which sees the mark', () => {
    const rules = ['-j MARK --set-mark 7', '-m mark --mark 7 -j DROP'];
    assert.equal(applyRules('mangle', rules, packet()).verdict, Verdict.Drop);
  });
});

describe('CONNMARK', () => {
  test('sets, with and without a mask', () => {
    assert.equal(ctMarkAfter('-j CONNMARK --set-mark 5', 0xff), 5);
    assert.equal(ctMarkAfter('-j CONNMARK --set-xmark 0x10/0xf', 0x1f), 0x00);
    assert.equal(ctMarkAfter('-j CONNMARK --and-mark 0xf', 0xff), 0x0f);
    assert.equal(ctMarkAfter('-j CONNMARK --set-mark 5 --left-shift-mark 4', 0), 0x50);
    assert.equal(ctMarkAfter('-j CONNMARK --or-mark 0x80000000 --right-shift-mark 31', 0), 1);
  });

  test('saves', () => {
    assert.equal(ctMarkAfter('-j CONNMARK --save-mark', 0xff, 0x123), 0x123);
    assert.equal(ctMarkAfter('-j CONNMARK --save-mark --mask 0xf', 0xf0, 0x123), 0xf3);
    const masks = '-j CONNMARK --save-mark --nfmask 0xff --ctmask 0xf000';
    assert.equal(ctMarkAfter(masks, 0xffff, 0x123), 0x0fff ^ 0x23);
    assert.equal(ctMarkAfter('-j CONNMARK --save-mark --left-shift-mark 8', 0, 0x12), 0x1200);
  });

  test('restores', () => {
    const restored = (options: string, ctMark: number, mark: number) =>
      markAfter(`-j CONNMARK --restore-mark ${options}`, mark, connected(ctMark));
    assert.equal(restored('', 0x123, 0xff), 0x123);
    assert.equal(restored('--mask 0xf', 0x123, 0xf0), 0xf3);
    assert.equal(restored('--nfmask 0xf0 --ctmask 0xf', 0x123, 0xff), 0x0f ^ 0x3);
    assert.equal(restored('--right-shift-mark 8', 0x80000000, 0), 0x800000);
  });

  test('without a connection nothing happens; the same mark again is no change', () => {
    const none = new FakeConnection();
    assert.equal(markAfter('-j CONNMARK --restore-mark', 9, none), 9);
    markAfter('-j CONNMARK --set-mark 5', 9, none);
    assert.equal(none.mark, 0);
    let writes = 0;
    const watched = Object.defineProperty(connected(5), 'mark', {
      get: () => 5,
      set: () => writes++,
    });
    markAfter('-j CONNMARK --set-mark 5', 0, watched);
    assert.equal(writes, 0);
    markAfter('-j CONNMARK --set-mark 6', 0, watched);
    assert.equal(writes, 1);
  });
});

describe('CT and TRACE', () => {
  const calls = (rule: string, mark = 0) => change('raw', rule, packet(), { mark }).actions.calls;

  test('what the engine is asked for', () => {
    assert.deepEqual(calls('-j CT --notrack'), ['notrack']);
    assert.deepEqual(calls('-j NOTRACK'), ['notrack']);
    assert.deepEqual(calls('-p tcp -j CT --notrack --helper ftp --zone 4'), ['notrack']);
    assert.deepEqual(calls('-p tcp -j CT --helper ftp'), ['helper ftp']);
    assert.deepEqual(calls('-p tcp -j CT --zone 4 --helper ftp'), ['zone 4 0', 'helper ftp']);
    assert.deepEqual(calls('-j CT --zone-orig 4'), ['zone 4 1']);
    assert.deepEqual(calls('-j CT --zone-reply 4'), ['zone 4 2']);
    assert.deepEqual(calls('-j CT --zone-orig 4 --zone-reply 5'), ['zone 5 0']);
    assert.deepEqual(calls('-j CT --zone mark', 0x12345), [`zone ${0x2345} 0`]);
    assert.deepEqual(calls('-j CT'), []);
  });

  test('helpers of the kernel that are missing here are read, and said to be missing', () => {
    const target = (family: 4 | 6, rule: string) => {
      const set = ruleSetOf(block('raw', `-A PREROUTING ${rule}`), { family });
      const { jump } = set.table(family, 0)!.chains.get('PREROUTING')!.rules[0]!;
      assert.ok(jump.kind === 'target');
      return jump.target.unenforced();
    };
    assert.match(target(4, '-p udp -j CT --helper tftp') ?? '', /no helper tftp/);
    assert.match(target(6, '-p tcp -j CT --helper sip') ?? '', /no helper sip/);
    assert.equal(target(4, '-p tcp -j CT --helper ftp'), null);
    assert.deepEqual(calls('-p tcp -j CT --helper irc'), []);
    for (const rule of ['-p tcp -j CT --helper tftp', '-j CT --helper sip']) {
      assert.match(errorOf(block('raw', `-A PREROUTING ${rule}`)).message, /^No chain/);
    }
    const irc6 = errorOf(block('raw', '-A PREROUTING -p tcp -j CT --helper irc'), { family: 6 });
    assert.match(irc6.message, /^No chain/);
  });

  test('events are read and said not to narrow anything', () => {
    const warned = loadRuleFiles(['w'], () => block('raw', '-A PREROUTING -j CT --ctevents new'));
    const rule = warned.ruleSet?.table(4, 0)?.chains.get('PREROUTING')?.rules[0];
    assert.ok(rule?.jump.kind === 'target');
    assert.match(rule.jump.target.unenforced() ?? '', /--ctevents/);
  });

  test('TRACE marks the packet as traced', () => {
    assert.equal(change('raw', '-j TRACE', packet()).traced, true);
    assert.equal(change('raw', '-p udp -j TRACE', packet()).traced, false);
  });
});

describe('CT --timeout', () => {
  const policy = (changes: Partial<TimeoutPolicy> = {}): TimeoutPolicy => ({
    name: 'slow',
    family: 4,
    protocol: 6,
    seconds: new Map([['established', 100]]),
    ...changes,
  });

  /** The target of a rule that no policy is needed for, with --timeout in place of --zone. */
  function timeoutTarget(known: TimeoutPolicy) {
    const text = block('raw', '-A PREROUTING -p tcp -j CT --zone 3');
    const rule = ruleSetOf(text).table(4, 0)!.chains.get('PREROUTING')!.rules[0]!;
    const scope = { family: 4, services, protocol: 6, protocolNegated: false } as ParseScope;
    const draft = ct.start();
    draft.options.options
      .find(({ names }) => names.includes('timeout'))!
      .set(['slow'], false, scope);
    const target = draft.finish(scope);
    const timeouts = new Map([[known.name, known]]);
    return {
      check: () => target.check(rule, { table: 'raw', hookMask: 1, helpers: [], timeouts }),
      evaluator: target.evaluator({ timeouts } as unknown as CompileScope),
    };
  }

  test('hands the policy over', () => {
    const { check, evaluator } = timeoutTarget(policy());
    check();
    const ctx = contextOf(packet());
    assert.equal(evaluator.apply(ctx), Verdict.Continue);
    assert.deepEqual(ctx.actions.calls, ['timeouts slow']);
  });

  test('a policy of another protocol or family is refused', () => {
    for (const changes of [{ protocol: 17 }, { family: 6 }] as const) {
      assert.throws(timeoutTarget(policy(changes)).check, /^RuleFault: Invalid argument/);
    }
  });

  test('an unknown policy is refused, and so is a rule without -p', () => {
    const message = (text: string) => errorOf(block('raw', `-A PREROUTING ${text}`)).message;
    assert.equal(message('-p tcp -j CT --timeout slow'), 'No chain/target/match by that name.');
    assert.match(message('-j CT --timeout slow'), /^Invalid argument/);
    assert.throws(timeoutTarget(policy({ name: 'other' })).check, /No chain/);
  });
});
