/** The capture datapath on real interfaces: three namespaces, real programs, the kernel held back. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  type Background,
  type Lab,
  mustRunIn,
  requireLive,
  startIn,
  withLab,
} from '../../live/harness.ts';

const passAll = fileURLToPath(new URL('./pass-all.js', import.meta.url));
const traffic = fileURLToPath(new URL('./traffic.js', import.meta.url));
const server = ['203.0.113.21', '2001:db8:77::21'];
const gateway = ['192.168.77.1', 'fd77:1::1'];

function startGateway(lab: Lab, mode: string): Promise<Background> {
  const argv = [process.execPath, passAll, mode, join(lab.runDir, 'pinhole'), 'lan0', 'wan0'];
  return startIn(lab, 'gateway', argv, /^ready$/m, { timeoutMs: 20_000 });
}

async function ask(
  lab: Lab,
  timeoutMs: number,
  bytes: number,
  hosts: readonly string[],
): Promise<Record<string, string>> {
  const argv = [process.execPath, traffic, 'ask', String(timeoutMs), String(bytes), ...hosts];
  return JSON.parse(await mustRunIn(lab, 'client', argv, { timeoutMs: timeoutMs + 10_000 }));
}

/** What the datapath changes on the host, as the tools show it. */
async function hostState(lab: Lab): Promise<string> {
  const commands = ['lan0', 'wan0'].flatMap((name) => [
    ['tc', 'qdisc', 'show', 'dev', name],
    ['tc', 'filter', 'show', 'dev', name, 'ingress'],
    ['ethtool', '-k', name],
  ]);
  const texts = [];
  for (const argv of commands) texts.push(await mustRunIn(lab, 'gateway', argv));
  return texts.join('\n');
}

async function setForwarding(lab: Lab, value: 0 | 1): Promise<void> {
  const keys = ['net.ipv4.ip_forward', 'net.ipv6.conf.all.forwarding'];
  await mustRunIn(lab, 'gateway', ['sysctl', '-q', ...keys.map((key) => `${key}=${value}`)]);
}

test('capture datapath: forwards by itself, holds the kernel back, and leaves nothing behind', async (t) => {
  if (!requireLive(t, ['tc', 'ethtool', 'sysctl'])) return;
  await withLab('capture', { ftpd: false }, async (lab) => {
    const serving = await startIn(lab, 'server', [process.execPath, traffic, 'serve'], /serving/);
    const local = await startIn(lab, 'gateway', [process.execPath, traffic, 'serve'], /serving/);
    const before = await hostState(lab);
    const stateDir = join(lab.runDir, 'pinhole');

    // The kernel would forward and answer, if it were let: nothing comes back, not even an error.
    await setForwarding(lab, 1);
    const dropping = await startGateway(lab, 'drop');
    for (const [what, result] of Object.entries(await ask(lab, 700, 10, [...server, ...gateway]))) {
      assert.equal(result, 'silence', what);
    }
    assert.equal(readdirSync(stateDir).length, 1);
    assert.equal(await dropping.stop(), 143);
    assert.equal(await hostState(lab), before, 'after SIGTERM');
    assert.deepEqual(readdirSync(stateDir), []);

    // The kernel does not forward; we do. TCP brings super-frames and open checksums.
    await setForwarding(lab, 0);
    const forwarding = await startGateway(lab, 'forward');
    for (const hosts of [server, gateway]) {
      for (const [what, result] of Object.entries(await ask(lab, 5000, 3_000_000, hosts))) {
        assert.equal(result, 'ok', `${what}\n${forwarding.output()}`);
      }
    }
    const changed = await hostState(lab);
    assert.notEqual(changed, before);

    // Killed: everything stays as it is, shut, until the next start undoes and does it again.
    process.kill(forwarding.pid, 'SIGKILL');
    await forwarding.stop();
    assert.equal(await hostState(lab), changed);
    const again = await startGateway(lab, 'forward');
    assert.match(again.output(), /ended without cleaning up; taking over its \d+ changes/);
    const [what, result] = Object.entries(await ask(lab, 5000, 1000, server.slice(0, 1)))[0]!;
    assert.equal(result, 'ok', what);
    await again.stop();
    const totals = JSON.parse(again.output().trim().split('\n').at(-1)!);
    assert.equal(totals.faults, 0);
    assert.ok(totals.received > 0);
    assert.equal(await hostState(lab), before, 'after SIGKILL and another start');
    assert.ok(!existsSync(stateDir) || readdirSync(stateDir).length === 0);
    await serving.stop();
    await local.stop();
  });
});
