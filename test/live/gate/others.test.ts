/** Others on the same host: a second gate, programs on the hooks, a capture gateway that crashed. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { Daemon, interfaceArguments, ruleFile } from '../daemon.ts';
import { type Lab, mustRunIn, pinholeMain, requireLive, runIn } from '../harness.ts';
import { hostState } from '../host-state.ts';
import {
  assertHost,
  clientMayMasqueraded,
  gatePrograms,
  kill,
  programsAt,
  type Stage,
  startGate,
  wholeState,
  withGate,
  withStage,
} from './stage.ts';

async function refusedStart(lab: Lab, datapath: string, says: RegExp): Promise<void> {
  const rules = ruleFile(lab, clientMayMasqueraded);
  const argv = ['node', pinholeMain, 'run', '--rules', rules, ...interfaceArguments];
  const socket = ['--socket', join(lab.runDir, 'refused.sock'), '--datapath', datapath];
  const { code, stderr } = await runIn(lab, 'gateway', [...argv, ...socket]);
  assert.match(stderr, says);
  assert.equal(code, 1, stderr);
}

async function secondInstance({ lab, streams }: Stage): Promise<void> {
  await withGate(lab, clientMayMasqueraded, [], async (daemon) => {
    const ports = await streams.open(2);
    await streams.goOn(ports);
    const during = await hostState(lab);
    const says = new RegExp(
      `^pinhole run: process ${daemon.pid} already manages this network namespace; ` +
        `stop it first \\(kill ${daemon.pid}\\)$`,
      'm',
    );
    for (const datapath of ['auto', 'gate', 'capture']) await refusedStart(lab, datapath, says);
    assert.equal(await hostState(lab), during);
    await streams.goOn(ports);
    await streams.finish(ports);
    assert.equal((await daemon.inState(ports[0] ?? 0, 'TIME_WAIT')).state, 'TIME_WAIT');
  });
}

/** The list of changes is of the one that runs, also where it took it over from one that crashed. */
async function secondInstanceAfterCrash({ lab }: Stage): Promise<void> {
  await kill(await startGate(lab, clientMayMasqueraded));
  await withGate(lab, clientMayMasqueraded, [], async (daemon) => {
    await refusedStart(lab, 'gate', new RegExp(`process ${daemon.pid} already manages`));
  });
}

/** Classic BPF that says -1 (TC_ACT_UNSPEC) to every packet: the next filter decides. */
function strangers(device: string, pref: number): string[] {
  const where = ['dev', device, 'ingress', 'pref', String(pref), 'protocol', 'all'];
  return [...where, 'bpf', 'bytecode', '1,6 0 0 4294967295', 'flowid', '1:1'];
}

const tc = (lab: Lab, ...argv: string[]) => mustRunIn(lab, 'gateway', ['tc', ...argv]);

/** A clsact that was there stays, and so do the filters on it. */
async function filtersOfOthers({ lab, streams }: Stage): Promise<void> {
  await tc(lab, 'qdisc', 'add', 'dev', 'lan0', 'clsact');
  try {
    await tc(lab, 'filter', 'add', ...strangers('lan0', 1));
    await tc(lab, 'filter', 'add', ...strangers('lan0', 40));
    const before = await wholeState(lab);
    await withGate(lab, clientMayMasqueraded, [], async (daemon) => {
      for (const pref of [1, 40]) {
        await daemon.logged(
          new RegExp(`gate: lan0 ingress: there is also a bpf filter .*at pref ${pref}`),
        );
      }
      assert.doesNotMatch(daemon.log(), /(wan0|egress): there is also/);
      const ports = await streams.open(2);
      await streams.goOn(ports);
      await streams.finish(ports);
      const text = await tc(lab, 'filter', 'show', 'dev', 'lan0', 'ingress');
      for (const pref of [1, 3, 40]) assert.match(text, new RegExp(`pref ${pref} bpf`));
    });
    await assertHost(lab, before);
    // As it is after a crash: what is adopted is ours alone.
    await kill(await startGate(lab, clientMayMasqueraded));
    await withGate(lab, clientMayMasqueraded, [], async () => undefined);
    await assertHost(lab, before);
  } finally {
    await tc(lab, 'qdisc', 'del', 'dev', 'lan0', 'clsact');
  }
}

