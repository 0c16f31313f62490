/** kill -9 in the middle of transfers, under each --on-exit; and what the next start makes of it. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { ConntrackDto } from '../../../src/control/index.ts';
import { Agent } from '../agent.ts';
import type { Daemon } from '../daemon.ts';
import { clientAddress, FtpSession } from '../ftp-session.ts';
import { type Lab, requireLive } from '../harness.ts';
import { ftpFilter, masquerade } from '../rule-texts.ts';
import { untilTrue } from '../until.ts';
import {
  carried,
  clientMay,
  clientMayMasqueraded,
  forwardedPort,
  gatePrograms,
  kernelObjectsOf,
  kill,
  type Stage,
  startGate,
  stillThere,
  untilGone,
  withGate,
  withStage,
} from './stage.ts';
import { streamHost, streamHost6 } from './streams.ts';

const gatewayOutside = '203.0.113.1';
const gatewayInside = '192.168.77.1';

const begun = 65_536;

interface FtpStage extends Stage {
  readonly agent: Agent;
}

/** Opens three streams: translated at the source, at both ends, and IPv6 as it is. */
async function threeStreams({ streams }: Stage): Promise<[number, number, number]> {
  const [snat = 0] = await streams.open(1);
  const [dnat = 0] = await streams.open(1, gatewayInside, 7000);
  const [six = 0] = await streams.open(1, streamHost6);
  await streams.goOn([snat, dnat, six]);
  return [snat, dnat, six];
}

/** Whether a new connection can be opened at once. */
async function opens({ agent }: FtpStage): Promise<boolean> {
  const attempt = agent.connect(streamHost, 5555, { timeout: 0.3 });
  try {
    await agent.close(await attempt);
    return true;
  } catch {
    return false;
  }
}

/** Checksum of a part of the file that the server has. */
function partChecksum(lab: Lab, from: number, to: number): string {
  const file = readFileSync(join(lab.runDir, 'big.bin')).subarray(from, to);
  return createHash('sha256').update(file).digest('hex');
}

/**
 * A transfer with FTP whose gate is killed: all of it comes, to its end, and the next start knows how far
 * the connection has been closed meanwhile.
 */
async function closedMidTransfer(stage: FtpStage): Promise<void> {
  const { lab, agent } = stage;
  const rules = ftpFilter() + masquerade;
  const daemon = await startGate(lab, rules);
  const session = await FtpSession.open(agent);
  const data = await session.beginDownload('PASV', '/pub/big.bin', 8_192);
  await agent.read(data, begun);
  await kill(daemon);
  assert.equal(await opens(stage), false);
  const { sha256, ended } = await agent.read(data, undefined, 15);
  assert.equal(sha256, partChecksum(lab, begun, 3 << 20));
  assert.equal(ended, true);
  assert.equal(await opens(stage), false);
  await withGate(lab, rules, [], async (second) => {
    await second.inState(data.port, 'CLOSE_WAIT');
    await agent.close(data);
    await second.inState(data.port, 'TIME_WAIT');
    await agent.reset(session.control);
  });
}

async function openAtOnce(stage: FtpStage): Promise<void> {
  const { lab, agent, streams } = stage;
  const server = await Agent.start(lab, 'server');
  const daemon = await startGate(lab, clientMay() + masquerade, ['--on-exit', 'open']);
  const objects = kernelObjectsOf(daemon.pid);
  const [six = 0] = await streams.open(1, streamHost6);
  await streams.goOn([six]);
  const listener = await server.listen({ from: streamHost, fromPort: 6000 });
  const first = await agent.connect(streamHost, 6000);
  assert.equal((await server.accept(listener)).peer, gatewayOutside);
  await kill(daemon);
  await agent.connect(streamHost, 6000);
  assert.equal((await server.accept(listener)).peer, clientAddress);
  await streams.finish([six]);
  await untilTrue('the programs that do the work to go', async () => {
    const left = await stillThere(objects);
    return !left.includes('program ph_ingress') && !left.includes('program ph_egress');
  });
  await agent.reset(first);
  await server.stop();
  await withGate(lab, clientMay(), ['--on-exit', 'open'], async () => untilGone(objects));
}

