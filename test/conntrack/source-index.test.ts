import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Arena, Prng } from '../../src/base/index.ts';
import { Direction, Field, SourceIndex, Status, Tuple } from '../../src/conntrack/index.ts';
import { ConntrackRows } from '../../src/conntrack/rows.ts';

function make(capacity: number) {
  const rows = new ConntrackRows(new Arena(), capacity);
  const index = new SourceIndex(new Arena(), rows, capacity, 5);
  return { rows, index };
}

function tupleFrom(source: number, port: number, destination: number): Tuple {
  const tuple = new Tuple();
  tuple.meta = (4 << 8) | 17;
  tuple.s0 = source;
  tuple.d0 = destination;
  tuple.setPorts(port, 53);
  return tuple;
}

function open(rows: ConntrackRows, source: number, port: number, destination: number): number {
  const row = rows.allocate();
  const tuple = tupleFrom(source, port, destination);
  rows.writeTuple(row, Direction.Original, tuple);
  rows.writeTuple(row, Direction.Reply, tuple);
  return row;
}

/** Everything a search finds, in its order. */
function found(index: SourceIndex, rows: ConntrackRows, source: number, port: number): number[] {
  const asking = open(rows, source, port, 0);
  index.search(tupleFrom(source, port, 99), asking);
  const list: number[] = [];
  for (let row = index.next(); row >= 0; row = index.next()) list.push(row);
  rows.release(asking);
  return list;
}

describe('SourceIndex', () => {
  test('finds nothing in an empty table, and only the newest first', () => {
    const { rows, index } = make(16);
    assert.deepEqual(found(index, rows, 1, 1), []);
    const [a, b, c] = [1, 2, 3].map((to) => open(rows, 1, 1, to)) as [number, number, number];
    for (const row of [a, b, c]) index.add(row);
    assert.deepEqual(found(index, rows, 1, 1), [c, b, a]);
    assert.deepEqual(found(index, rows, 1, 2), []);
    assert.deepEqual(found(index, rows, 2, 1), []);
  });

  test('a row that is added twice stands in it once, one that never was can be removed', () => {
    const { rows, index } = make(16);
    const row = open(rows, 1, 1, 1);
    index.remove(row);
    index.add(row);
    index.add(row);
    assert.deepEqual(found(index, rows, 1, 1), [row]);
    index.remove(row);
    assert.equal(rows.hasStatus(row, Status.InSourceIndex), false);
    assert.deepEqual(found(index, rows, 1, 1), []);
  });

  test('agrees with a plain list under random insertion and removal', () => {
    const { rows, index } = make(200);
    const random = new Prng(11);
    const living: { row: number; source: number; port: number }[] = [];
    for (let n = 0; n < 6000; n++) {
      if (living.length > 150 || (living.length > 0 && random.below(3) === 0)) {
        const [gone] = living.splice(random.below(living.length), 1);
        index.remove(gone!.row);
        rows.release(gone!.row);
      } else {
        const source = random.below(6);
        const port = random.below(4);
        const row = open(rows, source, port, n);
        index.add(row);
        living.unshift({ row, source, port });
      }
      const source = random.below(6);
      const port = random.below(4);
      const expected = living.filter((one) => one.source === source && one.port === port);
      assert.deepEqual(
        found(index, rows, source, port),
        expected.map((one) => one.row),
      );
    }
  });

  test('the link of a row in use is not taken for a free one', () => {
    const { rows, index } = make(8);
    const [a, b] = [open(rows, 1, 1, 1), open(rows, 1, 1, 2)];
    index.add(a);
    index.add(b);
    index.remove(a);
    rows.release(a);
    assert.equal(rows.get(b, Field.Next), -1);
    const again = open(rows, 7, 7, 7);
    assert.equal(again, a);
    index.add(again);
    assert.deepEqual(found(index, rows, 1, 1), [b]);
    assert.deepEqual(found(index, rows, 7, 7), [again]);
  });

  test('a zone of one direction is another source than the zone of both, in one chain too', () => {
    const { rows, index } = make(3);
    const zoned = (original: number, reply: number) => {
      const row = open(rows, 1, 1, 1);
      const tuple = tupleFrom(1, 1, 1);
      for (const direction of [Direction.Original, Direction.Reply] as const) {
        tuple.zone = direction === Direction.Original ? original : reply;
        rows.writeTuple(row, direction, tuple);
      }
      return row;
    };
    const both = zoned(5, 5);
    const one = zoned(5, 0);
    index.add(both);
    index.add(one);
    const asking = zoned(5, 0);
    index.search(tupleFrom(1, 1, 99), asking);
    assert.equal(index.next(), one);
    assert.equal(index.next(), -1);
  });

  test('a search gives up behind 1,024 links; removal needs none', () => {
    const { rows, index } = make(5000);
    const all = Array.from({ length: 3000 }, (_, n) => open(rows, 1, 1, n));
    for (const row of all) index.add(row);
    assert.equal(found(index, rows, 1, 1).length, 1024);
    for (const row of all) index.remove(row);
    assert.deepEqual(found(index, rows, 1, 1), []);
  });
});
