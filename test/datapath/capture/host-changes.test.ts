import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { isVirtual, ManagedLink } from '../../../src/datapath/capture/managed-link.ts';
import { offloadsInUse } from '../../../src/datapath/capture/offloads.ts';
import {
  DatapathUnavailable,
  HostChanges,
  missEthtool,
  needPrograms,
  needRoot,
  stateFileOf,
} from '../../../src/datapath/host/index.ts';
import type { LinkJson } from '../../../src/datapath/routes/index.ts';

/** A host of which only the commands are known. */
class FakeHost {
  readonly commands: string[] = [];
  readonly stateFile: string;
  readonly log: string[] = [];
  /** Commands that contain one of these fail. */
  failing: string[] = [];
  answers: Record<string, string> = {};
  stateAtCommand: string[] = [];
  runningPids = new Map<number, string>([[process.pid, 'now']]);

  constructor(t: TestContext) {
    const dir = mkdtempSync(join(tmpdir(), 'pinhole-changes-'));
    t.after(() => rmSync(dir, { recursive: true }));
    this.stateFile = join(dir, 'run', 'host-1.json');
  }

  run = (argv: readonly string[]): string => {
    const command = argv.join(' ');
    this.commands.push(command);
    this.stateAtCommand.push(
      existsSync(this.stateFile) ? readFileSync(this.stateFile, 'utf8') : '',
    );
    if (this.failing.some((part) => command.includes(part))) {
      throw Object.assign(new Error('Command failed'), { stderr: `no: ${command}\n` });
    }
    return this.answers[command] ?? '';
  };

  changes(datapath = 'capture'): HostChanges {
    return new HostChanges({
      stateFile: this.stateFile,
      datapath,
      log: (line) => this.log.push(line),
      run: this.run,
      startTimeOf: (pid) => this.runningPids.get(pid) ?? '',
    });
  }

  dies(): void {
    this.runningPids.set(process.pid, 'a later life');
  }
}

const change = (name: string, device = 'eth0') => ({
  what: name,
  device,
  run: ['do', name],
  again: ['do again', name],
  undo: ['undo', name],
});