function assertTuples(entry: ConntrackDto | undefined, to: string, port: number): void {
  assert.ok(entry, 'the connection is not there');
  assert.equal(entry.state, 'ESTABLISHED');
  assert.deepEqual([entry.orig.src, entry.orig.dst, entry.orig.dport], [clientAddress, to, port]);
  assert.deepEqual(
    [entry.reply.src, entry.reply.sport, entry.reply.dst],
    [streamHost, 5555, gatewayOutside],
  );
}

async function bytesOf(daemon: Daemon, rule: RegExp): Promise<number> {
  const saved = await daemon.show('iptables-save', '-c', '-t', 'filter');
  const line = saved.split('\n').find((text) => rule.test(text));
  return Number(/^\[\d+:(\d+)\]/.exec(line ?? '')?.[1]);
}

async function adopts(stage: Stage): Promise<void> {
  const { lab, streams } = stage;
  const rules = clientMay() + forwardedPort;
  const first = await startGate(lab, rules);
  const objects = kernelObjectsOf(first.pid);
  const ports = await threeStreams(stage);
  const [snat, dnat, six] = ports;
  await carried(stage, first, ports);
  await kill(first);
  await streams.goOn(ports);
  await withGate(lab, rules, [], async (second) => {
    assert.match(second.log(), /gate: \d+ flows of the former process go on/);
    assertTuples(await second.connectionFrom(snat), streamHost, 5555);
    assertTuples(await second.connectionFrom(dnat), gatewayInside, 7000);
    assert.equal((await second.connectionFrom(six))?.state, 'ESTABLISHED');
    await streams.goOn(ports);
    const before = await bytesOf(second, /ESTABLISHED/);
    await streams.goOn(ports);
    await untilTrue('the rule to count', async () => {
      return (await bytesOf(second, /ESTABLISHED/)) > before + 65_536;
    });
    await untilGone(objects);
    await streams.finish(ports);
    for (const port of ports) await second.inState(port, 'TIME_WAIT');
  });
}

async function otherRules(stage: Stage): Promise<void> {
  const { lab, streams } = stage;
  const first = await startGate(lab, clientMayMasqueraded);
  const [doomed = 0] = await streams.open(1);
  const [six = 0] = await streams.open(1, streamHost6);
  await carried(stage, first, [doomed, six]);
  await kill(first);
  // A start that is refused changes nothing of it.
  await assert.rejects(startGate(lab, clientMay(), ['--interface', 'lan7']), /no interface lan7/);
  await streams.goOn([doomed, six]);
  const rules = clientMay(
    '-A FORWARD -p tcp -m tcp --dport 5555 -j DROP',
    '-A FORWARD -p tcp -m tcp --sport 5555 -j DROP',
  );
  await withGate(lab, rules + masquerade, [], async () => {
    await streams.standsStill(doomed);
    await streams.goOn([six]);
    await streams.finish([six]);
  });
}

/** A crash, then a stop that leaves it closed. */
async function twenty(stage: Stage): Promise<void> {
  const { lab, streams } = stage;
  const onExit = ['--on-exit', 'closed'];
  const first = await startGate(lab, clientMayMasqueraded, onExit);
  const ports = await streams.open(20);
  await carried(stage, first, ports);
  await kill(first);
  await withGate(lab, clientMayMasqueraded, onExit, async (second) => {
    await carried(stage, second, ports);
    await second.stop();
    assert.match(second.log(), /stopped; closed: known flows go on, nothing new passes/);
  });
  await streams.goOn(ports, 16_384);
  await withGate(lab, clientMayMasqueraded, [], async (third) => {
    for (const port of ports) assertTuples(await third.connectionFrom(port), streamHost, 5555);
    await carried(stage, third, ports);
    await streams.finish(ports);
  });
}

test('the gate is killed, and starts again', async (t) => {
  if (!requireLive(t, ['vsftpd', ...gatePrograms])) return;
  await withStage('lt-gk', { ftpd: true }, async (plain) => {
    const agent = await Agent.start(plain.lab, 'client');
    const stage = { ...plain, agent };
    try {
      await t.test('killed by default: closed', () => closedMidTransfer(stage));
      await t.test('open: the kernel forwards at once', () => openAtOnce(stage));
      await t.test('adopted after a crash', () => adopts(stage));
      await t.test('other rules decide anew', () => otherRules(stage));
      await t.test('20 streams across two restarts', () => twenty(stage));
    } finally {
      await agent.stop();
    }
  });
});
