/** Whatever ends the gate: nothing of it is left on the host, nor in the kernel. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { interfaceArguments, ruleFile } from '../daemon.ts';
import { mustRunIn, pinholeMain, requireLive, runIn } from '../harness.ts';
import {
  assertHost,
  clientMay,
  clientMayMasqueraded,
  gatePrograms,
  kernelObjectsOf,
  kill,
  type Stage,
  startGate,
  stillThere,
  untilGone,
  wholeState,
  withGate,
  withStage,
} from './stage.ts';

async function endsBy({ lab, streams, before }: Stage, signal: NodeJS.Signals): Promise<void> {
  await withGate(lab, clientMay(), [], async (daemon) => {
    const during = await wholeState(lab);
    for (const name of ['lan0', 'wan0']) {
      assert.match(during, new RegExp(`clsact .*dev ${name}`));
    }
    assert.match(during, /punt0/);
    const objects = kernelObjectsOf(daemon.pid);
    assert.equal(objects.maps.length, 9);
    assert.equal(objects.programs.length, 8);
    const ports = await streams.open(2);
    await streams.goOn(ports);
    daemon.signal(signal);
    assert.equal(await daemon.ended(), 0, daemon.log());
    assert.match(daemon.log(), /stopped; the host is as it was/);
    await assertHost(lab, before);
    await untilGone(objects);
    // Not translated: the kernel carries them on.
    await streams.finish(ports);
  });
}

async function again({ lab, before }: Stage): Promise<void> {
  const seen = { maps: new Set<number>(), programs: new Set<number>() };
  for (let i = 0; i < 3; i++) {
    await withGate(lab, clientMayMasqueraded, [], async ({ pid }) => {
      const { maps, programs } = kernelObjectsOf(pid);
      for (const id of maps) seen.maps.add(id);
      for (const id of programs) seen.programs.add(id);
    });
  }
  await assertHost(lab, before);
  assert.equal(seen.programs.size, 3 * 8);
  await untilGone({ maps: [...seen.maps], programs: [...seen.programs] });
}

async function killedAndStarted({ lab, before }: Stage): Promise<void> {
  const first = await startGate(lab, clientMayMasqueraded);
  const objects = kernelObjectsOf(first.pid);
  await kill(first);
  const left = await stillThere(objects);
  const atHooks = ['egress', 'ingress', 'loopback', 'reentry', 'segments'].map(
    (name) => `program ph_${name}`,
  );
  assert.deepEqual(
    left.filter((name) => name.startsWith('program')),
    atHooks,
  );
  assert.notEqual(await wholeState(lab), before);
  await withGate(lab, clientMayMasqueraded, [], async (second) => {
    assert.match(second.log(), new RegExp(`process ${first.pid} ended without cleaning up`));
    await untilGone(objects);
  });
  await assertHost(lab, before);
}

async function startRefused(stage: Stage, says: RegExp, environment = {}): Promise<void> {
  const { lab } = stage;
  const before = await wholeState(lab);
  const rules = ruleFile(lab, clientMayMasqueraded);
  const argv = ['node', pinholeMain, 'run', '--rules', rules, ...interfaceArguments];
  const socket = ['--socket', join(lab.runDir, 'refused.sock'), '--datapath', 'gate'];
  const { code, stderr } = await runIn(lab, 'gateway', [...argv, ...socket], {
    env: environment,
  });
  assert.equal(code, 1, stderr);
  assert.match(stderr, says);
  assert.doesNotMatch(stderr, /^\s+at /m);
  await assertHost(lab, before);
}

/** An interface with a name that the gate wants. */
async function nameTaken(stage: Stage): Promise<void> {
  const { lab } = stage;
  for (const name of ['punt0', 'punt1']) {
    await mustRunIn(lab, 'gateway', [
      'ip',
      'link',
      'add',
      name,
      'type',
      'veth',
      'peer',
      'name',
      'other0',
    ]);
    try {
      await startRefused(stage, new RegExp(`${name}.*ip link del ${name}`));
    } finally {
      await mustRunIn(lab, 'gateway', ['ip', 'link', 'del', name]);
    }
  }
}

/** A `tc` that refuses at its n-th call that adds something: the start fails there. */
async function tcRefuses(stage: Stage): Promise<void> {
  const { lab } = stage;
  const counter = join(lab.runDir, 'tc-calls');
  const fake = join(lab.runDir, 'bin', 'tc');
  await mustRunIn(lab, 'gateway', ['mkdir', '-p', join(lab.runDir, 'bin')]);
  const real = (await mustRunIn(lab, 'gateway', ['sh', '-c', 'command -v tc'])).trim();
  for (const refused of [4, 8]) {
    writeFileSync(counter, '');
    const script = `#!/bin/sh
case " $* " in *" add "*)
  echo >>${counter}
  if [ "$(wc -l <${counter})" = ${refused} ]; then echo "Error: refused here" >&2; exit 2; fi
esac
exec ${real} "$@"
`;
    writeFileSync(fake, script, { mode: 0o755 });
    await startRefused(stage, /tc .* add .*: Error: refused here; see "pinhole doctor"/, {
      PATH: `${join(lab.runDir, 'bin')}:${process.env.PATH}:/usr/sbin:/sbin`,
    });
  }
}

test('the gate leaves nothing behind', async (t) => {
  if (!requireLive(t, gatePrograms)) return;
  await withStage('lt-gl', {}, async (stage) => {
    await t.test('SIGTERM', () => endsBy(stage, 'SIGTERM'));
    await t.test('SIGINT', () => endsBy(stage, 'SIGINT'));
    await t.test('a name that is taken', () => nameTaken(stage));
    await t.test('a start that fails half-way', () => tcRefuses(stage));
    await t.test('SIGKILL, start, stop', () => killedAndStarted(stage));
    await t.test('started and stopped again and again', () => again(stage));
  });
});
