import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  missEthtool,
  needPrograms,
  needRoot,
  stateFileOf,
} from '../../../src/datapath/host/index.ts';

import { FakeHost } from './fake-host.ts';

describe('preconditions', () => {
  test('root, tc and ip', (t) => {
    const host = new FakeHost(t);
    needRoot(0);
    assert.throws(() => needRoot(1000), { code: 'not-root' });
    assert.throws(() => needRoot(undefined), { code: 'not-root' });
    const programs = ['ip', 'tc', 'ethtool'];
    needPrograms(host.run, programs);
    host.failing = ['tc -V'];
    assert.throws(() => needPrograms(host.run, programs), {
      code: 'program-missing',
      mend: 'apt-get install iproute2',
    });
    host.failing = ['ethtool --version'];
    assert.throws(() => needPrograms(host.run, programs), { mend: 'apt-get install ethtool' });
    needPrograms(host.run, ['ip', 'tc']);
  });

  test('a missing ethtool is said, and no error', (t) => {
    const host = new FakeHost(t);
    const log = (line: string) => host.log.push(line);
    missEthtool(host.run, log);
    assert.deepEqual(host.log, []);
    host.failing = ['ethtool'];
    missEthtool(host.run, log);
    assert.match(host.log.join(), /ethtool is missing/);
  });

  test('the state file is that of this network namespace', () => {
    assert.match(stateFileOf('/run/x'), /^\/run\/x\/host-\d+\.json$/);
  });
});
