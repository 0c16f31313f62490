import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  FtpAnnouncement,
  ftpParseName,
  parseCommand,
} from '../../../src/helpers/ftp/grammar/grammar.ts';
import { type LineSink, LineTracker, MAX_LINE_BYTES } from '../../../src/helpers/ftp/lines.ts';
import { feed, started } from './line-recorder.ts';
import { bytesOf } from './support.ts';

describe('LineTracker in order', () => {
  test('lines within a segment are presented in place', () => {
    const [tracker, sink] = started(1000);
    assert.deepEqual(feed(tracker, sink, 'NOOP\r\nPORT 1,2,3,4,5,6\r\n', 1000), [
      ['line', 'NOOP\r\n', 1000, 0],
      ['line', 'PORT 1,2,3,4,5,6\r\n', 1006, 0],
    ]);
    assert.deepEqual(sink.inPlace, [true, true]);
    assert.equal(tracker.nextSeq, 1024);
    assert.equal(tracker.keptBytes, 0);
  });

  test('a command split over segments is joined', () => {
    const [tracker, sink] = started(-3);
    assert.deepEqual(feed(tracker, sink, 'PO', -3), [['unfinished', 'PO', -3, 0]]);
    assert.notEqual(tracker.keptBytes, 0);
    assert.equal(tracker.keptBytes, 2);
    assert.deepEqual(feed(tracker, sink, 'RT 1,', -1), [['unfinished', 'PORT 1,', -3, 2]]);
    assert.deepEqual(feed(tracker, sink, '2,3,4,5,6\r', 4), [
      ['unfinished', 'PORT 1,2,3,4,5,6\r', -3, 7],
    ]);
    assert.deepEqual(feed(tracker, sink, '\nLIST\r\nQ', 14), [
      ['line', 'PORT 1,2,3,4,5,6\r\n', -3, 17],
      ['line', 'LIST\r\n', 15, 0],
      ['unfinished', 'Q', 21, 0],
    ]);
    assert.deepEqual(sink.inPlace, [true, false, false, false, true, true]);
    assert.equal(tracker.lineSeq, 21);
  });

  test('an unfinished line can be asked whether it begins like an announcement', () => {
    const out = new FtpAnnouncement();
    const asked: string[] = [];
    const sink: LineSink = {
      line: (bytes, start, end) => asked.push(ftpParseName(parseCommand(bytes, start, end, out))),
      unfinished: (bytes, start, end) =>
        asked.push(ftpParseName(parseCommand(bytes, start, end, out))),
      overLong: () => assert.fail(),
    };
    const tracker = new LineTracker(0);
    let seq = 0;
    for (const text of ['P', 'ORT 10,0,1,2,20', '0,10\r', '\n', 'L', 'IST\r\n']) {
      tracker.feed(bytesOf(text), 0, text.length, seq, sink);
      seq += text.length;
    }
    const expected = ['incomplete', 'incomplete', 'incomplete', 'ok', 'not-for-us', 'not-for-us'];
    assert.deepEqual(asked, expected);
  });

  test('segments without payload change nothing', () => {
    const [tracker, sink] = started(10);
    for (const seq of [9, 10, 11, 5000]) assert.deepEqual(feed(tracker, sink, '', seq), []);
    assert.equal(tracker.nextSeq, 10);
    assert.equal(tracker.keptBytes, 0);
  });

  test('the sequence number wraps within a line', () => {
    const [tracker, sink] = started(0xfffffffe);
    assert.equal(tracker.nextSeq, -2);
    assert.deepEqual(feed(tracker, sink, 'NOOP', 0xfffffffe), [['unfinished', 'NOOP', -2, 0]]);
    assert.equal(tracker.nextSeq, 2);
    assert.deepEqual(feed(tracker, sink, '\r\nA\n', 2), [
      ['line', 'NOOP\r\n', -2, 4],
      ['line', 'A\n', 4, 0],
    ]);
  });
});

describe('LineTracker bounds', () => {
  const lineOf = (length: number) => `${'x'.repeat(length - 1)}\n`;

  test('the limit and one more, whole and split', () => {
    for (const length of [255, 256, 257, MAX_LINE_BYTES]) {
      for (const cut of [0, 1, length - 1]) {
        const [tracker, sink] = started(0);
        const line = lineOf(length);
        const first = feed(tracker, sink, line.slice(0, cut), 0);
        assert.equal(first.length, cut === 0 ? 0 : 1);
        assert.deepEqual(feed(tracker, sink, line.slice(cut), cut), [['line', line, 0, cut]]);
      }
    }
    for (const cut of [0, 1, MAX_LINE_BYTES - 1, MAX_LINE_BYTES]) {
      const [tracker, sink] = started(0);
      const line = lineOf(MAX_LINE_BYTES + 1);
      feed(tracker, sink, line.slice(0, cut), 0);
      assert.deepEqual(feed(tracker, sink, `${line.slice(cut)}OK\n`, cut), [
        ['overLong', '', 0, 0],
        ['line', 'OK\n', MAX_LINE_BYTES + 1, 0],
      ]);
    }
  });

  test('an over-long line is told of once and passed over until its LF', () => {
    const [tracker, sink] = started(0);
    const long = 'PORT '.repeat(150);
    assert.deepEqual(feed(tracker, sink, long, 0), [['overLong', '', 0, 0]]);
    assert.ok(tracker.passingOver);
    assert.deepEqual(feed(tracker, sink, long, 750), []);
    assert.deepEqual(feed(tracker, sink, 'PORT 1,2,3,4,5,6\nNOOP\n', 1500), [
      ['line', 'NOOP\n', 1517, 0],
    ]);
    assert.equal(tracker.keptBytes, 0);
  });
});

describe('LineTracker and bytes seen before', () => {
  test('of a retransmission only the new bytes are taken', () => {
    const [tracker, sink] = started(0);
    feed(tracker, sink, 'NOOP\r\nPO', 0);
    assert.deepEqual(feed(tracker, sink, 'NOOP\r\nPO', 0), []);
    assert.deepEqual(feed(tracker, sink, 'PORT 1', 6), [['unfinished', 'PORT 1', 6, 2]]);
    assert.deepEqual(feed(tracker, sink, 'NOOP\r\n', 0), []);
    assert.equal(tracker.nextSeq, 12);
  });
});
