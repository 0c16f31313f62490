/** Encrypted bytes, and lines again from where the judge says so. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { LineVerdict } from '../../../../src/helpers/ftp/stream/line.ts';
import { replaceBy, ScriptedJudge } from './scripted-judge.ts';
import { Bench } from './segments.ts';

/** Everything is encrypted up to and with the first `!`. */
class UntilMark extends ScriptedJudge {
  relay: { readsLines: boolean } | null = null;

  override encrypted(bytes: Uint8Array, start: number, end: number): number {
    super.encrypted(bytes, start, end);
    const mark = bytes.indexOf('!'.charCodeAt(0), start);
    if (mark < 0 || mark >= end) return -1;
    this.relay!.readsLines = true;
    return mark + 1;
  }
}

function encrypted(): [Bench, UntilMark] {
  const judge = new UntilMark();
  const bench = new Bench(judge);
  judge.relay = bench.relay;
  judge.decide = () => LineVerdict.Pass;
  bench.relay.readsLines = false;
  return [bench, judge];
}

describe('plain text behind encrypted bytes', () => {
  test('is read from the middle of a segment on', () => {
    const [bench, judge] = encrypted();
    assert.equal(bench.send(0, 'a\nb!one\ntw'), '=0 "a\\nb!one\\ntw"');
    assert.deepEqual(judge.encryptedBytes, ['a\nb!one\ntw']);
    assert.deepEqual(judge.seen, ['one\n @4']);
    bench.send(10, 'o\n');
    assert.deepEqual(judge.seen, ['one\n @4', 'two\n passed 2 @8']);
  });

  test('and may be replaced, in the same segment and when that is sent again', () => {
    const [bench, judge] = encrypted();
    judge.decide = replaceBy('longer\n');
    assert.equal(bench.send(0, 'xyz!one\n'), '0 "xyz!longer\\n"');
    assert.equal(bench.send(0, 'xyz!one\n'), '0 "xyz!longer\\n"');
    assert.equal(bench.send(4, 'one\n'), '4 "longer\\n"');
    assert.equal(judge.seen.length, 1);
  });

  test('where it begins with the segment, or ends with the encrypted part', () => {
    const [bench, judge] = encrypted();
    assert.equal(bench.send(0, 'xyz!'), '=0 "xyz!"');
    assert.equal(bench.send(4, 'one\n'), '=4 "one\\n"');
    assert.deepEqual(judge.seen, ['one\n @4']);
    bench.relay.readsLines = false;
    assert.equal(bench.send(8, '!'), '=8 "!"');
    assert.equal(bench.send(9, 'two\n'), '=9 "two\\n"');
    assert.deepEqual(judge.seen, ['one\n @4', 'two\n @9']);
  });

  test('may be held back behind encrypted bytes that go on', () => {
    const [bench, judge] = encrypted();
    judge.hold = () => true;
    judge.decide = replaceBy('held\n');
    assert.equal(bench.send(0, 'xyz!on'), '0 "xyz!"');
    bench.ack(4);
    assert.equal(bench.send(6, 'e\n'), '4 "held\\n"');
  });

  test('an offset without reading switched on changes nothing', () => {
    const judge = new ScriptedJudge();
    judge.encrypted = (_bytes, start) => start;
    const bench = new Bench(judge);
    bench.relay.readsLines = false;
    assert.equal(bench.send(0, 'ab\n'), '=0 "ab\\n"');
    assert.deepEqual(judge.seen, []);
  });
});
