import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Prng } from '../../src/base/index.ts';
import { unifiedDiff } from '../../src/cli/apply/index.ts';

const names = ['old', 'new'] as const;
const text = (...lines: string[]) => lines.map((line) => `${line}\n`).join('');

test('a change with three lines of context', () => {
  const before = text('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h');
  const after = text('a', 'b', 'c', 'd', 'X', 'f', 'g', 'h');
  assert.equal(
    unifiedDiff(before, after, names),
    text('--- old', '+++ new', '@@ -2,7 +2,7 @@', ' b', ' c', ' d', '-e', '+X', ' f', ' g', ' h'),
  );
});

test('nothing, everything, the ends', () => {
  assert.equal(unifiedDiff('a\n', 'a\n', names), '');
  assert.equal(unifiedDiff('', 'a\n', names), text('--- old', '+++ new', '@@ -0,0 +1 @@', '+a'));
  assert.equal(unifiedDiff('a\n', '', names), text('--- old', '+++ new', '@@ -1 +0,0 @@', '-a'));
  const far = Array.from({ length: 20 }, (_, i) => `line ${i}`);
  const changed = [...far];
  [changed[0], changed[19]] = ['first', 'last'];
  const diff = unifiedDiff(text(...far), text(...changed), names);
  assert.deepEqual(diff.match(/^@@.*/gm), ['@@ -1,4 +1,4 @@', '@@ -17,4 +17,4 @@']);
});

/** Applies a diff the way patch does. */
function patched(before: string, diff: string): string {
  const old = before.split('\n').slice(0, -1);
  const out: string[] = [];
  let at = 0;
  for (const line of diff.split('\n').slice(2, -1)) {
    const head = /^@@ -(\d+)(?:,(\d+))? /.exec(line);
    if (head !== null) {
      const start = head[2] === '0' ? Number(head[1]) : Number(head[1]) - 1;
      while (at < start) out.push(old[at++]!);
    } else if (line.startsWith('+')) out.push(line.slice(1));
    else {
      assert.equal(old[at], line.slice(1));
      at++;
      if (line.startsWith(' ')) out.push(line.slice(1));
    }
  }
  return text(...out, ...old.slice(at));
}

test('what is patched with it is the new text, for random texts, within and beyond the budget', () => {
  const random = new Prng(7);
  const lines = (count: number, kinds: number) =>
    Array.from({ length: count }, () => `${random.next() % kinds}`.replace('-', ''));
  for (let round = 0; round < 200; round++) {
    const before = text(...lines(round % 23, 4));
    const after = text(...lines((round * 7) % 19, 4));
    assert.equal(patched(before, unifiedDiff(before, after, names)), after);
  }
  const before = text(...lines(900, 1_000_000));
  const after = text(...lines(900, 1_000_000));
  assert.equal(patched(before, unifiedDiff(before, after, names)), after);
});
