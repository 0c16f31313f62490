/** Comments of any shape: a directive, nothing, or a RuleFault with its place; never anything else. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RuleFault } from '../../src/rules/errors.ts';
import { ftpKeys } from '../../src/rules/ftp/keys.ts';
import { concernsPinhole, readDirective } from '../../src/rules/ftp/read.ts';

const place = { file: 'fw.rules', line: 7, column: 3 };

function check(comment: string): boolean {
  try {
    const found = readDirective(comment, place, { earlier: [], warn: () => {} });
    if (found === null) return false;
    assert.ok(Object.keys(found.settings).length > 0);
    assert.ok(concernsPinhole(comment));
    // What is kept for saving is one line, and means the same.
    assert.doesNotMatch(found.text, /\n/);
    const again = readDirective(found.text, place, { earlier: [], warn: () => {} });
    assert.deepEqual(again?.settings, found.settings);
    return true;
  } catch (fault) {
    if (!(fault instanceof RuleFault)) throw fault;
    assert.equal(fault.position?.line, 7);
    const { column } = fault.position;
    assert.ok(column >= 3 && column <= 3 + comment.length, `${column} of ${comment}`);
    return false;
  }
}

const text = (alphabet: string, maxLength: number) =>
  fc.string({ unit: fc.constantFrom(...alphabet), maxLength });
const values = fc.oneof(
  text('0123456789:-,/.msh', 16),
  text('abAB*?[]!\\/,.-', 12),
  text('"\\ ax=', 10),
  fc.constantFrom(
    'yes',
    'no',
    'none',
    'all',
    'reject',
    'own',
    'pass',
    '10.0.0.0/8',
    '"a b"',
    '1:2',
  ),
  fc.string({ maxLength: 12 }).map((one) => one.replaceAll('\n', ' ')),
);
const keys = fc.constantFrom('server', 'rule', 'nonsense', ...ftpKeys.map(({ name }) => name));
const pair = fc.tuple(keys, values).map(([key, value]) => `${key}=${value}`);

test('20,000 directives from a grammar of near misses', () => {
  let good = 0;
  fc.assert(
    fc.property(fc.array(pair, { maxLength: 4 }), text(' \t', 2), (pairs, blank) => {
      if (check(`#${blank}pinhole:${blank}ftp ${pairs.join(` ${blank}`)}`)) good++;
    }),
    { seed: 5, numRuns: 20_000 },
  );
  assert.ok(good > 500, `${good} were understood`);
});

test('20,000 lines of anything', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 40 }), (anything) => {
      check(`# pinhole: ${anything.replaceAll('\n', ' ')}`);
    }),
    { seed: 6, numRuns: 20_000 },
  );
});

test('long lines take no longer than they are long', () => {
  const began = process.cpuUsage().user;
  for (const piece of ['[', '"', '\\', ',', 'a,', '*', ' ', 'x=', '10.0.0.1,']) {
    check(`# pinhole: ftp file=${piece.repeat(1000)}`);
    check(`# pinhole: ftp third-party=${piece.repeat(100)}`);
    check(`#${' '.repeat(20_000)}pinhole${' '.repeat(20_000)}${piece}`);
  }
  const tookMs = (process.cpuUsage().user - began) / 1000;
  assert.ok(tookMs < 2000, `${tookMs} ms`);
});
