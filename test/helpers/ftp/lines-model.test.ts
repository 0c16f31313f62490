import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { type LineSink, LineTracker, MAX_LINE_BYTES } from '../../../src/helpers/ftp/lines.ts';
import { type Found, feed, started } from './line-recorder.ts';
import { allocatedBytesPerCall, bytesOf } from './support.ts';

/** The slow twin: the whole stream so far as one text, split again after every segment. */
class Model {
  stream = '';
  /** Sequence number of the first character of `stream`. */
  readonly baseSeq: number;
  nextSeq: number;
  told = 0;

  constructor(seq: number) {
    this.baseSeq = seq;
    this.nextSeq = seq;
  }

  feed(segment: string, seq: number): Found[] {
    let text = segment;
    const ahead = (seq - this.nextSeq) | 0;
    if (ahead < 0) text = text.slice(-ahead);
    if (text === '') return [];
    const seen = this.stream.length;
    this.nextSeq = (seq + segment.length) | 0;
    this.stream += text;
    const found: Found[] = [];
    let at = 0;
    for (const line of this.stream.split(/(?<=\n)/)) {
      const end = at + line.length;
      if (end > seen) this.judge(line, at, Math.max(0, seen - at), found);
      at = end;
    }
    return found;
  }

  private judge(line: string, at: number, carried: number, found: Found[]): void {
    const seq = (this.baseSeq + at) | 0;
    if (line.length <= MAX_LINE_BYTES) {
      found.push([line.endsWith('\n') ? 'line' : 'unfinished', line, seq, carried]);
    } else if (carried <= MAX_LINE_BYTES) {
      found.push(['overLong', '', seq, 0]);
    }
  }
}

describe('LineTracker against a model', () => {
  const text = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.constantFrom('P', 'PORT 1,2', '\r\n', '\n', 'NOOP\r\n', '\r', 'a\nb'),
    },
    { weight: 1, arbitrary: fc.nat(700).map((length) => 'y'.repeat(length)) },
  );
  const segment = fc.array(text, { minLength: 1, maxLength: 5 }).map((parts) => parts.join(''));
  const step = fc.record({
    segment,
    /** How far before the expected byte the segment begins. */
    shift: fc.oneof(
      { weight: 8, arbitrary: fc.constant(0) },
      { weight: 2, arbitrary: fc.integer({ min: -20, max: -1 }) },
    ),
  });

  test('any segmentation, with retransmissions', () => {
    const seen = { line: 0, unfinished: 0, overLong: 0, carried: 0 };
    fc.assert(
      fc.property(fc.integer(), fc.array(step, { maxLength: 25 }), (isn, steps) => {
        const [tracker, sink] = started(isn);
        const model = new Model(isn | 0);
        for (const { segment, shift } of steps) {
          const seq = (model.nextSeq + shift) | 0;
          const expected = model.feed(segment, seq);
          assert.deepEqual(feed(tracker, sink, segment, seq), expected);
          assert.equal(tracker.nextSeq, model.nextSeq);
          for (const [what, , , carried] of expected) {
            seen[what]++;
            if (carried > 0) seen.carried++;
          }
        }
      }),
      { seed: 20_260_404, numRuns: 1500 },
    );
    for (const [what, count] of Object.entries(seen)) assert.ok(count > 100, `${what}: ${count}`);
  });

  test('the same lines come out however the stream is cut', () => {
    const cuts = fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(fc.array(segment, { maxLength: 12 }), cuts, (segments, lengths) => {
        const stream = segments.join('');
        const whole = feed(...started(0), stream, 0);
        const [tracker, sink] = started(0);
        const pieces: Found[] = [];
        for (let at = 0, turn = 0; at < stream.length; turn++) {
          const piece = stream.slice(at, at + lengths[turn % lengths.length]!);
          pieces.push(...feed(tracker, sink, piece, at));
          at += piece.length;
        }
        const settled = (found: Found[]) =>
          found
            .filter(([what]) => what !== 'unfinished')
            .map(([what, line, seq]) => [what, line, seq]);
        assert.deepEqual(settled(pieces), settled(whole));
      }),
      { seed: 20_260_405, numRuns: 500 },
    );
  });

  test('feeding allocates nothing, split lines included', () => {
    const tracker = new LineTracker(0);
    let lines = 0;
    const sink: LineSink = {
      line: () => {
        lines++;
      },
      unfinished: () => {},
      overLong: () => {},
    };
    const first = bytesOf('NOOP\r\nPORT 10,0,1');
    const second = bytesOf(',2,200,10\r\n');
    const perCall = allocatedBytesPerCall(() => {
      tracker.feed(first, 0, first.length, tracker.nextSeq, sink);
      tracker.feed(second, 0, second.length, tracker.nextSeq, sink);
    });
    assert.ok(lines > 1000);
    assert.ok(perCall < 0.1, `${perCall} bytes per call`);
  });
});
