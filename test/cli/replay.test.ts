import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { CommandError } from '../../src/cli/exit-code.ts';
import { Bench, only, parseReports, STATEFUL } from '../replay/support.ts';
import { ftpWith } from '../support/ftp-options.ts';
import { buildTcp, buildUdp } from '../support/packets.ts';

const main = join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.js');
const noTcpdump =
  spawnSync('tcpdump', ['--version']).error !== undefined && 'tcpdump is not installed';

function pinhole(args: readonly string[]) {
  return spawnSync(process.execPath, [main, ...args], { encoding: 'utf8' });
}

const client = { src: '192.168.1.10', dst: '198.51.100.9', sport: 40_000, dport: 21 };
const server = { src: '198.51.100.9', dst: '192.168.1.10', sport: 21, dport: 40_000 };

const GREETING = '220 hi\r\n';

/** Handshake, greeting, the given lines of the client, and a data SYN to port 51210. */
function dialogue(lines: readonly string[], dataTo = '192.168.1.10'): Uint8Array[] {
  let seq = 101;
  const said = lines.map((payload) => {
    const frame = buildTcp({ ...client, flags: 'PA', seq, ack: 909, payload });
    seq += payload.length;
    return frame;
  });
  return [
    buildTcp({ ...client, flags: 'S', seq: 100 }),
    buildTcp({ ...server, flags: 'SA', seq: 900, ack: 101 }),
    buildTcp({ ...client, flags: 'A', seq: 101, ack: 901 }),
    buildTcp({ ...server, flags: 'PA', seq: 901, ack: 101, payload: GREETING }),
    ...said,
    buildTcp({ ...server, dst: dataTo, sport: 20, dport: 51_210, flags: 'S', seq: 5 }),
  ];
}

const PORT = 'PORT 192,168,1,10,200,10\r\n';
const BOUNCE = 'PORT 6,6,6,6,0,80\r\n';

describe('replay --json', () => {
  test('every object, field by field and in their order', (t) => {
    const bench = new Bench(t);
    const rules = bench.file('fw.rules', STATEFUL);
    const read = bench.capture('in.pcap', dialogue([PORT, BOUNCE]));
    const { stdout, status, stderr } = pinhole([
      'replay',
      '--rules',
      rules,
      '--read',
      read,
      '--json',
    ]);
    assert.deepEqual([status, stderr], [0, '']);
    const place = (line: number, number: number) =>
      `{"file":"${rules}","line":${line},"table":"filter","chain":"FORWARD","number":${number}}`;
    const packet = (n: number, ctstate: string, rule: string, rewritten = false) =>
      `{"type":"packet","n":${n},"time":0,"verdict":"ACCEPT","reason":"rule","ctstate":"${ctstate}",` +
      `"rewritten":${rewritten},"rule":${rule}}`;
    const master = '"master":{"src":"192.168.1.10","dst":"198.51.100.9","sport":40000,"dport":21}';
    const expect = (event: string, n: number) =>
      `{"type":"expect","event":"${event}","n":${n},"kind":"PORT","src":"198.51.100.9",` +
      `"dst":"192.168.1.10","dport":51210,${master}}`;
    assert.deepEqual(stdout.trimEnd().split('\n'), [
      packet(1, 'NEW', place(6, 2)),
      packet(2, 'ESTABLISHED', place(5, 1)),
      packet(3, 'ESTABLISHED', place(5, 1)),
      packet(4, 'ESTABLISHED', place(5, 1)),
      expect('NEW', 5),
      packet(5, 'ESTABLISHED', place(5, 1)),
      `{"type":"refused","n":6,"kind":"PORT","reason":"address-mismatch","line":"PORT 6,6,6,6,0,80",` +
        `"action":"reject",${master}}`,
      packet(6, 'ESTABLISHED', place(5, 1), true),
      expect('DESTROY', 7),
      packet(7, 'RELATED', place(5, 1)),
      '{"type":"summary","packets":7,"accepted":7,"dropped":0,"expectations":1,"refused":1,"rejected":0,"held":0}',
    ]);
  });

  test('drops: by policy, by rule, with an answer, by the helper', (t) => {
    const bench = new Bench(t);
    const rules = bench.file(
      'fw.rules',
      STATEFUL.replace(
        '-A FORWARD -m',
        '-A FORWARD -p udp --dport 53 -j DROP\n-A FORWARD -p udp --dport 54 -j REJECT\n-A FORWARD -m',
      ),
    );
    const udp = (dport: number) => buildUdp({ ...client, dport });
    const read = bench.capture('in.pcap', [udp(52), udp(53), udp(54), ...dialogue([BOUNCE])]);
    const reports = bench.reports({ rules: [rules], read, ftp: ftpWith({ bounce: 'reset' }) });
    const found = only(reports, 'packet').map(({ verdict, reason, ctstate, rule }) => [
      verdict,
      reason,
      ctstate,
      rule === null ? null : rule.number,
    ]);
    assert.deepEqual(found.slice(0, 3), [
      ['DROP', 'policy', 'NEW', null],
      ['DROP', 'rule-drop', 'NEW', 1],
      ['REJECT', 'rule-reject', 'NEW', 2],
    ]);
    assert.deepEqual(found[7], ['DROP', 'ftp-reset', 'ESTABLISHED', null]);
    const summary = reports.at(-1)!;
    assert.deepEqual([summary.packets, summary.accepted, summary.dropped], [9, 4, 5]);
  });

  test('a large replay through a pipe that is read late arrives whole', (t) => {
    const bench = new Bench(t);
    const rules = bench.file('fw.rules', STATEFUL);
    const frame = buildUdp({ ...client, dport: 53 });
    const read = bench.capture(
      'in.pcap',
      Array.from({ length: 5000 }, () => frame),
    );
    const command = `"${process.execPath}" "${main}" replay --rules "${rules}" --read "${read}" --json`;
    const whole = spawnSync('sh', ['-c', `${command} | (sleep 0.3; cat)`], {
      encoding: 'utf8',
      maxBuffer: 1 << 26,
    });
    assert.equal(whole.stderr, '');
    assert.equal(parseReports(whole.stdout).length, 5001);
    const cut = spawnSync('sh', ['-c', `${command} | head -n 1`], { encoding: 'utf8' });
    assert.deepEqual([cut.stderr, cut.stdout.split('\n').length], ['', 2]);
  });
});

