/** `pinhole iptables-restore` and `iptables-save` against a gateway, written out. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { RuleGateway } from './rule-gateway.ts';

const HELP = "Try `iptables-restore -h' or 'iptables-restore --help' for more information.\n";
const said = (message: string, line: number) =>
  `iptables-restore v1.8.9 (legacy): ${message}\nError occurred at line: ${line}\n${HELP}`;

const START = `*filter
:INPUT ACCEPT [0:0]
:UC - [0:0]
-A INPUT -i one -j UC
-A UC -j RETURN
COMMIT
*nat
-A POSTROUTING -o x -j MASQUERADE
COMMIT
`;

const filter = (...lines: string[]) =>
  `*filter\n${lines.map((line) => `${line}\n`).join('')}COMMIT\n`;

/** A text, what is said of it, and the exit code; nothing may change where that is not 0. */
const cases: readonly (readonly [text: string, stderr: string, code: number, argv?: string])[] = [
  ['', '', 0],
  [filter(), '', 0],
  ['hello\n', 'iptables-restore: line 1 failed\n', 1],
  ['*filter\nCOMMIT\nCOMMIT\n', 'iptables-restore: line 3 failed\n', 1],
  ['*filter\n-A INPUT\n', 'iptables-restore: COMMIT expected at line 3\n', 1],
  ['*nosuch\nCOMMIT\n', said("iptables-restore: unable to initialize table 'nosuch'", 1), 2],
  ['*\nCOMMIT\n', said('iptables-restore: line 1 table name invalid', 1), 2],
  ['*nosuch\nfoo\nCOMMIT\n', '', 0, '-T filter'],
  ['*filter\n*nat\nCOMMIT\n', `Bad argument \`*nat'\nError occurred at line: 2\n${HELP}`, 2],
  [
    filter('-A INPUT -m nosuch'),
    said("Couldn't load match `nosuch':No such file or directory\n", 2),
    2,
  ],
  [
    filter('-A INPUT -j MISSING'),
    said("Couldn't load target `MISSING':No such file or directory\n", 2),
    2,
  ],
  [filter('-A INPUT -j ACCEPT', '-A INPUT -j MASQUERADE'), 'iptables-restore: line 4 failed\n', 1],
  [filter('-A INPUT -j MASQUERADE'), '', 0, '--test'],
  [filter('-A NOSUCH -j ACCEPT'), 'iptables-restore: line 2 failed\n', 1],
  [filter('-C INPUT -j ACCEPT'), 'iptables-restore: line 2 failed\n', 1],
  [filter('-D INPUT 3'), 'iptables-restore: line 2 failed\n', 1],
  [filter('-N INPUT'), 'iptables-restore: line 2 failed\n', 1],
  [filter(':A - [0:0]', ':A - [0:0]'), said("error creating chain 'A':File exists", 3), 2],
  [
    filter(':MY ACCEPT [0:0]'),
    "iptables-restore v1.8.9 (legacy): Can't set policy `ACCEPT' on `MY' line 2: Bad built-in chain name\n",
    1,
  ],
  [filter(':INPUT ACCEPT 5:6'), '', 0],
  [filter(':INPUT ACCEPT 5:6'), said("invalid policy counters for chain 'INPUT'", 2), 2, '-c'],
  [filter(':INPUT'), said('iptables-restore: line 2 policy invalid', 2), 2],
  [filter(':'), said('iptables-restore: line 2 chain name invalid', 2), 2],
  [filter('[5:6 -A INPUT'), said('Bad line 2: need ]', 2), 2],
  [filter('[7:x] -A INPUT'), '', 0],
  [filter('[7:x] -A INPUT'), said('-c byte counter not numeric', 2), 2, '-c'],
  [filter('[1:6] -A INPUT -c 3 4'), said('multiple -c flags not allowed', 2), 2, '-c'],
  [filter('[1:6] -D INPUT 1'), said("Illegal option `-c' with this command", 2), 2, '-n -c'],
  [filter('[1:6]'), said('no command specified', 2), 2, '-c'],
  [filter('   '), said('no command specified', 2), 2],
  [filter('-w -A INPUT'), said("You cannot use `-w' from iptables-restore", 2), 2],
  [filter('-t nat -A INPUT'), said('The -t option cannot be used in iptables-restore.\n', 2), 2],
  [filter('-A INPUT --ipv6 -s ::1', '-6 -A INPUT', '-4 -A INPUT'), '', 0],
  [
    filter('-A INPUT -m comment --comment "a"b'),
    `Bad argument \`b'\nError occurred at line: 2\n${HELP}`,
    2,
  ],
];

test('what iptables-restore says, and its exit codes', async () => {
  for (const [text, stderr, code, options = ''] of cases) {
    const gateway = new RuleGateway({ rules: START });
    const before = await gateway.saved();
    const argv = options.split(' ').filter((word) => word !== '');
    const ran = await gateway.run('iptables-restore', argv, text);
    assert.deepEqual([ran.stderr, ran.code], [stderr, code], `${options}\n${text}`);
    if (code !== 0) assert.equal(await gateway.saved(), before, 'nothing changes');
  }
});

