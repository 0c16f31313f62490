/** `pinhole sysctl` against a gateway in memory; messages and exit codes as procps 4.0.2 has them. */
import assert from 'node:assert/strict';
import { duplexPair } from 'node:stream';
import { describe, test } from 'node:test';
import { CommandError } from '../../src/cli/exit-code.ts';
import { main } from '../../src/cli/main.ts';
import { parseConfFile } from '../../src/cli/sysctl/conf-file.ts';
import { applySysctls, runSysctl } from '../../src/cli/sysctl/index.ts';
import { isForeign, sysctlsMatching, sysctlsUnder } from '../../src/cli/sysctl/names.ts';
import { sysctlNames } from '../../src/conntrack/index.ts';
import { ControlClient, ControlError, serveStream } from '../../src/control/index.ts';
import { defaultEngineSettings } from '../../src/engine/index.ts';
import { EntryGateway } from '../control/entry-gateway.ts';
import { Bench, STATEFUL } from '../replay/support.ts';

const PREFIX = 'net.netfilter.nf_conntrack_';

class SysctlBench {
  readonly gateway = new EntryGateway();
  /** Files by their path. */
  readonly files: Record<string, string> = {};

  async run(...argv: string[]) {
    const outcome = { code: 0, out: '', err: '' };
    outcome.code = await runSysctl(argv, {
      client: async () => {
        const [ours, theirs] = duplexPair();
        serveStream(theirs, this.gateway.handler, {});
        return new ControlClient(ours);
      },
      stdout: (text) => {
        outcome.out += text;
      },
      stderr: (text) => {
        outcome.err += text;
      },
      readFile: (path) => {
        const text = this.files[path];
        if (text !== undefined) return text;
        throw Object.assign(new Error(`no ${path}`), { code: 'ENOENT', syscall: 'open' });
      },
    });
    return outcome;
  }
}

function printed(out: string) {
  return { code: 0, out, err: '' };
}

function failed(...errors: string[]) {
  return { code: 1, out: '', err: errors.map((line) => `pinhole sysctl: ${line}\n`).join('') };
}

describe('showing', () => {
  const spellings = [
    `${PREFIX}acct`,
    'net/netfilter/nf_conntrack_acct',
    '/proc/sys/net/netfilter/nf_conntrack_acct',
    'nf_conntrack_acct',
  ];
  for (const name of spellings) {
    test(name, async () => {
      assert.deepEqual(await new SysctlBench().run(name), printed(`${PREFIX}acct = 1\n`));
    });
  }

  test('the old name of the maximum', async () => {
    const out = 'net.nf_conntrack_max = 4096\n';
    assert.deepEqual(await new SysctlBench().run('net.nf_conntrack_max'), printed(out));
  });

  test('values alone, names alone, without a line end', async () => {
    const bench = new SysctlBench();
    const names = ['nf_conntrack_acct', 'nf_conntrack_events'];
    assert.deepEqual(await bench.run('-n', ...names), printed('1\n2\n'));
    const both = `${PREFIX}acct\n${PREFIX}events\n`;
    assert.deepEqual(await bench.run('--names', ...names), printed(both));
    assert.deepEqual(await bench.run('-b', ...names), printed('12'));
  });

  test('all of them, or those of a folder', async () => {
    const bench = new SysctlBench();
    const all = await bench.run('-a');
    const names = all.out
      .trimEnd()
      .split('\n')
      .map((line) => line.split(' = ')[0]);
    const own = sysctlNames.map((name) => `net.netfilter.${name}`);
    assert.deepEqual(names, [...own, 'net.nf_conntrack_max']);
    const folder = await bench.run('net.netfilter');
    assert.equal(folder.out, all.out.replace(/net\.nf_conntrack_max.*\n/, ''));
  });

  test('a pattern', async () => {
    const bench = new SysctlBench();
    const out = `${PREFIX}acct = 1\n${PREFIX}events = 2\n`;
    assert.deepEqual(await bench.run('-a', '--pattern', 'acct|events'), printed(out));
    assert.deepEqual(await bench.run('-a', '--pattern=acct|events'), printed(out));
    assert.deepEqual(await bench.run('-ar', 'acct|events'), printed(out));
    const named = await bench.run('-r', 'ev', `${PREFIX}acct`, `${PREFIX}events`);
    assert.deepEqual(named, printed(`${PREFIX}events = 2\n`));
  });

  test('what is not there; the rest is shown all the same', async () => {
    const bench = new SysctlBench();
    const message = (path: string) => `cannot stat /proc/sys/${path}: No such file or directory`;
    const nope = message('net/netfilter/nf_conntrack_nope');
    assert.deepEqual(await bench.run(`${PREFIX}nope`), failed(nope));
    assert.deepEqual(await bench.run('-e', `${PREFIX}nope`), printed(''));
    assert.deepEqual(await bench.run(`${PREFIX}nope`, `${PREFIX}acct`), {
      ...failed(nope),
      out: `${PREFIX}acct = 1\n`,
    });
    assert.deepEqual(await bench.run('kernel.hostname'), failed(message('kernel/hostname')));
    assert.deepEqual(
      await bench.run(`${PREFIX}*`),
      failed(message('net/netfilter/nf_conntrack_*')),
    );
  });
});