describe('HostChanges', () => {
  test('undoes in the opposite order and leaves no file', (t) => {
    const host = new FakeHost(t);
    const changes = host.changes();
    for (const name of ['a', 'b', 'c']) changes.apply(change(name));
    assert.ok(existsSync(host.stateFile));
    changes.undoAll();
    changes.undoAll();
    assert.deepEqual(host.commands, ['do a', 'do b', 'do c', 'undo c', 'undo b', 'undo a']);
    assert.ok(!existsSync(host.stateFile));
  });

  test('the way back is on disk before each change', (t) => {
    const host = new FakeHost(t);
    host.changes().apply(change('a'));
    assert.match(host.stateAtCommand[0]!, /"undo",\s+"a"/);
  });

  /** A host whose gateway was killed after some changes. */
  function afterCrash(t: TestContext, ...made: ReturnType<typeof change>[]): FakeHost {
    const host = new FakeHost(t);
    const changes = host.changes();
    for (const one of made) changes.apply(one);
    host.dies();
    host.commands.length = 0;
    return host;
  }

  test('killed between two steps: taken over in force, undone at the end of the next run', (t) => {
    const host = afterCrash(t, change('a'));
    // Killed within the second: on disk it is, whether it was made or not.
    writeFileSync(
      host.stateFile,
      readFileSync(host.stateFile, 'utf8').replace(
        /\n {1}\]/,
        ',\n  {"what": "b", "device": "eth0", "undo": ["undo", "b"]}\n ]',
      ),
    );
    const changes = host.changes();
    assert.equal(changes.adoptStale(), 2);
    assert.deepEqual(host.commands, [], 'nothing is opened in between');
    changes.apply(change('a'));
    changes.settle(['eth0']);
    assert.deepEqual(host.commands, ['do again a']);
    host.failing = ['undo b'];
    changes.undoAll();
    assert.deepEqual(host.commands, ['do again a', 'undo b', 'undo a']);
    assert.ok(!existsSync(host.stateFile));
    assert.match(host.log.join('\n'), /not undone: b: no: undo b/);
  });

  test('a start that fails after a crash leaves the host as the crash did', (t) => {
    const host = afterCrash(t, change('a'));
    const changes = host.changes();
    changes.adoptStale();
    changes.apply(change('new'));
    changes.undoAll();
    changes.undoAll();
    assert.deepEqual(host.commands, ['do new', 'undo new']);
    host.dies();
    assert.equal(host.changes().adoptStale(), 1, 'and the next start finds it again');
  });

  test('what another datapath did is undone once this one is in force', (t) => {
    const host = afterCrash(t, change('a'));
    const changes = host.changes('gate');
    changes.adoptStale();
    changes.apply(change('b'));
    changes.settle(['eth0']);
    assert.deepEqual(host.commands, ['do b', 'undo a']);
    changes.undoAll();
    assert.deepEqual(host.commands, ['do b', 'undo a', 'undo b']);
  });

  test('what another datapath did and this one builds on is claimed, and undone at the end', (t) => {
    const host = afterCrash(t, change('a'), change('b'));
    const changes = host.changes('gate');
    changes.adoptStale();
    assert.equal(changes.claim(change('a')), true);
    assert.equal(changes.claim(change('c')), false);
    changes.settle(['eth0']);
    assert.deepEqual(host.commands, ['undo b']);
    changes.undoAll();
    assert.deepEqual(host.commands, ['undo b', 'undo a']);
  });

  test('a list that was taken over unchanged is the list of who took it over', (t) => {
    const host = afterCrash(t, change('a'));
    const started = host.changes();
    started.adoptStale();
    started.apply(change('a'));
    started.settle(['eth0']);
    const state = JSON.parse(readFileSync(host.stateFile, 'utf8'));
    assert.deepEqual([state.pid, state.started], [process.pid, host.runningPids.get(process.pid)]);
  });

  test('what somebody else builds on stays, and the log says so', (t) => {
    const host = new FakeHost(t);
    const changes = host.changes();
    changes.apply({
      ...change('a'),
      unless: [
        ['ask', '1'],
        ['ask', '2'],
      ],
    });
    changes.apply({ ...change('b'), unless: [['ask', '3']] });
    host.answers['ask 2'] = 'a filter\n';
    changes.undoAll();
    assert.deepEqual(host.commands, ['do a', 'do b', 'ask 3', 'undo b', 'ask 1', 'ask 2']);
    assert.deepEqual(host.log, ['not undone: a: somebody else uses it']);
    assert.ok(!existsSync(host.stateFile));
  });

  test('what was done to an interface that is not managed any more is undone', (t) => {
    const host = afterCrash(t, change('a', 'eth0'), change('b', 'eth1'), change('c', 'eth1'));
    const changes = host.changes();
    changes.adoptStale();
    changes.settle(['eth0']);
    assert.deepEqual(host.commands, ['undo c', 'undo b']);
    changes.undoAll();
    assert.deepEqual(host.commands, ['undo c', 'undo b', 'undo a']);
    assert.ok(!existsSync(host.stateFile));
  });

  test('a change that is refused is not undone', (t) => {
    const host = new FakeHost(t);
    const changes = host.changes();
    changes.apply(change('a'));
    host.failing = ['do b'];
    assert.throws(() => changes.apply(change('b')), /Command failed/);
    changes.undoAll();
    assert.deepEqual(host.commands, ['do a', 'do b', 'undo a']);
  });

  test('nothing left behind: nothing to take over', (t) => {
    assert.equal(new FakeHost(t).changes().adoptStale(), 0);
  });

  test('a predecessor that still lives is left alone', (t) => {
    const host = new FakeHost(t);
    host.changes().apply(change('a'));
    const state = JSON.parse(readFileSync(host.stateFile, 'utf8'));
    writeFileSync(host.stateFile, JSON.stringify({ ...state, pid: 4711, started: 'then' }));
    host.runningPids.set(4711, 'then');
    assert.throws(() => host.changes().adoptStale(), { code: 'already-running' });
    // The same pid given to another process later.
    host.runningPids.set(4711, 'later');
    assert.equal(host.changes().adoptStale(), 1);
  });

  test('a damaged file is an error, and stays', (t) => {
    const host = new FakeHost(t);
    host.changes().apply(change('a'));
    for (const text of ['', '{', '{}', 'null', '[]']) {
      writeFileSync(host.stateFile, text);
      assert.throws(() => host.changes().adoptStale(), { code: 'bad-state-file' }, text);
    }
    assert.ok(existsSync(host.stateFile));
  });
});

const link: LinkJson = {
  ifindex: 2,
  ifname: 'eth0',
  flags: ['UP'],
  mtu: 1500,
  link_type: 'ether',
  addr_info: [
    { family: 'inet6', local: '2001:db8::1', prefixlen: 64, scope: 'global' },
    { family: 'inet6', local: 'fe80::1', prefixlen: 64, scope: 'link' },
    { family: 'inet', local: '10.0.0.1', prefixlen: 24, scope: 'global' },
  ],
};

