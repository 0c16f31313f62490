import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { CommandError } from '../../src/cli/exit-code.ts';
import type { Difference } from '../../src/cli/replay/compare/difference.ts';
import { HoleLedger } from '../../src/cli/replay/compare/holes.ts';
import { quotedLines } from '../../src/cli/replay/compare/lines.ts';
import type { ComparisonTotals } from '../../src/cli/replay/compare/reporters.ts';
import type { ReplayOptions } from '../../src/cli/replay/replay.ts';
import { Bench, STATEFUL, type TimedFrame } from '../replay/support.ts';
import { ftpWith } from '../support/ftp-options.ts';
import { buildTcp } from '../support/packets.ts';
import { sharedFile } from '../support/shared.ts';

const main = join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.js');
const captures = sharedFile('captures');

const client = { src: '192.168.1.10', dst: '198.51.100.9', sport: 40_000, dport: 21 };
const server = { src: '198.51.100.9', dst: '192.168.1.10', sport: 21, dport: 40_000 };

/** A conversation as it would be captured before the gateway: `C` client, `S` server, one line each. */
function talk(lines: readonly (readonly ['C' | 'S', string])[]): Uint8Array[] {
  let [ours, theirs] = [101, 901];
  const frames = [
    buildTcp({ ...client, flags: 'S', seq: 100 }),
    buildTcp({ ...server, flags: 'SA', seq: 900, ack: 101 }),
    buildTcp({ ...client, flags: 'A', seq: 101, ack: 901 }),
  ];
  for (const [from, payload] of lines) {
    const isClient = from === 'C';
    const numbers = isClient ? { seq: ours, ack: theirs } : { seq: theirs, ack: ours };
    const ends = isClient ? client : server;
    frames.push(buildTcp({ ...ends, ...numbers, flags: 'PA', payload }));
    if (isClient) ours += payload.length;
    else theirs += payload.length;
  }
  return frames;
}

const LOGIN = [
  ['S', '220 hi\r\n'],
  ['C', 'USER alice\r\n'],
  ['S', '331 send it\r\n'],
  ['C', 'PASS hunter2\r\n'],
  ['S', '230 in\r\n'],
] as const;
const BOUNCE = 'PORT 6,6,6,6,200,10\r\n';

interface Compared {
  readonly exitCode: number;
  readonly differences: readonly Difference[];
  readonly summary: ComparisonTotals;
}

function compared(
  bench: Bench,
  frames: readonly (Uint8Array | TimedFrame)[],
  options: Partial<ReplayOptions> = {},
): Compared {
  const read = bench.capture('in.pcap', frames);
  const rules = [bench.file('fw.rules', STATEFUL)];
  const { exitCode, stdout, stderr } = bench.replay({
    ...{ rules, read, compare: true, json: true },
    ...options,
  });
  assert.equal(stderr, '');
  const objects = stdout.trimEnd().split('\n');
  const [summary, ...differences] = objects.map((line) => JSON.parse(line)).reverse();
  return { exitCode, differences: differences.reverse(), summary };
}