describe('setting', () => {
  test('is printed as it was given, and holds', async () => {
    const bench = new SysctlBench();
    const { settings } = bench.gateway.conntrack;
    assert.deepEqual(await bench.run(`${PREFIX}acct=0`), printed(`${PREFIX}acct = 0\n`));
    assert.equal(settings.accounting, false);
    assert.deepEqual(await bench.run('-w', `${PREFIX}acct = 1`), printed(`${PREFIX}acct = 1\n`));
    assert.deepEqual(await bench.run('-n', `${PREFIX}udp_timeout=0x10`), printed('0x10\n'));
    assert.equal(settings.timeouts.udp, 16);
    assert.deepEqual(await bench.run('-q', 'net.nf_conntrack_max=5'), printed(''));
    assert.equal(settings.maximum, 5);
    assert.deepEqual(await bench.run('--dry-run', `${PREFIX}max=7`), printed(`${PREFIX}max = 7\n`));
    assert.equal(settings.maximum, 5);
  });

  test('what is refused keeps nothing else from being set', async () => {
    const bench = new SysctlBench();
    const outcome = await bench.run(`${PREFIX}udp_timeout=abc`, `${PREFIX}acct=1`);
    assert.deepEqual(outcome, {
      ...failed(`setting key "${PREFIX}udp_timeout": Invalid argument`),
      out: `${PREFIX}acct = 1\n`,
    });
  });

  const refused: readonly (readonly [string[], string])[] = [
    [[`${PREFIX}acct=5`], `setting key "${PREFIX}acct": Invalid argument`],
    [['-e', `${PREFIX}acct=5`], `setting key "${PREFIX}acct": Invalid argument`],
    [[`${PREFIX}acct=`], `setting key "${PREFIX}acct": Invalid argument`],
    [[`${PREFIX}count=5`], `setting key "${PREFIX}count": Permission denied`],
    [
      [`${PREFIX}nope=1`],
      'cannot stat /proc/sys/net/netfilter/nf_conntrack_nope: No such file or directory',
    ],
    [['net.netfilter=1'], 'cannot stat /proc/sys/net/netfilter: No such file or directory'],
    [['-w', `${PREFIX}acct`], 'command line(0): invalid syntax, continuing...'],
  ];
  for (const [argv, message] of refused) {
    test(argv.join(' '), async () => {
      assert.deepEqual(await new SysctlBench().run(...argv), failed(message));
    });
  }

  test('a dash forgives', async () => {
    assert.deepEqual(await new SysctlBench().run('--', `-${PREFIX}acct=7`), printed(''));
    assert.deepEqual(await new SysctlBench().run('--', `-${PREFIX}nope=7`), printed(''));
  });
});

