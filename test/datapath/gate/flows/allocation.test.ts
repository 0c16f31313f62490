/** The gate's side of shared memory leaves no garbage: connections per second matter as packets do. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SharedFlows } from '../../../../src/datapath/gate/flows/index.ts';
import { allocatesEachTime } from '../../../support/allocation.ts';
import { keysOf, labParts, newMemory, offerOf } from './flow-lab.ts';

const counted = { packets: 0, bytes: 0 };
const ledger = {
  settle(_row: number, _direction: number, _path: number, packets: number, bytes: number) {
    counted.packets += packets;
    counted.bytes = bytes;
  },
};

for (const family of [4, 6] as const) {
  test(`IPv${family}: installed, counted, collected, read, written, withdrawn`, () => {
    const memory = newMemory(64);
    const flows = new SharedFlows(labParts(memory, ledger));
    const offers = [0, 1, 2, 3].map((n) => [
      offerOf(n, 0, keysOf(n, family)),
      offerOf(n, 1, keysOf(n, family)),
    ]);
    const before = new Int32Array(9);
    const after = new Int32Array(9);
    const packets = flowsWords(memory.flows, family);
    let refused = 0;
    counted.packets = 0;
    const allocates = allocatesEachTime((n) => {
      const row = n & 3;
      for (const offer of offers[row]!) if (!flows.install(offer)) refused++;
      memory.flows[packets]! += 1;
      flows.setNow(n);
      flows.collect(row);
      flows.readSides(row, before);
      for (let word = 0; word < 9; word++) after[word] = before[word]! + 1;
      flows.writeSides(row, before, after);
      flows.collectSome(10);
      if ((n & 7) > 3) flows.withdraw(row);
    });
    assert.equal(refused, 0);
    assert.ok(counted.packets > 0);
    assert.equal(allocates, false);
  });
}

/** Where the packets of the first unit that a family uses stand. */
function flowsWords(flows: Int32Array, family: 4 | 6): number {
  return (family === 4 ? 0 : flows.length - 2 * 30) + 11;
}

test('the measure sees a ledger that makes an object', () => {
  const memory = newMemory(64);
  const kept = { last: {} };
  const flows = new SharedFlows(
    labParts(memory, {
      settle: (row: number) => {
        kept.last = { row };
      },
    }),
  );
  flows.install(offerOf(1, 0, keysOf(1)));
  const allocates = allocatesEachTime(() => {
    memory.flows[11] = 1;
    flows.collect(1);
  });
  assert.ok(allocates);
});