describe('what it does', () => {
  const after = async (text: string, ...argv: string[]): Promise<string[]> => {
    const gateway = new RuleGateway({ rules: START });
    const { stderr, code } = await gateway.run('iptables-restore', argv, text);
    assert.deepEqual([stderr, code], ['', 0]);
    const lines = (await gateway.saved()).split('\n');
    return lines.filter((line) => /^-A|^:(?!\w+ ACCEPT \[0:0\])/.test(line));
  };
  const nat = '-A POSTROUTING -o x -j MASQUERADE';

  test('a table that is named is replaced, the others stay', async () => {
    assert.deepEqual(await after(filter('-A INPUT -i two')), [nat, '-A INPUT -i two']);
    assert.deepEqual(await after(filter('-A INPUT -i two'), '--test'), [
      nat,
      ':UC - [0:0]',
      '-A INPUT -i one -j UC',
      '-A UC -j RETURN',
    ]);
  });

  test('-n keeps; a chain that is declared again is emptied', async () => {
    const kept = [nat, ':NEW - [0:0]', ':UC - [0:0]', '-A INPUT -i one -j UC', '-A INPUT -j NEW'];
    const text = filter(':UC - [0:0]', ':NEW - [0:0]', '-A INPUT -j NEW', '-A UC -j ACCEPT');
    assert.deepEqual(await after(text, '-n'), [...kept, '-A UC -j ACCEPT']);
    assert.deepEqual(await after(filter(':UC - [0:0]'), '--noflush'), [
      nat,
      ':UC - [0:0]',
      '-A INPUT -i one -j UC',
    ]);
  });

  test('-T takes one table', async () => {
    const text = `${filter('-A INPUT -i three')}*nat\n-A POSTROUTING -o y -j MASQUERADE\nCOMMIT\n`;
    assert.deepEqual(await after(text, '-T', 'nat'), [
      '-A POSTROUTING -o y -j MASQUERADE',
      ':UC - [0:0]',
      '-A INPUT -i one -j UC',
      '-A UC -j RETURN',
    ]);
  });

  test('all or nothing over all tables: deliberately more than iptables-restore', async () => {
    const gateway = new RuleGateway({ rules: START });
    const before = await gateway.saved();
    const text = `*nat\n-A POSTROUTING -o wan0 -j MASQUERADE\nCOMMIT\n${filter('-A INPUT -m nosuch')}`;
    const { stderr, code } = await gateway.run('iptables-restore', [], text);
    assert.match(stderr, /Error occurred at line: 5\n/);
    assert.equal(code, 2);
    assert.equal(await gateway.saved(), before);
  });

  test('counters are taken with -c alone', async () => {
    const text = filter(':INPUT ACCEPT [5:500]', '[7:700] -A INPUT -i lo -j ACCEPT');
    const gateway = new RuleGateway({ rules: START });
    await gateway.run('iptables-restore', [], text);
    assert.match(
      await gateway.saved('-c'),
      /:INPUT ACCEPT \[0:0\]\n(:.*\n)+\[0:0\] -A INPUT -i lo/,
    );
    await gateway.run('iptables-restore', ['-c'], text);
    assert.match(await gateway.saved('-c'), /:INPUT ACCEPT \[5:500\]\n(:.*\n)+\[7:700\] -A INPUT/);
  });

  test('-v tells what is done, and repeats comments', async () => {
    const gateway = new RuleGateway({ rules: START });
    const text = `# head\n${filter('-N NEW', '-A NEW -s 1.2.3.4', '-Z')}# tail\n`;
    const { stdout } = await gateway.run('iptables-restore', ['-v'], text);
    const chains = ['INPUT', 'FORWARD', 'OUTPUT'];
    const lines = (what: string, names: string[]) =>
      names.map((name) => `${what} chain \`${name}'\n`).join('');
    assert.equal(
      stdout,
      `# head\n${lines('Flushing', [...chains, 'UC'])}${lines('Deleting', ['UC'])}` +
        `  all opt -- in * out *  1.2.3.4  -> 0.0.0.0/0  \n${lines('Zeroing', [...chains, 'NEW'])}# tail\n`,
    );
  });

  test('what is not enforced is said, with its line', async () => {
    const gateway = new RuleGateway({ rules: START });
    const text = filter('-A INPUT -j ACCEPT', '-A INPUT -j NFQUEUE');
    const { stderr, code } = await gateway.run('iptables-restore', [], text);
    assert.equal(code, 0);
    assert.match(stderr, /^pinhole: warning: line 3: NFQUEUE: not enforced: .*\n$/);
    const more = await gateway.run('iptables-restore', ['-n'], filter('-A INPUT -p udp'));
    assert.equal(more.stderr, '');
    const typed = await gateway.run('iptables', ['-A', 'INPUT', '-j', 'NFQUEUE']);
    assert.match(typed.stderr, /^pinhole: warning: NFQUEUE: not enforced: .*\n$/);
  });

  test('senders are known where the datapath holds OUTPUT, their groups are not', async () => {
    const user = '-m owner --uid-owner 0 -j ACCEPT';
    const group = '-m owner ! --gid-owner 0 -j ACCEPT';
    const rows = async (holdsOutput: boolean): Promise<[string, string[], string[]]> => {
      const gateway = new RuleGateway();
      gateway.loadOptions = { holdsOutput };
      const text = filter(`-A OUTPUT ${user}`, `-A OUTPUT ${group}`, '-L OUTPUT');
      const restored = await gateway.run('iptables-restore', [], text);
      const marked = (listing: string) =>
        listing.split('\n').filter((line) => line.endsWith(' [not enforced]'));
      const { stdout } = await gateway.run('iptables', ['-nL', 'OUTPUT']);
      assert.equal(marked(stdout).length, marked(restored.stdout).length);
      const typed = await gateway.run('iptables', ['-A', 'OUTPUT', ...user.split(' ')]);
      return [typed.stderr, marked(stdout), restored.stderr.match(/line \d+: owner/g) ?? []];
    };
    const [typed, marked, lines] = await rows(true);
    assert.equal(typed, '');
    assert.match(marked.join('\n'), /^ACCEPT .* ! owner GID match 0 \[not enforced\]$/);
    assert.deepEqual(lines, ['line 3: owner']);
    const [typedThere, markedThere, linesThere] = await rows(false);
    assert.match(typedThere, /^pinhole: warning: owner: not enforced: .* --datapath gate only/);
    assert.equal(markedThere.length, 2);
    assert.deepEqual(linesThere, ['line 2: owner', 'line 3: owner']);
  });

  test('a listing in the text shows the rules as they are by then', async () => {
    const gateway = new RuleGateway({ rules: START });
    const text = filter('-A INPUT -i now', '-S INPUT');
    const { stdout } = await gateway.run('iptables-restore', [], text);
    assert.equal(stdout, '-P INPUT ACCEPT\n-A INPUT -i now\n');
  });

  test('a text larger than one piece of an answer comes back whole', async () => {
    const rules = Array.from(
      { length: 4000 },
      (_, i) => `-A INPUT -s 10.${i >> 8}.${i & 255}.1/32 -j DROP`,
    );
    const gateway = new RuleGateway({ rules: START });
    assert.equal((await gateway.run('iptables-restore', [], filter(...rules))).code, 0);
    assert.equal((await gateway.saved('-t', 'filter')).match(/^-A/gm)?.length, 4000);
  });
});

