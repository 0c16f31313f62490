/**
 * Walks of imagined packets: they count nowhere and change nothing, and where they say that all later
 * packets fare alike, these fare as they did.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { InterfaceTable } from '../../src/base/index.ts';
import { CtStateBit } from '../../src/conntrack/index.ts';
import {
  type CompiledRules,
  Hook,
  type HookCode,
  RuleTrail,
  TableId,
  tableCode,
  Verdict,
} from '../../src/rules/index.ts';
import type { Packet } from '../../src/wire/index.ts';
import {
  buildIcmp,
  buildIcmpv6,
  buildIp,
  buildTcp,
  buildUdp,
  loadPacket,
} from '../support/packets.ts';
import { openConnection, rowsOf, seenOf } from './rehearsal-support.ts';
import { compileBoth } from './sets-support.ts';
import { changesOf, dumpOf } from './state-dump.ts';
import { all, type Decision, sets, textOf } from './steady-decisions.ts';
import { block, contextOf, type TestContext } from './support.ts';

const hooks: Readonly<Record<string, HookCode>> = {
  PREROUTING: Hook.Prerouting,
  INPUT: Hook.Input,
  FORWARD: Hook.Forward,
  OUTPUT: Hook.Output,
  POSTROUTING: Hook.Postrouting,
};

/** The sender is in the sets whose elements count, or end. */
const filled = `${sets}add counted 10.0.0.2\nadd ended 10.0.0.2\n`;

const protocols: Readonly<Record<string, number>> = {
  ah: 51,
  dccp: 33,
  esp: 50,
  mh: 135,
  sctp: 132,
};

/** A packet that meets the rule up to its unsteady parts. */
function packetFor({ family, rule }: Decision): Packet {
  const ends = {
    src: family === 4 ? '10.0.0.2' : 'fd00::2',
    dst: family === 4 ? '10.0.0.1' : 'fd00::1',
    sport: 4000,
    dport: 1,
  };
  const protocol = /-p (\S+)/.exec(rule)?.[1] ?? 'tcp';
  if (protocol === 'tcp') {
    return loadPacket(buildTcp({ ...ends, flags: rule.includes(' --syn') ? 'S' : 'A' }));
  }
  if (protocol === 'udp') return loadPacket(buildUdp(ends));
  if (protocol === 'icmp') return loadPacket(buildIcmp(ends));
  if (protocol === 'ipv6-icmp') return loadPacket(buildIcmpv6(ends));
  return loadPacket(buildIp(ends, protocols[protocol]!, Uint8Array.of(0, 1, 0, 1, ...Array(28))));
}

function contextFor(decision: Decision, interfaces: InterfaceTable): TestContext {
  return contextOf(packetFor(decision), {
    hook: hooks[decision.chain]!,
    inIf: interfaces.id('eth0'),
    ctState: CtStateBit.Established,
    connection: openConnection(),
  });
}

/** In a dump. */
const rowCounters = /^\.programs\.\d+\.counters$/;

/** Walks one table as the engine does for a packet of which nothing is known yet. */
function walked(
  compiled: CompiledRules,
  { family, table, chain }: Decision,
  ctx: TestContext,
  isRehearsal: boolean,
): RuleTrail {
  const trail = new RuleTrail(isRehearsal);
  Object.assign(ctx, { mark: 0, changed: false, templated: false, traced: false, trail });
  trail.begin();
  compiled.walk(family, tableCode(table)!, hooks[chain]!, ctx);
  return trail;
}

/** What CT says of an imagined packet stays with it: the engine reads it there. */
const isNoted = (call: string) => /^(helper|zone|timeouts) /.test(call);

