import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { RingReader } from '../../../../src/datapath/gate/punt/index.ts';
import { bytesPerRound } from '../../../support/allocation.ts';
import { RingTwin } from './fakes.ts';

function payload(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 7 + seed * 31) & 255);
}

function bytesAt(ring: RingTwin, at: number, length: number): Uint8Array {
  return new Uint8Array(ring.words.buffer as ArrayBuffer, at * 4, length);
}

describe('RingReader', () => {
  test('reads records in order, and gives their room back when told', () => {
    const ring = new RingTwin();
    const reader = new RingReader(ring);
    assert.equal(reader.next(), -1);
    assert.ok(reader.isEmpty());
    ring.push(payload(5, 1));
    ring.push(payload(120, 2));
    assert.ok(!reader.isEmpty());
    assert.deepEqual(bytesAt(ring, reader.next(), 5), payload(5, 1));
    assert.deepEqual(bytesAt(ring, reader.next(), 120), payload(120, 2));
    assert.equal(reader.next(), -1);
    assert.equal(ring.consumed, 0n);
    reader.release();
    assert.equal(ring.consumed, 16n + 128n);
  });

  test('stops at a record that is being written, passes over one thrown away', () => {
    const ring = new RingTwin();
    const reader = new RingReader(ring);
    ring.push(payload(9, 1), true);
    const first = ring.reserve(8);
    ring.push(payload(8, 3));
    assert.equal(reader.next(), -1);
    assert.ok(reader.isEmpty());
    reader.release();
    assert.equal(ring.consumed, 24n, 'what was passed over is given back');
    ring.commit(first, payload(8, 2));
    assert.equal(ring.wakes, 2, 'the reader stood right there');
    assert.deepEqual(bytesAt(ring, reader.next(), 8), payload(8, 2));
    assert.deepEqual(bytesAt(ring, reader.next(), 8), payload(8, 3));
    assert.equal(reader.next(), -1);
  });

  test('after finding it empty with everything released, the next record wakes', () => {
    const ring = new RingTwin();
    const reader = new RingReader(ring);
    ring.push(payload(8, 1));
    assert.ok(reader.next() >= 0);
    ring.push(payload(8, 2));
    assert.equal(ring.wakes, 1, 'nobody is waiting while records are unread');
    assert.ok(reader.next() >= 0);
    reader.release();
    assert.ok(reader.isEmpty());
    ring.push(payload(8, 3));
    assert.equal(ring.wakes, 2);
  });

  test('a record over the end of the ring is in one piece', () => {
    const ring = new RingTwin(4096, 4096n - 16n);
    const reader = new RingReader(ring);
    ring.push(payload(120, 4));
    assert.deepEqual(bytesAt(ring, reader.next(), 120), payload(120, 4));
  });

  test('a full ring loses records, and goes on once there is room', () => {
    const ring = new RingTwin(4096);
    const reader = new RingReader(ring);
    let pushed = 0;
    while (ring.push(payload(504, pushed))) pushed++;
    assert.equal(pushed, 8);
    assert.ok(reader.next() >= 0);
    assert.ok(!ring.push(payload(504, 9)));
    reader.release();
    assert.ok(ring.push(payload(504, 9)));
    let read = 0;
    while (reader.next() >= 0) read++;
    assert.equal(read, 8);
  });

  for (const start of [2n ** 31n - 64n, 2n ** 32n - 64n, 5n * 2n ** 32n - 64n, 2n ** 63n - 64n]) {
    test(`positions carry: from ${start}`, () => {
      const ring = new RingTwin(4096, start);
      const reader = new RingReader(ring);
      for (let n = 0; n < 30; n++) {
        assert.ok(ring.push(payload(40, n)));
        assert.deepEqual(bytesAt(ring, reader.next(), 40), payload(40, n));
        assert.equal(reader.next(), -1);
        reader.release();
        assert.equal(ring.consumed, start + BigInt((n + 1) * 48));
      }
    });
  }

  test('a ring that was taken over goes on, or is emptied', () => {
    const ring = new RingTwin();
    const before = new RingReader(ring);
    for (let n = 0; n < 3; n++) ring.push(payload(8, n));
    before.next();
    before.release();
    const after = new RingReader(ring);
    assert.deepEqual(bytesAt(ring, after.next(), 8), payload(8, 1));
    after.clear();
    assert.ok(after.isEmpty());
    assert.equal(ring.consumed, 48n);
  });

  test('property: any order of writing, throwing away and releasing gives what was written', () => {
    const step = fc.record({
      length: fc.integer({ min: 1, max: 1608 }),
      fate: fc.constantFrom('push', 'push', 'discard', 'late'),
      release: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), fc.boolean(), (steps, carries) => {
        const ring = new RingTwin(8192, carries ? 2n ** 32n - 8000n : 0n);
        const reader = new RingReader(ring);
        const expected: Uint8Array[] = [];
        const drain = (): void => {
          for (let at = reader.next(); at >= 0; at = reader.next()) {
            const wanted = expected.shift()!;
            assert.deepEqual(bytesAt(ring, at, wanted.length), wanted);
          }
        };
        for (const [n, { length, fate, release }] of steps.entries()) {
          const position = ring.reserve(length);
          if (position < 0n) {
            drain();
            reader.release();
            continue;
          }
          if (fate === 'late') drain();
          if (fate !== 'discard') expected.push(payload(length, n));
          ring.commit(position, payload(length, n), fate === 'discard');
          if (release) {
            drain();
            reader.release();
          }
        }
        drain();
        assert.equal(expected.length, 0);
      }),
      { seed: 6, numRuns: 200 },
    );
  });

  test('allocates nothing', () => {
    const ring = new RingTwin(4096);
    const reader = new RingReader(ring);
    for (let n = 0; n < 64; n++) ring.push(payload(56, n));
    while (reader.next() >= 0);
    reader.release();
    let read = 0;
    const bytes = bytesPerRound(() => {
      // The records of before again and again: 64 of them fill the ring.
      ring.producer[0]! += 64;
      if (reader.next() >= 0) read++;
      reader.release();
    });
    assert.ok(read > 100_000);
    assert.ok(bytes < 0.1, `${bytes} bytes a record`);
  });
});