describe('the command line', () => {
  test('nothing to do, unknown options, help', async () => {
    const bench = new SysctlBench();
    const empty = await bench.run();
    assert.equal(empty.code, 1);
    assert.match(empty.out, /^Usage:\n pinhole sysctl /);
    assert.deepEqual(await bench.run('-w'), failed('no variables specified'));
    for (const [argv, message] of [
      [['--bogus'], "unrecognized option '--bogus'"],
      [['-aZ'], "invalid option -- 'Z'"],
      [['-r'], "option '-r' requires an argument"],
      [['-r', '['], "bad pattern '['"],
      [['--all=1'], "unrecognized option '--all=1'"],
    ] as const) {
      const { code, err } = await bench.run(...argv);
      assert.deepEqual([code, err.split('\n')[0]], [1, `pinhole sysctl: ${message}`]);
    }
    assert.equal((await bench.run('--help')).code, 0);
  });

  test('no gateway', async () => {
    let err = '';
    const code = await runSysctl(['-a'], {
      client: () => Promise.reject(new ControlError('CONTROL_UNREACHABLE', 'nobody there', 4)),
      stdout: () => {},
      stderr: (text) => {
        err += text;
      },
      readFile: () => '',
    });
    assert.deepEqual([code, err], [4, 'nobody there\n']);
  });
});

const CONF = `# comment
; comment

net.ipv4.ip_forward = 1
${PREFIX}acct = 1
-${PREFIX}acct = 7
-${PREFIX}nope = 7
-net.ipv4.conf.lo.rp_filter
   net/netfilter/nf_conntrack_events=1
${PREFIX}udp_timeout = 30 # as before
${PREFIX}tcp_loos* = 0
`;

describe('files', () => {
  const shown =
    `${PREFIX}acct = 1\n${PREFIX}events = 1\n${PREFIX}udp_timeout = 30 # as before\n` +
    `${PREFIX}tcp_loose = 0\n`;
  const skipped =
    'pinhole sysctl: a.conf(4): net.ipv4.ip_forward is no setting of the gateway, skipped\n';

  test('what is ours is set, what is not is skipped with a word', async () => {
    const bench = new SysctlBench();
    bench.files['a.conf'] = CONF;
    assert.deepEqual(await bench.run('-p', 'a.conf'), { code: 0, out: shown, err: skipped });
    assert.equal(bench.gateway.conntrack.settings.tcpLoose, false);
    assert.equal(bench.gateway.conntrack.settings.events, 1);
    assert.deepEqual(await bench.run('-e', '-p', 'a.conf'), printed(shown));
    assert.deepEqual(await bench.run('-q', '--load=a.conf'), printed(''));
    assert.deepEqual(await bench.run('-pa.conf', '-n', '-e'), printed('1\n1\n30 # as before\n0\n'));
  });

  test('several, standard input, and the usual one', async () => {
    const bench = new SysctlBench();
    bench.files['-'] = `${PREFIX}acct=1\n`;
    bench.files['/etc/sysctl.conf'] = `${PREFIX}acct=0\n`;
    assert.deepEqual(await bench.run('-p', '-'), printed(`${PREFIX}acct = 1\n`));
    assert.deepEqual(await bench.run('-p'), printed(`${PREFIX}acct = 0\n`));
    assert.deepEqual(await bench.run('-p', '-', 'nope.conf'), {
      ...failed('cannot open "nope.conf": No such file or directory'),
      out: `${PREFIX}acct = 1\n`,
    });
  });

  test('errors, with the rest done', async () => {
    const bench = new SysctlBench();
    bench.files['a.conf'] = `${PREFIX}nope = 1\ngarbage\n${PREFIX}acct = 9\n${PREFIX}events = 0\n`;
    assert.deepEqual(await bench.run('-p', 'a.conf'), {
      ...failed(
        'a.conf(2): invalid syntax, continuing...',
        'cannot stat /proc/sys/net/netfilter/nf_conntrack_nope: No such file or directory',
        `setting key "${PREFIX}acct": Invalid argument`,
      ),
      out: `${PREFIX}events = 0\n`,
    });
  });

  test('lines', () => {
    const lines = parseConfFile('a = b = c\r\n - x=1 \n-y\nz\n =5\n');
    assert.deepEqual(lines, [
      { line: 1, key: 'a', value: 'b = c', optional: false },
      { line: 2, key: 'x', value: '1', optional: true },
      { line: 4, key: 'z', value: null, optional: false },
      { line: 5, key: '', value: '5', optional: false },
    ]);
  });

  test('names', () => {
    const count = (text: string) => sysctlsMatching(text).length;
    assert.deepEqual(
      ['net.netfilter.*', 'net.*', 'net/netfilter/nf_conntrack_[ae]*', 'net.netfilter'].map(count),
      [41, 1, 3, 0],
    );
    assert.equal(count('net.netfilter.nf_conntrack_[!a]cct'), 0);
    assert.equal(count('net.netfilter.nf_conntrack_acc?'), 1);
    assert.equal(sysctlsUnder('net').length, 42);
    const foreign = ['net.ipv4.ip_forward', 'net.nf_conntrack_max', 'nf_conntrack_x', ''];
    assert.deepEqual(foreign.map(isForeign), [true, false, false, true]);
  });
});

