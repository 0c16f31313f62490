import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { looksLikeTls, TlsRecords } from '../../../../src/helpers/ftp/dialogue/tls-records.ts';
import { bytesOf } from '../support.ts';

function record(type: number, length: number): Uint8Array {
  // Bodies are full of what would begin a line or another record.
  const body = Array.from({ length }, (_, i) => [0x50, 0x16, 0x03, 0x0a][i % 4]!);
  return Uint8Array.of(type, 3, 3, length >> 8, length & 0xff, ...body);
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

/** Where plain text begins, fed in pieces of these lengths within dirt. */
function plainAt(stream: Uint8Array, ...cuts: readonly number[]): number {
  const records = new TlsRecords();
  let at = 0;
  for (const length of [...cuts, stream.length]) {
    const end = Math.min(at + length, stream.length);
    const dirty = joined(bytesOf('PORT'), stream.subarray(at, end), bytesOf('PORT'));
    const found = records.feed(dirty, 4, 4 + end - at);
    if (found >= 0) return at + found - 4;
    at = end;
  }
  return -1;
}

const PLAIN = bytesOf('PORT 10,0,1,2,200,10\r\n');

describe('TLS records', () => {
  test('are followed to where plain text begins', () => {
    const encrypted = joined(record(22, 300), record(20, 1), record(23, 40), record(21, 2));
    assert.equal(plainAt(encrypted), -1);
    assert.equal(plainAt(joined(encrypted, PLAIN)), encrypted.length);
    assert.equal(plainAt(joined(encrypted, bytesOf('\r\n'))), encrypted.length);
    assert.equal(plainAt(joined(encrypted, bytesOf('\xff\xf4'))), encrypted.length);
    assert.equal(plainAt(joined(record(23, 0), PLAIN)), 5, 'an empty record is one');
  });

  test('too short: not a whole record yet', () => {
    const encrypted = record(22, 12);
    for (let length = 0; length < encrypted.length; length++) {
      const cut = joined(encrypted.subarray(0, length), PLAIN.subarray(0, 5));
      if (cut.length < encrypted.length) assert.equal(plainAt(cut), -1, `${length} bytes`);
    }
    assert.equal(plainAt(PLAIN), -1, 'plain text before any record');
  });

  test('too big, or no TLS: never called plain again', () => {
    const largest = record(23, 16_384 + 2048);
    assert.equal(plainAt(joined(largest, PLAIN)), largest.length);
    for (const head of [[23, 3, 3, 0x48, 1], [23, 2, 0], [25], [0x16, 0x50]]) {
      const records = new TlsRecords();
      const bytes = joined(Uint8Array.from(head), record(22, 3), PLAIN);
      assert.equal(records.feed(bytes, 0, bytes.length), -1);
      assert.equal(records.isFollowed, false, String(head));
      assert.equal(records.feed(PLAIN, 0, PLAIN.length), -1);
    }
    for (const length of [255, 256, 257]) {
      assert.equal(plainAt(joined(record(23, length), PLAIN)), length + 5);
    }
  });

  test('however the stream is cut', () => {
    const type = fc.integer({ min: 20, max: 24 });
    const records = fc.array(fc.tuple(type, fc.nat(600)), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(records, fc.array(fc.nat(90)), fc.boolean(), (list, cuts, isEnded) => {
        const encrypted = joined(...list.map(([kind, length]) => record(kind, length)));
        const stream = isEnded ? joined(encrypted, PLAIN) : encrypted;
        assert.equal(plainAt(stream, ...cuts), isEnded ? encrypted.length : -1);
      }),
      { seed: 20_260_407, numRuns: 500 },
    );
  });

  test('their beginning is known', () => {
    const looks = (text: string) => looksLikeTls(bytesOf(`\x16${text}\x03`), 1, text.length + 1);
    assert.equal(looks('\x16\x03\x01'), true);
    assert.equal(looks('\x16\x03'), true);
    assert.equal(looks('\x16'), false);
    assert.equal(looks(''), false);
    assert.equal(looks('\x16\x02'), false);
    assert.equal(looks('USER'), false);
  });
});
