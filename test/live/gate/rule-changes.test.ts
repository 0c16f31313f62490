/** Rules change while flows are in the kernel part: they are decided anew, and every packet is counted. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Daemon } from '../daemon.ts';
import { ruleFile } from '../daemon.ts';
import { type Lab, mustRunIn, requireLive, run } from '../harness.ts';
import { masquerade } from '../rule-texts.ts';
import { untilTrue } from '../until.ts';
import {
  clientMay,
  clientMayMasqueraded,
  gatePrograms,
  type Stage,
  untilInKernel,
  withGate,
  withStage,
} from './stage.ts';
import { streamHost6 } from './streams.ts';

const dropStreams = '-A FORWARD -p tcp -m tcp --dport 5555 -j DROP';

/** SIGHUP, and the rules are read. */
async function reload(lab: Lab, daemon: Daemon, rules: string): Promise<void> {
  const times = () => daemon.log().match(/rules re-read/g)?.length ?? 0;
  const before = times();
  ruleFile(lab, rules);
  daemon.signal('SIGHUP');
  await untilTrue(
    'the rules to be read',
    () => times() > before,
    5_000,
    () => daemon.log(),
  );
}

/** A DROP stops the stream it is for within a second, and no other; without it, the stream goes on. */
async function decidedAnew(
  { streams }: Stage,
  daemon: Daemon,
  forbid: () => Promise<unknown>,
  allow: () => Promise<unknown>,
): Promise<void> {
  const [four = 0] = await streams.open(1);
  const [six = 0] = await streams.open(1, streamHost6);
  await streams.goOn([four, six]);
  await untilInKernel(daemon, 2);
  await forbid();
  const forbiddenMs = Date.now();
  await streams.standsStill(four);
  // 250 ms of it, and a good deal of a loaded machine, are the question itself.
  assert.ok(Date.now() - forbiddenMs < 1_500, `stopped after ${Date.now() - forbiddenMs} ms`);
  await streams.goOn([six]);
  await allow();
  await streams.goOn([four, six]);
  await untilInKernel(daemon, 2);
  await streams.finish([four, six]);
}

async function bySighup(stage: Stage, daemon: Daemon): Promise<void> {
  const forbidding = clientMay(dropStreams) + masquerade;
  await decidedAnew(
    stage,
    daemon,
    () => reload(stage.lab, daemon, forbidding),
    () => reload(stage.lab, daemon, clientMayMasqueraded),
  );
}

async function byApply(stage: Stage, daemon: Daemon): Promise<void> {
  const forbidding = ruleFile(stage.lab, clientMay(dropStreams) + masquerade, 'forbidding.v4');
  const allowing = ruleFile(stage.lab, clientMayMasqueraded, 'allowing.v4');
  await decidedAnew(
    stage,
    daemon,
    () => daemon.show('apply', forbidding),
    () => daemon.show('apply', allowing),
  );
}

async function byEdit(stage: Stage, daemon: Daemon): Promise<void> {
  const rule = ['FORWARD', '-p', 'tcp', '--dport', '5555', '-j', 'DROP'];
  await decidedAnew(
    stage,
    daemon,
    () => daemon.show('iptables', '-I', ...rule),
    () => daemon.show('iptables', '-D', ...rule),
  );
}

/** A rule that looks at single packets keeps its flows in the engine; without it they go back. */
async function unsteadyRule({ streams }: Stage, daemon: Daemon): Promise<void> {
  const [port = 0] = await streams.open(1);
  await streams.goOn([port]);
  await untilInKernel(daemon, 1);
  const rule = ['FORWARD', '-m', 'length', '--length', '1:65535', '-j', 'ACCEPT'];
  await daemon.show('iptables', '-I', ...rule);
  await streams.goOn([port]);
  assert.equal(await flowsInKernel(daemon), 0);
  await daemon.show('iptables', '-D', ...rule);
  await streams.goOn([port]);
  await untilInKernel(daemon, 1);
  await streams.finish([port]);
}

async function flowsInKernel(daemon: Daemon): Promise<number> {
  const status = await daemon.ask((client) => client.request('status', {}).done);
  return (status as { gate?: { flows4: number } }).gate?.flows4 ?? -1;
}

/** Sums of packets and bytes of all FORWARD rules and its policy, or of the kernel's counting rules. */
function sumOf(saved: string, rule: RegExp): [packets: number, bytes: number] {
  const counters = saved.split('\n').filter((line) => rule.test(line));
  let [packets, bytes] = [0, 0];
  for (const line of counters) {
    const [, some, many] = /\[(\d+):(\d+)\]/.exec(line) ?? [];
    packets += Number(some);
    bytes += Number(many);
  }
  return [packets, bytes];
}

/** Counts in the client's namespace, by iptables of the kernel, whatever this connection sends and gets. */
async function countAtClient(lab: Lab): Promise<() => Promise<[number, number]>> {
  const script = `
    ethtool -K eth0 tso off gso off gro off >/dev/null
    iptables-legacy -A INPUT -p tcp --sport 5555
    iptables-legacy -A OUTPUT -p tcp --dport 5555`;
  await mustRunIn(lab, 'client', ['sh', '-ec', script]);
  const server = `ph-${lab.name}-server`;
  const { code, stderr } = await run([
    'ip',
    'netns',
    'exec',
    server,
    'ethtool',
    '-K',
    'eth0',
    'tso',
    'off',
    'gso',
    'off',
    'gro',
    'off',
  ]);
  assert.equal(code, 0, stderr);
  return async () => {
    const saved = await mustRunIn(lab, 'client', ['iptables-legacy-save', '-c']);
    return sumOf(saved, /-A .*port 5555/);
  };
}

/** What the rules have counted is what has passed, over any number of changes of the rules. */
async function countersAreExact({ lab, streams }: Stage): Promise<void> {
  const atClient = await countAtClient(lab);
  await withGate(lab, clientMayMasqueraded, [], async (daemon) => {
    const ports = await streams.open(4);
    await streams.goOn(ports);
    await untilInKernel(daemon, 4);
    const mark = ['FORWARD', '-p', 'udp', '-j', 'DROP'];
    for (let i = 0; i < 3; i++) {
      await reload(
        lab,
        daemon,
        clientMay(`-A FORWARD -p udp --dport ${9_000 + i} -j DROP`) + masquerade,
      );
      await streams.goOn(ports, 16_384);
      await daemon.show('iptables', '-I', ...mark);
      await streams.goOn(ports, 16_384);
      await daemon.show('iptables', '-D', ...mark);
    }
    await streams.finish(ports);
    for (const port of ports) await daemon.inState(port, 'TIME_WAIT');
    const passed = await atClient();
    const saved = await daemon.show('iptables-save', '-c', '-t', 'filter');
    assert.deepEqual(sumOf(saved, /-A FORWARD|:FORWARD/), passed, saved);
    const [, bytes] = passed;
    assert.ok(bytes > 4 * (65_536 + 6 * 16_384));
  });
}

test('rules change under flows in the kernel', async (t) => {
  if (!requireLive(t, gatePrograms)) return;
  await withStage('lt-gr', {}, async (stage) => {
    await withGate(stage.lab, clientMayMasqueraded, [], async (daemon) => {
      await t.test('by SIGHUP', () => bySighup(stage, daemon));
      await t.test('by apply', () => byApply(stage, daemon));
      await t.test('by iptables', () => byEdit(stage, daemon));
      await t.test('a rule that looks at single packets', () => unsteadyRule(stage, daemon));
    });
    await t.test('every packet is counted once', () => countersAreExact(stage));
  });
});
