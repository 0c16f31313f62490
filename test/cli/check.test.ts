import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { runCheck } from '../../src/cli/check.ts';
import { Bench, STATEFUL } from '../replay/support.ts';

function check(files: readonly string[]) {
  let stdout = '';
  let stderr = '';
  const exitCode = runCheck(
    files,
    (text) => {
      stdout += text;
    },
    (text) => {
      stderr += text;
    },
  );
  return { exitCode, stdout, stderr };
}

test('0 and the number of rules where all files load', (t) => {
  const bench = new Bench(t);
  const v4 = bench.file('fw.rules', STATEFUL);
  const v6 = bench.file('fw.v6', '*filter\n-A FORWARD -j DROP\nCOMMIT\n');
  assert.deepEqual(check([v4, v6]), {
    exitCode: 0,
    stdout: `${v4} ${v6}: OK, 3 rules\n`,
    stderr: '',
  });
  const one = bench.file('one.rules', '*filter\n-A FORWARD -j DROP\nCOMMIT\n');
  assert.match(check([one]).stdout, /OK, 1 rule\n$/);
});

test('2 and every error of every file, each with its place', (t) => {
  const bench = new Bench(t);
  const first = bench.file(
    'first.rules',
    '*filter\n-A FORWARD --dport 21 -j ACCEPT\n-A NOWHERE -j DROP\nCOMMIT\n',
  );
  const second = bench.file('second.rules', '*filter\n-A FORWARD -s 300.1.1.1 -j DROP\nCOMMIT\n');
  const { exitCode, stdout, stderr } = check([first, second, bench.path('none.rules')]);
  assert.deepEqual([exitCode, stdout], [2, '']);
  for (const place of ['first.rules:2', 'first.rules:3', 'second.rules:2', 'none.rules']) {
    assert.ok(stderr.includes(place), `${place} in ${stderr}`);
  }
  assert.match(stderr, /\npinhole check: 4 errors\n$/);
});

test('nothing to check is no success', () => {
  assert.deepEqual(check([]), {
    exitCode: 2,
    stdout: '',
    stderr: 'pinhole check: no file to check\n',
  });
});

test('through the command line, from standard input too', () => {
  const main = join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.js');
  const run = (input: string) =>
    spawnSync(process.execPath, [main, 'check', '/dev/stdin'], { input, encoding: 'utf8' });
  const good = run(STATEFUL);
  assert.deepEqual([good.status, good.stdout, good.stderr], [0, '/dev/stdin: OK, 2 rules\n', '']);
  const bad = run('*filter\n-A FORWARD -j NOWHERE\nCOMMIT\n');
  assert.deepEqual([bad.status, bad.stdout], [2, '']);
  assert.match(bad.stderr, /NOWHERE/);
});
