import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { mix32, mixFinish, randomSeed } from '../../src/base/index.ts';

const BUCKETS = 1024;
const KEYS = 65_536;

/** Chi-square over the buckets divided by its degrees of freedom: about 1 for a fair spread. */
function spread(hashOf: (i: number) => number, shift = 0): number {
  const counts = new Int32Array(BUCKETS);
  for (let i = 0; i < KEYS; i++) counts[(hashOf(i) >>> shift) & (BUCKETS - 1)]!++;
  const expected = KEYS / BUCKETS;
  return counts.reduce((sum, c) => sum + (c - expected) ** 2 / expected, 0) / (BUCKETS - 1);
}

describe('hash', () => {
  const seed = 0x1234567;
  const keySets: Record<string, (i: number) => number> = {
    'consecutive numbers': (i) => i,
    'port in the high half': (i) => i << 16,
    'addresses of a /16': (i) => 0x0a000000 | i,
    'every 256th address': (i) => i << 8,
    'both halves alike': (i) => (i << 16) | i,
  };
  for (const [name, key] of Object.entries(keySets)) {
    test(`spreads ${name} over the low and the high bits`, () => {
      for (const shift of [0, 12, 22]) {
        const chi = spread((i) => mixFinish(mix32(seed, key(i))), shift);
        // 1 ± 6 standard deviations of chi-square/df at 1023 degrees of freedom; less is fairer.
        assert.ok(chi < 1.27, `shift ${shift}: ${chi.toFixed(3)}`);
      }
    });
  }

  test('spreads tuples: one server, few clients, many ports', () => {
    const chi = spread((i) => {
      const h = mix32(mix32(seed, 0x0a000000 | (i & 15)), 0xc0000201 | 0);
      return mixFinish(mix32(h, ((1024 + (i >>> 4)) << 16) | 21));
    });
    assert.ok(chi < 1.27, chi.toFixed(3));
  });

  test('is a signed 32-bit integer, and the same for the same seed', () => {
    for (let i = 0; i < 1000; i++) {
      const h = mixFinish(mix32(seed, i * 0x9e37));
      assert.equal(h, h | 0);
      assert.equal(h, mixFinish(mix32(seed, i * 0x9e37)));
    }
  });

  test('order of the words counts', () => {
    assert.notEqual(mix32(mix32(seed, 1), 2), mix32(mix32(seed, 2), 1));
  });

  test('keys that share a bucket under one seed part under another', () => {
    const bucket = (s: number, i: number) => mixFinish(mix32(mix32(s, i), 21)) & (BUCKETS - 1);
    const together = Array.from({ length: KEYS }, (_, i) => i).filter((i) => bucket(1, i) === 7);
    const buckets = new Set(together.map((i) => bucket(2, i)));
    assert.ok(together.length > 30);
    assert.ok(buckets.size > together.length * 0.8, `${buckets.size} of ${together.length}`);
  });

  test('random seeds are 32-bit integers that differ', () => {
    const seeds = Array.from({ length: 8 }, randomSeed);
    assert.ok(seeds.every((s) => s === (s | 0)));
    assert.ok(new Set(seeds).size > 1);
  });
});
