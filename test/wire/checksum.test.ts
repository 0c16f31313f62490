import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { Prng } from '../../src/base/index.ts';
import {
  addressSum,
  checksum,
  foldSum,
  sumBytes,
  updateChecksum16,
  updateChecksum32,
} from '../../src/wire/index.ts';
import { be16, be32 } from '../support/bytes.ts';
import { slowChecksum, slowSum, slowVerify } from '../support/slow-checksum.ts';

const runs = { seed: 20_260_101, numRuns: 500 };

/** `bytes` in the midst of dirt, so that a read outside changes the sum. */
function dirty(bytes: Uint8Array, lead: number): { view: DataView; start: number; end: number } {
  const buffer = new Uint8Array(lead + bytes.length + 32).fill(0xa5);
  buffer.set(bytes, lead);
  return { view: new DataView(buffer.buffer), start: lead, end: lead + bytes.length };
}

function fastChecksum(bytes: Uint8Array, lead = 16): number {
  const { view, start, end } = dirty(bytes, lead);
  return checksum(view, start, end);
}

describe('full checksum', () => {
  test('the example of RFC 1071 section 3', () => {
    const bytes = Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7);
    assert.equal(fastChecksum(bytes), ~0xddf2 & 0xffff);
    assert.equal(slowChecksum(bytes), ~0xddf2 & 0xffff);
  });

  test('agrees with the slow twin at every length from 0 to 100', () => {
    const prng = new Prng(11);
    for (let length = 0; length <= 100; length++) {
      const bytes = Uint8Array.from({ length }, () => prng.below(256));
      assert.equal(fastChecksum(bytes), slowChecksum(bytes), `${length} bytes`);
    }
  });

  test('agrees at the largest lengths, all ones included', () => {
    const prng = new Prng(12);
    for (const length of [65_519, 65_534, 65_535, 65_536]) {
      const ones = new Uint8Array(length).fill(0xff);
      assert.equal(fastChecksum(ones), slowChecksum(ones), `${length} ones`);
      const bytes = Uint8Array.from({ length }, () => prng.below(256));
      assert.equal(fastChecksum(bytes), slowChecksum(bytes), `${length} bytes`);
    }
  });

  test('nothing sums to nothing', () => {
    const { view, start, end } = dirty(new Uint8Array(0), 16);
    assert.equal(sumBytes(view, start, end), 0);
    assert.equal(checksum(view, start, end), 0xffff);
    assert.equal(checksum(view, start, end, 0xffff), 0);
  });

  test('any bytes at any offset, with any pseudo header', () => {
    const words = fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 20 });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(17), words, (bytes, lead, pseudo) => {
        const { view, start, end } = dirty(bytes, lead);
        const initial = pseudo.reduce((sum, word) => sum + word, 0);
        const pseudoBytes = pseudo.flatMap((word) => [...be16(word)]);
        const expected = slowChecksum(Uint8Array.from([...pseudoBytes, ...bytes]));
        return checksum(view, start, end, initial) === expected;
      }),
      runs,
    );
  });

  test('folding is exact up to 2^32 - 1', () => {
    for (const sum of [0, 1, 0xfffe, 0xffff, 0x10000, 0x1fffe, 0x1ffff, 0xffff0000, 0xffffffff]) {
      assert.equal(foldSum(sum), slowSum(be32(sum)), sum.toString(16));
    }
  });

  test('an address word sums as its two halves, whatever its sign', () => {
    assert.equal(addressSum(0xc0a80001 | 0), 0xc0a8 + 0x0001);
    assert.equal(addressSum(-1), 0xffff + 0xffff);
    assert.equal(addressSum(0), 0);
  });
});

