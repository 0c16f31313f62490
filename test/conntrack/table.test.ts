import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { Arena } from '../../src/base/index.ts';
import { ROW_WORDS } from '../../src/conntrack/fields.ts';
import { ConntrackTable, Direction, Field, Status, Tuple } from '../../src/conntrack/index.ts';
import { MapTable } from '../support/map-table.ts';

const CAPACITY = 4;
/** What the table makes of a capacity of 4: the smallest index. */
const SLOTS = 16;

function newTable(capacity = CAPACITY, seed = 1): ConntrackTable {
  return new ConntrackTable(new Arena(), capacity, seed);
}

/** A tuple that differs from others by `n` only; odd numbers are IPv6. */
function tupleNumber(n: number): Tuple {
  const tuple = new Tuple();
  tuple.meta = ((n & 1 ? 6 : 4) << 8) | 6;
  tuple.s0 = 0x0a000001;
  tuple.d0 = 0xc0000201 | 0;
  tuple.ports = n >> 1;
  return tuple;
}

/** Tuples whose home in the index is one of `homes`, so that they get in each other's way. */
function tuplesAt(homes: readonly number[], seed: number, count: number): Tuple[] {
  const found: Tuple[] = [];
  for (let n = 0; found.length < count; n++) {
    const tuple = tupleNumber(n);
    if (homes.includes(tuple.hash(seed) & (SLOTS - 1))) found.push(tuple);
  }
  return found;
}

function allocateWith(table: ConntrackTable, original: Tuple, reply: Tuple): number {
  const row = table.allocate();
  assert.notEqual(row, -1);
  table.writeTuple(row, Direction.Original, original);
  table.writeTuple(row, Direction.Reply, reply);
  return row;
}

interface Step {
  readonly op: 'allocate' | 'insert' | 'lookup' | 'unlink' | 'release' | 'end';
  readonly a: number;
  readonly b: number;
}

/** The fast table and its twin, driven side by side over a small pool of tuples. */
class Pair {
  readonly fast: ConntrackTable;
  readonly slow = new MapTable(CAPACITY);
  private readonly pool: readonly Tuple[];
  private readonly lastId = new Map<number, number>();

  constructor(seed: number, homes: readonly number[]) {
    this.fast = newTable(CAPACITY, seed);
    this.pool = tuplesAt(homes, seed, 12);
  }

  step({ op, a, b }: Step): void {
    if (op === 'allocate') this.allocate(this.tuple(a), this.tuple(b));
    else if (op === 'lookup') this.sameLookup(this.tuple(a));
    else this.onRow(op, a);
    assert.equal(this.fast.count, this.slow.count);
  }

  sameEverywhere(): void {
    for (const tuple of this.pool) this.sameLookup(tuple);
  }

  private tuple(n: number): Tuple {
    return this.pool[n % this.pool.length]!;
  }

  private sameLookup(tuple: Tuple): void {
    assert.equal(this.fast.lookup(tuple), this.slow.lookup(tuple));
  }

  private allocate(original: Tuple, reply: Tuple): void {
    const row = this.fast.allocate();
    assert.equal(row < 0, this.slow.isFull, 'full, and not before');
    if (row < 0) return;
    assert.ok(row < CAPACITY && !this.slow.has(row), 'a row that nobody has');
    const id = this.fast.get(row, Field.Id);
    assert.notEqual(id, 0);
    assert.notEqual(id, this.lastId.get(row), 'not the id of the row before');
    this.lastId.set(row, id);
    this.fast.writeTuple(row, Direction.Original, original);
    this.fast.writeTuple(row, Direction.Reply, reply);
    this.slow.allocated(row, original, reply);
  }

  private onRow(op: Step['op'], n: number): void {
    const rows = this.slow.rowNumbers();
    if (rows.length === 0) return;
    const row = rows[n % rows.length]!;
    if (op === 'insert') assert.equal(this.fast.insert(row), this.slow.insert(row));
    if (op === 'unlink' || op === 'end') {
      this.fast.unlink(row);
      this.slow.unlink(row);
    }
    assert.equal(this.fast.hasStatus(row, Status.Confirmed), this.slow.isInserted(row));
    if (op === 'end' || (op === 'release' && !this.slow.isInserted(row))) {
      this.fast.release(row);
      this.slow.release(row);
      assert.equal(this.fast.inUse(row), false);
    }
  }
}

const step: fc.Arbitrary<Step> = fc.record({
  op: fc.constantFrom('allocate', 'insert', 'insert', 'lookup', 'unlink', 'release', 'end'),
  a: fc.nat(11),
  b: fc.nat(11),
});

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length < 2) return [[...items]];
  return items.flatMap((item, at) =>
    permutations(items.filter((_, other) => other !== at)).map((rest) => [item, ...rest]),
  );
}

describe('the connection table against its Map twin', () => {
  for (const [name, homes] of [
    ['tuples all over the index', Array.from({ length: SLOTS }, (_, home) => home)],
    ['tuples that crowd the end of the index', [13, 14, 15]],
    ['tuples of a single home, the last slot', [15]],
  ] as const) {
    test(name, () => {
      fc.assert(
        fc.property(fc.integer(), fc.array(step, { maxLength: 120 }), (seed, steps) => {
          const pair = new Pair(seed, homes);
          for (const one of steps) {
            pair.step(one);
            pair.sameEverywhere();
          }
        }),
        { seed: 20_260_801, numRuns: 300 },
      );
    });
  }

  test('a probe run around the end survives every order of deletion', () => {
    const seed = 77;
    const tuples = tuplesAt([14, 15], seed, 2 * CAPACITY);
    for (const order of permutations([0, 1, 2, 3])) {
      const table = newTable(CAPACITY, seed);
      const rows = order.map((n) => allocateWith(table, tuples[n * 2]!, tuples[n * 2 + 1]!));
      for (const row of rows) assert.ok(table.insert(row));
      const gone = new Set<number>();
      for (const n of [0, 1, 2, 3]) {
        table.unlink(rows[order.indexOf(n)]!);
        gone.add(n);
        for (const [at, tuple] of tuples.entries()) {
          const owner = rows[order.indexOf(at >> 1)]!;
          const expected = gone.has(at >> 1) ? -1 : (owner << 1) | (at & 1);
          assert.equal(table.lookup(tuple), expected);
        }
      }
    }
  });
});

