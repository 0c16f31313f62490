import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Clock } from '../../src/base/index.ts';
import { compileRuleSet, Verdict } from '../../src/rules/index.ts';
import { compileBoth, from, loadBoth, tcpTo } from './sets-support.ts';
import { block, contextOf, walk } from './support.ts';

describe('what elements carry', () => {
  test('timeouts of files count from the first packet, and end', () => {
    const sets =
      'create t hash:ip timeout 300\nadd t 10.1.2.3 timeout 10\nadd t 10.1.2.4 timeout 0\n';
    const { compiled } = compileBoth(
      sets,
      block('filter', '-A FORWARD -m set --match-set t src -j DROP'),
    );
    const clock = new Clock();
    const at = (sec: number, src: string) => {
      clock.set(sec, 0);
      return walk(compiled, contextOf(from(src), { clock })) === Verdict.Drop;
    };
    assert.deepEqual(
      [at(1000, '10.1.2.3'), at(1009, '10.1.2.3'), at(1010, '10.1.2.3'), at(9999, '10.1.2.4')],
      [true, true, false, true],
    );
  });

  test('counters count before they are compared, and only where they are to', () => {
    const sets = 'create c hash:ip counters\nadd c 10.1.2.3 packets 1 bytes 40\n';
    const verdicts = (options: string) => {
      const { compiled, ruleSet } = compileBoth(
        sets,
        block('filter', `-A FORWARD -m set --match-set c src ${options} -j DROP`),
      );
      const [rule] = ruleSet.table(4, 3)!.chains.get('FORWARD')!.rules;
      const hits = [1, 2, 3].map(() => walk(compiled, contextOf(tcpTo(80))) === Verdict.Drop);
      return [rule!.matches[0]!.stateful, ...hits];
    };
    assert.deepEqual(verdicts('--packets-eq 2'), [true, true, false, false]);
    assert.deepEqual(verdicts('! --packets-eq 2'), [true, false, true, true]);
    assert.deepEqual(verdicts('--packets-gt 2'), [true, false, true, true]);
    assert.deepEqual(verdicts('--packets-lt 3'), [true, true, false, false]);
    assert.deepEqual(verdicts('--bytes-gt 100'), [true, false, true, true]);
    assert.deepEqual(verdicts('! --update-counters --packets-eq 1'), [false, true, true, true]);
  });
});

