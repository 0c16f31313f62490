/** Choosing a tuple leaves no garbage: connections per second matter as packets do. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Direction, Tuple } from '../../src/conntrack/index.ts';
import { Manip } from '../../src/nat/index.ts';
import { allocatesEachTime } from '../support/allocation.ts';
import { Flows, natRange, tupleOf } from './flows.ts';

for (const [name, range] of [
  ['an address that is kept', natRange(null)],
  ['one of several addresses', natRange(['203.0.113.8', '203.0.113.200'])],
  ['a random port of a range', natRange(['203.0.113.8', '203.0.113.8'], [2000, 60_000])],
] as const) {
  test(`${name}: bound, entered and ended`, () => {
    const { nat, conntrack, table, clock } = new Flows();
    const original = tupleOf({ src: '10.0.0.1', dst: '198.51.100.9', sport: 4000, dport: 80 });
    const reply = new Tuple();
    // A connection of the same source that stays, for the index of sources to find.
    original.setPorts(4000, 443);
    open();
    let refused = 0;
    const allocates = allocatesEachTime((n) => {
      original.setPorts(4000, 1 + (n & 0xff));
      const row = open();
      if (row < 0) refused++;
      else conntrack.destroy(row);
    });
    assert.equal(refused, 0);
    assert.equal(allocates, false);

    function open(): number {
      const row = table.allocate();
      reply.invertFrom(original);
      table.writeTuple(row, Direction.Original, original);
      table.writeTuple(row, Direction.Reply, reply);
      table.refresh(row, clock, 60);
      nat.bindNothing(row, Manip.Destination);
      nat.bind(row, range, Manip.Source);
      return table.insert(row) ? row : -1;
    }
  });
}

test('the measure sees one small object', () => {
  const kept = { last: {} };
  const allocates = allocatesEachTime((n) => {
    kept.last = { n };
  });
  assert.ok(allocates);
});
