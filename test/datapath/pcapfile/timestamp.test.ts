import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isUsableResolution, TimestampScale } from '../../../src/datapath/pcapfile/timestamp.ts';

/** The slow twin: BigInt all the way. */
function slowResolve(tsresol: number, time: bigint): [sec: bigint, nanos: bigint] {
  const exponent = BigInt(tsresol & 0x7f);
  const unitsPerSec = (tsresol & 0x80) === 0 ? 10n ** exponent : 1n << exponent;
  return [time / unitsPerSec, ((time % unitsPerSec) * 1_000_000_000n) / unitsPerSec];
}

function agree(tsresol: number, time: bigint): void {
  const scale = new TimestampScale(tsresol, 0);
  scale.resolve(Number(time >> 32n), Number(time & 0xffffffffn));
  const [sec, nanos] = slowResolve(tsresol, time);
  const where = `tsresol ${tsresol}, time ${time}`;
  // A double holds seconds exactly up to 2^53; the reader refuses what lies beyond.
  assert.equal(scale.epochSec, Number(sec), where);
  assert.equal(scale.nanos, Number(nanos), where);
}

const usable: number[] = [];
for (let tsresol = 0; tsresol < 256; tsresol++) {
  if (isUsableResolution(tsresol)) usable.push(tsresol);
}

test('20 powers of ten and 64 powers of two are usable', () => {
  assert.equal(usable.length, 20 + 64);
});

test('every resolution agrees with BigInt at the edges', () => {
  const max = 2n ** 64n - 1n;
  for (const tsresol of usable) {
    const exponent = BigInt(tsresol & 0x7f);
    const second = (tsresol & 0x80) === 0 ? 10n ** exponent : 1n << exponent;
    const now = 1_700_000_000n * second;
    const edges = [0n, 1n, 2n ** 32n - 1n, 2n ** 32n, second - 1n, second, max - 1n, max];
    for (const time of [...edges, now - 1n, now, now + 1n]) {
      if (time >= 0n && time <= max) agree(tsresol, time);
    }
  }
});

test('every resolution agrees with BigInt anywhere', () => {
  const property = fc.property(
    fc.constantFrom(...usable),
    fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    agree,
  );
  fc.assert(property, { seed: 20260101, numRuns: 5000 });
});
