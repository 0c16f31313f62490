import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Prng } from '../../src/base/index.ts';

describe('Prng', () => {
  test('replays from its seed', () => {
    const take = (seed: number) => {
      const prng = new Prng(seed);
      return Array.from({ length: 20 }, () => prng.next());
    };
    assert.deepEqual(take(42), take(42));
    assert.notDeepEqual(take(42), take(43));
  });

  test('follows xorshift32 (13, 17, 5)', () => {
    // The published first values for state 1 (Marsaglia 2003).
    const prng = new Prng(1);
    assert.deepEqual([prng.next(), prng.next(), prng.next()], [270369, 67634689, 2647435461]);
  });

  test('a zero seed does not get stuck at zero', () => {
    for (const seed of [0, 2 ** 32, Number.NaN]) {
      const prng = new Prng(seed);
      assert.notEqual(prng.next(), 0);
      assert.notEqual(prng.next(), prng.next());
    }
  });

  test('numbers are unsigned 32-bit integers and use the whole range', () => {
    const prng = new Prng(7);
    let above = 0;
    for (let i = 0; i < 10_000; i++) {
      const n = prng.next();
      assert.ok(Number.isInteger(n) && n >= 0 && n <= 0xffffffff);
      if (n >= 2 ** 31) above++;
    }
    assert.ok(above > 4700 && above < 5300, `${above} of 10000 in the upper half`);
  });

  test('below(bound) reaches every value and never the bound', () => {
    const prng = new Prng(7);
    const counts = new Array<number>(10).fill(0);
    for (let i = 0; i < 10_000; i++) counts[prng.below(10)]!++;
    assert.equal(counts.length, 10);
    assert.ok(
      counts.every((c) => c > 850 && c < 1150),
      counts.join(' '),
    );
    assert.equal(prng.below(1), 0);
  });
});
