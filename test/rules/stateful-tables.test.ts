import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { Prng } from '../../src/base/index.ts';
import { dayOfMonth } from '../../src/rules/ext/matches/time.ts';
import { ConnectionCount } from '../../src/rules/ext/parts/connection-count.ts';
import {
  Answer,
  type HashlimitConfig,
  HashlimitTable,
} from '../../src/rules/ext/parts/hashlimit-table.ts';
import { KeyTable } from '../../src/rules/ext/parts/key-table.ts';
import { BoyerMoore, KnuthMorrisPratt } from '../../src/rules/ext/parts/text-search.ts';
import { FakeConnection } from './support.ts';

/** The tables and searches behind the stateful matches against slow and obvious twins. */

const runs = { seed: 20_261_121, numRuns: 200 };

describe('key table', () => {
  test('as a Map, through insertions and removals', () => {
    const random = new Prng(7);
    const table = new KeyTable(2, 300, 1);
    const model = new Map<string, number>();
    for (let i = 0; i < 20_000; i++) {
      const a = random.below(20);
      const b = random.below(40) - 20;
      table.key[0] = a;
      table.key[1] = b;
      const row = table.find();
      assert.equal(row, model.get(`${a},${b}`) ?? -1);
      if (row >= 0 && random.below(2) === 0) {
        table.remove(row);
        model.delete(`${a},${b}`);
      } else if (row < 0 && !table.isFull) {
        const made = table.insert();
        assert.ok(table.isUsed(made));
        model.set(`${a},${b}`, made);
      }
      assert.equal(table.count, model.size);
      assert.equal(table.isFull, model.size === 300);
    }
    assert.ok(table.highWater <= 300);
  });
});

const packetsConfig: HashlimitConfig = {
  kind: 'packets',
  maxRows: 4,
  expireTicks: 1000,
  sweepTicks: 1000,
  cap: 600_000,
  cost: 200_000,
  refills: 0,
  windowTicks: 0,
};

/** xt_hashlimit in packet mode with a Map, its sweeps carried out at every full second. */
class HashlimitModel {
  private readonly rows = new Map<number, { credit: number; at: number; expires: number }>();
  private swept = 0;

  take(key: number, ms: number): number {
    const tick = Math.floor(ms / 1000) * 1000;
    if (tick > this.swept) {
      this.swept = tick;
      for (const [k, { expires }] of this.rows) if (tick >= expires) this.rows.delete(k);
    }
    let row = this.rows.get(key);
    if (row === undefined) {
      if (this.rows.size === 4) return Answer.TableFull;
      row = { credit: 600, at: ms, expires: 0 };
      this.rows.set(key, row);
    }
    row.credit = Math.min(600, row.credit + ms - row.at);
    row.at = ms;
    row.expires = ms + 1000;
    if (row.credit < 200) return Answer.Over;
    row.credit -= 200;
    return Answer.Under;
  }
}

describe('hashlimit table', () => {
  test('as a Map that is swept every second, one bucket more than fit included', () => {
    const step = fc.tuple(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 700 }));
    const property = fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const table = new HashlimitTable(packetsConfig, 3);
      const model = new HashlimitModel();
      let ms = 5000;
      for (const [key, wait] of steps) {
        ms += wait;
        table.key[0] = key;
        table.now[0] = ms;
        assert.equal(table.take(100), model.take(key, ms), `${key} at ${ms}`);
      }
    });
    fc.assert(property, runs);
  });

  test('many addresses take no more than the bound, and idle ones give way', () => {
    const table = new HashlimitTable({ ...packetsConfig, maxRows: 1000 }, 3);
    let full = 0;
    for (let i = 0; i < 100_000; i++) {
      table.key[0] = i;
      table.now[0] = Math.floor(i / 10);
      if (table.take(100) === Answer.TableFull) full++;
      assert.ok(table.size <= 1000);
    }
    assert.ok(full > 80_000 && full < 98_000, `${full}`);
  });

  test('a window is judged by the one before it', () => {
    const config = { ...packetsConfig, kind: 'packet-windows', cost: 3, cap: 5 } as const;
    const table = new HashlimitTable({ ...config, windowTicks: 1000, expireTicks: 9000 }, 3);
    const at = (ms: number) => {
      table.now[0] = ms;
      return table.take(100);
    };
    assert.deepEqual([0, 1, 2, 3, 4, 5].map(at), [0, 0, 0, 0, 0, 1]);
    assert.equal(at(1000), Answer.Over, 'six were more than three');
    assert.equal(at(2000), Answer.Under, 'one was less');
  });
});

