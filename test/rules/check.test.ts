import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { block, errorOf, load, ruleSetOf } from './support.ts';

/** What the kernel looks at when a table is put in place; each case was tried on iptables 1.8.9. */
describe('checks over chains', () => {
  const snat = '-A X -j SNAT --to-source 1.2.3.4';

  test('a target is checked at the hooks that its chain can be reached from', () => {
    ruleSetOf(block('nat', ':X - [0:0]', '-A POSTROUTING -j X', snat));
    const error = errorOf(block('nat', ':X - [0:0]', '-A PREROUTING -j X', snat));
    assert.deepEqual([error.code, error.exitCode, error.line], ['invalid-place', 1, 4]);
    assert.equal(error.rule?.chain, 'X');
  });

  test('a chain that nothing leads to is checked for its table alone', () => {
    ruleSetOf(block('nat', ':X - [0:0]', snat));
    assert.equal(
      errorOf(block('filter', ':X - [0:0]', '-A X -j MASQUERADE')).code,
      'invalid-place',
    );
  });

  test('loops count where they can be reached, by jump and by goto', () => {
    const circle = [':X - [0:0]', ':Y - [0:0]', '-A X -j Y', '-A Y -g X'];
    ruleSetOf(block('filter', ...circle));
    const error = errorOf(block('filter', ...circle, '-A INPUT -j X'));
    assert.deepEqual([error.code, error.message], ['loop', 'Too many levels of symbolic links.']);
  });

  test('interfaces that a user chain cannot see there are let pass', () => {
    ruleSetOf(block('filter', ':X - [0:0]', '-A OUTPUT -j X', '-A X -i eth0 -j DROP'));
  });

  test('nobody goes to a built-in chain', () => {
    assert.equal(errorOf(block('filter', '-A INPUT -g FORWARD')).code, 'invalid-rule');
  });

  test('300 chains deep is deep, and allowed', () => {
    const names = Array.from({ length: 300 }, (_, i) => `C${i}`);
    const jumps = names.slice(1).map((name, i) => `-A C${i} -j ${name}`);
    ruleSetOf(
      block('filter', ...names.map((name) => `:${name} - [0:0]`), '-A INPUT -j C0', ...jumps),
    );
  });

  test('a file that is read in part names each rule that the kernel refuses', () => {
    const text = block(
      'filter',
      '-A INPUT -j MASQUERADE',
      '-A FORWARD -j SNAT --to-source 1.1.1.1',
    );
    assert.deepEqual(
      load(text).errors.map(({ line }) => line),
      [2, 3],
    );
  });
});
