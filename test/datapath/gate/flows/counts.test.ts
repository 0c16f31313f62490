/** What the program counted reaches the ledger once, whichever way it is taken. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ConfigWord } from '../../../../src/datapath/gate/layout.ts';
import { holds, installBoth, keysOf, type Lab, newLab } from './flow-lab.ts';
import { find, pass } from './twin.ts';

/** How many new ways out there are numbers for; takes them. */
function roomForHops({ flows }: Lab): number {
  let room = 0;
  while (flows.hops.intern(5000 + room, 1500, 0, 0, 0, 0, 0, true) >= 0) room++;
  return room;
}

/** A packet in each direction of the n-th connection. */
function traffic({ memory }: Lab, n: number, family: 4 | 6 = 4): void {
  const [original, reply] = keysOf(n, family);
  pass(memory, find(memory, original)!, 1000 + n);
  pass(memory, find(memory, reply)!, 40);
}

function settledOf(n: number, seenMs: number) {
  return [
    { row: n, direction: 0, path: 3, packets: 1, bytes: 1000 + n, seenMs },
    { row: n, direction: 1, path: 4, packets: 1, bytes: 40, seenMs },
  ];
}

test('one connection: collected once, both directions stay', () => {
  const lab = newLab(8);
  installBoth(lab, 1);
  installBoth(lab, 2);
  lab.flows.setNow(-77);
  traffic(lab, 1);
  traffic(lab, 2);
  lab.flows.collect(1);
  assert.deepEqual(lab.ledger.take(), settledOf(1, -77));
  lab.flows.collect(1);
  lab.flows.collect(5);
  assert.deepEqual(lab.ledger.take(), []);
  traffic(lab, 1);
  lab.flows.collect(1);
  assert.equal(lab.ledger.take().length, 2);
});

test('counts beyond 2^31 are taken as they are', () => {
  const lab = newLab(8);
  installBoth(lab, 1);
  pass(lab.memory, find(lab.memory, keysOf(1)[0])!, 0xffff_fff0);
  lab.flows.collect(1);
  assert.equal(lab.ledger.entries[0]!.bytes, 0xffff_fff0);
});

test('withdrawn: settled, and not found any more', () => {
  const lab = newLab(8);
  installBoth(lab, 1);
  traffic(lab, 1);
  lab.flows.withdraw(1);
  assert.deepEqual(lab.ledger.take(), settledOf(1, 0));
  for (const key of keysOf(1)) assert.equal(find(lab.memory, key), null);
  lab.flows.withdraw(1);
  lab.flows.collect(1);
  assert.deepEqual(lab.ledger.take(), []);
  assert.equal(holds(lab.flows, 1), false);
});

describe('collectSome', () => {
  test('goes round all units, both families, by the budget', () => {
    const lab = newLab(32);
    for (let n = 0; n < 6; n++) installBoth(lab, n);
    for (let n = 6; n < 10; n++) installBoth(lab, n, 6);
    assert.equal(lab.flows.collectSteps, 10);
    for (let n = 0; n < 10; n++) traffic(lab, n, n < 6 ? 4 : 6);
    const calls = Array.from({ length: 4 }, () => lab.flows.collectSome(3));
    assert.deepEqual(calls, [3, 3, 3, 1]);
    const rows = new Set(lab.ledger.take().map((entry) => entry.row));
    assert.equal(rows.size, 10);
    assert.equal(lab.flows.collectSome(3), 0);
  });

  test('a large budget is one round', () => {
    const lab = newLab(32);
    for (let n = 0; n < 6; n++) installBoth(lab, n);
    traffic(lab, 4);
    assert.equal(lab.flows.collectSome(1_000_000), 1);
    assert.deepEqual(lab.ledger.take(), settledOf(4, 0));
  });

  test('nothing is there', () => {
    assert.equal(newLab(32).flows.collectSome(100), 0);
  });

  test('goes on while connections come and go', () => {
    const lab = newLab(32);
    for (let n = 0; n < 8; n++) installBoth(lab, n);
    lab.flows.collectSome(6);
    for (let n = 2; n < 8; n++) lab.flows.withdraw(n);
    lab.flows.withdrawAll();
    installBoth(lab, 9, 6);
    traffic(lab, 9, 6);
    assert.equal(lab.flows.collectSome(6), 1);
  });
});

describe('withdrawAll', () => {
  test('everything is settled and gone, and the memory is as new', () => {
    const lab = newLab(16);
    for (let n = 0; n < 4; n++) installBoth(lab, n);
    for (let n = 4; n < 8; n++) installBoth(lab, n, 6);
    for (let n = 0; n < 8; n += 3) traffic(lab, n, n < 4 ? 4 : 6);
    const generation = lab.memory.config[ConfigWord.Generation]!;
    lab.flows.withdrawAll();
    assert.equal(lab.memory.config[ConfigWord.Generation], generation + 1);
    const rows = lab.ledger.take().map((entry) => entry.row);
    assert.deepEqual([...new Set(rows)].sort(), [0, 3, 6]);
    for (let n = 0; n < 8; n++) {
      assert.equal(find(lab.memory, keysOf(n, n < 4 ? 4 : 6)[0]), null);
      assert.equal(holds(lab.flows, n), false);
    }
    assert.deepEqual([lab.flows.narrowFlows, lab.flows.wideFlows], [0, 0]);
    assert.equal(roomForHops(lab), 4096);
    lab.flows.hops.recycle();
    for (let n = 0; n < 16; n++) assert.ok(installBoth(lab, n));
    for (let n = 0; n < 16; n++) assert.notEqual(find(lab.memory, keysOf(n)[0]), null);
  });

  test('a program that has found the flow before finds it of another generation', () => {
    const lab = newLab(4);
    installBoth(lab, 1);
    const slots = lab.memory.buckets.slice();
    lab.flows.withdrawAll();
    lab.memory.buckets.set(slots);
    assert.equal(find(lab.memory, keysOf(1)[0]), null);
  });

  test('one direction installed again does not bring back the other', () => {
    const lab = newLab(4);
    installBoth(lab, 1);
    lab.flows.withdrawAll();
    const { flows } = lab;
    const [original, reply] = keysOf(1);
    assert.ok(installBoth(lab, 2));
    assert.equal(find(lab.memory, original), null);
    flows.withdraw(2);
    assert.equal(find(lab.memory, reply), null);
    assert.ok(lab.memory.buckets.every((slot) => slot === 0));
  });

  test('the generation after 65535 is 1, and nothing of the first 1 comes back', () => {
    const lab = newLab(4);
    for (let n = 0; n < 4; n++) installBoth(lab, n);
    for (let n = 1; n < 65_535; n++) lab.flows.withdrawAll();
    assert.equal(lab.memory.config[ConfigWord.Generation], 65_535);
    assert.ok(installBoth(lab, 3));
    lab.flows.withdrawAll();
    assert.equal(lab.memory.config[ConfigWord.Generation], 1);
    for (let n = 0; n < 4; n++) assert.equal(find(lab.memory, keysOf(n)[0]), null);
    assert.ok(installBoth(lab, 2));
    assert.notEqual(find(lab.memory, keysOf(2)[0]), null);
  });
});
