import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { MAX_PENDING, PendingCommands } from '../../../../src/helpers/ftp/dialogue/pending.ts';
import {
  isPassive,
  Verb,
  type VerbCode,
  verbName,
  verbOfName,
} from '../../../../src/helpers/ftp/grammar/verbs.ts';
import { allocatedBytesPerCall } from '../support.ts';

/** `RETR` is a command, `-` an empty line; a number a final reply. What the replies answer. */
function play(...steps: (string | number)[]): string[] {
  const pending = new PendingCommands();
  const answers: string[] = [];
  for (const [index, step] of steps.entries()) {
    if (typeof step === 'number') answers.push(verbName(pending.finalReply(step)));
    else pending.add(step === '-' ? Verb.None : verbOfName(step), index);
  }
  return answers;
}

describe('which command a reply answers', () => {
  test('the oldest, whatever the reply says', () => {
    assert.deepEqual(play('USER', 'PASS', 331, 'PASV', 230, 227), ['USER', 'PASS', 'PASV']);
    assert.deepEqual(play('NOOP', 'PASV', 227, 227), ['NOOP', 'PASV']);
    assert.deepEqual(play('PASV', 550, 227), ['PASV', '']);
    assert.deepEqual(play('FOOB', 'PASV', 500, 227), ['OTHER', 'PASV']);
  });

  test('none, where nothing waits', () => {
    assert.deepEqual(play(421, 227), ['', '']);
    assert.deepEqual(play('PASV', 227, 227), ['PASV', '']);
    const pending = new PendingCommands();
    assert.deepEqual([pending.oldest, pending.isEmpty, pending.seqOf(0)], [Verb.None, true, 0]);
  });

  test('ABOR: answered once, twice, or not at all', () => {
    assert.deepEqual(play('RETR', 'ABOR', 426, 226, 'PASV', 227), ['RETR', 'ABOR', 'PASV']);
    assert.deepEqual(play('RETR', 'ABOR', 426, 225, 'PASV', 227), ['RETR', 'ABOR', 'PASV']);
    assert.deepEqual(play('RETR', 'ABOR', 226, 'PASV', 227), ['RETR', 'PASV']);
    assert.deepEqual(play('RETR', 'ABOR', 226, 'NOOP', 200), ['RETR', 'NOOP']);
    assert.deepEqual(play('RETR', 'ABOR', 426, 226, 'PASV', 226, 227), [
      ...['RETR', 'ABOR'],
      ...['', 'PASV'],
    ]);
    assert.deepEqual(play('ABOR', 500), ['ABOR']);
    assert.deepEqual(play('ABOR', 200), ['ABOR'], 'where nothing else waits');
  });

  test('empty lines: some servers answer them', () => {
    assert.deepEqual(play('-', 500, 'PASV', 227), ['', 'PASV']);
    assert.deepEqual(play('-', 'PASV', 227), ['PASV']);
    assert.deepEqual(play('-', '-', 'ABOR', 'EPSV', 229), ['EPSV']);
    assert.deepEqual(play('-', 'NOOP', 'PASV', 227, 227), ['NOOP', 'PASV'], 'NOOP is answered');
  });

  test('STAT and NOOP are answered during a transfer', () => {
    assert.deepEqual(play('RETR', 'STAT', 213, 226), ['STAT', 'RETR']);
    assert.deepEqual(play('STOR', 'TYPE', 'NOOP', 200, 226, 200), ['NOOP', 'STOR', 'TYPE']);
    assert.deepEqual(play('RETR', 'NOOP', 226, 200), ['RETR', 'NOOP']);
    assert.deepEqual(play('RETR', 'PASV', 227, 226), ['RETR', ''], 'but never PASV');
  });

  test('a passive command stays until it is answered', () => {
    assert.deepEqual(play('PASV', 226, 426, 227), ['', '', 'PASV']);
    assert.deepEqual(play('EPSV', 200, 229), ['EPSV', ''], 'EPSV ALL');
    assert.deepEqual(play('PASV', 421), ['PASV']);
  });

  test('where it began in the stream', () => {
    const pending = new PendingCommands();
    for (const [verb, seq] of [
      [Verb.Retr, 7],
      [Verb.Stat, -9],
      [Verb.Port, 2 ** 31 - 1],
    ] as const) {
      pending.add(verb, seq);
    }
    assert.deepEqual(
      [0, 1, 2, 3].map((i) => pending.seqOf(i)),
      [7, -9, 2 ** 31 - 1, 0],
    );
    assert.equal(pending.finalReply(211), Verb.Stat);
    assert.equal(pending.answeredSeq, -9);
    assert.deepEqual(
      [0, 1, 2].map((i) => pending.seqOf(i)),
      [7, 2 ** 31 - 1, 0],
    );
    pending.finalReply(226);
    pending.finalReply(200);
    assert.equal(pending.answeredSeq, 2 ** 31 - 1);
    pending.finalReply(200);
    assert.equal(pending.answeredSeq, 0);
  });

  test('one more than there is room for: its reply is nobody’s, and those behind keep in step', () => {
    const pending = new PendingCommands();
    for (let i = 0; i < MAX_PENDING; i++) assert.equal(pending.add(Verb.Noop, i), true);
    assert.equal(pending.add(Verb.Pasv, 100), false);
    for (let i = 0; i < MAX_PENDING; i++) assert.equal(pending.finalReply(200), Verb.Noop);
    assert.equal(pending.add(Verb.Pasv, 101), false, 'it would overtake the one before');
    assert.equal(pending.oldest, Verb.Other);
    assert.equal(pending.finalReply(227), Verb.Other);
    assert.equal(pending.finalReply(227), Verb.Other);
    assert.equal(pending.isEmpty, true);
    assert.equal(pending.add(Verb.Pasv, 102), true);
    assert.equal(pending.finalReply(227), Verb.Pasv);
  });

  test('no dialogue makes a passive reply answer more commands than asked for one', () => {
    const verbs = fc.constantFrom('PASV', 'EPSV', 'RETR', 'ABOR', '-', 'NOOP', 'STAT', 'FOOB');
    const replies = fc.constantFrom(227, 229, 226, 225, 426, 200, 211, 500, 421);
    const steps = fc.array(fc.oneof(verbs, replies), { maxLength: 120 });
    fc.assert(
      fc.property(steps, (dialogue) => {
        const pending = new PendingCommands();
        const asked: number[] = [];
        let waiting = 0;
        for (const [seq, step] of dialogue.entries()) {
          if (typeof step === 'string') {
            const verb = step === '-' ? Verb.None : verbOfName(step);
            if (pending.add(verb, seq) && isPassive(verb)) asked.push(seq);
            waiting++;
          } else {
            const before = pending.count;
            const oldest = pending.oldest;
            const answered = pending.finalReply(step);
            assert.ok(pending.count <= before && pending.count >= 0);
            if (isPassive(answered)) {
              assert.equal(pending.answeredSeq, asked.shift(), 'in order, each once');
              const skipped = before - pending.count - 1;
              if (skipped > 0) assert.ok(isSkippable(oldest), verbName(oldest));
            } else if (answered !== Verb.None) {
              const isOther = answered !== oldest && !isSkippable(oldest);
              if (isOther) assert.ok(answered === Verb.Stat || answered === Verb.Noop);
            }
          }
          assert.ok(pending.count <= waiting);
          assert.equal(pending.isEmpty, pending.count === 0);
        }
      }),
      { seed: 20_260_408, numRuns: 3000 },
    );
  });

  test('while nothing odd is said, as a plain queue answers', () => {
    const verbs = fc.constantFrom('PASV', 'EPSV', 'RETR', 'CWD', 'USER', 'FOOB');
    const steps = fc.array(fc.oneof(verbs, fc.constantFrom(227, 250, 500)), { maxLength: 60 });
    fc.assert(
      fc.property(steps, (dialogue) => {
        const queue: string[] = [];
        const expected: string[] = [];
        for (const step of dialogue) {
          if (typeof step === 'number')
            expected.push(queue.shift()?.replace('FOOB', 'OTHER') ?? '');
          else queue.push(step);
          if (queue.length > MAX_PENDING) return;
        }
        assert.deepEqual(play(...dialogue), expected);
      }),
      { seed: 20_260_409, numRuns: 1500 },
    );
  });

  test('waiting allocates nothing', () => {
    const pending = new PendingCommands();
    let seq = 0;
    const perCall = allocatedBytesPerCall(() => {
      seq = (seq + 1) | 0;
      pending.add(Verb.Retr, seq);
      pending.add(Verb.Stat, seq);
      pending.finalReply(211);
      pending.finalReply(226);
    });
    assert.ok(perCall < 0.1, `${perCall} bytes per call`);
  });
});

function isSkippable(verb: VerbCode): boolean {
  return verb === Verb.None || verb === Verb.Abor;
}
