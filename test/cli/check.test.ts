import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { type CheckOptions, runCheck } from '../../src/cli/check.ts';
import { Bench, STATEFUL } from '../replay/support.ts';

const WARNED = '*filter\n:X - [0:0]\n-A FORWARD -j DROP\n-A X -j ACCEPT\nCOMMIT\n';

function check(files: readonly string[], options: Partial<CheckOptions> = {}) {
  let stdout = '';
  let stderr = '';
  const exitCode = runCheck(
    files,
    { strict: false, json: false, explain: '', ...options },
    {
      stdout: (text) => {
        stdout += text;
      },
      stderr: (text) => {
        stderr += text;
      },
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

test('every error of every file, each with its place; the first one decides the exit code', (t) => {
  const bench = new Bench(t);
  const first = bench.file(
    'first.rules',
    '*filter\n-A FORWARD --dport 21 -j ACCEPT\n-A NOWHERE -j DROP\nCOMMIT\n',
  );
  const second = bench.file('second.rules', '*filter\n-A FORWARD -s 300.1.1.1 -j DROP\nCOMMIT\n');
  const { exitCode, stdout, stderr } = check([first, second]);
  assert.deepEqual([exitCode, stdout], [2, '']);
  for (const place of ['first.rules:2', 'first.rules:3', 'second.rules:2']) {
    assert.ok(stderr.includes(place), `${place} in ${stderr}`);
  }
  // The same table in both files is worth a warning.
  assert.match(stderr, /\npinhole check: 3 errors, 1 warning\n$/);
  assert.equal(check([bench.path('none.rules')]).exitCode, 1);
});

test('exit codes as iptables: 1 refused by the kernel, 2 wording, 3 unknown table', (t) => {
  const bench = new Bench(t);
  const codes = [
    '*filter\n-A INPUT -j MASQUERADE\nCOMMIT\n',
    '*filter\n-A INPUT --bogus\nCOMMIT\n',
    '*nosuch\nCOMMIT\n',
  ].map((text, i) => check([bench.file(`${i}.rules`, text)]).exitCode);
  assert.deepEqual(codes, [1, 2, 3]);
});

test('a message: place, words of iptables, code, source line, caret, help', (t) => {
  const bench = new Bench(t);
  const file = bench.file('fw.rules', '*filter\n-A INPUT -j MASQUERADE\nCOMMIT\n');
  const place = `${file}:2:1: error: Invalid argument. Run \`dmesg' for more information.`;
  assert.equal(
    check([file]).stderr,
    [
      `${place} (MASQUERADE: only in table nat) [invalid-place]`,
      '-A INPUT -j MASQUERADE',
      '^',
      'help: move the rule to the table and chain that the message names',
      'pinhole check: 1 error',
      '',
    ].join('\n'),
  );
});

test('lint warns and lets pass; strict it refuses', (t) => {
  const bench = new Bench(t);
  const file = bench.file('fw.rules', WARNED);
  const lax = check([file]);
  assert.equal(lax.exitCode, 0);
  assert.match(lax.stdout, /: OK, 2 rules, 1 warning\n$/);
  assert.match(
    lax.stderr,
    /fw\.rules:4:1: warning: .*\[unused-chain\]\n-A X -j ACCEPT\n\^\nhelp: /,
  );
  const strict = check([file], { strict: true });
  assert.deepEqual([strict.exitCode, strict.stdout], [1, '']);
  assert.match(strict.stderr, /fw\.rules:4:1: error: .*\[unused-chain\]/);
});

test('strict leaves a missing final newline a warning', (t) => {
  const bench = new Bench(t);
  const file = bench.file('fw.rules', '*filter\n-A FORWARD -j DROP\nCOMMIT');
  const { exitCode, stderr } = check([file], { strict: true });
  assert.equal(exitCode, 0);
  assert.match(stderr, /warning: .*\[final-newline\]/);
});

test('JSON: one object with errors, warnings and counts', (t) => {
  const bench = new Bench(t);
  const file = bench.file('fw.rules', WARNED);
  const { exitCode, stdout, stderr } = check([file], { json: true });
  assert.deepEqual([exitCode, stderr], [0, '']);
  assert.deepEqual(JSON.parse(stdout), {
    files: [file],
    errors: [],
    warnings: [
      {
        file,
        line: 4,
        column: 1,
        code: 'unused-chain',
        severity: 'warning',
        message: 'nothing leads to chain X: its rules see no packet',
        help: 'jump to it, or delete it',
        table: 'filter',
        chain: 'X',
        rule: 1,
      },
    ],
    counts: { errors: 0, warnings: 1, rules: 2, directives: 0 },
  });
  const bad = bench.file('bad.rules', '*filter\n-A FORWARD --dport 21\nCOMMIT\n');
  const failed = check([bad], { json: true });
  const report = JSON.parse(failed.stdout);
  assert.deepEqual(
    [failed.exitCode, report.errors[0].code, report.errors[0].chain, report.counts.errors],
    [2, 'unknown-option', null, 1],
  );
  const refused = bench.file('refused.rules', '*filter\n-A FORWARD -j MASQUERADE\nCOMMIT\n');
  const [error] = JSON.parse(check([refused], { json: true }).stdout).errors;
  assert.deepEqual([error.table, error.chain, error.rule], ['filter', 'FORWARD', 1]);
});

test('sets and rules together; the later of two files with one table replaces it, and says so', (t) => {
  const bench = new Bench(t);
  const sets = bench.file('all.sets', 'create a hash:ip\nadd a 10.0.0.1\n');
  const rules = bench.file(
    'fw.rules',
    '*filter\n-A FORWARD -m set --match-set a src -j DROP\nCOMMIT\n',
  );
  assert.deepEqual([check([rules, sets]).exitCode, check([rules]).exitCode], [0, 2]);
  const again = bench.file('again.rules', '*filter\n-A FORWARD -j DROP\nCOMMIT\n');
  const { exitCode, stdout, stderr } = check([rules, again, sets]);
  assert.equal(exitCode, 0);
  assert.match(stdout, /OK, 1 rule, 1 warning/);
  assert.match(stderr, /again\.rules:1:1: warning: table filter replaces .*\[replaced-table\]/);
});

test('--explain says what a code means', () => {
  const { exitCode, stdout } = check([], { explain: 'loop' });
  assert.equal(exitCode, 0);
  assert.match(stdout, /^loop\n {2}Chains jump to each other/);
  assert.equal(check([], { explain: 'nosuch' }).exitCode, 2);
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
  const run = (input: string, ...more: string[]) =>
    spawnSync(process.execPath, [main, 'check', '/dev/stdin', ...more], {
      input,
      encoding: 'utf8',
    });
  const good = run(STATEFUL);
  assert.deepEqual([good.status, good.stdout, good.stderr], [0, '/dev/stdin: OK, 2 rules\n', '']);
  const bad = run('*filter\n-A FORWARD -j NOWHERE\nCOMMIT\n');
  assert.deepEqual([bad.status, bad.stdout], [2, '']);
  assert.match(bad.stderr, /NOWHERE/);
  const strict = run(WARNED, '--strict', '-o', 'json');
  assert.equal(strict.status, 1);
  assert.equal(JSON.parse(strict.stdout).counts.errors, 1);
  const explained = spawnSync(process.execPath, [main, 'check', '--explain', 'loop']);
  assert.equal(explained.status, 0);
});

test('directives are counted, and their mistakes told as those of rules', (t) => {
  const bench = new Bench(t);
  const good = bench.file('good.rules', `# pinhole: ftp list=no\n${STATEFUL}`);
  assert.match(check([good]).stdout, /OK, 2 rules, 1 directive\n$/);
  const counts = JSON.parse(check([good], { json: true }).stdout).counts;
  assert.deepEqual(counts, { errors: 0, warnings: 0, rules: 2, directives: 1 });
  const bad = bench.file('bad.rules', `# pinhole: ftp list=never\n${STATEFUL}`);
  const { exitCode, stderr } = check([bad]);
  assert.equal(exitCode, 2);
  assert.match(
    stderr,
    /bad\.rules:1:21: error: bad value "never" of list=: expected yes or no \[bad-value\]\n# pinhole: ftp list=never\n {20}\^\nhelp: /,
  );
  const doubtful = bench.file('doubtful.rules', `# pinhole: ftp rule=none upload=no\n${STATEFUL}`);
  assert.equal(check([doubtful]).exitCode, 0);
  assert.match(check([doubtful]).stderr, /warning: no rule .* \[doubtful-directive\]/);
  assert.equal(check([doubtful], { strict: true }).exitCode, 1);
  for (const code of ['unknown-directive', 'bad-directive', 'directive-conflict']) {
    assert.match(check([], { explain: code }).stdout, new RegExp(`^${code}\\n {2}\\w`));
  }
});
