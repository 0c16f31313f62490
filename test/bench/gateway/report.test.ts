import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { benchSets, setsOf, testNames } from './cases.ts';
import { takesPart, turnOf } from './measure.ts';
import { bytesPerConnection } from './memory.ts';
import { readOptions, UsageError } from './options.ts';
import { ownCostRatio } from './own-cost.ts';
import { beginMark, endMark, judge, markdownReport, textReport } from './report.ts';
import type { Results } from './results.ts';
import { rows } from './rows.ts';
import { benchRules } from './rules.ts';
import { summarize } from './statistics.ts';

const results: Results = {
  version: 1,
  begun: '2030-01-02T03:04:05.000Z',
  elapsedSeconds: 9,
  machine: { cpu: 'X', cores: 2, memoryGib: 4, kernel: '6.1', node: '20.0.0', commit: 'abc' },
  rounds: 3,
  seconds: 1,
  sides: ['kernel', 'gate', 'routing'],
  figures: {
    bulk: {
      kernel: { gbitPerSecond: [30, 10, 20] },
      gate: { gbitPerSecond: [21, 22, 23] },
      routing: { gbitPerSecond: [22.5] },
    },
    flows: { kernel: { bytes: [390] }, gate: { bytes: [301] } },
    latency: { kernel: { p50Micros: [10], p99Micros: [20] } },
  },
  failures: [{ side: 'gate', test: 'latency', round: 2, message: 'broke off\nand more' }],
};

describe('the report of the gateway benchmark', () => {
  test('median, smallest and largest, of odd and even numbers of rounds', () => {
    assert.deepEqual(summarize([3, 1, 2]), { median: 2, min: 1, max: 3, rounds: 3 });
    assert.deepEqual(summarize([4, 1, 2, 3]), { median: 2.5, min: 1, max: 4, rounds: 4 });
    assert.equal(summarize([]), null);
  });

  test('a figure exactly at the limit passes, one beyond it misses', () => {
    const more = { kind: 'more', atLeast: 0.5, aim: 1 } as const;
    const less = { kind: 'less', atLeast: 1, aim: 0.5 } as const;
    const limit = { kind: 'limit', atLeast: 382, aim: 300 } as const;
    assert.equal(judge(more, 10, 10), 'aim');
    assert.equal(judge(more, 5, 10), 'pass');
    assert.equal(judge(more, 4.99, 10), 'miss');
    assert.equal(judge(less, 10, 10), 'pass');
    assert.equal(judge(less, 10.01, 10), 'miss');
    assert.equal(judge(limit, 382, Number.NaN), 'pass');
    assert.equal(judge(limit, 383, Number.NaN), 'miss');
  });

  test('what was not measured against the kernel is no miss and no pass', () => {
    const line = textReport(results)
      .split('\n')
      .find((text) => text.includes('answer, p50'));
    assert.match(line ?? '', /10\.0 +- +- +- +- +≤ 1x/);
  });

  test('a row holds the figures, the ratio of the medians and the verdict', () => {
    const line = textReport(results)
      .split('\n')
      .find((text) => text.startsWith('TCP bulk, G'));
    const cells = (line ?? '').split(/ {2,}/);
    const bulk = ['20.0 (10.0-30.0)', '22.0 (21.0-23.0)', '22.5', '1.10x*', 'pass'];
    assert.deepEqual(cells.slice(1, 6), bulk);
  });

  test('Markdown stands between marks, and a failure is told by its first line', () => {
    const text = markdownReport(results);
    assert.ok(text.startsWith(`${beginMark}\n`));
    assert.ok(text.endsWith(`${endMark}\n`));
    assert.match(text, /\n- failed: latency, gate, round 2: broke off\n/);
    assert.match(text, /\| memory per connection, bytes +\| 390 +\| 301 +\| - +\| 0\.77x +\| pass/);
  });

  test('the own cost of a packet is what it takes longer than with plain routing', () => {
    const figures = {
      flows: {
        kernel: { fewFlows: [500], manyFlows: [250] },
        gate: { fewFlows: [1000], manyFlows: [500] },
        routing: { fewFlows: [1000], manyFlows: [1000] },
      },
    };
    assert.equal(ownCostRatio(figures, 'kernel'), 3);
    assert.equal(ownCostRatio(figures, 'gate'), null);
  });

  test('every row names a test', () => {
    assert.deepEqual(
      rows.map((row) => row.test).filter((name) => !testNames.includes(name)),
      [],
    );
  });
});