describe('a rehearsal changes nothing, whatever the rule', () => {
  for (const decision of all) {
    test(`IPv${decision.family} ${decision.rule}`, () => {
      const { family, steady, name } = decision;
      const options = { family, helpers: ['ftp'] };
      const { compiled, interfaces } = compileBoth(filled, textOf(decision), options);
      const ctx = contextFor(decision, interfaces);
      const before = dumpOf(compiled);
      const seen = seenOf(ctx);
      for (let again = 0; again < 3; again++) {
        const rehearsed = walked(compiled, decision, ctx, true);
        if (!steady) assert.ok(!rehearsed.steady, 'it is not taken for steady');
        ctx.clock.set(ctx.clock.sec + 1, 0);
      }
      assert.deepEqual(changesOf(before, dumpOf(compiled)), [], 'the rules');
      assert.equal(seenOf(ctx), seen, 'the packet and its connection');
      const calls = ctx.actions.calls.filter((call) => !isNoted(call));
      assert.deepEqual(calls, [], 'what targets ask for');
      assert.ok(name === 'CT' || ctx.actions.calls.length === 0);
    });

    test(`and says of IPv${decision.family} ${decision.rule} what a real walk says`, () => {
      const { family } = decision;
      const options = { family, helpers: ['ftp'] };
      const { compiled, interfaces } = compileBoth(filled, textOf(decision), options);
      const ctx = contextFor(decision, interfaces);
      for (let again = 0; again < 3; again++) {
        const rehearsed = walked(compiled, decision, ctx, true);
        const real = walked(compiled, decision, ctx, false);
        assert.equal(rehearsed.steady, real.steady);
        if (real.steady) assert.deepEqual(rowsOf(rehearsed), rowsOf(real));
      }
    });
  }

  /** So that the dumps above could tell: what real walks change beside the counters of the rows. */
  const telling = all.filter(
    ({ rule }) =>
      !rule.includes('--rcheck') &&
      /-m (limit|quota|hashlimit|recent|connlimit)|--mode nth|counted src$|add-set/.test(rule),
  );
  for (const decision of telling) {
    test(`while a real walk of ${decision.rule} changes something`, () => {
      const { compiled, interfaces } = compileBoth(filled, textOf(decision), { helpers: ['ftp'] });
      const ctx = contextFor(decision, interfaces);
      const before = dumpOf(compiled, rowCounters);
      walked(compiled, decision, ctx, true);
      assert.deepEqual(changesOf(before, dumpOf(compiled, rowCounters)), []);
      walked(compiled, decision, ctx, false);
      assert.notDeepEqual(changesOf(before, dumpOf(compiled, rowCounters)), []);
    });
  }
  test('of which there are some', () => assert.ok(telling.length >= 8, String(telling.length)));
});

describe('a rehearsal meets what a plain packet would', () => {
  const frame = (more = {}) =>
    loadPacket(buildTcp({ src: '10.0.0.2', dst: '192.0.2.1', sport: 4000, dport: 443, ...more }));
  const filter = (family: 4 | 6 = 4): Decision => ({
    family,
    name: '',
    table: 'filter',
    chain: 'FORWARD',
    steady: true,
    rule: '',
  });

  function rehearsed(lines: readonly string[], table: 'filter' | 'mangle' = 'filter') {
    const { compiled } = compileBoth(sets, block(table, ...lines.map((l) => `-A FORWARD ${l}`)));
    const ctx = contextOf(frame(), {
      ctState: CtStateBit.Established,
      connection: openConnection(),
    });
    return { compiled, ctx, trail: walked(compiled, { ...filter(), table }, ctx, true) };
  }

  test('rows behind a condition that fails for good do not matter', () => {
    const { compiled, trail } = rehearsed([
      '-p udp -j LOG',
      '-s 10.9.0.0/16 -m limit -j DROP',
      '-m conntrack --ctstate NEW -m recent --set --name a -j REJECT',
      '-p tcp --dport 80 -m length --length 40 -j REJECT',
      '-j ACCEPT',
      '-m limit -j LOG',
    ]);
    assert.ok(trail.steady);
    compiled.countPath(compiled.pathOf(trail), 1, 40);
    const { rules } = compiled.ruleSet.table(4, TableId.Filter)!.chains.get('FORWARD')!;
    const counted = rules.map((rule) => compiled.countersOf(rule).packets);
    assert.deepEqual(counted, [0, 0, 0, 0, 1, 0]);
  });

  test('what changes a connection leaves it alone, and makes the walk unsteady', () => {
    const changing = [
      '-j CONNMARK --set-mark 1',
      '-j CONNMARK --xor-mark 1',
      '-j CONNMARK --or-mark 4',
      '-m connlabel --label 3 --set',
    ];
    for (const rule of changing) {
      const { ctx, trail } = rehearsed([rule, '-j ACCEPT'], 'mangle');
      assert.ok(!trail.steady, rule);
      assert.deepEqual([ctx.connection.mark, ctx.connection.labels.size], [0, 0], rule);
    }
    const { ctx, trail } = rehearsed(['-j MARK --set-mark 7', '-j CONNMARK --save-mark'], 'mangle');
    assert.deepEqual([trail.steady, ctx.connection.mark], [false, 0]);
  });

  test('what has changed it already, and has no more to change, is steady', () => {
    const rules = ['-j MARK --set-mark 7', '-j CONNMARK --save-mark'];
    rules.push('-m connlabel --label 3 --set', '-j CONNMARK --restore-mark');
    const { compiled, ctx } = rehearsed(rules, 'mangle');
    ctx.connection.mark = 7;
    ctx.connection.labels.add(3);
    const trail = walked(compiled, { ...filter(), table: 'mangle' }, ctx, true);
    assert.ok(trail.steady);
    assert.equal(ctx.mark, 7);
    assert.equal(rowsOf(trail).length, 5);
  });

  test('an unsteady row ends the walk before a verdict', () => {
    const { compiled, ctx } = rehearsed(['-m length --length 1:9 -j DROP', '-j ACCEPT']);
    ctx.trail = new RuleTrail(true);
    assert.equal(compiled.walk(4, TableId.Filter, Hook.Forward, ctx), Verdict.Drop);
    ctx.trail = null;
    assert.equal(compiled.walk(4, TableId.Filter, Hook.Forward, ctx), Verdict.Accept);
  });
});