describe('-j SET', () => {
  const sets = 'create s hash:ip timeout 100 maxelem 2\ncreate n hash:net\nadd n 10.0.0.0/24\n';
  const dropInSet = '-A FORWARD -m set --match-set s src -j DROP';

  function gateway(lines: string[], definition = sets) {
    const { compiled, ...rest } = compileBoth(definition, block('filter', ...lines));
    const clock = new Clock();
    const drops = (src: string, sec = 0, dport = 80) => {
      clock.set(sec, 0);
      return walk(compiled, contextOf(tcpTo(dport, { src }), { clock })) === Verdict.Drop;
    };
    return { compiled, drops, ...rest };
  }

  test('adds, times out, refreshes with --exist, deletes', () => {
    const add = '-A FORWARD -p tcp --dport 23 -j SET --add-set s src';
    const plain = gateway([dropInSet, add]);
    assert.equal(plain.drops('1.1.1.1', 0, 23), false);
    assert.equal(plain.drops('1.1.1.1', 99), true);
    assert.equal(plain.drops('1.1.1.1', 100), false);
    const timed = gateway([`${add} --timeout 5`, dropInSet]);
    assert.equal(timed.drops('1.1.1.1', 0, 23), true);
    assert.equal(timed.drops('1.1.1.1', 3, 23), true);
    assert.equal(timed.drops('1.1.1.1', 6), false);
    const kept = gateway([`${add} --timeout 5 --exist`, dropInSet]);
    kept.drops('1.1.1.1', 0, 23);
    kept.drops('1.1.1.1', 3, 23);
    assert.equal(kept.drops('1.1.1.1', 6), true);
    const del = gateway([dropInSet, add, '-I FORWARD -p tcp --dport 9 -j SET --del-set s src']);
    del.drops('1.1.1.1', 0, 23);
    assert.equal(del.drops('1.1.1.1', 1), true);
    assert.equal(del.drops('1.1.1.1', 1, 9), false);
    assert.equal(del.drops('1.1.1.1', 1), false);
  });

  test('maxelem bounds it; what has expired makes room; forceadd takes the place of another', () => {
    const add = '-A FORWARD -p tcp --dport 23 -j SET --add-set s src';
    const full = gateway([dropInSet, add]);
    for (const src of ['1.1.1.1', '1.1.1.2', '1.1.1.3']) full.drops(src, 0, 23);
    assert.deepEqual(
      ['1.1.1.1', '1.1.1.2', '1.1.1.3'].map((src) => full.drops(src, 1)),
      [true, true, false],
    );
    full.drops('1.1.1.3', 200, 23);
    assert.equal(full.drops('1.1.1.3', 201), true);
    const forced = gateway([dropInSet, add], 'create s hash:ip maxelem 2 forceadd\n');
    for (const src of ['1.1.1.1', '1.1.1.2', '1.1.1.3']) forced.drops(src, 0, 23);
    const there = ['1.1.1.1', '1.1.1.2', '1.1.1.3'].map((src) => forced.drops(src, 1));
    assert.equal(there[2], true);
    assert.equal(there.filter(Boolean).length, 2);
  });

  test('a network is added with the longest prefix that the set has', () => {
    const lines = [
      '-A FORWARD -m set --match-set n src -j DROP',
      '-A FORWARD -j SET --add-set n src',
    ];
    const { drops } = gateway(lines);
    assert.equal(drops('127.0.0.1'), false);
    assert.equal(drops('127.0.0.99'), true);
    assert.equal(drops('127.0.1.1'), false);
  });

  test('what SET added outlives a reload while the set is of the same type', () => {
    const add = '-A FORWARD -p tcp --dport 23 -j SET --add-set s src';
    const first = gateway([dropInSet, add]);
    first.drops('1.1.1.1', 0, 23);
    const reload = (definition: string) => {
      const { ruleSet } = loadBoth(definition, block('filter', dropInSet, add));
      const next = compileRuleSet(ruleSet!, first.interfaces, { previous: first.compiled });
      return (src: string) => walk(next, contextOf(from(src))) === Verdict.Drop;
    };
    const same = reload(`${sets}add s 2.2.2.2\n`);
    assert.deepEqual([same('1.1.1.1'), same('2.2.2.2')], [true, true]);
    assert.equal(reload('create s hash:net\n')('1.1.1.1'), false);
    // Rules that change alone, the files not read again, leave a set as it is.
    const edited = compileRuleSet(first.ruleSet, first.interfaces, { previous: first.compiled });
    assert.equal(walk(edited, contextOf(from('1.1.1.1'))), Verdict.Drop);
    first.drops('3.3.3.3', 0, 23);
    assert.equal(walk(edited, contextOf(from('3.3.3.3'))), Verdict.Drop);
    // The rules before the reload still have what they had.
    assert.equal(first.drops('1.1.1.1', 1), true);
  });

  test('--map-set --map-mark', () => {
    const { compiled } = compileBoth(
      'create m hash:ip skbinfo\nadd m 10.1.2.3 skbmark 0x10/0xf0\n',
      block('mangle', '-A FORWARD -j SET --map-set m src --map-mark'),
    );
    const mapped = contextOf(tcpTo(80), { mark: 0x123 });
    walk(compiled, mapped, 'mangle');
    assert.equal(mapped.mark, 0x113);
    const other = contextOf(from('9.9.9.9'), { mark: 0x123 });
    walk(compiled, other, 'mangle');
    assert.equal(other.mark, 0x123);
  });
});
