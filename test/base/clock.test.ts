import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Clock } from '../../src/base/index.ts';

describe('Clock', () => {
  test('set by hand', () => {
    const clock = new Clock();
    clock.set(12, 345_678);
    assert.deepEqual([clock.sec, clock.usec], [12, 345_678]);
    assert.equal(clock.epochSeconds(), 12.345678);
  });

  test('counts from its base', () => {
    const clock = new Clock(1_700_000_000);
    clock.setEpochMs(1_700_000_007_250.5);
    assert.deepEqual([clock.sec, clock.usec], [7, 250_500]);
    assert.equal(clock.epochSeconds(), 1_700_000_007.2505);
  });

  test('never goes back, by seconds or by microseconds', () => {
    const clock = new Clock();
    clock.setEpochMs(5_500);
    for (const earlier of [4_999, 5_499.999, 0, -1, Number.NaN]) {
      clock.setEpochMs(earlier);
      assert.deepEqual([clock.sec, clock.usec], [5, 500_000], `after ${earlier}`);
    }
    clock.setEpochMs(5_500.001);
    assert.deepEqual([clock.sec, clock.usec], [5, 500_001]);
    clock.setEpochMs(6_000);
    assert.deepEqual(
      [clock.sec, clock.usec],
      [6, 0],
      'a new second begins with smaller microseconds',
    );
  });

  test('a time before the base leaves it at zero', () => {
    const clock = new Clock(1_000);
    clock.setEpochMs(999_999);
    assert.deepEqual([clock.sec, clock.usec], [0, 0]);
  });

  test('microseconds stay below a million at the last fraction of a second', () => {
    const clock = new Clock(1_700_000_000);
    clock.setEpochMs(1_700_000_000_999.9998);
    assert.equal(clock.sec, 0);
    assert.ok(clock.usec >= 999_999 - 1 && clock.usec <= 999_999, `${clock.usec}`);
  });
});
