import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  type LineJudge,
  LineVerdict,
  type LineVerdictCode,
  type StreamLine,
} from '../../../../src/helpers/ftp/stream/line.ts';
import { textOf } from '../support.ts';
import { LetterJudge } from './letter-judge.ts';
import { Bench, START } from './segments.ts';

/** A judge made of two functions of the line's text, and a record of what it was shown. */
class ScriptedJudge implements LineJudge {
  maxLine = 40;
  readonly seen: string[] = [];
  readonly encryptedBytes: string[] = [];
  hold: (text: string) => boolean = () => false;
  decide: (text: string, line: StreamLine) => LineVerdictCode = () => LineVerdict.Pass;

  mustHold(line: StreamLine): boolean {
    return this.hold(textOf(line.bytes, line.start, line.end));
  }

  judge(line: StreamLine): LineVerdictCode {
    const text = textOf(line.bytes, line.start, line.end);
    const marks = [
      line.isWhole ? '' : 'unfinished',
      line.isTooLong ? 'long' : '',
      line.isCertain ? '' : 'uncertain',
      line.passed > 0 ? `passed ${line.passed}` : '',
    ].filter((mark) => mark !== '');
    this.seen.push([text, ...marks, `@${(line.seq - START) | 0}`].join(' '));
    return this.decide(text, line);
  }

  encrypted(bytes: Uint8Array, start: number, end: number): void {
    this.encryptedBytes.push(textOf(bytes, start, end));
  }
}

function scripted(): [Bench, ScriptedJudge] {
  const judge = new ScriptedJudge();
  return [new Bench(judge), judge];
}

/** Replaces lines by this text. */
function replaceBy(text: string) {
  return (_: string, line: StreamLine): LineVerdictCode => {
    line.replacement = Buffer.from(text, 'latin1');
    return LineVerdict.Replace;
  };
}

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

describe('without payload', () => {
  test('an acknowledgement never runs ahead of the receiver', () => {
    const bench = new Bench();
    bench.send(0, 'k\nha');
    assert.equal(bench.send(4, ''), '2 ""');
    assert.equal(bench.send(3, ''), '1 ""', 'a keep-alive is still one');
    assert.equal(bench.send(4, '', 'RA'), '2 R ""');
    bench.send(4, '\n');
    assert.equal(bench.send(5, ''), '=5 ""');
  });

  test('a keep-alive behind a line taken out is still one', () => {
    const bench = new Bench();
    bench.send(0, 'k\no\n');
    bench.ack(4);
    assert.equal(bench.send(3, ''), '1 ""');
    assert.equal(bench.send(4, ''), '=4 ""');
    // With the byte that some systems send: nothing has to be asked of the receiver.
    assert.equal(bench.send(3, 'x'), 'hold 4');
  });

  test('FIN brings what is held back along', () => {
    const bench = new Bench();
    bench.send(0, 'hab');
    assert.equal(bench.send(3, '', 'FA'), '0 F "hab"');
    assert.equal(bench.send(3, '', 'FA'), '0 F "hab"', 'lost behind the gateway');
    bench.ack(3);
    assert.equal(bench.send(3, '', 'FA'), '=3 F ""');
    assert.equal(bench.send(4, ''), '=4 ""');
    assert.equal(bench.send(3, 'xyz'), 'drop', 'nothing comes after the end');
    assert.deepEqual(bench.judge.judged, ['hab']);
  });

  test('FIN with the rest of a line, replaced and taken out', () => {
    const bench = new Bench();
    bench.send(0, 'sab');
    assert.equal(bench.send(3, 'c', 'FA'), '0 F "S"');
    const other = new Bench();
    other.send(0, 'oab');
    assert.equal(other.send(3, 'c', 'FA'), '4 F ""');
  });
});