test('the text names packets, verdicts, rules and refusals', (t) => {
  const bench = new Bench(t);
  const rules = bench.file('fw.rules', STATEFUL);
  const read = bench.capture('in.pcap', [
    buildUdp({ ...client, dport: 53 }),
    ...dialogue([BOUNCE]),
  ]);
  const { stdout } = bench.replay({ rules: [rules], read });
  const connection = 'src=192.168.1.10 dst=198.51.100.9 sport=40000 dport=21';
  const back = 'src=198.51.100.9 dst=192.168.1.10 sport=21 dport=40000';
  assert.deepEqual(stdout.split('\n'), [
    '#1 0.000000 DROP NEW udp 192.168.1.10:40000 > 198.51.100.9:53: policy',
    `#2     [NEW] tcp      6 120 SYN_SENT ${connection} [UNREPLIED] ${back} helper=ftp`,
    `#3  [UPDATE] tcp      6 60 SYN_RECV ${connection} ${back} helper=ftp`,
    `#4  [UPDATE] tcp      6 432000 ESTABLISHED ${connection} ${back} [ASSURED] helper=ftp`,
    '#6 REFUSED PORT address-mismatch on 192.168.1.10:40000 > 198.51.100.9:21, action reject: "PORT 6,6,6,6,0,80"',
    '#6 0.000000 REWRITE ESTABLISHED tcp 192.168.1.10:40000 > 198.51.100.9:21',
    '#7 0.000000 DROP NEW tcp 198.51.100.9:20 > 192.168.1.10:51210: policy',
    '7 packets: 5 accepted, 2 dropped (0 with an answer); 0 expectations, 1 announcements refused',
    '',
  ]);
});

describe('replay --write', () => {
  test('packets leave as the gateway sends them, and tcpdump finds their checksums right', {
    skip: noTcpdump,
  }, (t) => {
    const bench = new Bench(t);
    const rules = bench.file(
      'fw.rules',
      `*nat\n-A POSTROUTING -o wan -j SNAT --to-source 203.0.113.1\nCOMMIT\n${STATEFUL}`,
    );
    const frames = dialogue([PORT, BOUNCE], '203.0.113.1');
    const outside = { ...server, dst: '203.0.113.1', ack: 101 };
    frames[1] = buildTcp({ ...outside, flags: 'SA', seq: 900 });
    frames[3] = buildTcp({ ...outside, flags: 'PA', seq: 901, payload: GREETING });
    const { exitCode } = bench.replay({
      rules: [rules],
      read: bench.capture('in.pcap', frames),
      write: bench.path('out.pcap'),
      interfaces: ['lan=192.168.1.0/24', 'wan=0.0.0.0/0'],
    });
    assert.equal(exitCode, 0);
    const run = spawnSync('tcpdump', ['-nn', '-vv', '-A', '-r', bench.path('out.pcap')], {
      encoding: 'utf8',
    });
    assert.equal(run.status, 0);
    assert.equal(run.stdout.match(/\(correct\)/g)?.length, 7);
    assert.ok(!/incorrect|bad/.test(run.stdout));
    assert.match(run.stdout, /PORT 203,0,113,1,200,10/);
    assert.match(run.stdout, /XXXX 6,6,6,6,0,80/);
    assert.match(run.stdout, /198\.51\.100\.9\.20 > 192\.168\.1\.10\.51210/);
  });

  test('answers of the gateway are written, dropped packets are not', (t) => {
    const bench = new Bench(t);
    const rules = bench.file(
      'fw.rules',
      '*filter\n:FORWARD DROP\n-A FORWARD -p tcp --dport 21 -j REJECT --reject-with tcp-reset\nCOMMIT\n',
    );
    const read = bench.capture('in.pcap', [
      buildTcp({ ...client, flags: 'S', seq: 100 }),
      buildUdp({ ...client, dport: 53 }),
    ]);
    bench.replay({ rules: [rules], read, write: bench.path('out.pcap') });
    assert.equal(bench.frames('out.pcap').length, 1);
  });

  test('where nothing leaves there is an empty capture', (t) => {
    const bench = new Bench(t);
    const rules = bench.file('fw.rules', STATEFUL);
    const read = bench.capture('in.pcap', [buildUdp({ ...client, dport: 53 })]);
    bench.replay({ rules: [rules], read, write: bench.path('out.pcap') });
    assert.deepEqual(bench.frames('out.pcap'), []);
  });
});

