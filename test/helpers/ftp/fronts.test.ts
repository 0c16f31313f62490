import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StreamFronts } from '../../../src/helpers/ftp/fronts.ts';
import { Recorder } from './line-recorder.ts';
import { bytesOf } from './support.ts';

/** Says of each line whether it is certain that it began where it seems to. */
class Sink extends Recorder {
  fronts: StreamFronts | null = null;

  override line(bytes: Uint8Array, start: number, end: number, seq: number, carried: number): void {
    super.line(bytes, start, end, seq, carried);
    if (this.fronts!.isUncertain) this.found.at(-1)![1] += '?';
  }
}

/** A stream of which pieces arrive: `[from, to)`, or the text at its place. */
class Stream {
  private readonly sink = new Sink();
  readonly fronts = new StreamFronts(this.sink);
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

  /** Complete lines, uncertain ones with a `?`; then `old` and `torn`. */
  piece(from: number, to: number): string {
    const bytes = bytesOf(this.text.slice(from, to));
    this.sink.fronts = this.fronts;
    const isNew = this.fronts.take(bytes, 0, bytes.length, (this.base + from) | 0);
    const lines = this.sink.take().filter(([what]) => what === 'line');
    const words = lines.map(([, text]) => text.replace(/[\r\n]/g, ''));
    if (!isNew) words.push('old');
    if (this.fronts.isTorn) words.push('torn');
    return words.join(' ');
  }
}

//            0123456 7 8901 2 3456 7 8901 2
const TEXT = 'FIRST\r\nTWO\r\nTHREE\r\nFOUR\r\n';

test('in order', () => {
  const stream = new Stream(TEXT).start();
  assert.equal(stream.piece(0, 3), '');
  assert.equal(stream.piece(3, 15), 'FIRST TWO');
  assert.equal(stream.piece(15, 25), 'THREE FOUR');
});

test('a hole is filled: the line before it goes on, and is torn where it does not end in it', () => {
  const stream = new Stream(TEXT).start();
  assert.equal(stream.piece(0, 9), 'FIRST');
  assert.equal(stream.piece(12, 19), 'THREE?');
  assert.equal(stream.piece(9, 12), 'TWO');
  assert.equal(stream.piece(19, 25), 'FOUR');
  const torn = new Stream(TEXT).start();
  assert.equal(torn.piece(0, 9), 'FIRST');
  assert.equal(torn.piece(11, 19), '? THREE');
  assert.equal(torn.piece(9, 11), 'torn');
});

test('a segment that fills the hole and repeats what follows', () => {
  const stream = new Stream(TEXT).start();
  assert.equal(stream.piece(0, 7), 'FIRST');
  assert.equal(stream.piece(12, 19), 'THREE?');
  assert.equal(stream.piece(7, 22), 'TWO THREE');
  assert.equal(stream.piece(22, 25), 'FOUR');
});

test('within a segment of unknown place, what follows an LF is certain', () => {
  const stream = new Stream(TEXT);
  assert.equal(stream.piece(3, 9), 'ST?');
  assert.equal(stream.piece(9, 14), 'TWO');
  assert.equal(stream.piece(14, 25), 'THREE FOUR');
});

test('an uncertain line that is split stays uncertain', () => {
  const stream = new Stream(TEXT);
  assert.equal(stream.piece(1, 3), '');
  assert.equal(stream.piece(3, 12), 'IRST? TWO');
});

test('a hole in a hole, and pieces in the middle of one', () => {
  const stream = new Stream(TEXT).start();
  assert.equal(stream.piece(7, 12), 'TWO?');
  assert.equal(stream.piece(20, 25), 'OUR?');
  assert.equal(stream.piece(15, 17), '');
  assert.equal(stream.piece(17, 20), 'EE? torn');
  assert.equal(stream.piece(0, 7), 'FIRST');
  assert.equal(stream.piece(12, 15), 'torn');
  assert.equal(stream.piece(0, 25), 'old');
});

test('old segments present nothing', () => {
  const stream = new Stream(TEXT).start();
  stream.piece(0, 7);
  stream.piece(19, 25);
  assert.equal(stream.piece(0, 7), 'old');
  assert.equal(stream.piece(20, 22), 'old');
  assert.equal(stream.piece(7, 12), 'TWO');
});

test('more holes than are followed: the oldest is given up, and that is told', () => {
  const stream = new Stream('ab\r\n'.repeat(40)).start();
  for (let i = 1; i <= 13; i += 2) {
    stream.piece(i * 4, i * 4 + 4);
    assert.equal(stream.fronts.givenUpSeq, null);
  }
  stream.piece(60, 64);
  assert.equal(stream.fronts.givenUpSeq, -8, 'the first byte of the first hole');
  assert.equal(stream.piece(64, 68), 'ab');
});

test('every order of five pieces: each certain line once, and none that is not there', () => {
  const cuts = [0, 5, 9, 13, 20, 25];
  const pieces = cuts.slice(1).map((to, i) => [cuts[i]!, to] as const);
  type Piece = (typeof pieces)[number];
  const permute = (rest: readonly Piece[]): Piece[][] =>
    rest.length === 0
      ? [[]]
      : rest.flatMap((one) =>
          permute(rest.filter((other) => other !== one)).map((tail) => [one, ...tail]),
        );
  for (const order of permute(pieces)) {
    const stream = new Stream(TEXT).start();
    const words = order.flatMap(([from, to]) => stream.piece(from, to).split(' '));
    const certain = words.filter((word) => /^[A-Z]+$/.test(word));
    for (const line of certain) assert.ok(['FIRST', 'TWO', 'THREE', 'FOUR'].includes(line), line);
    assert.equal(new Set(certain).size, certain.length, 'no line twice');
    assert.equal(stream.piece(0, 25), 'old');
  }
});
