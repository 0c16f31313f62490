/**
 * What the kernel part forwards is counted to the byte: by rules, by connections, by connbytes and by
 * timeouts, fresh to one second while it flows.
 */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Agent, type Socket } from '../agent.ts';
import { type Daemon, ruleFile, withDaemon } from '../daemon.ts';
import { clientAddress, FtpSession, serverAddress } from '../ftp-session.ts';
import { type Background, type Lab, mustRunIn, requireLive, startIn, withLab } from '../harness.ts';
import { until, untilTrue } from '../until.ts';
import { gatewayOutside, loadRules } from './rules.ts';
import {
  buildLoad,
  ended,
  feedPort,
  figures,
  gateCounter,
  knownFile,
  loadPrograms,
  onGate,
  sinkPort,
  startLoad,
  transfer,
} from './support.ts';

interface Sum {
  readonly packets: number;
  readonly bytes: number;
}

/** Of the rules of FORWARD, and its policy's. */
interface Shown {
  readonly rules: Sum;
  readonly policy: Sum;
}

const TCP = 6;

function sumOf(parts: readonly Sum[]): Sum {
  const total = (of: keyof Sum): number => parts.reduce((sum, part) => sum + part[of], 0);
  return { packets: total('packets'), bytes: total('bytes') };
}

function counted(text: RegExpExecArray | RegExpMatchArray): Sum {
  return { packets: Number(text[1]), bytes: Number(text[2]) };
}

async function forwardCounters(daemon: Daemon): Promise<Shown> {
  const saved = await daemon.show('iptables-save', '-c', '-t', 'filter');
  const rules = [...saved.matchAll(/^\[(\d+):(\d+)\] -A FORWARD /gm)].map(counted);
  const policy = /^:FORWARD \w+ \[(\d+):(\d+)\]$/m.exec(saved);
  assert.ok(policy, saved);
  return { rules: sumOf(rules), policy: counted(policy) };
}

async function connectionSums(daemon: Daemon): Promise<Sum> {
  const all = await daemon.connections();
  return sumOf(all.flatMap(({ orig, reply }) => [orig, reply]));
}

/** IP bytes that crossed an interface of the client, in both directions. */
async function interfaceBytes(lab: Lab): Promise<number> {
  const files = ['rx_bytes', 'tx_bytes'].map((name) => `/sys/class/net/eth0/statistics/${name}`);
  const text = await mustRunIn(lab, 'client', ['cat', ...files]);
  const [received = 0, sent = 0] = text.trim().split('\n').map(Number);
  return received + sent;
}

/** Offloads off: then each frame is counted as it is, and its link header is 14 bytes. */
async function framesAsTheyAre(lab: Lab): Promise<void> {
  for (const [place, link] of [['client', 'eth0'], ['server', 'eth0']] as const) {
    const switches = ['tx', 'tso', 'gso', 'gro'].flatMap((feature) => [feature, 'off']);
    await mustRunIn(lab, place, ['ethtool', '-K', link, ...switches]);
  }
}

/** After the end: rules, connections and the client's interface say the same. */
async function agreeAfterwards(t: TestContext, daemon: Daemon): Promise<void> {
  const { lab } = daemon;
  const file = knownFile(lab, 'counted.bin', 32 * 2 ** 20);
  // Neighbours are known before; what they say to each other is no IP.
  await transfer(lab, { from: 'client', host: serverAddress, verb: 'PASV', file, downloads: 0, uploads: 1 });
  await daemon.show('conntrack', '-F');
  await daemon.show('iptables', '-Z');
  for (const verb of ['PASV', 'PORT'] as const) {
    const from = { from: 'client', host: serverAddress } as const;
    await transfer(lab, { ...from, verb, file, downloads: 1, uploads: 1 });
  }
  await settled(daemon);
  const connections = await connectionSums(daemon);
  const { rules, policy } = await forwardCounters(daemon);
  t.diagnostic(`afterwards: ${JSON.stringify({ connections, rules, policy })}`);
  assert.deepEqual(rules, connections);
  assert.deepEqual(policy, { packets: 0, bytes: 0 });
  assert.ok(connections.bytes > 4 * file.bytes);
}

/** Waits until nothing is counted any more. */
async function settled(daemon: Daemon): Promise<void> {
  let last = -1;
  await until('the counters to stand still', async () => {
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    const { bytes } = await connectionSums(daemon);
    const same = bytes === last;
    last = bytes;
    return same ? true : null;
  }, 10_000);
}

/**
 * During a stream: what connection and rules show at a moment is at least what its reader had a second
 * before, and not more than what it has when both were read, apart from what is on the way.
 */
async function freshDuring(t: TestContext, daemon: Daemon): Promise<void> {
  const { lab } = daemon;
  const drain = await startLoad(lab, 'client', 'drain', serverAddress, feedPort, 60);
  try {
    const ages: number[] = [];
    await untilTrue('the stream to flow', () => bytesOf(drain) > 0);
    for (let i = 0; i < 5; i++) {
      const wanted = bytesOf(drain);
      const began = performance.now();
      await until('the counter of the connection', async () => {
        const streams = (await daemon.connections()).filter(({ orig }) => orig.dport === feedPort);
        const shown = streams.find(({ state }) => state === 'ESTABLISHED')?.reply.bytes ?? 0;
        return shown >= wanted ? true : null;
      });
      const rules = (await forwardCounters(daemon)).rules.bytes;
      ages.push(Math.round(performance.now() - began));
      assert.ok(rules >= wanted, `rules ${rules}, read ${wanted}`);
    }
    t.diagnostic(`what had been read was shown after ${ages.join(', ')} ms`);
    assert.ok(Math.max(...ages) < 3_000, 'the counters are not fresh');
  } finally {
    await drain.stop();
  }
}

function bytesOf(drain: Background): number {
  return Number(/.*"bytes":(\d+)/s.exec(drain.output())?.[1] ?? 0);
}