test('options of iptables-restore', async () => {
  const gateway = new RuleGateway({ rules: START });
  gateway.files.set('f.rules', filter('-A INPUT -i file'));
  const run = async (...argv: string[]) => {
    const { stderr, code } = await gateway.run('iptables-restore', argv, '');
    return [stderr, code];
  };
  const hint = "Try `iptables-restore -h' for more information.\n";
  assert.deepEqual(await run('--bogus'), [
    `iptables-restore: unrecognized option '--bogus'\n${hint}`,
    1,
  ]);
  assert.deepEqual(await run('-q'), [`iptables-restore: invalid option -- 'q'\n${hint}`, 1]);
  assert.deepEqual(await run('-T'), [
    `iptables-restore: option requires an argument -- 'T'\n${hint}`,
    1,
  ]);
  assert.deepEqual(await run('--noflush=3'), [
    `iptables-restore: option '--noflush' doesn't allow an argument\n${hint}`,
    1,
  ]);
  assert.deepEqual(await run('/no/such/file'), [
    "Can't open /no/such/file: No such file or directory\n",
    1,
  ]);
  assert.deepEqual(await run('a', 'b'), ['Unknown arguments found on commandline\n', 1]);
  assert.deepEqual(await run('--no', '-w', '5', '-M', 'x'), ['', 0]);
  assert.deepEqual(await run('f.rules'), ['', 0]);
  assert.match(await gateway.saved(), /-A INPUT -i file/);
});

test('options of iptables-save', async () => {
  const gateway = new RuleGateway({ rules: START });
  const run = (...argv: string[]) => gateway.run('iptables-save', argv);
  const hint = "Look at manual page `iptables-save.8' for more information.\n";
  assert.equal((await run('-x')).stderr, `iptables-save: invalid option -- 'x'\n${hint}`);
  assert.equal((await run('-x')).code, 1);
  assert.equal((await run('foo')).stderr, 'Unknown arguments found on commandline\n');
  assert.match((await run('-t', 'nosuch')).stderr, /Cannot initialize: Table does not exist/);
  assert.equal((await run('-t', 'nosuch')).code, 1);
  assert.equal(
    (await run('-f', '/no/such')).stderr,
    'Failed to open file, error: No such file or directory\n',
  );
  assert.equal((await run('-f', 'out')).stdout, '');
  assert.match(gateway.files.get('out') ?? '', /^\*filter$/m);
  assert.deepEqual((await run('--tab=nat', '--count')).stdout.match(/^\*\w+/gm), ['*nat']);
  assert.equal((await run('-V')).stdout, 'iptables-save v1.8.9 (legacy)\n');
});
