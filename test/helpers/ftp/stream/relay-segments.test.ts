import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { LineVerdict } from '../../../../src/helpers/ftp/stream/line.ts';
import { LetterJudge } from './letter-judge.ts';
import { ScriptedJudge, scripted } from './scripted-judge.ts';
import { Bench } from './segments.ts';

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

  test('no more than 64 KiB are kept, and no more than 15 changes of length', () => {
    const bench = new Bench();
    const text = `k${'x'.repeat(1022)}\n`;
    for (let i = 0; i < 64; i++) bench.send(i * 1024, text);
    assert.equal(bench.relay.keptBytes, 65_536);
    assert.equal(bench.send(65_536, 'k\n'), 'drop');
    bench.ack(1024);
    assert.equal(bench.send(65_536, 'k\n'), '=65536 "k\\n"');
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
