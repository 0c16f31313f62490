/**
 * What the kernel part forwards is counted to the byte: by rules, by connections, by connbytes and by
 * timeouts, fresh to one second while it flows.
 */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Agent } from '../agent.ts';
import { type Daemon, withDaemon } from '../daemon.ts';
import { clientAddress, serverAddress } from '../ftp-session.ts';
import { type Background, mustRunIn, requireLive, withLab } from '../harness.ts';
import { until, untilTrue } from '../until.ts';
import { loadRules } from './rules.ts';
import {
  buildLoad,
  ended,
  feedPort,
  knownFile,
  loadPrograms,
  onGate,
  sinkPort,
  startLoad,
  statusOf,
  transfer,
} from './support.ts';

/** Until one in which nothing was sent again. */
const ROUNDS = 6;

interface Sum {
  readonly packets: number;
  readonly bytes: number;
}

/** Of the rules of FORWARD, and its policy's. */
interface Shown {
  readonly rules: Sum;
  readonly policy: Sum;
}

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

const oneWay = { from: 'client', host: serverAddress } as const;

/** After the end: rules, connections, and what was transferred, say the same. */
async function agreeAfterwards(t: TestContext, daemon: Daemon): Promise<void> {
  const file = knownFile(daemon.lab, 'counted.bin', 32 * 2 ** 20);
  for (const place of ['client', 'server'] as const) {
    // No more under way than any queue takes: what is lost would be sent again.
    const smallWindow = ['sysctl', '-qw', 'net.ipv4.tcp_rmem=4096 65536 65536'];
    await mustRunIn(daemon.lab, place, smallWindow);
  }
  for (let round = 1; round <= ROUNDS; round++) {
    await daemon.show('conntrack', '-F');
    await daemon.show('iptables', '-Z');
    const before = await retransmitted(daemon);
    for (const verb of ['PASV', 'PORT'] as const) {
      await transfer(daemon.lab, { ...oneWay, verb, file, downloads: 1, uploads: 1 });
    }
    await settled(daemon);
    const again = (await retransmitted(daemon)) - before;
    const connections = await connectionSums(daemon);
    const { rules, policy } = await forwardCounters(daemon);
    t.diagnostic(`${again} sent again: ${JSON.stringify({ connections, rules, policy })}`);
    assert.deepEqual(policy, { packets: 0, bytes: 0 });
    assert.ok(rules.packets >= connections.packets && rules.bytes >= connections.bytes);
    // Segments that were acknowledged before are no connection's, but the rules' (NFCT_TCP_IGNORE).
    if (again > 0 && round < ROUNDS) continue;
    assert.equal(again, 0, 'no round in which nothing was sent again');
    assert.deepEqual(rules, connections);
    assert.deepEqual(
      await payloads(daemon),
      [file, file, file, file].map(({ bytes }) => bytes),
    );
    return;
  }
}

/** Segments that client and server have sent a second time so far. */
async function retransmitted({ lab }: Daemon): Promise<number> {
  let sum = 0;
  for (const place of ['client', 'server'] as const) {
    const rows =
      (await mustRunIn(lab, place, ['cat', '/proc/net/snmp'])).match(/^Tcp: .*$/gm) ?? [];
    const [names = [], values = []] = rows.map((row) => row.split(' '));
    sum += Number(values[names.indexOf('RetransSegs')]);
  }
  return sum;
}

/** Of each data connection, what it has carried: each of its packets has 52 bytes of headers, a SYN 60. */
async function payloads(daemon: Daemon): Promise<number[]> {
  const data = (await daemon.connections()).filter(({ orig }) => orig.dport !== 21);
  return data.map(({ orig, reply }) => {
    const { packets, bytes } = orig.bytes > reply.bytes ? orig : reply;
    return bytes - 52 * packets - 8;
  });
}

/** Waits until nothing is counted any more. */
async function settled(daemon: Daemon): Promise<void> {
  let last = -1;
  await until(
    'the counters to stand still',
    async () => {
      await new Promise((resolve) => setTimeout(resolve, 1_100));
      const { bytes } = await connectionSums(daemon);
      const same = bytes === last;
      last = bytes;
      return same ? true : null;
    },
    10_000,
  );
}

/** What the reader of a stream has got, connection and rules show within a second. */
async function freshDuring(t: TestContext, daemon: Daemon): Promise<void> {
  const drain = await startLoad(daemon.lab, 'client', 'drain', serverAddress, feedPort, 60);
  try {
    await untilTrue('the stream to flow', () => bytesOf(drain) > 0);
    const ages: number[] = [];
    for (let i = 0; i < 8; i++) ages.push(await ageOf(daemon, drain));
    const wanted = bytesOf(drain);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const rules = (await forwardCounters(daemon)).rules.bytes;
    assert.ok(
      rules >= wanted,
      `the rules have ${rules} bytes, a second before ${wanted} were read`,
    );
    t.diagnostic(`what had been read was shown after ${ages.join(', ')} ms`);
    assert.ok(Math.max(...ages) <= 1_000, `${ages} ms`);
  } finally {
    await drain.stop();
  }
}

/** Milliseconds until the connection shows what its reader has now. */
async function ageOf(daemon: Daemon, drain: Background): Promise<number> {
  const [wanted, began] = [bytesOf(drain), performance.now()];
  await untilTrue('the counter of the connection', async () => {
    const streams = (await daemon.connections()).filter(({ orig }) => orig.dport === feedPort);
    return (streams.find(({ state }) => state === 'ESTABLISHED')?.reply.bytes ?? 0) >= wanted;
  });
  return Math.round(performance.now() - began);
}

