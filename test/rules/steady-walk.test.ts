/** What a trail says of single walks, the rules that keep flows, and paths of counters. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  compileRuleSet,
  Hook,
  keepsFlowsInEngine,
  RuleTrail,
  TableId,
  Verdict,
} from '../../src/rules/index.ts';
import { buildIpv4Fragment, buildTcp } from '../support/packets.ts';
import { loadAny } from './classify-random.ts';
import { compileBoth } from './sets-support.ts';
import { ends, establishedContext, trailOf } from './steady-support.ts';
import { block, compile, contextOf, ruleSetOf, walk } from './support.ts';

const isSteady = (...lines: string[]) =>
  trailOf(compile(block('filter', ...lines)).compiled, establishedContext()).steady;

describe('rows that let no walk be steady', () => {
  test('a match on single packets, whether it holds for this one or not', () => {
    assert.ok(!isSteady('-A FORWARD -m length --length 0:10 -j DROP'));
    assert.ok(!isSteady('-A FORWARD -m length --length 0:1000'));
    assert.ok(!isSteady('-A FORWARD -m limit --limit 1/s -j LOG'));
  });

  test('but not where a steady condition fails, before or behind it', () => {
    assert.ok(isSteady('-A FORWARD -s 10.0.0.3 -m length --length 0:10 -j DROP'));
    assert.ok(isSteady('-A FORWARD -i eth5 -m length --length 0:10 -j DROP'));
    assert.ok(isSteady('-A FORWARD -m conntrack --ctstate NEW -m limit --limit 1/s -j LOG'));
    assert.ok(isSteady('-A FORWARD -m length --length 0:10 -m state --state NEW -j DROP'));
    assert.ok(isSteady('-A FORWARD -p tcp --tcp-flags SYN,RST SYN -m tcpmss --mss 1: -j DROP'));
  });

  test('a match that counts, although a steady condition behind it fails: it is asked each time', () => {
    assert.ok(!isSteady('-A FORWARD -m limit --limit 1/s -p tcp --dport 80 -j LOG'));
    assert.ok(!isSteady('-A FORWARD -m length --length 0:10 -m quota --quota 9 -p tcp --dport 80'));
  });

  test('a target, where it is reached', () => {
    assert.ok(!isSteady('-A FORWARD -j LOG'));
    assert.ok(isSteady('-A FORWARD -m conntrack --ctstate NEW -j LOG'));
    assert.ok(isSteady('-A FORWARD -j ACCEPT', '-A FORWARD -j LOG'));
    assert.ok(isSteady('-A FORWARD -p tcp --syn -j TCPMSS --set-mss 1000'));
  });

  test('stateful matches are asked once, with a trail as without', () => {
    const { compiled } = compile(
      block('filter', '-A FORWARD -m statistic --mode nth --every 3 --packet 0 -j DROP'),
    );
    const ctx = establishedContext();
    const verdicts = [1, 2, 3, 4, 5, 6].map(() => walk(compiled, ctx));
    assert.deepEqual(verdicts, [2, 1, 1, 2, 1, 1]);
  });

  test('what this packet changed in its connection: the next one may be steady', () => {
    const lines = ['-A FORWARD -m connmark --mark 0 -j RETURN', '-A FORWARD -j ACCEPT'];
    const text = block('mangle', '-A FORWARD -j CONNMARK --set-mark 5') + block('filter', ...lines);
    const { compiled } = compile(text);
    const ctx = establishedContext();
    const steadies = [1, 2].map(() => {
      ctx.trail!.begin();
      walk(compiled, ctx, 'mangle');
      return ctx.trail!.steady;
    });
    assert.deepEqual(steadies, [false, true]);
    ctx.connection.mark = 4;
    walk(compiled, ctx, 'mangle');
    assert.ok(!ctx.trail!.steady);
  });

  test('a mark that turns over each time is never steady', () => {
    const { compiled } = compile(block('filter', '-A FORWARD -j CONNMARK --set-xmark 1/0'));
    const ctx = establishedContext();
    for (let n = 0; n < 3; n++) assert.ok(!trailOf(compiled, ctx).steady);
  });

  test('a label that is new', () => {
    const { compiled } = compile(block('filter', '-A FORWARD -m connlabel --label 3 --set'));
    const ctx = establishedContext();
    assert.ok(!trailOf(compiled, ctx).steady);
    assert.ok(trailOf(compiled, ctx).steady);
  });

  test('a frame to all, where the kind of frame is asked', () => {
    const { compiled } = compile(block('filter', '-A FORWARD -m pkttype --pkt-type broadcast'));
    assert.ok(trailOf(compiled, establishedContext()).steady);
    const toAll = establishedContext({ dstMac: 'ff:ff:ff:ff:ff:ff' });
    assert.ok(!trailOf(compiled, toAll).steady);
  });

  test('a walk of the nat table, which later packets do not come to', () => {
    const { compiled } = compile(block('nat', '-A PREROUTING -s 10.0.0.3 -j ACCEPT'));
    const ctx = establishedContext();
    walk(compiled, ctx, 'nat', Hook.Prerouting);
    assert.ok(!ctx.trail!.steady);
  });

  test('traced packets', () => {
    const { compiled } = compile(block('filter', '-A FORWARD -j ACCEPT'));
    const ctx = establishedContext();
    ctx.traced = true;
    assert.ok(!trailOf(compiled, ctx).steady);
  });

  test('more rows than a trail holds', () => {
    const lines = (count: number) => Array.from({ length: count }, () => '-A FORWARD');
    assert.ok(isSteady(...lines(255)));
    assert.ok(!isSteady(...lines(256)));
  });
});

test('sets that rules change, whichever table the rule stands in and whenever it came', () => {
  const sets = 'create s hash:ip\ncreate g list:set\nadd g s\n';
  const asks = block('filter', '-A FORWARD -m set --match-set s src -j DROP');
  const changes = (what: string) => block('mangle', `-A OUTPUT -j SET ${what}`);
  const steady = (text: string) =>
    trailOf(compileBoth(sets, text).compiled, establishedContext()).steady;
  assert.ok(steady(asks));
  assert.ok(!steady(asks + changes('--add-set s src')));
  assert.ok(!steady(changes('--del-set s src') + asks));
  assert.ok(!steady(asks + changes('--add-set g src')));
  assert.ok(
    !steady(block('filter', '-A FORWARD -m set --match-set g src') + changes('--del-set s src')),
  );
  assert.ok(steady(asks + block('mangle', '-A FORWARD -j SET --map-set s src --map-mark')));

  // The filter table goes on as it is when a command adds a rule to another table.
  const first = compileBoth(sets, asks);
  const later = compileBoth(sets, asks + changes('--add-set s src')).ruleSet;
  const filter = first.ruleSet.table(4, TableId.Filter)!;
  later.put(filter);
  for (const definition of later.sets.all()) {
    definition.body = first.ruleSet.sets.find(definition.name)!.body;
  }
  const second = compileRuleSet(later, first.interfaces, { previous: first.compiled });
  assert.ok(second.tookOver(filter, first.compiled));
  assert.ok(!trailOf(second, establishedContext()).steady);
});

test('a match that would drop cut-off packets drops none that the walk itself lets pass', () => {
  const rule = '-A FORWARD -m length --length 60000 -p tcp --dport 80 -j DROP';
  const { compiled } = compile(block('filter', rule, '-A FORWARD -j ACCEPT'));
  const payload = buildTcp({ ...ends, link: 'raw' }).slice(20, 32);
  const cut = { ...ends, protocol: 6, offsetBytes: 0, more: false, payload };
  const ctx = contextOf(loadAny(buildIpv4Fragment(cut)));
  for (const trail of [null, new RuleTrail()]) {
    ctx.trail = trail;
    assert.equal(walk(compiled, ctx), Verdict.Accept);
  }
});

describe('saying which rules keep flows', () => {
  test('with its place and what it is about', () => {
    const lines = ['-A FORWARD -s 10.0.0.3 -j LOG', '-A FORWARD -m length --length 1:5 -j LOG'];
    assert.deepEqual(keepsFlowsInEngine(ruleSetOf(block('filter', ...lines)))[1], {
      place: { file: 'test.rules', line: 3, table: 'filter', chain: 'FORWARD', number: 2 },
      text: lines[1],
      parts: ['-m length', '-j LOG'],
    });
  });

  const keepers = (text: string) =>
    keepsFlowsInEngine(ruleSetOf(text)).map(({ place, parts }) => [place.line, ...parts]);

  test('beforehand: those that packets of established connections may come to', () => {
    const text = block(
      'filter',
      ':LOGGED - [0:0]',
      ':NEVER - [0:0]',
      '-A INPUT -p tcp --syn -m limit --limit 1/s -j ACCEPT',
      '-A INPUT -p tcp --tcp-flags ALL NONE -j LOG',
      '-A INPUT -m conntrack --ctstate NEW -m recent --set',
      '-A INPUT -p icmp -m limit --limit 1/s -j ACCEPT',
      '-A INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT',
      '-A INPUT -j LOG',
      '-A FORWARD -s 10.0.0.0/8 -j LOGGED',
      '-A LOGGED -j LOG',
      '-A NEVER -j LOG',
      '-A OUTPUT -m conntrack ! --ctstate ESTABLISHED -j LOG',
    );
    assert.deepEqual(keepers(text), [
      [7, '-m limit'],
      [11, '-j LOG'],
    ]);
  });

  test('chains from which no packet comes back, and such as give packets back', () => {
    const chain = (...lines: string[]) =>
      keepers(block('filter', ':A - [0:0]', ...lines, '-A FORWARD -j A', '-A FORWARD -j LOG'));
    assert.deepEqual(chain('-A A -j ACCEPT'), []);
    assert.deepEqual(chain('-A A -m comment --comment x -j DROP'), []);
    assert.deepEqual(chain('-A A -j RETURN'), [[5, '-j LOG']]);
    assert.deepEqual(chain('-A A -p tcp -j ACCEPT'), [[5, '-j LOG']]);
  });

  test('the raw table knows no states, and the nat table no established connections', () => {
    const raw = block('raw', '-A PREROUTING -m state --state NEW -j TRACE');
    assert.deepEqual(keepers(raw), [[2, '-j TRACE']]);
    assert.deepEqual(keepers(block('nat', '-A PREROUTING -j LOG')), []);
  });
});