function managedLink(host: FakeHost): { managed: ManagedLink; changes: HostChanges } {
  const changes = host.changes();
  const managed = new ManagedLink('eth0', changes, host.run, (line) => host.log.push(line));
  return { managed, changes };
}

describe('ManagedLink', () => {
  test('drops behind the tap, and takes all of it back', (t) => {
    const host = new FakeHost(t);
    const { managed, changes } = managedLink(host);
    managed.dropBehindTap(link);
    changes.undoAll();
    const verbs = host.commands.map((command) => command.split(' ').slice(0, 3).join(' '));
    assert.deepEqual(verbs, [
      'tc qdisc show',
      'tc qdisc add',
      ...Array(4).fill('tc filter add'),
      ...Array(4).fill('tc filter del'),
      'tc qdisc del',
    ]);
  });

  test('a clsact that somebody else put there stays', (t) => {
    const host = new FakeHost(t);
    host.answers['tc qdisc show dev eth0'] = 'qdisc clsact ffff: parent ffff:fff1 \n';
    const { managed, changes } = managedLink(host);
    managed.dropBehindTap(link);
    changes.undoAll();
    assert.ok(!host.commands.some((command) => /qdisc (add|del)/.test(command)));
  });

  test('what tc says is in the error', (t) => {
    const host = new FakeHost(t);
    host.failing = ['filter add'];
    const { managed } = managedLink(host);
    assert.throws(
      () => managed.dropBehindTap(link),
      (error: DatapathUnavailable) => {
        assert.ok(error instanceof DatapathUnavailable);
        assert.equal(error.code, 'command-failed');
        return /no: tc filter add/.test(error.message);
      },
    );
  });

  test('a new own address renews the filter, an unchanged one does not', (t) => {
    const host = new FakeHost(t);
    const { managed } = managedLink(host);
    managed.dropBehindTap(link);
    host.commands.length = 0;
    managed.followAddresses(link);
    assert.deepEqual(host.commands, []);
    managed.followAddresses({ ...link, addr_info: [] });
    const renewed = host.commands.map((command) => command.split(' ').slice(0, 10).join(' '));
    const protocols = ['ipv6 pref 2', '802.1Q pref 4', '802.1ad pref 5'];
    assert.deepEqual(
      renewed,
      protocols.map((key) => `tc filter replace dev eth0 ingress protocol ${key}`),
    );
  });

  test('switches offloads one by one, and says what refused', (t) => {
    const host = new FakeHost(t);
    host.answers['ethtool -k eth0'] = features;
    host.failing = ['-K eth0 tso off'];
    const { managed, changes } = managedLink(host);
    managed.switchOffloadsOff(false);
    changes.undoAll();
    assert.deepEqual(host.commands.slice(1), [
      'ethtool -K eth0 rx off',
      'ethtool -K eth0 tso off',
      'ethtool -K eth0 gso off',
      'ethtool -K eth0 gso on',
      'ethtool -K eth0 rx on',
    ]);
    assert.match(host.log[0]!, /eth0: tso stays on: no: ethtool/);
  });

  test('keeps gso on virtual links, whose ring needs long slots', (t) => {
    const host = new FakeHost(t);
    host.answers['ethtool -k eth0'] = features;
    managedLink(host).managed.switchOffloadsOff(true);
    assert.ok(!host.commands.includes('ethtool -K eth0 gso off'));
    assert.equal(isVirtual(link), false);
    assert.equal(isVirtual({ ...link, linkinfo: { info_kind: 'veth' } }), true);
    assert.equal(isVirtual({ ...link, parentbus: 'virtio' }), true);
  });

  test('no ethtool: offloads stay, in one line of the log', (t) => {
    const host = new FakeHost(t);
    host.failing = ['ethtool'];
    managedLink(host).managed.switchOffloadsOff(false);
    assert.deepEqual(host.log.length, 1);
  });
});

const features = `Features for eth0:
rx-checksumming: on
tx-checksumming: off
\ttx-checksum-ip-generic: on
scatter-gather: on
tcp-segmentation-offload: on
generic-segmentation-offload: on
generic-receive-offload: off
large-receive-offload: on [fixed]
rx-gro-hw: off [fixed]
`;

test('offloadsInUse: on, and not fixed', () => {
  assert.deepEqual(offloadsInUse(features), ['rx', 'tso', 'gso']);
  assert.deepEqual(offloadsInUse(''), []);
});

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