function bytesOf(drain: Background): number {
  return Number(/.*"bytes":(\d+)/s.exec(drain.output())?.[1] ?? 0);
}

/** A rule of connbytes ends a stream where the kernel would: with the first packet above its limit. */
async function cutByVolume(t: TestContext, daemon: Daemon): Promise<void> {
  const drain = await startLoad(daemon.lab, 'client', 'drain', serverAddress, feedPort, 3);
  const { bytes } = await ended(drain);
  // Of every full packet of 1500 bytes, 1448 are the stream's.
  const most = (VOLUME * 1_448) / 1_500;
  t.diagnostic(`the stream was cut after ${bytes} bytes; ${Math.round(most)} at most`);
  assert.ok(bytes! <= most && bytes! > most - 6_000, `${bytes} bytes came`);
  const entry = (await daemon.connections()).find(({ orig }) => orig.dport === feedPort);
  assert.ok(entry !== undefined && entry.reply.bytes > VOLUME, 'what is dropped counts as well');
}

const VOLUME = 20_000_000;
const volumeRule = [
  '-A FORWARD -p tcp -m tcp',
  `--sport ${feedPort} -m connbytes --connbytes ${VOLUME}: --connbytes-dir reply`,
  '--connbytes-mode bytes -j DROP',
].join(' ');

type Ask = () => Promise<unknown>;

/** Asks every 200 ms; the connection must stand all that time, though only the kernel part sees it. */
async function keptAlive(daemon: Daemon, port: number, ask: Ask): Promise<void> {
  await ask();
  const before = await passed(daemon);
  const [lastMs, rounds] = [performance.now() + 4_500, { count: 0 }];
  while (performance.now() < lastMs) {
    await ask();
    rounds.count++;
    const entry = await daemon.connectionFrom(port);
    assert.ok(entry !== undefined, `gone after ${rounds.count} rounds`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  const after = await passed(daemon);
  assert.ok(after.forwarded - before.forwarded >= 2 * rounds.count, JSON.stringify(after));
  assert.ok(after.punted - before.punted <= 4, 'not by the kernel part');
}

async function passed(daemon: Daemon): Promise<{ forwarded: number; punted: number }> {
  const { gate } = await statusOf(daemon);
  return { forwarded: gate['kernel.forwarded']!, punted: gate['kernel.punted']! };
}

/** It ends by itself: not before its time, and not much later. */
async function expires(t: TestContext, daemon: Daemon, port: number): Promise<void> {
  const began = performance.now();
  const gone = async () => (await daemon.connectionFrom(port)) === undefined;
  await untilTrue(`the connection from port ${port} to end`, gone, 8_000);
  const seconds = (performance.now() - began) / 1_000;
  t.diagnostic(`ended ${seconds.toFixed(1)} s after its last packet`);
  assert.ok(seconds > IDLE_SECONDS - 1, `ended after ${seconds} s`);
}

const IDLE_SECONDS = 3;
const briefly = ['udp_timeout', 'udp_timeout_stream', 'tcp_timeout_established'].flatMap((name) => [
  '--sysctl',
  `nf_conntrack_${name}=${IDLE_SECONDS}`,
]);

async function udpTimeout(t: TestContext, daemon: Daemon, client: Agent): Promise<void> {
  const socket = await client.udp({ from: clientAddress });
  const ask = async () => {
    await client.sendTo(socket, serverAddress, sinkPort, 'x');
    await client.receive(socket);
  };
  await untilTrue("the stream to be the kernel part's", async () => {
    const { forwarded } = await passed(daemon);
    await ask();
    await new Promise((resolve) => setTimeout(resolve, 100));
    return (await passed(daemon)).forwarded === forwarded + 2;
  });
  await keptAlive(daemon, socket.port, ask);
  await expires(t, daemon, socket.port);
}

async function tcpTimeout(t: TestContext, daemon: Daemon, client: Agent): Promise<void> {
  const socket = await client.connect(serverAddress, sinkPort);
  const ask = async () => {
    await client.send(socket, 'x');
    await client.read(socket, 1);
  };
  // What a connection's beginning takes in the engine is over.
  for (let i = 0; i < 6; i++) await ask();
  await keptAlive(daemon, socket.port, ask);
  await expires(t, daemon, socket.port);
}

type Body = (t: TestContext, daemon: Daemon, client: Agent) => Promise<void>;

test('what the kernel part forwards is counted', async (t) => {
  if (!requireLive(t, loadPrograms)) return;
  await buildLoad();
  await withLab('gl-count', {}, async (lab) => {
    const client = await Agent.start(lab, 'client');
    const parts = [
      await startLoad(lab, 'server', 'sink', sinkPort),
      await startLoad(lab, 'server', 'feed', feedPort),
    ];
    const gated = (name: string, first: string[], more: string[], body: Body) =>
      t.test(name, async (subtest) => {
        const options = { arguments: [...onGate.arguments, ...more] };
        await withDaemon(lab, loadRules(lab, first), options, (daemon) =>
          body(subtest, daemon, client),
        );
      });
    try {
      await gated('all agree after transfers', [], [], agreeAfterwards);
      await gated('fresh to a second', [], [], freshDuring);
      await gated('connbytes', [volumeRule], [], cutByVolume);
      await gated('UDP stays while it flows', [], briefly, udpTimeout);
      await gated('TCP stays while it flows', [], briefly, tcpTimeout);
    } finally {
      await client.stop();
      for (const part of parts) await part.stop();
    }
  });
});
