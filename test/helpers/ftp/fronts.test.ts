import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StreamFronts } from '../../../src/helpers/ftp/fronts.ts';
import { Recorder } from './line-recorder.ts';
import { bytesOf } from './support.ts';

const orders = ['unknown', 'in-order', 'retransmission', 'gap'];

/** A stream of which pieces arrive: `[from, to)`, or the text at its place. */
class Stream {
  readonly fronts = new StreamFronts();
  private readonly sink = new Recorder();
  private readonly text: string;
  private readonly base: number;

  constructor(text: string, base = -8) {
    this.text = text;
    this.base = base;
  }

  start(): this {
    this.fronts.startAt(this.base);
    return this;
  }

  /** Order and complete lines. */
  piece(from: number, to: number): string {
    const bytes = bytesOf(this.text.slice(from, to));
    const order = this.fronts.take(bytes, 0, bytes.length, (this.base + from) | 0, this.sink);
    const lines = this.sink.take().filter(([what]) => what === 'line');
    return [orders[order], ...lines.map(([, text]) => text.trim())].join(' ');
  }
}

//            0123456 7 8901 2 3456 7 8901 2
const TEXT = 'FIRST\r\nTWO\r\nTHREE\r\nFOUR\r\n';

test('in order', () => {
  const stream = new Stream(TEXT).start();
  assert.equal(stream.piece(0, 3), 'in-order');
  assert.equal(stream.piece(3, 15), 'in-order FIRST TWO');
  assert.equal(stream.piece(15, 25), 'in-order THREE FOUR');
});

test('a hole is filled from its start: the line before it goes on', () => {
  const stream = new Stream(TEXT).start();
  assert.equal(stream.piece(0, 9), 'in-order FIRST');
  assert.equal(stream.piece(12, 19), 'gap');
  assert.equal(stream.piece(9, 12), 'in-order TWO');
  assert.equal(stream.piece(19, 25), 'in-order FOUR');
});

test('a segment that fills the hole and repeats what follows', () => {
  const stream = new Stream(TEXT).start();
  assert.equal(stream.piece(0, 7), 'in-order FIRST');
  assert.equal(stream.piece(12, 19), 'gap');
  assert.equal(stream.piece(7, 19), 'in-order TWO THREE');
  assert.equal(stream.piece(19, 25), 'in-order FOUR');
});

test('within a segment of unknown place, what follows an LF is certain', () => {
  const stream = new Stream(TEXT);
  assert.equal(stream.piece(3, 14), 'unknown TWO');
  assert.equal(stream.piece(14, 25), 'in-order THREE FOUR');
});

test('a hole in a hole', () => {
  const stream = new Stream(TEXT).start();
  assert.equal(stream.piece(7, 12), 'gap');
  assert.equal(stream.piece(19, 25), 'gap');
  assert.equal(stream.piece(0, 7), 'in-order FIRST');
  assert.equal(stream.piece(12, 19), 'in-order THREE');
  assert.equal(stream.piece(0, 25), 'retransmission');
});

test('old segments, and pieces in the middle of a hole, present nothing', () => {
  const stream = new Stream(TEXT).start();
  stream.piece(0, 7);
  stream.piece(19, 25);
  assert.equal(stream.piece(0, 7), 'retransmission');
  assert.equal(stream.piece(10, 14), 'retransmission');
});

test('more holes than are followed: the oldest is given up', () => {
  const stream = new Stream('ab\r\n'.repeat(20)).start();
  for (let i = 1; i <= 9; i += 2) stream.piece(i * 4, i * 4 + 4);
  assert.equal(stream.piece(0, 4), 'retransmission');
  assert.equal(stream.piece(40, 44), 'in-order ab');
});

test('every order of five pieces: each byte once, and every line that an LF precedes', () => {
  const pieces = [0, 5, 9, 13, 20, 25]
    .slice(0, -1)
    .map((from, i, all) => [from, all[i + 1] ?? 25] as const);
  const permute = (
    rest: readonly (readonly [number, number])[],
  ): (readonly [number, number])[][] =>
    rest.length === 0
      ? [[]]
      : rest.flatMap((one) =>
          permute(rest.filter((other) => other !== one)).map((tail) => [one, ...tail]),
        );
  for (const order of permute(pieces)) {
    const stream = new Stream(TEXT).start();
    const seen = order.flatMap(([from, to]) => stream.piece(from, to).split(' ').slice(1));
    for (const line of seen) assert.ok(['FIRST', 'TWO', 'THREE', 'FOUR'].includes(line), line);
    assert.equal(new Set(seen).size, seen.length, 'no line twice');
  }
});