describe('the gateway benchmark', () => {
  test('reads its options, and keeps the order of the tests', () => {
    const options = readOptions(['--only', 'udp,bulk', '--datapath', 'kernel,capture']);
    assert.deepEqual(options.tests, ['bulk', 'udp']);
    assert.deepEqual(readOptions([]).tests, testNames);
    assert.deepEqual(options.sides, ['kernel', 'capture']);
    assert.equal(options.rounds, 5);
  });

  test('refuses what it does not know', () => {
    for (const argv of [
      ['--only', 'bulk,x'],
      ['--rounds', '0'],
      ['--seconds', '-1'],
      ['--x'],
      ['y'],
    ]) {
      assert.throws(() => readOptions(argv), UsageError, argv.join(' '));
    }
  });

  test('of a set only the tests asked for remain, and no empty set', () => {
    const names = (tests: readonly string[]) =>
      setsOf(tests).map(({ cases }) => cases.map(({ name }) => name));
    assert.deepEqual(names(['udp-rules', 'bulk', 'udp']), [['bulk', 'udp'], ['udp-rules']]);
    assert.deepEqual(names(['connects', 'latency']), [['latency'], ['connects']]);
    assert.deepEqual(setsOf(testNames), benchSets);
  });

  test('what has many connections shares no lab with the others, and offloads go off only at the end of a set', () => {
    const sets = benchSets;
    assert.equal(new Set(sets.map(({ name }) => name)).size, sets.length);
    assert.equal(new Set(testNames).size, testNames.length);
    const together = sets.map(({ cases }) => cases.map(({ name }) => name));
    assert.deepEqual(together.slice(-2), [['pasv', 'port', 'connects'], ['flows']]);
    for (const { name, cases } of sets) {
      const without = cases.map(({ offloads }) => !offloads);
      assert.ok(!without.includes(true) || without.indexOf(true) === cases.length - 1, name);
    }
  });

  test('the side that begins changes; routing takes part in every third round, without rules', () => {
    const sides = ['kernel', 'gate', 'routing'] as const;
    const begins = [0, 1, 2, 3].map((round) => turnOf(sides, round)[0]);
    assert.deepEqual(begins, ['kernel', 'gate', 'routing', 'kernel']);
    assert.deepEqual(turnOf(sides, 1), ['gate', 'routing', 'kernel']);
    const [plain, rules] = benchSets;
    const rounds = [0, 1, 2, 3, 4];
    const partsOf = (side: 'kernel' | 'routing', set = plain!) =>
      rounds.filter((round) => takesPart(side, set, round));
    assert.deepEqual(partsOf('routing'), [0, 3]);
    assert.deepEqual(partsOf('routing', rules), []);
    assert.deepEqual(partsOf('kernel', rules), rounds);
  });

  test('rules that match nothing are all different and come first', () => {
    const lines = benchRules(10_000).split('\n');
    const drops = lines.filter((line) => line.endsWith('-j DROP'));
    assert.equal(new Set(drops).size, 10_000);
    assert.ok(lines.indexOf(drops.at(-1)!) < lines.findIndex((line) => line.includes('RELATED')));
  });

  test('memory: what grew and all that was set aside', () => {
    const before = { growing: 1000, reserved: 500 };
    assert.equal(bytesPerConnection(before, { growing: 3000, reserved: 500 }, 10), 250);
  });
});
