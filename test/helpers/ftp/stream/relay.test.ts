import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { LineVerdict } from '../../../../src/helpers/ftp/stream/line.ts';
import { replaceBy, ScriptedJudge, scripted } from './scripted-judge.ts';
import { Bench, START } from './segments.ts';

describe('in order only', () => {
  test('behind a hole nothing is read; it is when the hole has been filled', () => {
    const bench = new Bench();
    assert.equal(bench.send(4, 'kb\n'), 'drop');
    assert.equal(bench.send(4, '', 'FA'), 'drop');
    assert.equal(bench.send(0, 'kab\n'), '=0 "kab\\n"');
    assert.equal(bench.send(4, 'kb\n'), '=4 "kb\\n"');
    assert.deepEqual(bench.judge.judged, ['kab\n', 'kb\n']);
  });

  test('a receiver that has what is missing shows where to go on', () => {
    const [bench, judge] = scripted();
    assert.equal(bench.send(10, 'x\ny\n'), 'drop');
    bench.ack(10);
    assert.equal(bench.send(10, 'x\ny\n'), '=10 "x\\ny\\n"');
    assert.deepEqual(judge.seen, ['x\n uncertain @10', 'y\n @12']);
  });

  test('a stream picked up midway begins with its first payload, uncertain', () => {
    const judge = new ScriptedJudge();
    const midway = new Bench(judge, false);
    assert.equal(midway.send(100, ''), '=100 ""');
    assert.equal(midway.send(100, 'half\nx\n'), '=100 "half\\nx\\n"');
    assert.deepEqual(judge.seen, ['half\n uncertain @100', 'x\n @105']);
    // It was assumed that the receiver has what came before. It says otherwise.
    midway.ack(90);
    assert.equal(midway.send(90, 'other half'), '=90 "other half"');
  });

  test('the handshake sent again changes nothing', () => {
    const bench = new Bench();
    bench.send(0, 'kab\n');
    bench.relay.startAt(START);
    assert.equal(bench.send(0, 'kxx\n'), '0 "kab\\n"');
    assert.deepEqual(bench.judge.judged, ['kab\n']);
  });
});

describe('verdicts', () => {
  test('a line is replaced where it lies, longer, shorter and not at all', () => {
    const bench = new Bench();
    const line = (text: string) => `L${text.length} and much longer than it was: ${text}`;
    assert.equal(
      bench.send(0, 'ka\nlbc\nsdddd\noe\nkf\n'),
      `0 ${JSON.stringify(`ka\n${line('bc\n')}S\nkf\n`)}`,
    );
    assert.deepEqual(bench.resized, [
      [3, 4, line('bc\n').length],
      [7, 6, 2],
      [13, 3, 0],
    ]);
    bench.ack(19);
    assert.equal(bench.relay.keptBytes, 0);
  });

  test('one of the same length needs no other numbers', () => {
    const bench = new Bench();
    assert.equal(bench.send(0, 'eab\n'), '0 "EAB\\n"');
    assert.deepEqual(bench.resized, []);
    assert.equal(bench.send(1, 'zz'), '1 "AB"');
  });

  test('a line taken out is acknowledged, at once or with what went on before it', () => {
    const bench = new Bench();
    assert.equal(bench.send(0, 'oab\n'), 'hold 4');
    assert.equal(bench.send(0, 'oab\n'), 'hold 4', 'and again');
    assert.equal(bench.send(4, 'k\n'), '=4 "k\\n"');
    assert.equal(bench.send(6, 'o\n'), 'hold (8)');
    assert.equal(bench.lift(4), 4);
    bench.ack(8);
    assert.equal(bench.relay.keptBytes, 0);
    assert.deepEqual(bench.resized, [
      [0, 4, 0],
      [6, 2, 0],
    ]);
  });

  test('sent again although it was taken out, while what follows is on its way', () => {
    const bench = new Bench();
    bench.send(0, 'oab\n');
    bench.send(4, 'kab\n');
    assert.equal(bench.send(0, 'oab'), 'hold 4');
    assert.equal(bench.lift(4), 4, 'what follows is not promised');
  });

  test('reset, and nothing goes on after it', () => {
    const [bench, judge] = scripted();
    judge.decide = () => LineVerdict.Reset;
    assert.equal(bench.send(0, 'a\n'), 'reset');
    assert.equal(bench.send(2, 'b\n'), 'reset');
    assert.equal(bench.send(2, '', 'RA'), '0 R ""', 'with the number that counts');
    assert.deepEqual(judge.seen, ['a\n @0']);
  });

  test('line by line in one segment, and what the judge sees of each', () => {
    const [bench, judge] = scripted();
    bench.send(0, 'a\nbb\nc');
    bench.send(6, 'c\nd');
    bench.send(9, '', 'FA');
    assert.deepEqual(judge.seen, [
      'a\n @0',
      'bb\n @2',
      'cc\n passed 1 @5',
      'd unfinished passed 1 @8',
    ]);
  });
});

