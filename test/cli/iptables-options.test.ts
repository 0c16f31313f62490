import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseListOptions } from '../../src/cli/iptables/options.ts';
import { parseSaveOptions } from '../../src/cli/iptables/save-options.ts';
import { IptablesUsageError } from '../../src/cli/iptables/usage-error.ts';

const parse = (line: string) => parseListOptions('iptables', line.split(' ').filter(Boolean));

function messageOf(line: string): string {
  try {
    parse(line);
  } catch (error) {
    if (error instanceof IptablesUsageError) return error.screenText().split('\n')[0] ?? '';
    throw error;
  }
  return '';
}

describe('iptables -L, -S, -Z: the command line', () => {
  test('flags in any order, alone or run together', () => {
    for (const line of [
      '-L -n -v',
      '-nvL',
      '-vn -L',
      '--list --numeric --verbose',
      '-L --num -v',
    ]) {
      const { command, numeric, verbose, exact, table } = parse(line);
      assert.deepEqual(
        { command, numeric, verbose, exact, table },
        { command: 'list', numeric: true, verbose: true, exact: false, table: 'filter' },
        line,
      );
    }
  });

  test('chain, rule number, table', () => {
    const { chain, ruleNumber, table, lineNumbers } = parse(
      '-t nat -L PREROUTING 3 --line-numbers',
    );
    assert.deepEqual([chain, ruleNumber, table, lineNumbers], ['PREROUTING', 3, 'nat', true]);
    assert.equal(parse('-tnat -S').table, 'nat');
    assert.equal(parse('--table=raw -S').table, 'raw');
  });

  test('what iptables says of a wrong one', () => {
    const prefix = 'iptables v1.8.9 (legacy): ';
    assert.equal(messageOf(''), `${prefix}no command specified`);
    assert.equal(messageOf('--foo'), `${prefix}unknown option "--foo"`);
    assert.equal(messageOf('-L INPUT 0'), `${prefix}Invalid rule number \`0'`);
    assert.equal(messageOf('-L -S'), `${prefix}Cannot use -S with -L`);
    assert.equal(messageOf('-L INPUT 1 foo'), "Bad argument `foo'");
    assert.equal(messageOf('-t'), `${prefix}option "-t" requires an argument`);
  });

  test('commands that change rules say where rules are changed', () => {
    assert.match(messageOf('-A INPUT -j ACCEPT'), /-A is not available.*rule file.*SIGHUP/);
    assert.match(messageOf('--flush'), /not available/);
  });
});

test('iptables-save: the command line', () => {
  const save = (...words: string[]) => parseSaveOptions('iptables-save', words);
  assert.deepEqual(save(), { table: null, counters: false });
  assert.deepEqual(save('-c', '-t', 'nat'), { table: 'nat', counters: true });
  assert.deepEqual(save('--counters', '--table=raw'), { table: 'raw', counters: true });
  assert.throws(() => save('-t'), IptablesUsageError);
  assert.throws(() => save('-x'), IptablesUsageError);
});
