import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Arena } from '../../src/base/index.ts';

describe('Arena', () => {
  test('hands out zeroed arrays of the asked length', () => {
    const arena = new Arena();
    const arrays = [arena.int32(5), arena.float64(5)];
    for (const array of arrays) {
      assert.equal(array.length, 5);
      assert.ok(array.every((element) => element === 0));
    }
    assert.ok(arrays[0] instanceof Int32Array && arrays[1] instanceof Float64Array);
  });

  test('counts bytes, not elements', () => {
    const arena = new Arena();
    arena.int32(10);
    arena.float64(2);
    assert.equal(arena.allocatedBytes, 40 + 16);
  });

  test('arrays do not share memory', () => {
    const arena = new Arena();
    const one = arena.int32(4);
    const other = arena.int32(4);
    one.fill(-1);
    assert.deepEqual([...other], [0, 0, 0, 0]);
  });

  test('nothing is a length too', () => {
    const arena = new Arena();
    assert.equal(arena.int32(0).length, 0);
    assert.equal(arena.allocatedBytes, 0);
  });
});