describe('incremental update (RFC 1624)', () => {
  test('the example of RFC 1624 section 4: 0xdd2f, 0x5555 to 0x3285, gives 0x0000', () => {
    // RFC 1141's equation gave 0xffff here, which recomputation never does.
    assert.equal(updateChecksum16(0xdd2f, 0x5555, 0x3285), 0x0000);
  });

  test('a 16-bit word: the same as recomputation', () => {
    const data = fc.uint8Array({ minLength: 4, maxLength: 60 });
    fc.assert(
      fc.property(data, fc.nat(), fc.nat(0xffff), (bytes, place, after) => {
        bytes[0]! |= 1; // some word besides the changed one is not zero, as in any IP packet
        const at = 2 + 2 * (place % ((bytes.length - 2) >> 1));
        const before = (bytes[at]! << 8) | bytes[at + 1]!;
        const field = slowChecksum(bytes);
        bytes.set(be16(after), at);
        return updateChecksum16(field, before, after) === slowChecksum(bytes);
      }),
      runs,
    );
  });

  test('a 32-bit word, signed or unsigned: the same as recomputation', () => {
    const data = fc.uint8Array({ minLength: 6, maxLength: 60 });
    const word = fc.oneof(fc.integer(), fc.integer({ min: 0, max: 0xffffffff }));
    fc.assert(
      fc.property(data, word, fc.boolean(), (bytes, after, unsigned) => {
        bytes[0]! |= 1;
        const view = new DataView(bytes.buffer);
        const before = unsigned ? view.getUint32(2) : view.getInt32(2);
        const field = slowChecksum(bytes);
        view.setInt32(2, after | 0);
        return updateChecksum32(field, before, after) === slowChecksum(bytes);
      }),
      runs,
    );
  });

  test('every corner value, exhaustively: the verifier accepts, and recomputation agrees', () => {
    const corners = [0x0000, 0x0001, 0x7fff, 0x8000, 0xfffe, 0xffff];
    for (const rest of corners.filter((word) => word !== 0)) {
      for (const before of corners) {
        for (const after of corners) {
          const field = slowChecksum(Uint8Array.from([...be16(rest), ...be16(before)]));
          const updated = updateChecksum16(field, before, after);
          const changed = Uint8Array.from([...be16(rest), ...be16(after)]);
          assert.equal(updated, slowChecksum(changed), `${rest} ${before} ${after}`);
          assert.ok(slowVerify(Uint8Array.from([...changed, ...be16(updated)])));
        }
      }
    }
  });

  test('a field of 0xffff where recomputation has 0x0000 stays one that verifies', () => {
    // UDP sends a computed zero as 0xffff; both mean zero, and both must survive an update.
    const corners = [0x0000, 0x0001, 0x1234, 0xfffe, 0xffff];
    for (const before of corners) {
      const rest = 0xffff - before;
      for (const after of corners) {
        for (const field of [0x0000, 0xffff]) {
          const updated = updateChecksum16(field, before, after);
          const packet = Uint8Array.from([...be16(rest), ...be16(after), ...be16(updated)]);
          const allZero = packet.every((byte) => byte === 0);
          assert.ok(allZero || slowVerify(packet), `${field} ${before} ${after}: ${updated}`);
        }
      }
    }
  });

  test('the one case where the two differ: everything else zero, which no IP packet is', () => {
    assert.equal(slowChecksum(new Uint8Array(4)), 0xffff);
    const field = slowChecksum(Uint8Array.of(0, 0, 0xff, 0xff));
    assert.equal(updateChecksum16(field, 0xffff, 0), 0x0000);
  });

  test('no change is no change, except for the two zeros', () => {
    for (let field = 0; field < 0xffff; field += 7) {
      assert.equal(updateChecksum16(field, 0xabcd, 0xabcd), field);
      assert.equal(updateChecksum32(field, -5, -5), field);
    }
    assert.equal(updateChecksum16(0xffff, 0xabcd, 0xabcd), 0x0000);
  });

  test('there and back again', () => {
    fc.assert(
      fc.property(fc.nat(0xfffe), fc.integer(), fc.integer(), (field, before, after) => {
        const there = updateChecksum32(field, before, after);
        return updateChecksum32(there, after, before) === field;
      }),
      runs,
    );
  });
});