describe('replay --interface', () => {
  const rules = `*filter
:FORWARD DROP [0:0]
:INPUT DROP [0:0]
-A FORWARD -i lan -o wan -p udp -j ACCEPT
-A INPUT -i lan -p udp --dport 53 -j ACCEPT
COMMIT
`;
  const frames = [
    buildUdp({ src: '192.168.1.10', dst: '198.51.100.9', sport: 1, dport: 53 }),
    buildUdp({ src: '198.51.100.9', dst: '192.168.1.10', sport: 2, dport: 53 }),
    buildUdp({ src: '192.168.1.10', dst: '192.168.1.1', sport: 3, dport: 53 }),
  ];

  test('addresses decide the ways in and out, and what is the gateway’s own', (t) => {
    const bench = new Bench(t);
    const reports = bench.reports({
      rules: [bench.file('fw.rules', rules)],
      read: bench.capture('in.pcap', frames),
      interfaces: ['lan=192.168.1.1/24', 'wan=0.0.0.0/0'],
    });
    assert.deepEqual(
      only(reports, 'packet').map(({ verdict, rule }) => [verdict, rule?.chain ?? null]),
      [
        ['ACCEPT', 'FORWARD'],
        ['DROP', null],
        ['ACCEPT', 'INPUT'],
      ],
    );
  });

  test('without it, interfaces that rules name are missed with a warning', (t) => {
    const bench = new Bench(t);
    const { stderr, exitCode } = bench.replay({
      rules: [bench.file('fw.rules', rules)],
      read: bench.capture('in.pcap', frames),
    });
    assert.equal(exitCode, 0);
    assert.match(
      stderr,
      /warning: rules name the interface lan, .*--interface lan=ADDRESS\/LENGTH/,
    );
    assert.equal(stderr.trimEnd().split('\n').length, 2);
  });
});

test('several rule files: IPv4 and IPv6 each find their own', (t) => {
  const bench = new Bench(t);
  const v6 = { src: '2001:db8::1', dst: '2001:db8::2', sport: 1, dport: 53 };
  const frames = [buildUdp({ ...client, dport: 53 }), buildUdp(v6)];
  const read = bench.capture('in.pcap', frames);
  const accept = '*filter\n:FORWARD DROP\n-A FORWARD -p udp -j ACCEPT\nCOMMIT\n';
  const drop = '*filter\n:FORWARD DROP\nCOMMIT\n';
  const rules = [bench.file('fw.rules', accept), bench.file('fw.v6', drop)];
  const verdicts = (reports: ReturnType<Bench['reports']>) =>
    only(reports, 'packet').map(({ verdict, reason }) => `${verdict} ${reason}`);
  assert.deepEqual(verdicts(bench.reports({ rules, read })), ['ACCEPT rule', 'DROP policy']);
  const first = rules.slice(0, 1);
  assert.deepEqual(verdicts(bench.reports({ rules: first, read })), [
    'ACCEPT rule',
    'ACCEPT no-rules',
  ]);
});

