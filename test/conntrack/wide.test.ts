/**
 * What IPv6 tuples have beside their rows: never seen through an IPv4 tuple, carried along when the
 * table grows, and left alone by IPv4 connections, which is what saves their memory.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Arena, Prng } from '../../src/base/index.ts';
import { ConntrackTable, Direction, SourceIndex, Tuple } from '../../src/conntrack/index.ts';
import { WIDE_WORDS } from '../../src/conntrack/tuple.ts';

const DIRECTIONS = [Direction.Original, Direction.Reply] as const;

/** Tuple `n` of a family: no two are the same, and those of IPv6 differ in one wide word alone. */
function tupleNumber(n: number, family: number): Tuple {
  const tuple = new Tuple();
  tuple.meta = (family << 8) | 17;
  tuple.s0 = 0x0a000001;
  tuple.d0 = 0xc0000201 | 0;
  if (family === 4) {
    tuple.ports = n;
    return tuple;
  }
  const field = (['s1', 's2', 's3', 'd1', 'd2', 'd3'] as const)[n % 6]!;
  tuple[field] = -1 - n;
  return tuple;
}

function enter(table: ConntrackTable, original: Tuple, reply: Tuple): number {
  const row = table.allocate();
  table.writeTuple(row, Direction.Original, original);
  table.writeTuple(row, Direction.Reply, reply);
  assert.ok(table.insert(row));
  return row;
}

function leave(table: ConntrackTable, row: number): void {
  table.unlink(row);
  table.release(row);
}

function tuplesOf(table: ConntrackTable, row: number): Tuple[] {
  return DIRECTIONS.map((direction) => {
    const tuple = tupleNumber(0xa5, 6);
    table.readTuple(row, direction, tuple);
    return tuple;
  });
}

describe('a row that changes family', () => {
  for (const families of [
    [6, 4, 6],
    [4, 6, 4],
  ]) {
    test(`IPv${families.join(', IPv')}: shows nothing of the connection before`, () => {
      const table = new ConntrackTable(new Arena(), 1, 1);
      for (const [turn, family] of families.entries()) {
        const tuples = [turn * 2, turn * 2 + 1].map((n) => tupleNumber(n, family));
        const row = enter(table, tuples[0]!, tuples[1]!);
        assert.deepEqual(tuplesOf(table, row), tuples);
        assert.deepEqual(
          tuples.map((tuple) => table.lookup(tuple)),
          [0, 1],
        );
        leave(table, row);
      }
    });
  }

  test('has tuples of zeros until it is given some', () => {
    const table = new ConntrackTable(new Arena(), 1, 1);
    leave(table, enter(table, tupleNumber(0, 6), tupleNumber(1, 6)));
    assert.deepEqual(tuplesOf(table, table.allocate()), [new Tuple(), new Tuple()]);
  });

  test('may change it under a tuple that is written anew', () => {
    const table = new ConntrackTable(new Arena(), 1, 1);
    const row = table.allocate();
    for (const family of [6, 4, 6, 4]) {
      const tuple = tupleNumber(family, family);
      table.writeTuple(row, Direction.Reply, tuple);
      assert.deepEqual(tuplesOf(table, row), [new Tuple(), tuple]);
    }
  });
});

describe('a table of both families that grows', () => {
  for (const seed of [2, 7, 11]) {
    test(`seed ${seed}: agrees with what was entered, row by row`, () => {
      const random = new Prng(seed);
      const table = new ConntrackTable(new Arena(), 8, seed, 16);
      const index = new SourceIndex(new Arena(), table, 0, seed);
      const entered = new Map<number, Tuple[]>();
      const asked = new Tuple();
      for (let n = 0; n < 2000; n++) {
        if (table.count === table.capacity) assert.ok(table.reserve(table.capacity * 2));
        const family = random.below(2) === 0 ? 4 : 6;
        const tuples = [n * 2, n * 2 + 1].map((number) => tupleNumber(number, family));
        const row = enter(table, tuples[0]!, tuples[1]!);
        index.add(row);
        entered.set(row, tuples);
        if (random.below(5) < 2) {
          const gone = [...entered.keys()][random.below(entered.size)]!;
          index.remove(gone);
          leave(table, gone);
          for (const tuple of entered.get(gone)!) assert.equal(table.lookup(tuple), -1);
          entered.delete(gone);
        }
        if (n % 100 > 0) continue;
        for (const [known, both] of entered) {
          assert.deepEqual(tuplesOf(table, known), both);
          assert.equal(table.lookup(both[0]!), known << 1);
          assert.equal(table.lookup(both[1]!), (known << 1) | 1);
          asked.copyFrom(both[0]!);
          index.search(asked, known);
          assert.equal(sourcesFound(index).includes(known), true);
        }
      }
    });
  }

  function sourcesFound(index: SourceIndex): number[] {
    const rows: number[] = [];
    for (let row = index.next(); row >= 0; row = index.next()) rows.push(row);
    return rows;
  }

  test('IPv6 sources that differ in their last word are two, in one chain too', () => {
    const table = new ConntrackTable(new Arena(), 3, 1);
    const index = new SourceIndex(new Arena(), table, 1, 1);
    const rows = [2, 8, 14].map((n) => enter(table, tupleNumber(n, 6), tupleNumber(n + 1, 6)));
    for (const row of rows) index.add(row);
    for (const [at, n] of [2, 8, 14].entries()) {
      index.search(tupleNumber(n, 6), rows[at]!);
      assert.deepEqual(sourcesFound(index), [rows[at]]);
    }
  });
});

describe('the memory of the wide words', () => {
  const SLOT_WORDS = 2 * WIDE_WORDS;

  /** Keeps an eye on the wide words: by their lengths, those of tables of these capacities. */
  class Watch extends Arena {
    readonly wide: Int32Array[] = [];
    private readonly lengths: readonly number[];

    constructor(...capacities: number[]) {
      super();
      this.lengths = capacities.map((capacity) => (capacity + 1) * SLOT_WORDS);
    }

    override int32(length: number): Int32Array {
      const words = super.int32(length);
      if (this.lengths.includes(length)) this.wide.push(words);
      return words;
    }

    /** How many slots have ever been written, the first of them counted too, which is nobody's. */
    slots(): number[] {
      return this.wide.map((words) =>
        Math.ceil((words.findLastIndex((word) => word !== 0) + 1) / SLOT_WORDS),
      );
    }
  }

  /** Connections from `from` to `to`, of which every tenth is an IPv6 one if there are any. */
  function fill(table: ConntrackTable, from: number, to: number, hasIpv6: boolean): void {
    for (let n = from; n < to; n++) {
      const family = hasIpv6 && n % 10 === 0 ? 6 : 4;
      enter(table, tupleNumber(n * 2, family), tupleNumber(n * 2 + 1, family));
    }
  }

  function churn(arena: Arena, hasIpv6: boolean): void {
    const table = new ConntrackTable(arena, 100, 1);
    fill(table, 0, 100, hasIpv6);
    for (let row = 99; row >= 50; row--) leave(table, row);
    fill(table, 100, 150, hasIpv6);
    assert.ok(table.reserve(300));
    fill(table, 150, 300, hasIpv6);
    assert.equal(table.count, 250);
  }

  test('is not written for IPv4', () => {
    const arena = new Watch(100, 300);
    churn(arena, false);
    assert.deepEqual(arena.slots(), [0, 0]);
  });

  test('is as much as the IPv6 connections need that live together', () => {
    const arena = new Watch(100, 300);
    churn(arena, true);
    assert.deepEqual(arena.slots(), [11, 26]);
  });
});