describe('connection count', () => {
  test('a list longer than 64 is looked through once in a millisecond', () => {
    const count = new ConnectionCount(1000, 5);
    const connection = new FakeConnection();
    connection.exists = true;
    for (let id = 0; id < 200; id++) {
      Object.assign(connection, { row: id, id });
      assert.equal(count.exceeds(150, connection), id >= 150 ? 1 : 0);
    }
    for (let id = 0; id < 60; id++) connection.closed.add(id);
    assert.equal(count.exceeds(150, connection), 1, 'the clock stands still');
    count.now[0] = 1;
    assert.equal(count.exceeds(150, connection), 0);
    for (let id = 60; id < 199; id++) connection.closed.add(id);
    assert.equal(count.exceeds(0, connection), 1, 'itself');
    count.now[0] = 2;
    assert.equal(count.exceeds(1, connection), 0);
    assert.equal(count.size, 1);
  });

  test('exactly: connections open, close, and are counted once', () => {
    const property = fc.property(
      fc.array(fc.tuple(fc.integer({ min: 0, max: 30 }), fc.boolean()), { maxLength: 100 }),
      fc.integer({ min: 0, max: 5 }),
      (steps, limit) => {
        const count = new ConnectionCount(64, 5);
        const connection = new FakeConnection();
        connection.exists = true;
        const open = new Set<number>();
        for (const [id, closes] of steps) {
          if (connection.closed.has(id)) continue;
          if (closes) {
            connection.closed.add(id);
            open.delete(id);
            continue;
          }
          open.add(id);
          Object.assign(connection, { row: id, id });
          assert.equal(count.exceeds(limit, connection), open.size > limit ? 1 : 0);
        }
        assert.ok(count.size <= 64);
      },
    );
    fc.assert(property, runs);
  });

  test('a packet without a connection counts for itself', () => {
    const count = new ConnectionCount(64, 5);
    const connection = new FakeConnection();
    assert.equal(count.exceeds(0, connection), 1);
    assert.equal(count.exceeds(1, connection), 0);
    assert.equal(count.size, 0);
  });

  test('one connection more than there is memory for', () => {
    const count = new ConnectionCount(64, 5);
    const connection = new FakeConnection();
    connection.exists = true;
    for (let id = 0; id < 64; id++) {
      Object.assign(connection, { row: id, id });
      count.key[0] = id;
      assert.equal(count.exceeds(3, connection), 0);
    }
    Object.assign(connection, { row: 64, id: 64 });
    count.key[0] = 64;
    assert.equal(count.exceeds(3, connection), -1);
    connection.closed.add(20);
    assert.equal(count.exceeds(3, connection), 0, 'an ended one has made room');
    assert.equal(count.size, 64);
  });
});

describe('search', () => {
  test('both algorithms find what a comparison at every place finds', () => {
    const letters = fc.constantFrom(0x61, 0x41, 0x62, 0xe9, 0xc9, 0xf7);
    const bytes = (maxLength: number, minLength = 0) =>
      fc.array(letters, { minLength, maxLength }).map((list) => Uint8Array.from(list));
    const property = fc.property(bytes(40), bytes(6, 1), fc.boolean(), (text, pattern, icase) => {
      const fold = (byte: number) => (icase && byte !== 0xf7 && byte > 0x60 ? byte & ~0x20 : byte);
      // 0xc9 is a capital and 0xe9 its small letter; clearing bit 5 of the others does nothing.
      const found = [...text.keys()].some((at) =>
        pattern.every((byte, i) => fold(text[at + i] ?? -1) === fold(byte)),
      );
      for (const Search of [BoyerMoore, KnuthMorrisPratt]) {
        const search = new Search(pattern, icase);
        assert.equal(search.occurs(text, 0, text.length), found, Search.name);
      }
    });
    fc.assert(property, { ...runs, numRuns: 2000 });
  });

  test('the worst pattern in the largest packet takes milliseconds', () => {
    const text = new Uint8Array(65_000).fill(0x61);
    const pattern = new Uint8Array(128).fill(0x61);
    pattern[0] = 0x62;
    const started = performance.now();
    for (const Search of [BoyerMoore, KnuthMorrisPratt]) {
      assert.equal(new Search(pattern, false).occurs(text, 0, text.length), false);
    }
    assert.ok(performance.now() - started < 500);
  });
});

describe('calendar', () => {
  test('days of the month from 1970 to the end of the 31 bits', () => {
    for (let day = 0; day <= 24_855; day++) {
      assert.equal(dayOfMonth(day), new Date(day * 86_400_000).getUTCDate(), `${day}`);
    }
  });
});
