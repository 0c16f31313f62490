import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { loadRuleFiles, TableId } from '../../src/rules/index.ts';
import { block, errorOf, load } from './support.ts';

/** Where errors are said to be: file, line, column and caret; and what a whole file comes to. */

describe('errors in files', () => {
  test('file, line, column and a caret', () => {
    const error = errorOf(
      block('filter', '-A INPUT -p tcp --dport 99999 -j ACCEPT'),
      {},
      'my.rules',
    );
    assert.deepEqual([error.file, error.line, error.column], ['my.rules', 2, 25]);
    assert.equal(
      error.format(),
      [
        "my.rules:2:25: error: invalid port/service `99999' specified",
        '-A INPUT -p tcp --dport 99999 -j ACCEPT',
        '                        ^',
      ].join('\n'),
    );
  });

  test('tabs are kept below the line, so that the caret stands right', () => {
    const error = errorOf(block('filter', '\t-A INPUT\t-x'));
    assert.equal(error.format().split('\n').at(-1), '\t        \t^');
  });

  test('a refusal of the kernel is placed at the rule, with a reason', () => {
    const error = errorOf(block('filter', '-A INPUT -i lo -j ACCEPT', '-A INPUT -j MASQUERADE'));
    assert.equal(error.line, 3);
    assert.equal(error.detail, 'MASQUERADE: only in table nat');
  });

  test('all errors of a file, one per line, and nothing is loaded', () => {
    const { ruleSet, errors } = load(
      block('filter', '-A INPUT -x -y', '-A INPUT -j ACCEPT', '-A INPUT -m no', '-A NO -j DROP'),
    );
    assert.equal(ruleSet, null);
    assert.deepEqual(
      errors.map((error) => error.line),
      [2, 4, 5],
    );
  });

  test('a file that cannot be read', () => {
    const { ruleSet, errors } = loadRuleFiles(['gone.rules'], () => {
      throw new Error('ENOENT: no such file');
    });
    assert.equal(ruleSet, null);
    assert.equal(errors[0]!.code, 'unreadable-file');
    assert.equal(errors[0]!.message, "Can't open gone.rules");
  });

  test('lists of addresses on both sides: one rule for each pair, up to 65,536 a line', () => {
    const list = (count: number) =>
      Array.from({ length: count }, (_, i) => `10.0.${i >> 8}.${i & 255}`).join(',');
    const line = (sources: number, destinations: number) =>
      `iptables -A INPUT -s ${list(sources)} -d ${list(destinations)} -j DROP\n`;
    const { ruleSet } = load(line(256, 256));
    assert.equal(ruleSet!.table(4, TableId.Filter)!.chains.get('INPUT')!.rules.length, 65_536);
    const error = errorOf(line(257, 256));
    assert.equal(error.message, 'Too many addresses: the line stands for 65792 rules');
    assert.equal(error.detail, 'at most 65536 from one line; an ipset holds more');
  });
});