/** A filter that came onto the gate's own clsact: that stays, with it. */
async function filterThatCameLater({ lab }: Stage): Promise<void> {
  await withGate(lab, clientMayMasqueraded, [], async (daemon) => {
    await tc(lab, 'filter', 'add', ...strangers('wan0', 40));
    await daemon.stop();
    assert.match(daemon.log(), /not undone: clsact on wan0: somebody else uses it/);
  });
  assert.match(await tc(lab, 'filter', 'show', 'dev', 'wan0', 'ingress'), /pref 40 bpf/);
  await tc(lab, 'qdisc', 'del', 'dev', 'wan0', 'clsact');
}

/** The old qdisc of that place has no egress, and both cannot be there. */
async function ingressQdisc({ lab }: Stage): Promise<void> {
  await tc(lab, 'qdisc', 'add', 'dev', 'wan0', 'ingress');
  try {
    const before = await wholeState(lab);
    await refusedStart(
      lab,
      'gate',
      /somebody's ingress qdisc is on wan0, .*; remove it: tc qdisc del dev wan0 ingress/,
    );
    await assertHost(lab, before);
  } finally {
    await tc(lab, 'qdisc', 'del', 'dev', 'wan0', 'ingress');
  }
}

async function withCapture(lab: Lab, fn: (daemon: Daemon) => Promise<void>): Promise<void> {
  const rules = ruleFile(lab, clientMayMasqueraded);
  const daemon = await Daemon.start(lab, [rules], { arguments: ['--datapath', 'capture'] });
  try {
    await fn(daemon);
  } finally {
    if (daemon.isRunning()) await daemon.stop();
  }
}

async function worksAndEnds({ lab, streams, before }: Stage, daemon: Daemon): Promise<void> {
  const ports = await streams.open(2);
  await streams.goOn(ports);
  // Translated, so carried by this gateway and not by the kernel.
  assert.equal((await daemon.inState(ports[0] ?? 0, 'ESTABLISHED')).reply.dst, '203.0.113.1');
  await streams.finish(ports);
  await daemon.stop();
  await assertHost(lab, before);
}

async function afterCapture(stage: Stage): Promise<void> {
  await withCapture(stage.lab, kill);
  await withGate(stage.lab, clientMayMasqueraded, [], async (daemon) => {
    assert.match(daemon.log(), /ended without cleaning up; taking over/);
    assert.deepEqual(await programsAt(stage.lab, 'lan0'), ['ingress', 'egress']);
    await worksAndEnds(stage, daemon);
  });
}

async function beforeCapture(stage: Stage): Promise<void> {
  await kill(await startGate(stage.lab, clientMayMasqueraded));
  await withCapture(stage.lab, async (daemon) => {
    // Its drop, without which the kernel would forward as well.
    const text = await tc(stage.lab, 'filter', 'show', 'dev', 'lan0', 'ingress');
    assert.match(text, /pref 1 bpf/);
    assert.match(text, /pref 2 bpf/);
    assert.doesNotMatch(text, /pref 3 bpf/);
    await worksAndEnds(stage, daemon);
  });
}

test('the gate beside others', async (t) => {
  if (!requireLive(t, gatePrograms)) return;
  await withStage('lt-go', {}, async (stage) => {
    await t.test('a second instance', () => secondInstance(stage));
    await t.test('a second instance after a crash', () => secondInstanceAfterCrash(stage));
    await t.test('a filter that came later', () => filterThatCameLater(stage));
    await t.test('filters of others', () => filtersOfOthers(stage));
    await t.test('an ingress qdisc in the way', () => ingressQdisc(stage));
    await t.test('after a crashed capture gateway', () => afterCapture(stage));
    await t.test('a capture gateway after a crashed gate', () => beforeCapture(stage));
  });
});
