import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, type TestContext, test } from 'node:test';

import { FakeHost } from './fake-host.ts';

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
