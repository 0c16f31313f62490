/** Interfaces that go, come again and change under load. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Daemon } from '../daemon.ts';
import { interfaceArguments, ruleFile } from '../daemon.ts';
import { type Lab, mustRunIn, pinholeMain, requireLive, run, runIn } from '../harness.ts';
import { masquerade } from '../rule-texts.ts';
import { untilTrue } from '../until.ts';
import {
  clientMay,
  gatePrograms,
  programsAt,
  type Stage,
  untilInKernel,
  withGate,
  withStage,
} from './stage.ts';

const rules =
  clientMay('-A FORWARD -i lan1 -j ACCEPT', '-A FORWARD -o lan1 -j ACCEPT') + masquerade;
const thirdInterface = ['--interface', 'lan1'];
/** Of the server, in the third network. */
const thirdHost = '10.9.9.2';

/** A third network between gateway and server, so that the client's streams have two ways out. */
async function makeThird(lab: Lab): Promise<void> {
  const [gateway, server] = [`ph-${lab.name}-gateway`, `ph-${lab.name}-server`];
  const script = `
    ip -n ${server} link add eth9 type veth peer name lan1 netns ${gateway}
    ip -n ${gateway} address add 10.9.9.1/24 dev lan1
    ip -n ${gateway} link set lan1 up
    ip -n ${server} address add 10.9.9.2/24 dev eth9
    ip -n ${server} link set eth9 up`;
  const { code, stderr } = await run(['sh', '-ec', script]);
  assert.equal(code, 0, stderr);
}

const ip = (lab: Lab, ...argv: string[]) => mustRunIn(lab, 'gateway', ['ip', ...argv]);

function times(daemon: Daemon, pattern: RegExp): number {
  return daemon
    .log()
    .split('\n')
    .filter((line) => pattern.test(line)).length;
}

/** Deleted under load and made again with the same name: the others go on meanwhile. */
async function deletedAndMade({ lab, streams }: Stage): Promise<void> {
  await withGate(lab, rules, thirdInterface, async (daemon) => {
    const steady = await streams.open(3);
    const doomed = await streams.open(2, thirdHost);
    await streams.goOn([...steady, ...doomed]);
    await untilInKernel(daemon, 5);
    for (let round = 1; round <= 2; round++) {
      await ip(lab, 'link', 'del', 'lan1');
      await streams.goOn(steady);
      await makeThird(lab);
      await untilTrue(
        'lan1 to be taken over',
        () => times(daemon, /lan1 is there again/) === round,
      );
      const later = await streams.open(2, thirdHost);
      await streams.goOn([...steady, ...later]);
      await streams.finish(later);
      assert.deepEqual(await programsAt(lab, 'lan1'), ['ingress', 'egress']);
    }
    // The way is the same: what was under way on the old interface goes on over the new one.
    await streams.goOn(doomed);
    await streams.finish([...steady, ...doomed]);
  });
}

/** Gone while the gate is stopped: that is no error. */
async function goneAtTheEnd({ lab }: Stage): Promise<void> {
  await withGate(lab, rules, thirdInterface, async (daemon) => {
    await ip(lab, 'link', 'del', 'lan1');
    await daemon.stop();
  });
  await makeThird(lab);
}

async function downAndUp({ lab, streams }: Stage): Promise<void> {
  await withGate(lab, rules, thirdInterface, async (daemon) => {
    const steady = await streams.open(2);
    const halted = await streams.open(2, thirdHost);
    await streams.goOn([...steady, ...halted]);
    await ip(lab, 'link', 'set', 'lan1', 'down');
    await streams.goOn(steady);
    await ip(lab, 'link', 'set', 'lan1', 'up');
    await streams.goOn([...steady, ...halted]);
    await untilInKernel(daemon, 4);
    await streams.finish([...steady, ...halted]);
  });
}

async function changed({ lab, streams }: Stage): Promise<void> {
  await withGate(lab, rules, thirdInterface, async (daemon) => {
    const steady = await streams.open(2);
    const moving = await streams.open(2, thirdHost);
    await streams.goOn([...steady, ...moving]);
    for (const [mac, mtu] of [
      ['02:00:00:00:99:01', '1400'],
      ['02:00:00:00:99:02', '1500'],
    ]) {
      await ip(lab, 'link', 'set', 'lan1', 'address', mac ?? '');
      await streams.goOn([...steady, ...moving]);
      await ip(lab, 'link', 'set', 'lan1', 'mtu', mtu ?? '');
      await streams.goOn([...steady, ...moving]);
      await untilInKernel(daemon, 4);
    }
    const later = await streams.open(1, thirdHost);
    await streams.goOn(later);
    await streams.finish([...steady, ...moving, ...later]);
  });
}

/** New connections are translated to the address of now; a transfer by the other way goes on. */
async function otherAddress({ lab, streams }: Stage): Promise<void> {
  await withGate(lab, rules, [], async (daemon) => {
    const [old = 0] = await streams.open(1);
    await streams.goOn([old]);
    await ip(lab, 'address', 'add', '203.0.113.7/24', 'dev', 'wan0');
    await ip(lab, 'address', 'del', '203.0.113.1/24', 'dev', 'wan0');
    await ip(lab, 'address', 'add', '203.0.113.7/24', 'dev', 'wan0').catch(() => undefined);
    await untilTrue('a connection from the new address', async () => {
      const [port = 0] = await streams.open(1);
      await streams.goOn([port]);
      const entry = await daemon.connectionFrom(port);
      await streams.finish([port]);
      return entry?.reply.dst === '203.0.113.7';
    });
    await ip(lab, 'address', 'add', '203.0.113.1/24', 'dev', 'wan0');
    await ip(lab, 'address', 'del', '203.0.113.7/24', 'dev', 'wan0');
  });
  await ip(lab, 'address', 'flush', 'dev', 'wan0', 'to', '203.0.113.0/24');
  await ip(lab, 'address', 'add', '203.0.113.1/24', 'dev', 'wan0');
}

async function missing({ lab }: Stage): Promise<void> {
  const path = ruleFile(lab, rules);
  const argv = ['node', pinholeMain, 'run', '--rules', path, ...interfaceArguments];
  const more = ['-i', 'lan7', '--socket', join(lab.runDir, 'refused.sock'), '--datapath', 'gate'];
  const { code, stderr } = await runIn(lab, 'gateway', [...argv, ...more]);
  assert.equal(code, 1, stderr);
  assert.match(
    stderr,
    /^pinhole run: there is no interface lan7 in this network namespace; name one of: .*lan0.*wan0/m,
  );
}

test('interfaces of the gate go, come and change', async (t) => {
  if (!requireLive(t, gatePrograms)) return;
  await withStage('lt-gi', {}, async (stage) => {
    await makeThird(stage.lab);
    await t.test('deleted and made again', () => deletedAndMade(stage));
    await t.test('deleted before the stop', () => goneAtTheEnd(stage));
    await t.test('down and up', () => downAndUp(stage));
    await t.test('another MAC address, another MTU', () => changed(stage));
    await t.test('another address', () => otherAddress(stage));
    await t.test('missing at the start', () => missing(stage));
    await ip(stage.lab, 'link', 'del', 'lan1');
  });
});