describe('replay --compare', () => {
  test('0 where the modes agree, in text and JSON', (t) => {
    const bench = new Bench(t);
    const frames = talk([...LOGIN, ['C', 'PORT 192,168,1,10,200,10\r\n'], ['S', '200 ok\r\n']]);
    const { exitCode, differences, summary } = compared(bench, frames);
    assert.deepEqual([exitCode, differences], [0, []]);
    assert.deepEqual(summary, {
      ...{ type: 'summary', packets: 10, differing: 0 },
      byAspect: { verdict: 0, state: 0, addresses: 0, payload: 0, expectations: 0, sent: 0 },
      ...{ opened: { kernel: 1, hardened: 1 }, refused: {}, refusedWithoutEffect: 0 },
    });
    const read = bench.path('in.pcap');
    const text = bench.replay({ rules: [bench.path('fw.rules')], read, compare: true });
    assert.equal(
      text.stdout,
      '10 packets compared: kernel and hardened mode agree\n' +
        'expectations opened: kernel 1, hardened 1; hardened refused nothing\n',
    );
  });

  test('1 where they differ: a bounce passes the kernel, and is struck', (t) => {
    const bench = new Bench(t);
    const { exitCode, differences, summary } = compared(bench, talk([...LOGIN, ['C', BOUNCE]]));
    assert.equal(exitCode, 1);
    assert.equal(differences.length, 1);
    const [found] = differences;
    assert.deepEqual([found?.n, found?.differs], [9, ['payload']]);
    assert.equal(found?.kernel.summary, 'tcp 192.168.1.10:40000 > 198.51.100.9:21');
    assert.deepEqual(found?.kernel.lines, ['"PORT 6,6,6,6,200,10"']);
    assert.notDeepEqual(found?.hardened.lines, found?.kernel.lines);
    assert.deepEqual(
      found?.refused.map(({ kind, reason, line }) => [kind, reason, line]),
      [['PORT', 'address-mismatch', 'PORT 6,6,6,6,200,10']],
    );
    assert.deepEqual([summary.differing, summary.byAspect.payload], [1, 1]);
    assert.deepEqual(summary.refused, { 'address-mismatch': 1 });
  });

  test('the text names packet, aspect, both sides, and the refusal', (t) => {
    const bench = new Bench(t);
    const read = bench.capture('in.pcap', talk([...LOGIN, ['C', BOUNCE]]));
    const rules = [bench.file('fw.rules', STATEFUL)];
    const { stdout } = bench.replay({ rules, read, compare: true });
    const lines = stdout.split('\n');
    assert.equal(lines[0], '#9 0.000000 tcp 192.168.1.10:40000 > 198.51.100.9:21');
    assert.match(lines[1]!, /^ {3}payload: kernel "PORT 6,6,6,6,200,10"; hardened "\S+ \.\.\."$/);
    assert.equal(
      lines[2],
      '   hardened refuses PORT: address-mismatch, action reject: "PORT 6,6,6,6,200,10"',
    );
    assert.equal(
      lines[3],
      '9 packets compared: kernel and hardened mode differ about 1 (payload 1)',
    );
  });

  test('a verdict, and what the gateway sends because of it', (t) => {
    const bench = new Bench(t);
    const frames = talk([...LOGIN, ['C', BOUNCE]]);
    const { differences } = compared(bench, frames, { ftp: ftpWith({ bounce: 'reset' }) });
    const [found] = differences;
    assert.deepEqual(found?.differs, ['verdict', 'sent']);
    assert.deepEqual(
      [found?.kernel.verdict, found?.hardened.verdict, found?.hardened.reason],
      ['ACCEPT', 'DROP', 'ftp-reset'],
    );
    assert.deepEqual([found?.hardened.payloadLength, found?.hardened.lines], [0, []]);
    assert.deepEqual(found?.kernel.sent, []);
    assert.deepEqual(found?.hardened.sent.map((text) => text.replace(/ ACK$/, '')).sort(), [
      'tcp 192.168.1.10:40000 > 198.51.100.9:21 RST',
      'tcp 198.51.100.9:21 > 192.168.1.10:40000 RST',
    ]);
  });

  test('the expectation of only one side, then RELATED there and NEW here', (t) => {
    const bench = new Bench(t);
    // loose is off: only an address of the peer opens anything with the kernel. Unasked, it does.
    const unasked = '227 Entering Passive Mode (198,51,100,9,200,10)\r\n';
    const data = buildTcp({ ...client, sport: 40_001, dport: 51_210, flags: 'S', seq: 5 });
    const { differences, summary } = compared(bench, [...talk([...LOGIN, ['S', unasked]]), data]);
    assert.deepEqual(summary.opened, { kernel: 1, hardened: 0 });
    const [opened, used] = differences;
    assert.deepEqual(opened?.expectations, [
      {
        expectation: '192.168.1.10 -> 198.51.100.9:51210',
        ...{ kernel: 'opens it', hardened: 'never opened it' },
      },
    ]);
    assert.equal(opened?.refused[0]?.reason, 'not-asked');
    assert.deepEqual(used?.differs, ['verdict', 'state', 'expectations']);
    assert.deepEqual([used?.kernel.ctstate, used?.hardened.ctstate], ['RELATED', 'NEW']);
    assert.equal(used?.expectations[0]?.kernel, 'closes it');
  });

  test('a pipe: both sides see all packets', (t) => {
    const bench = new Bench(t);
    const read = bench.capture('in.pcap', talk([...LOGIN, ['C', BOUNCE]]));
    const rules = bench.file('fw.rules', STATEFUL);
    const command = `cat "${read}" | "${process.execPath}" "${main}" replay --rules "${rules}" --read /dev/stdin --compare`;
    const { stdout, status } = spawnSync('sh', ['-c', command], { encoding: 'utf8' });
    assert.equal(status, 1);
    assert.match(stdout, /^9 packets compared: /m);
  });

  test('the same answer every time', (t) => {
    const bench = new Bench(t);
    const random = '-A FORWARD -p tcp --dport 21 -m statistic --mode random --probability 0.5';
    const rules = STATEFUL.replace('-A FORWARD -m', `${random} -j DROP\n-A FORWARD -m`);
    const options = { rules: [bench.file('random.rules', rules)] };
    const frames = talk([...LOGIN, ['C', 'NOOP\r\n'], ['S', '200 ok\r\n']]);
    const first = compared(bench, frames, options);
    assert.equal(first.exitCode, 0);
    assert.deepEqual(compared(bench, frames, options), first);
  });
});

