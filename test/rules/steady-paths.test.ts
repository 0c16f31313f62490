/** Paths of counters, by which packets are counted that no rule has seen. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { InterfaceTable } from '../../src/base/index.ts';
import {
  type CompiledRules,
  compileRuleSet,
  Hook,
  RuleTrail,
  TableId,
} from '../../src/rules/index.ts';
import { bytesPerRound } from '../support/allocation.ts';
import { establishedContext } from './steady-support.ts';
import { block, compile, ruleSetOf, walk } from './support.ts';

describe('paths', () => {
  const text =
    block('mangle', '-A FORWARD') +
    block(
      'filter',
      ':C - [0:0]',
      '-A FORWARD -p tcp -j C',
      '-A C -s 10.0.0.2',
      '-A FORWARD -j ACCEPT',
    );

  function walked(compiled: CompiledRules, more = {}): RuleTrail {
    const ctx = establishedContext(more);
    walk(compiled, ctx, 'mangle');
    walk(compiled, ctx, 'filter');
    return ctx.trail!;
  }

  const counted = (compiled: CompiledRules) =>
    [TableId.Mangle, TableId.Filter].flatMap((code) =>
      [...compiled.ruleSet.table(4, code)!.chains.values()]
        .flatMap((chain) => [chain, ...chain.rules])
        .map((owner) => compiled.countersOf(owner)),
    );

  test('count what a walk counts, the policy included, in all tables', () => {
    const { compiled } = compile(text);
    const trail = walked(compiled);
    assert.ok(trail.steady);
    const bySize = counted(compiled).map(({ packets, bytes }) => [
      packets * 10,
      bytes + packets * 960,
    ]);
    // The walk counted 1 packet of 40 bytes: nine more, of 1000 bytes in all less those 40.
    compiled.countPath(compiled.pathOf(trail), 9, 960);
    const after = counted(compiled).map(({ packets, bytes }) => [packets, bytes]);
    assert.deepEqual(after, bySize);
    assert.deepEqual(after.filter(([packets]) => packets === 10).length, 5);
  });

  test('are one for the same rows, and 0 for none', () => {
    const { compiled } = compile(text);
    const path = compiled.pathOf(walked(compiled));
    assert.equal(path, 1);
    assert.equal(compiled.pathOf(walked(compiled, { dport: 80 })), path);
    assert.equal(compiled.pathOf(walked(compiled, { src: '10.0.0.9' })), 2);
    const trail = new RuleTrail();
    assert.equal(compiled.pathOf(trail), 0);
    compiled.countPath(0, 1, 1);
    compiled.countPath(3, 1, 1);
    assert.equal(counted(compiled)[0]!.packets, 0);
    trail.disturb();
    assert.equal(compiled.pathOf(trail), -1);
  });

  test('end at 65535: further flows stay in the engine, known ones do not', () => {
    const { compiled } = compile(
      block('filter', ...Array.from({ length: 300 }, () => '-A FORWARD')),
    );
    const trail = new RuleTrail();
    const pathOf = (n: number) => {
      trail.begin();
      trail.enter(TableId.Filter);
      trail.counted(n % 300, 0);
      trail.counted(Math.trunc(n / 300), 0);
      return compiled.pathOf(trail);
    };
    for (let n = 0; n < 65_535; n++) assert.equal(pathOf(n), n + 1);
    assert.equal(pathOf(65_535), -1);
    assert.equal(pathOf(65_534), 65_535);
    assert.equal(pathOf(7), 8);
    compiled.countPath(8, 2, 100);
    const [rule] = [compiled.ruleSet.table(4, TableId.Filter)!.chains.get('FORWARD')!.rules[6]!];
    assert.deepEqual(compiled.countersOf(rule), { packets: 2, bytes: 100 });
  });

  test('end with the memory for them', () => {
    const { compiled } = compile(block('filter', '-A FORWARD'));
    const trail = new RuleTrail();
    const given = Array.from({ length: 9000 }, (_, n) => {
      trail.begin();
      for (let i = 0; i < 256; i++) trail.counted(i === 0 ? n : 1, 0);
      return compiled.pathOf(trail);
    });
    assert.equal(given.indexOf(-1), 2 ** 21 / 256);
  });

  test('count at the tables that newer rules took over', () => {
    const ruleSet = ruleSetOf(text);
    const interfaces = new InterfaceTable();
    const before = compileRuleSet(ruleSet, interfaces);
    const path = before.pathOf(walked(before));
    const after = compileRuleSet(ruleSet, interfaces, { previous: before });
    before.countPath(path, 5, 500);
    const [rule] = ruleSet.table(4, TableId.Mangle)!.chains.get('FORWARD')!.rules;
    assert.equal(after.countersOf(rule!).packets, 6);
  });
});

test('a walk with a trail, and the number of its path, allocate nothing', () => {
  const rules = Array.from({ length: 40 }, (_, n) => `-A FORWARD -s 10.1.0.${n} -m limit -j DROP`);
  const more = ['-A FORWARD -m length --length 1:9', '-A FORWARD -j MARK --set-mark 1'];
  const { compiled } = compile(block('filter', ...rules, ...more, '-A FORWARD -j ACCEPT'));
  const { compiled: steady } = compile(block('filter', ...rules, '-A FORWARD -j ACCEPT'));
  const ctx = establishedContext();
  const trail = ctx.trail!;
  const used = [compiled, steady];
  const round = (n: number) => {
    const rules = used[n & 1]!;
    trail.begin();
    rules.walk(4, TableId.Filter, Hook.Forward, ctx);
    rules.countPath(rules.pathOf(trail), 1, 40);
  };
  assert.ok(bytesPerRound(round) < 0.1);
});
