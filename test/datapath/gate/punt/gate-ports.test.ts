import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { GatePorts } from '../../../../src/datapath/gate/punt/index.ts';

const port = (ifindex: number, managed = true) => ({ ifindex, macHigh: 1, macLow: -2, managed });

describe('GatePorts', () => {
  test('knows interfaces by both numbers', () => {
    const ports = new GatePorts();
    ports.set(3, port(1_000_003));
    ports.set(4, port(2, false));
    assert.equal(ports.idOf(1_000_003), 3);
    assert.equal(ports.ifindexOf(3), 1_000_003);
    assert.deepEqual([ports.macHigh(3), ports.macLow(3)], [1, -2]);
    assert.deepEqual([ports.isManaged(3), ports.isManaged(4)], [true, false]);
    for (const id of [-1, 0, 5, 1000]) {
      assert.deepEqual([ports.ifindexOf(id), ports.isManaged(id)], [0, false]);
    }
    assert.equal(ports.idOf(7), -1);
    assert.equal(ports.idOf(0), -1);
  });

  test('interfaces go, come again with another number, and numbers are used again', () => {
    const ports = new GatePorts();
    ports.set(1, port(10));
    ports.set(1, null);
    assert.equal(ports.idOf(10), -1);
    assert.equal(ports.ifindexOf(1), 0);
    ports.set(1, port(11));
    ports.set(2, port(11));
    assert.equal(ports.idOf(11), 2);
    assert.equal(ports.ifindexOf(1), 0, 'two interfaces never have one number');
  });

  test('property: as a Map does', () => {
    const change = fc.record({
      id: fc.nat(300),
      ifindex: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
    });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 300 }), (changes) => {
        const ports = new GatePorts();
        const byId = new Map<number, number>();
        for (const { id, ifindex } of changes) {
          for (const [other, index] of byId) if (index === ifindex) byId.delete(other);
          byId.set(id, ifindex);
          ports.set(id, port(ifindex));
        }
        for (const [id, ifindex] of byId) {
          assert.equal(ports.idOf(ifindex), id);
          assert.equal(ports.ifindexOf(id), ifindex);
        }
      }),
      { seed: 6, numRuns: 50 },
    );
  });
});