describe('replay --compare, trouble', () => {
  test('2 for a capture that cannot be read, rules that do not parse, bad options', (t) => {
    const bench = new Bench(t);
    const rules = [bench.file('fw.rules', STATEFUL)];
    const read = bench.path('none.pcap');
    assert.throws(
      () => bench.replay({ rules, read, compare: true }),
      (error) => error instanceof CommandError && error.exitCode === 2,
    );
    const bad = [bench.file('bad.rules', '*filter\n-A FORWARD --nonsense\nCOMMIT\n')];
    const good = bench.capture('in.pcap', talk([]));
    assert.equal(bench.replay({ rules: bad, read: good, compare: true }).exitCode, 2);
  });

  test('2 with --write and with --nflog: two engines have no one output', (t) => {
    const bench = new Bench(t);
    const rules = bench.file('fw.rules', STATEFUL);
    const read = bench.capture('in.pcap', talk([]));
    const args = ['replay', '--rules', rules, '--read', read, '--compare'];
    for (const [option, value] of [
      ['--write', bench.path('out.pcap')],
      ['--nflog', `1=${bench.path('log.pcap')}`],
    ] as const) {
      const run = spawnSync(process.execPath, [main, ...args, option, value], { encoding: 'utf8' });
      assert.deepEqual(
        [run.status, run.stderr],
        [2, `pinhole replay: --compare goes without ${option}\n`],
      );
    }
    assert.equal(existsSync(bench.path('out.pcap')), false);
  });
});

describe('what a comparison tells of expectations', () => {
  const hole = '192.0.2.2 -> 10.0.1.2:51210';

  test('opened, kept, closed, and never', () => {
    const ledger = new HoleLedger();
    assert.equal(ledger.story(hole), 'never opened it');
    ledger.change(hole, 'opened', 4);
    assert.equal(ledger.story(hole), 'opens it');
    ledger.changes.clear();
    assert.equal(ledger.story(hole), 'keeps it open since #4');
    ledger.change(hole, 'closed', 9);
    assert.equal(ledger.story(hole), 'closes it');
    ledger.changes.clear();
    assert.equal(ledger.story(hole), 'closed it at #9');
    assert.equal(ledger.opened, 1);
  });

  test('closed and opened again at once is no change', () => {
    const ledger = new HoleLedger();
    ledger.change(hole, 'opened', 4);
    ledger.changes.clear();
    ledger.change(hole, 'closed', 5);
    ledger.change(hole, 'opened', 5);
    assert.deepEqual([ledger.changes.size, ledger.opened], [0, 1]);
    assert.equal(ledger.story(hole), 'keeps it open since #5');
  });

  test('opened and closed at once is both', () => {
    const ledger = new HoleLedger();
    ledger.change(hole, 'opened', 4);
    ledger.change(hole, 'closed', 4);
    assert.equal(ledger.story(hole), 'opens it and closes it');
  });
});

describe('lines in a comparison', () => {
  const quoted = (text: string, begins = true) => quotedLines(Buffer.from(text, 'latin1'), begins);

  test('each line by itself, without credentials', () => {
    assert.deepEqual(quoted('PORT 1,2,3,4,5,6\r\nPASS hunter2\r\n'), [
      '"PORT 1,2,3,4,5,6"',
      '"PASS ..."',
    ]);
  });

  test('the rest of a line is never quoted', () => {
    assert.deepEqual(quoted('SS hunter2\r\nPASV\r\n', false), [
      '(rest of a line, 12 bytes)',
      '"PASV"',
    ]);
  });

  test('at most eight', () => {
    const lines = quoted('PASV\r\n'.repeat(9));
    assert.deepEqual([lines.length, lines[8]], [9, '(6 bytes more)']);
  });
});

test('public captures: every one is compared to its end', {
  skip: captures === null && 'the captures of ../shared are not there',
}, (t) => {
  const bench = new Bench(t);
  const rules = [bench.file('fw.rules', STATEFUL)];
  for (const name of readdirSync(captures!).filter((file) => file.endsWith('.pcap'))) {
    const options = { rules, read: join(captures!, name), compare: true };
    const { exitCode, stdout } = bench.replay(options);
    assert.match(stdout, /^\d+ packets compared: /m, name);
    assert.equal(exitCode, stdout.includes('differ about') ? 1 : 0, name);
  }
});