describe('held back', () => {
  test('one byte at a time: promised, and on with the last', () => {
    const bench = new Bench();
    assert.equal(bench.send(0, 'h'), 'hold 1');
    assert.equal(bench.send(1, 'a'), 'hold 2');
    assert.equal(bench.send(0, 'ha'), 'hold 2', 'sent again');
    assert.equal(bench.lift(0), 2);
    assert.equal(bench.send(2, '\n'), '0 "ha\\n"');
    assert.equal(bench.lift(0), 2, 'no step back');
    assert.equal(bench.send(2, '\n'), '0 "ha\\n"', 'lost behind the gateway');
    bench.ack(3);
    assert.equal(bench.lift(3), 3);
    assert.equal(bench.relay.keptBytes, 0);
  });

  test('behind what goes on: acknowledged with it', () => {
    const bench = new Bench();
    assert.equal(bench.send(0, 'ka\nha'), '0 "ka\\n"');
    assert.equal(bench.lift(0), 0);
    assert.equal(bench.send(5, 'b'), 'hold (6)');
    bench.ack(3);
    assert.equal(bench.lift(3), 6);
    assert.equal(bench.send(5, 'b'), 'hold 6');
    assert.equal(bench.send(6, '\nk\n'), '3 "hab\\nk\\n"');
  });

  test('what turns out harmless goes on with the segment in hand', () => {
    const bench = new Bench();
    assert.equal(bench.send(0, 'ma'), 'hold 2');
    assert.equal(bench.send(2, 'xyz'), '0 "maxyz"');
    assert.equal(bench.send(2, 'xyz'), '0 "maxyz"', 'two of them are promised');
    assert.equal(bench.send(5, '\n'), '=5 "\\n"');
    assert.deepEqual(bench.resized, []);
  });

  test('replaced as a whole, whatever part of it is sent again', () => {
    const bench = new Bench();
    bench.send(0, 'sab');
    assert.equal(bench.send(3, 'cd\nk\n'), '0 "S\\nk\\n"');
    assert.equal(bench.send(3, 'cd\n'), '0 "S\\n"');
    bench.ack(6);
    assert.equal(bench.send(4, 'd\nk\n'), '6 "k\\n"');
    assert.equal(bench.send(6, 'k\n'), '=6 "k\\n"');
    const other = new Bench();
    other.send(0, 'sab\nk\n');
    assert.equal(other.send(2, 'b\nk'), '0 "S\\nk"', 'from its beginning');
    assert.equal(other.send(2, 'b'), '0 "S\\n"');
  });

  test('512 bytes and no more', () => {
    const judge = new ScriptedJudge();
    judge.maxLine = 4096;
    judge.hold = () => true;
    const bench = new Bench(judge);
    assert.equal(bench.send(0, 'x'.repeat(512)), 'hold 512');
    assert.deepEqual(judge.seen, []);
    assert.equal(bench.send(512, 'y'), `0 "${'x'.repeat(512)}y"`);
    assert.deepEqual(judge.seen, [`${'x'.repeat(512)}y unfinished long @0`]);
    bench.ack(513);
    assert.equal(bench.send(513, 'z'), '=513 "z"');
    assert.equal(bench.send(514, 'z\na\n'), '=514 "z\\na\\n"');
    assert.equal(judge.seen.length, 2);
    assert.equal(judge.seen[1], 'a\n @516');
  });

  test('too long and replaced: the rest is taken out', () => {
    const [bench, judge] = scripted();
    judge.decide = replaceBy('gone\n');
    judge.hold = () => true;
    bench.send(0, 'x'.repeat(40));
    assert.equal(bench.send(40, 'yy'), '0 "gone\\n"');
    bench.ack(42);
    assert.equal(bench.send(42, 'more'), 'hold 46');
    judge.decide = () => LineVerdict.Pass;
    assert.equal(bench.send(46, 'z\nafter\n'), '48 "after\\n"');
    assert.deepEqual(bench.resized, [
      [0, 42, 5],
      [42, 4, 0],
      [46, 2, 0],
    ]);
  });

  test('maxLine: one less, as long, one more', () => {
    for (const [length, mark] of [
      [39, ''],
      [40, ''],
      [41, ' unfinished long'],
    ] as const) {
      const [bench, judge] = scripted();
      const text = `${'x'.repeat(length - 1)}\n`;
      assert.equal(bench.send(0, text), `=0 ${JSON.stringify(text)}`);
      assert.deepEqual(judge.seen, [`${text.slice(0, 40)}${mark} @0`]);
    }
  });

  test('too long after parts of it have passed', () => {
    const [bench, judge] = scripted();
    judge.decide = replaceBy('!\n');
    assert.equal(bench.send(0, 'x'.repeat(39)), `=0 "${'x'.repeat(39)}"`);
    assert.equal(bench.send(39, 'yy\n'), '39 "!\\n"');
    assert.deepEqual(judge.seen, [`${'x'.repeat(39)}y unfinished long passed 39 @0`]);
    assert.deepEqual(bench.resized, [[39, 3, 2]]);
  });
});
