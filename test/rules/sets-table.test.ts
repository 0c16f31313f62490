import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Clock, InterfaceTable, Prng } from '../../src/base/index.ts';
import { compileRuleSet, loadRuleFiles, Verdict } from '../../src/rules/index.ts';
import { ElementFlag, SetTable } from '../../src/rules/sets/table.ts';
import { bytesPerRound } from '../support/allocation.ts';
import { buildTcp, loadPacket } from '../support/packets.ts';
import { block, contextOf, services, walk } from './support.ts';

describe('the table of elements', () => {
  test('does as a Map does, over 20,000 random steps', () => {
    const random = new Prng(7);
    const table = new SetTable({ words: 2, counters: true, marks: true, seed: 5 });
    const twin = new Map<string, number>();
    const key = new Int32Array(2);
    for (let step = 0; step < 20_000; step++) {
      // Few different keys, so that the same one comes and goes; times of growth and of shrinking.
      key[0] = random.below(40);
      key[1] = random.below(40) - 20;
      const name = key.join(' ');
      const slot = table.find(key);
      assert.equal(slot >= 0, twin.has(name), `step ${step}`);
      if (slot >= 0) assert.equal(table.packets[slot], twin.get(name));
      const growing = step % 4000 < 2500;
      if (random.below(10) < (growing ? 7 : 2)) {
        const at = table.insert(key);
        table.packets[at] = step;
        table.expires[at] = step;
        table.marks[at] = step;
        twin.set(name, step);
      } else if (slot >= 0) {
        table.removeAt(slot);
        twin.delete(name);
      }
      assert.equal(table.count, twin.size);
    }
    let seen = 0;
    for (let slot = 0; slot < table.slotCount; slot++) {
      if (table.flags[slot] === 0) continue;
      seen++;
      assert.equal(table.flags[slot], ElementFlag.Used);
      table.keyAt(slot, key);
      assert.equal(twin.get(key.join(' ')), table.marks[slot]);
      assert.equal(table.expires[slot], table.marks[slot]);
    }
    assert.equal(seen, twin.size);
  });
});

describe('networks', () => {
  test('agree with a linear search for the longest prefix, nomatch included', () => {
    const random = new Prng(11);
    const nets = new Map<string, { base: number; length: number; nomatch: boolean }>();
    while (nets.size < 60) {
      const length = 20 + random.below(13);
      const address = (0x0a000000 | random.below(1 << 17)) & (-1 << (32 - length));
      nets.set(`${address}/${length}`, {
        base: address,
        length,
        nomatch: random.below(4) === 0,
      });
    }
    const dotted = (word: number) =>
      [24, 16, 8, 0].map((shift) => (word >>> shift) & 255).join('.');
    const sets = [...nets.values()]
      .map(
        ({ base, length, nomatch }) =>
          `add n ${dotted(base)}/${length}${nomatch ? ' nomatch' : ''}`,
      )
      .join('\n');
    const files: Record<string, string> = {
      sets: `create n hash:net\n${sets}\n`,
      rules: block('filter', '-A FORWARD -m set --match-set n src -j DROP'),
    };
    const { ruleSet, errors } = loadRuleFiles(['rules', 'sets'], (path) => files[path]!, {
      services,
    });
    assert.deepEqual(
      errors.map((error) => error.format()),
      [],
    );
    const compiled = compileRuleSet(ruleSet!, new InterfaceTable(), { seed: 1 });
    let hits = 0;
    for (let i = 0; i < 2000; i++) {
      const word = 0x0a000000 | random.below(1 << 17);
      const best = [...nets.values()]
        .filter(({ base, length }) => (word & (-1 << (32 - length))) === base)
        .sort((a, b) => b.length - a.length)[0];
      const expected = best !== undefined && !best.nomatch;
      const packet = loadPacket(
        buildTcp({ src: dotted(word), dst: '1.1.1.1', sport: 1, dport: 2 }),
      );
      assert.equal(walk(compiled, contextOf(packet)) === Verdict.Drop, expected, dotted(word));
      if (expected) hits++;
    }
    assert.ok(hits > 200 && hits < 1700, `${hits} hits prove little`);
  });
});

test('asking, refreshing and taking out allocate nothing', () => {
  const files: Record<string, string> = {
    sets:
      'create p hash:ip,port counters timeout 60\ncreate n hash:net\nadd n 10.0.0.0/8\n' +
      'add n 10.1.0.0/16 nomatch\ncreate l list:set\nadd l p\nadd l n\n',
    rules: block(
      'filter',
      '-A FORWARD -m set ! --match-set l src,dst --packets-gt 5',
      '-A FORWARD -j SET --add-set p src,dst --exist',
      '-A FORWARD -m set --match-set p src,dst -j SET --del-set p src,dst',
    ),
  };
  const { ruleSet } = loadRuleFiles(['rules', 'sets'], (path) => files[path]!, { services });
  const compiled = compileRuleSet(ruleSet!, new InterfaceTable(), { seed: 1 });
  const packet = loadPacket(buildTcp({ src: '10.1.2.3', dst: '1.1.1.1', sport: 1, dport: 2 }));
  const ctx = contextOf(packet, { clock: new Clock() });
  assert.ok(bytesPerRound(() => void walk(compiled, ctx)) < 0.1);
});