test('control ports: those asked for, or those that rules bind', (t) => {
  const bench = new Bench(t);
  const elsewhere = dialogue([PORT]).map((frame) => {
    const copy = frame.slice();
    for (const at of [34, 36]) if (copy[at] === 0 && copy[at + 1] === 21) copy.set([8, 73], at);
    return copy;
  });
  const read = bench.capture('in.pcap', elsewhere);
  const all = '*filter\n:FORWARD ACCEPT\nCOMMIT\n';
  const plain = bench.file('plain.rules', all);
  const helper = '*raw\n-A PREROUTING -p tcp --dport 2121 -j CT --helper ftp\nCOMMIT\n';
  const bound = bench.file('bound.rules', helper + all);
  const count = (rules: string, ftpPorts: readonly number[] | null) =>
    only(bench.reports({ rules: [rules], read, ftpPorts }), 'expect').filter(
      ({ event }) => event === 'NEW',
    ).length;
  assert.equal(count(plain, null), 0);
  assert.equal(count(plain, [2121]), 1);
  assert.equal(count(bound, null), 1);
});

describe('replay, exit codes', () => {
  test('2 for rules that do not parse, with every error and nothing replayed', (t) => {
    const bench = new Bench(t);
    const rules = bench.file(
      'bad.rules',
      '*filter\n-A FORWARD --nonsense\n-A NOWHERE -j DROP\nCOMMIT\n',
    );
    const read = bench.capture('in.pcap', []);
    const { exitCode, stdout, stderr } = bench.replay({ rules: [rules], read });
    assert.deepEqual([exitCode, stdout], [2, '']);
    assert.match(stderr, /bad\.rules:2/);
    assert.match(stderr, /bad\.rules:3/);
  });

  test('2 for rules that are not enforced, with --strict', (t) => {
    const bench = new Bench(t);
    const rules = bench.file('half.rules', '*filter\n-A FORWARD -m cpu --cpu 0 -j DROP\nCOMMIT\n');
    const read = bench.capture('in.pcap', []);
    const strict = bench.replay({ rules: [rules], read, strict: true });
    assert.equal(strict.exitCode, 2);
    assert.match(strict.stderr, /half\.rules:2:1: error: /);
    const lax = bench.replay({ rules: [rules], read });
    assert.equal(lax.exitCode, 0);
    assert.match(lax.stderr, /half\.rules:2:1: warning: /);
  });

  test('2 for a bad --interface, 1 for captures that cannot be read or written', (t) => {
    const bench = new Bench(t);
    const rules = [bench.file('fw.rules', STATEFUL)];
    const read = bench.capture('in.pcap', dialogue([]));
    const failure = (exitCode: number, message: RegExp) => (error: unknown) =>
      error instanceof CommandError && error.exitCode === exitCode && message.test(error.message);
    for (const bad of [
      'lan',
      'lan=',
      'lan=10.0.0.0/33',
      'lan=10.0.0/8',
      '=10.0.0.0/8',
      'l=::/129',
    ]) {
      const options = { rules, read, interfaces: [bad] };
      assert.throws(() => bench.replay(options), failure(2, /bad --interface/), bad);
    }
    const missing = { rules, read: bench.path('none.pcap') };
    assert.throws(() => bench.replay(missing), failure(1, /none\.pcap/));
    const noCapture = { rules, read: bench.file('text.pcap', 'no capture at all') };
    assert.throws(() => bench.replay(noCapture), failure(1, /text\.pcap/));
    const unwritable = { rules, read, write: bench.path('no/such/directory.pcap') };
    assert.throws(() => bench.replay(unwritable), failure(1, /directory\.pcap/));
  });

  test('through the command line', (t) => {
    const bench = new Bench(t);
    const rules = bench.file('fw.rules', STATEFUL);
    const read = bench.capture('in.pcap', dialogue([PORT]));
    const run = (...args: string[]) => pinhole(['replay', '--rules', rules, ...args]);
    const badInterface = run('--read', read, '--interface', 'lan=nowhere');
    assert.deepEqual([badInterface.status, badInterface.stdout], [2, '']);
    assert.match(badInterface.stderr, /^pinhole replay: bad --interface "lan=nowhere"/);
    const noCapture = run('--read', bench.path('none.pcap'));
    assert.deepEqual([noCapture.status, noCapture.stdout], [1, '']);
    assert.match(noCapture.stderr, /^pinhole replay: .*none\.pcap/);
    const good = run('--read', read, '--ftp-bounce', 'pass', '--interface', 'lan=192.168.1.0/24');
    assert.equal(good.status, 0);
    assert.match(good.stdout, /kind=PORT/);
  });

  test('a file that ends inside a packet: what is whole is told, and a warning', (t) => {
    const bench = new Bench(t);
    const read = bench.capture('in.pcap', dialogue([PORT]));
    const bytes = readFileSync(read);
    const cut = bench.file('cut.pcap', bytes.subarray(0, bytes.length - 10));
    const { exitCode, stdout, stderr } = bench.replay({
      rules: [bench.file('fw.rules', STATEFUL)],
      read: cut,
      json: true,
    });
    assert.equal(exitCode, 0);
    assert.match(stderr, /^pinhole replay: warning: /);
    assert.equal(parseReports(stdout).at(-1)?.packets, 5);
  });
});
