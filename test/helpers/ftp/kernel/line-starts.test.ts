import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Direction } from '../../../../src/conntrack/index.ts';
import { LineStarts } from '../../../../src/helpers/ftp/kernel/line-starts.ts';
import { talk } from './talk.ts';

const { Original, Reply } = Direction;
const PORT = 'PORT 10,0,1,2,200,10\r\n';

function learned(...seqs: readonly number[]): LineStarts {
  const starts = new LineStarts();
  for (const seq of seqs) starts.learn(Original, seq | 0);
  return starts;
}

/** Which of the places are known, in the order of asking. */
function known(starts: LineStarts, ...seqs: readonly number[]): boolean[] {
  return seqs.map((seq) => starts.begins(Original, seq | 0));
}

describe('places where lines begin', () => {
  test('nothing is known at first, not even 0', () => {
    assert.deepEqual(known(new LineStarts(), 0, 1), [false, false]);
  });

  test('two are kept, of each direction', () => {
    const starts = learned(100, 200);
    starts.learn(Reply, 300);
    assert.deepEqual(known(starts, 100, 200, 300), [true, true, false]);
    assert.equal(starts.begins(Reply, 300), true);
    assert.equal(starts.begins(Reply, 100), false);
  });

  test('a later one takes the place of the older one', () => {
    assert.deepEqual(known(learned(100, 200, 300), 100, 200, 300), [false, true, true]);
    assert.deepEqual(known(learned(200, 100, 300), 100, 200, 300), [false, true, true]);
    assert.deepEqual(known(learned(100, 200, 300, 400), 200, 300, 400), [false, true, true]);
  });

  test('one between the two takes the place of the older one', () => {
    assert.deepEqual(known(learned(100, 200, 150), 100, 150, 200), [false, true, true]);
  });

  test('an earlier one than both is not kept, the same one changes nothing', () => {
    assert.deepEqual(known(learned(100, 200, 50), 50, 100, 200), [false, true, true]);
    assert.deepEqual(known(learned(100, 200, 100, 200), 100, 200), [true, true]);
    assert.deepEqual(known(learned(100, 100), 100), [true]);
  });

  test('numbers wrap, signed and unsigned', () => {
    const before = 0xffff_fff0;
    assert.deepEqual(known(learned(before, 5, 20), before, 5, 20), [false, true, true]);
    const middle = 0x7fff_fff0;
    const behind = 0x8000_0010;
    assert.deepEqual(known(learned(middle, behind, behind + 9), middle, behind), [false, true]);
  });

  test('what was entered by a command is believed once in each direction', () => {
    const starts = learned(100);
    starts.pickUp();
    assert.deepEqual(known(starts, 100, 7, 7), [true, true, false]);
    assert.equal(starts.begins(Reply, 9), true);
    assert.equal(starts.begins(Reply, 9), false);
  });
});

describe('segments that teach places', () => {
  test('a segment that begins in the middle of a line, and ends one', () => {
    const session = talk();
    session.steps('CNOO', 'CP\r\n', `C${PORT}`);
    assert.equal(session.expected().length, 1);
  });

  test('not one that ends otherwise', () => {
    const session = talk();
    session.steps('CNOOP\r\n ', `C${PORT}`);
    session.steps('CNOOP\r', `C${PORT}`);
    assert.deepEqual(session.expected(), []);
  });

  test('a bare LF ends a line', () => {
    const session = talk();
    session.steps('CNOOP\n', `C${PORT}`);
    assert.equal(session.expected().length, 1);
  });

  test('an announcement, whatever became of it, unless its match was partial', () => {
    const session = talk();
    session.steps('CPORT 10,0,1,3,200,10\r\n', `C${PORT}`, 'CPORT 10,0,1,2,200,11\r\n');
    assert.deepEqual(session.expected(), ['192.0.2.2>10.0.1.2:51211']);
    assert.deepEqual(session.steps('CPORT x\r\n', `C${PORT}`), ['drop', 'pass']);
    assert.deepEqual(session.expected(), ['192.0.2.2>10.0.1.2:51211']);
  });

  test('a new segment at the place of a dropped one is looked at', () => {
    const session = talk();
    const at = session.client.next;
    assert.equal(session.step('C', 'PORT x\r\n'), 'drop');
    assert.equal(session.stepAt(session.client, at, PORT), 'pass');
    assert.equal(session.expected().length, 1);
  });
});