describe('at the start', () => {
  function apply(sysctls: readonly string[], files: readonly string[] = []) {
    const settings = defaultEngineSettings();
    const warnings = applySysctls('pinhole run', settings, { sysctls, files }, []);
    return { settings, warnings };
  }

  test('files first, then the others; frag6_high_thresh too', (t) => {
    const path = new Bench(t).file('a.conf', `${CONF}${PREFIX}max = 7\n${PREFIX}nope = 1\n`);
    const sysctls = ['nf_conntrack_max=9', `${PREFIX}frag6_high_thresh=5000000`];
    const { settings, warnings } = apply(sysctls, [path]);
    assert.equal(settings.conntrack.maximum, 9);
    assert.equal(settings.conntrack.tcpLoose, false);
    assert.equal(settings.fragments.memoryBytes, 5_000_000);
    assert.deepEqual(warnings, [
      `${path}:13: ${PREFIX}nope: no such setting`,
      `${path}: lines of other settings left out: 1`,
    ]);
    assert.equal(apply([], [path]).settings.conntrack.maximum, 7);
  });

  test('what cannot be set keeps the gateway from starting', (t) => {
    const bench = new Bench(t);
    const path = bench.file('a.conf', `\n${PREFIX}acct = 2\n`);
    const cases: readonly (readonly [string[], string[], RegExp])[] = [
      [['acct'], [], /^pinhole run: --sysctl acct: expected NAME=VALUE$/],
      [['net.netfilter=1'], [], /^pinhole run: --sysctl net.netfilter=1: no such setting$/],
      [
        ['nf_conntrack_acct=2'],
        [],
        /^pinhole run: --sysctl: nf_conntrack_acct: "2": a number from 0/,
      ],
      [['nf_conntrack_count=2'], [], /nf_conntrack_count: cannot be set$/],
      [
        [],
        [path],
        /^pinhole run: .*a.conf:2: nf_conntrack_acct: "2": a number from 0 to 1 expected$/,
      ],
      [[], [`${path}.not`], /^pinhole run: cannot open .*a.conf.not: No such file or directory$/],
    ];
    for (const [sysctls, files, message] of cases) {
      assert.throws(
        () => apply(sysctls, files),
        (error) =>
          error instanceof CommandError && error.exitCode === 2 && message.test(error.message),
      );
    }
  });

  test('run takes them, and --conntrack-max is one of them', async (t) => {
    const rules = new Bench(t).file('fw.rules', STATEFUL);
    const run = (...more: string[]) => main(['run', '--rules', rules, '-i', 'none', ...more]);
    await assert.rejects(
      run('--sysctl', 'nf_conntrack_acct=2'),
      /--sysctl: nf_conntrack_acct: "2"/,
    );
    await assert.rejects(run('--conntrack-max', '-1'), /--sysctl: nf_conntrack_max: "-1"/);
    await assert.rejects(run('--sysctl-file', `${rules}.not`), /cannot open .*fw.rules.not/);
  });

  test('replay is run with them', (t) => {
    const bench = new Bench(t);
    const rules = [bench.file('fw.rules', STATEFUL)];
    const read = bench.capture('in.pcap', []);
    const replay = (text: string) =>
      bench.replay({ rules, read, sysctls: { sysctls: [text], files: [] } });
    assert.equal(replay('nf_conntrack_tcp_loose=0').exitCode, 0);
    assert.throws(
      () => replay('nf_conntrack_tcp_loose=3'),
      /^CommandError: pinhole replay: --sysctl/,
    );
  });
});
