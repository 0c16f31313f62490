import assert from 'node:assert/strict';
import { Duplex } from 'node:stream';
import { describe, test } from 'node:test';
import { LineDecoder, LineError, LineWriter } from '../../src/control/index.ts';

const decode = (decoder: LineDecoder, ...chunks: readonly (string | Buffer)[]) =>
  chunks.flatMap((chunk) => [...decoder.push(Buffer.from(chunk as string))]);

describe('lines from bytes', () => {
  test('several in one chunk, one in many, empty lines and CRLF', () => {
    const decoder = new LineDecoder();
    assert.deepEqual(decode(decoder, '{"a":1}\n{"a":2}\r\n\n{"a":', '3', '}', '\n'), [
      { a: 1 },
      { a: 2 },
      { a: 3 },
    ]);
  });

  test('every cut of a line with multi-byte letters gives the same object', () => {
    const bytes = Buffer.from('{"text":"Zürich ✓ 𝄞"}\n');
    for (let cut = 0; cut <= bytes.length; cut++) {
      const objects = decode(new LineDecoder(), bytes.subarray(0, cut), bytes.subarray(cut));
      assert.deepEqual(objects, [{ text: 'Zürich ✓ 𝄞' }], `cut at ${cut}`);
    }
    const single = [...bytes].map((byte) => Buffer.from([byte]));
    assert.deepEqual(decode(new LineDecoder(), ...single), [{ text: 'Zürich ✓ 𝄞' }]);
  });

  test('a line of just the limit passes, one byte more does not, whole or in pieces', () => {
    const line = (bytes: number) => `{"a":"${'x'.repeat(bytes - 8)}"}`;
    assert.equal(decode(new LineDecoder(64), `${line(64)}\n`).length, 1);
    const tooLong = (error: unknown) =>
      error instanceof LineError && error.code === 'LINE_TOO_LONG';
    assert.throws(() => decode(new LineDecoder(64), `${line(65)}\n`), tooLong);
    assert.throws(() => decode(new LineDecoder(64), 'x'.repeat(40), 'x'.repeat(25)), tooLong);
  });

  test('what is not a JSON object is an error, after what came before it', () => {
    for (const garbage of ['nonsense', '{"a":', '1', '"text"', 'null', '[1]', '\u0000\u0001']) {
      const seen: unknown[] = [];
      assert.throws(
        () => {
          for (const object of new LineDecoder().push(Buffer.from(`{"a":1}\n${garbage}\n`))) {
            seen.push(object);
          }
        },
        (error: unknown) => error instanceof LineError && error.code === 'LINE_NOT_JSON',
        garbage,
      );
      assert.deepEqual(seen, [{ a: 1 }]);
    }
  });
});

describe('objects to a stream', () => {
  /** A stream whose other side takes a chunk only when `take` is called. */
  function slowStream() {
    const taken: string[] = [];
    let release: (() => void) | null = null;
    const stream = new Duplex({
      writableHighWaterMark: 16,
      read() {},
      write(chunk: Buffer, _encoding, callback) {
        taken.push(chunk.toString());
        release = callback;
      },
    });
    return { stream, taken, take: () => release?.() };
  }

  test('a promise only while the reader is behind', async () => {
    const { stream, taken, take } = slowStream();
    const writer = new LineWriter(stream);
    assert.equal(writer.write({ a: 1 }), undefined);
    const behind = writer.write({ text: 'longer than the mark' });
    assert.ok(behind instanceof Promise);
    assert.equal(writer.write({ a: 2 }), behind);
    for (let i = 0; i < 3; i++) {
      take();
      await new Promise(setImmediate);
    }
    await behind;
    assert.equal(taken.join(''), '{"a":1}\n{"text":"longer than the mark"}\n{"a":2}\n');
    assert.equal(writer.write({ a: 3 }), undefined);
  });

  test('a closed stream lets the writer go', async () => {
    const { stream } = slowStream();
    const writer = new LineWriter(stream);
    const behind = writer.write({ text: 'longer than the mark' });
    stream.destroy();
    await behind;
    assert.equal(writer.write({ a: 1 }), undefined);
  });
});