describe('sent again', () => {
  test('other bytes are answered with the first ones', () => {
    const bench = new Bench();
    assert.equal(bench.send(0, 'kabc\n'), '=0 "kabc\\n"');
    assert.equal(bench.send(0, 'kXYZ\n'), '0 "kabc\\n"');
    assert.equal(bench.send(2, 'X\ne'), '2 "bc\\n"');
    assert.deepEqual(bench.judge.judged, ['kabc\n']);
  });

  test('old and new in one segment', () => {
    const bench = new Bench();
    bench.send(0, 'kab\n');
    assert.equal(
      bench.send(2, 'XXlc\n'),
      `2 ${JSON.stringify('b\nL2 and much longer than it was: c\n')}`,
    );
    assert.deepEqual(bench.judge.judged, ['kab\n', 'lc\n']);
  });

  test('what the receiver has is not told again, but it is asked', () => {
    const bench = new Bench();
    bench.send(0, 'kab\nkc\n');
    bench.ack(4);
    assert.equal(bench.send(0, 'PORT'), '0 ""');
    assert.equal(bench.send(0, 'PORTkc\n'), '4 "kc\\n"');
    assert.equal(bench.relay.keptBytes, 3);
  });

  test('what does not fit is cut off, and comes again', () => {
    const judge = new ScriptedJudge();
    judge.maxLine = 4096;
    judge.hold = (text) => text.length < 1000;
    const bench = new Bench(judge);
    bench.send(0, 'x'.repeat(500));
    const more = 'y'.repeat(700);
    assert.equal(bench.send(500, more), `0 "${'x'.repeat(500)}${more.slice(0, 200)}"`);
    bench.ack(700);
    assert.equal(bench.send(1200, 'z\n'), `700 "${more.slice(0, 500)}z\\n"`);
  });

  test('no more than 16 KiB are kept, and no more than 15 changes of length', () => {
    const bench = new Bench();
    const text = `k${'x'.repeat(1022)}\n`;
    for (let i = 0; i < 16; i++) bench.send(i * 1024, text);
    assert.equal(bench.relay.keptBytes, 16_384);
    assert.equal(bench.send(16_384, 'k\n'), 'drop');
    bench.ack(1024);
    assert.equal(bench.send(16_384, 'k\n'), '=16384 "k\\n"');
    const other = new Bench();
    other.send(0, 'k\n');
    for (let i = 0; i < 15; i++) other.send(2 + i * 2, 's\n'.replace('s', 'l'));
    assert.equal(other.resized.length, 15);
    assert.equal(other.send(32, 'l\n'), 'drop');
    other.ack(4);
    assert.match(other.send(32, 'l\n'), /^32 "L1/);
  });
});

describe('urgent data', () => {
  const more = (urgent: number) => ({ urgent });

  test('Telnet controls stay, all else loses the pointer', () => {
    const iac = Uint8Array.of(0x6b, 0xff, 0xf4, 0xff, 0xf2, 0x0a);
    assert.match(new Bench().send(0, iac, 'UA', more(4)), /^=0 U 4 /);
    assert.equal(new Bench().send(0, 'kxab\n', 'UA', more(2)), '0 "kxab\\n"');
    assert.equal(new Bench().send(0, 'kxab\n', 'UA', more(6)), '0 "kxab\\n"');
    assert.equal(new Bench().send(0, 'kxab\n', 'UA', more(0)), '0 "kxab\\n"');
    assert.equal(new Bench().send(0, '', 'UA', more(1)), '0 ""');
  });

  test('a payload that moves loses it too', () => {
    const bench = new Bench();
    bench.send(0, 'h');
    assert.equal(bench.send(1, Uint8Array.of(0xff, 0x0a), 'UA', more(1)), '0 "h\xff\\n"');
  });
});

describe('SYN with payload', () => {
  test('is read, held back and sent again like any other', () => {
    const bench = new Bench();
    assert.equal(bench.send(-1, 'eab\nhc', 'S'), '-1 S "EAB\\n"');
    assert.equal(bench.send(-1, 'xxxxxx', 'S'), '-1 S "EAB\\n"');
    assert.equal(bench.lift(0), 0);
    bench.ack(4);
    assert.equal(bench.lift(4), 6);
    assert.equal(bench.send(-1, 'xxxxxx', 'S'), '-1 S ""');
    assert.equal(bench.send(6, '\n'), '4 "hc\\n"');
  });
});

describe('encrypted', () => {
  test('from the next line on, and back', () => {
    const [bench, judge] = scripted();
    judge.decide = () => {
      bench.relay.readsLines = false;
      return LineVerdict.Pass;
    };
    assert.equal(bench.send(0, 'AUTH\n\x16\x03'), '=0 "AUTH\\n\\u0016\\u0003"');
    assert.equal(bench.send(10, 'later'), '=10 "later"', 'a hole is none of ours');
    assert.equal(bench.send(7, 'b\nc'), '=7 "b\\nc"');
    assert.equal(bench.send(0, 'QUIT\nxx'), '0 "AUTH\\nxx"', 'what was read stays');
    assert.deepEqual(judge.encryptedBytes, ['\x16\x03', 'b\nc']);
    bench.ack(15);
    assert.equal(bench.send(15, 'd'), '=15 "d"');
    assert.deepEqual(judge.encryptedBytes.length, 2, 'the order is lost');
    bench.relay.readsLines = true;
    judge.decide = () => LineVerdict.Pass;
    bench.send(16, 'x\ny\n');
    assert.deepEqual(judge.seen.slice(1), ['x\n uncertain @16', 'y\n @18']);
  });

  test('what was held back goes on in front of it', () => {
    const bench = new Bench();
    assert.equal(bench.send(0, 'ha'), 'hold 2');
    bench.relay.readsLines = false;
    assert.equal(bench.send(2, '\x16\x03'), '0 "ha\\u0016\\u0003"');
    assert.equal(bench.send(2, '\x16\x03\x01'), '0 "ha\\u0016\\u0003\\u0001"');
    bench.ack(2);
    assert.equal(bench.send(2, '\x16\x03\x01'), '=2 "\\u0016\\u0003\\u0001"');
    bench.ack(5);
    assert.equal(bench.relay.keptBytes, 0);
    bench.relay.readsLines = true;
    assert.equal(bench.send(5, 'eb\n'), '5 "EB\\n"');
    assert.deepEqual(bench.judge.judged, ['eb\n']);
  });
});

describe('observed', () => {
  test('lines are judged, and nothing else happens', () => {
    const bench = new Bench();
    bench.observe(0, 'lab\nh');
    bench.observe(0, 'lab\nh');
    bench.observe(5, 'c\n', 'FA');
    assert.deepEqual(bench.judge.judged, ['lab\n', 'hc\n']);
    assert.deepEqual(bench.resized, []);
    for (let i = 0; i < 40; i++) bench.observe(7 + i * 1000, 'x'.repeat(1000));
    assert.ok(bench.relay.keptBytes < 20_000);
  });
});

test('an acknowledgement that rides on held bytes goes on once', () => {
  const bench = new Bench();
  bench.send(0, 'h', 'A', { ack: 50 });
  assert.equal(bench.relay.leavesAck, true);
  bench.send(1, 'a', 'A', { ack: 50 });
  assert.equal(bench.relay.leavesAck, false);
  bench.send(2, 'b', 'A', { ack: 60 });
  assert.equal(bench.relay.leavesAck, true);
});

test('the letter judge holds what it may change', () => {
  const bench = new Bench(new LetterJudge());
  for (const letter of 'lsoe') assert.match(new Bench().send(0, letter), /^hold 1$/, letter);
  assert.equal(bench.send(0, 'k'), '=0 "k"');
});