describe('the capacity of the table', () => {
  for (const capacity of [1, 2, 3, 4, 5, 16, 17]) {
    test(`${capacity} rows and no more, each of them found under both tuples`, () => {
      const table = newTable(capacity);
      for (let n = 0; n < capacity; n++) {
        assert.ok(table.insert(allocateWith(table, tupleNumber(n * 2), tupleNumber(n * 2 + 1))));
      }
      assert.deepEqual([table.count, table.highWater], [capacity, capacity]);
      assert.equal(table.allocate(), -1, 'one more');
      assert.equal(table.count, capacity);
      for (let n = 0; n < capacity * 2; n++) assert.equal(table.lookup(tupleNumber(n)), n);
      assert.equal(table.lookup(tupleNumber(capacity * 2)), -1, 'a stranger, in a full table');
      table.unlink(capacity - 1);
      table.release(capacity - 1);
      assert.equal(table.allocate(), capacity - 1, 'a freed row is given out again');
      assert.equal(table.allocate(), -1);
    });
  }
});

describe('a clash', () => {
  const [a, b, c, d] = [2, 4, 6, 8].map(tupleNumber) as [Tuple, Tuple, Tuple, Tuple];
  for (const [name, original, reply, free] of [
    ['on the original tuple', a, d, d],
    ['on the reply tuple', d, b, d],
    ['of the original tuple with a reply tuple', b, d, d],
    ['of the reply tuple with an original tuple', d, a, d],
    ['on both', a, b, c],
  ] as const) {
    test(`${name} refuses the row and leaves nothing of it`, () => {
      const table = newTable();
      const first = allocateWith(table, a, b);
      assert.ok(table.insert(first));
      const second = allocateWith(table, original, reply);
      assert.equal(table.insert(second), false);
      assert.equal(table.hasStatus(second, Status.Confirmed), false);
      assert.deepEqual(
        [a, b].map((tuple) => table.lookup(tuple)),
        [first << 1, (first << 1) | 1],
      );
      assert.equal(table.lookup(free), -1);
      table.unlink(first);
      table.release(first);
      assert.ok(table.insert(second), 'free to enter once the other is gone');
    });
  }

  test('of a row with itself: entering twice leaves no second entry behind', () => {
    const table = newTable();
    const row = allocateWith(table, a, b);
    assert.ok(table.insert(row));
    assert.equal(table.insert(row), false);
    table.unlink(row);
    assert.deepEqual([table.lookup(a), table.lookup(b)], [-1, -1]);
  });

  test('none: a connection whose directions look alike is one, in the original direction', () => {
    const table = newTable();
    const row = allocateWith(table, a, a);
    assert.ok(table.insert(row));
    assert.equal(table.lookup(a), row << 1);
    table.unlink(row);
    assert.equal(table.lookup(a), -1);
  });
});

describe('a row', () => {
  test('is clean for its next user, and its id another one', () => {
    const table = newTable(1);
    const row = table.allocate();
    const id = table.get(row, Field.Id);
    for (let field = 0; field < ROW_WORDS; field++) {
      if (field !== Field.WideSlot) table.set(row, field, 0xa5a5a5a5 | 0);
    }
    table.countPacket(row, Direction.Original, 1500);
    table.countPacket(row, Direction.Reply, 40);
    table.release(row);
    assert.equal(table.inUse(row), false);
    assert.equal(table.allocate(), row);
    assert.ok(table.inUse(row));
    assert.notEqual(table.get(row, Field.Id), id);
    assert.notEqual(table.get(row, Field.Id), 0);
    for (let field = 0; field < ROW_WORDS; field++) {
      if (field === Field.Id) continue;
      assert.equal(table.get(row, field), field === Field.MasterRow ? -1 : 0, `field ${field}`);
    }
    const counts = [Direction.Original, Direction.Reply].map((d) => [
      table.packets(row, d),
      table.bytes(row, d),
    ]);
    assert.deepEqual(counts, [
      [0, 0],
      [0, 0],
    ]);
  });

  test('gets an id other than zero when the numbers start over', () => {
    const table = newTable();
    Reflect.set(table, 'nextId', 0x7fffffff);
    const ids = [0, 1].map(() => table.get(table.allocate(), Field.Id));
    Reflect.set(table, 'nextId', -1);
    ids.push(...[0, 1].map(() => table.get(table.allocate(), Field.Id)));
    assert.deepEqual(ids, [0x7fffffff, -0x80000000, -1, 1]);
  });

  test('counts beyond 32 bits', () => {
    const table = newTable();
    const row = table.allocate();
    for (let n = 0; n < 3; n++) table.countPacket(row, Direction.Reply, 0xffffffff);
    assert.deepEqual(
      [table.packets(row, Direction.Reply), table.bytes(row, Direction.Reply)],
      [3, 3 * 0xffffffff],
    );
    assert.equal(table.packets(row, Direction.Original), 0);
  });

  test('outside what was ever used is not in use', () => {
    const table = newTable();
    assert.equal(table.inUse(0), false);
    table.allocate();
    assert.deepEqual([table.inUse(0), table.inUse(1), table.inUse(-1)], [true, false, false]);
  });
});
