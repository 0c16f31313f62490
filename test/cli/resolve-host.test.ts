/** Host names of rules, looked up as the system does. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { systemHostResolver } from '../../src/cli/resolve-host.ts';

const hasGetent = spawnSync('getent', ['--version']).error === undefined;
const networks = existsSync('/etc/networks') ? readFileSync('/etc/networks', 'utf8') : '';

describe('the system resolver', { skip: hasGetent ? false : 'no getent here' }, () => {
  test('hosts, each address once', () => {
    assert.deepEqual(systemHostResolver()('localhost', 4), [[0x7f000001]]);
    for (const words of systemHostResolver()('localhost', 6) ?? []) {
      assert.equal(words.length, 4, 'no IPv4 address in disguise');
    }
  });

  test('networks before hosts, for IPv4 alone', (t) => {
    if (!/^loopback\s+127\.0\.0\.0\b/m.test(networks)) {
      t.skip('/etc/networks does not name loopback');
      return;
    }
    assert.deepEqual(systemHostResolver()('loopback', 4), [[0x7f000000]]);
  });

  test('an address is its own name, and is remembered', () => {
    const resolve = systemHostResolver();
    const first = resolve('192.0.2.1', 4);
    assert.deepEqual(first, [[0xc0000201 | 0]]);
    assert.equal(resolve('192.0.2.1', 4), first);
  });
});
