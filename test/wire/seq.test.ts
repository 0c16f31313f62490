import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { seqAfter, seqBefore, seqDiff } from '../../src/wire/index.ts';

const anySeq = fc.oneof(fc.integer(), fc.integer({ min: 0, max: 0xffffffff }));
const runs = { seed: 9293, numRuns: 500 };

describe('sequence arithmetic', () => {
  test('close numbers on either side of the wrap', () => {
    assert.equal(seqDiff(5, 0xfffffffb), 10);
    assert.equal(seqDiff(0xfffffffb, 5), -10);
    assert.ok(seqBefore(0xffffffff, 0));
    assert.ok(seqAfter(0, 0xffffffff));
    assert.ok(seqBefore(0x7fffffff, 0x80000000));
  });

  test('signed and unsigned forms of one number are the same number', () => {
    assert.equal(seqDiff(-1, 0xffffffff), 0);
    assert.equal(seqBefore(-1, 0xffffffff), false);
    assert.equal(seqAfter(-1, 0xffffffff), false);
    assert.equal(seqDiff(0, -1), 1);
  });

  test('nothing is before or after itself', () => {
    for (const seq of [0, 1, -1, 0x7fffffff, -0x80000000, 0x80000000, 0xffffffff]) {
      assert.ok(!seqBefore(seq, seq) && !seqAfter(seq, seq) && seqDiff(seq, seq) === 0);
    }
  });

  test('adding is what the difference takes back, anywhere on the circle', () => {
    fc.assert(
      fc.property(anySeq, fc.integer(), (base, distance) => {
        const moved = (base + distance) | 0;
        return seqDiff(moved, base) === distance && seqDiff(moved >>> 0, base) === distance;
      }),
      runs,
    );
  });

  test('before and after mirror each other, except half way round', () => {
    fc.assert(
      fc.property(anySeq, anySeq, (a, b) => {
        fc.pre(((a - b) | 0) !== -0x80000000);
        return seqBefore(a, b) === seqAfter(b, a) && seqDiff(a, b) + seqDiff(b, a) === 0;
      }),
      runs,
    );
  });

  test('half way round, each is before the other, as in the kernel', () => {
    assert.ok(seqBefore(0, 0x80000000) && seqBefore(0x80000000, 0));
    assert.ok(!seqAfter(0, 0x80000000) && !seqAfter(0x80000000, 0));
  });
});
