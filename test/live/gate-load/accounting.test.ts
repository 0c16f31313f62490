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
import {
  connectionSums,
  forwardCounters,
  mustAgree,
  retransmitted,
  type Sum,
  sumOf,
} from './counters.ts';
import { loadRules, policyAlone } from './rules.ts';
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

const oneWay = { from: 'client', host: serverAddress } as const;

/** After the end: rules, connections, and what was transferred, say the same. */
async function agreeAfterwards(t: TestContext, daemon: Daemon): Promise<void> {
  const file = knownFile(daemon.lab, 'counted.bin', 32 * 2 ** 20);
  for (const place of ['client', 'server'] as const) {
    // No more under way than any queue takes: what is lost would be sent again.
    const smallWindow = ['sysctl', '-qw', 'net.ipv4.tcp_rmem=4096 65536 65536'];
    await mustRunIn(daemon.lab, place, smallWindow);
  }
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
  mustAgree(rules, connections, again);
  for (const bytes of await payloads(daemon)) {
    const more = bytes - file.bytes;
    assert.ok(more >= 0 && more <= again * 1_448, `${more} bytes more than the file has`);
  }
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
  // Of every full packet of 1500 bytes, 1448 are the stream's; a super-frame passes whole or not at all.
  const most = (VOLUME * 1_448) / 1_500;
  t.diagnostic(`the stream was cut after ${bytes} bytes; ${Math.round(most)} at most`);
  assert.ok(bytes! <= most && bytes! > most - 66_000, `${bytes} bytes came`);
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

/**
 * Asks every 200 ms; the connection must stand all that time, though only the kernel part sees it.
 * Resolves to the time of the last packet.
 */
async function keptAlive(daemon: Daemon, port: number, ask: Ask): Promise<number> {
  await ask();
  const before = await passed(daemon);
  const until = performance.now() + 4_500;
  let [last, rounds] = [0, 0];
  while (performance.now() < until) {
    await ask();
    last = performance.now();
    rounds++;
    const entry = await daemon.connectionFrom(port);
    assert.ok(entry !== undefined, `gone after ${rounds} rounds`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  const after = await passed(daemon);
  assert.ok(after.forwarded - before.forwarded >= 2 * rounds, JSON.stringify(after));
  assert.ok(after.punted - before.punted <= 4, 'not by the kernel part');
  return last;
}

async function passed(daemon: Daemon): Promise<{ forwarded: number; punted: number }> {
  const { gate } = await statusOf(daemon);
  return { forwarded: gate['kernel.forwarded']!, punted: gate['kernel.punted']! };
}

/** It ends by itself: not before its time, and not much later. */
async function expires(t: TestContext, daemon: Daemon, port: number, last: number) {
  const gone = async () => (await daemon.connectionFrom(port)) === undefined;
  await untilTrue(`the connection from port ${port} to end`, gone, 8_000);
  const seconds = (performance.now() - last) / 1_000;
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
  let asked = 0;
  const ask = async () => {
    asked++;
    await client.sendTo(socket, serverAddress, sinkPort, 'x');
    await client.receive(socket);
  };
  await untilTrue("the stream to be the kernel part's", async () => {
    const { forwarded } = await passed(daemon);
    await ask();
    await new Promise((resolve) => setTimeout(resolve, 100));
    return (await passed(daemon)).forwarded === forwarded + 2;
  });
  const last = await keptAlive(daemon, socket.port, ask);
  const entry = await daemon.connectionFrom(socket.port);
  const { rules } = await forwardCounters(daemon);
  const each = { packets: asked, bytes: asked * DATAGRAM };
  assert.deepEqual([entry?.orig, entry?.reply].map(sumOfTuple), [each, each]);
  assert.deepEqual(rules, { packets: 2 * each.packets, bytes: 2 * each.bytes });
  await expires(t, daemon, socket.port, last);
}

/** IPv4, UDP, one byte. */
const DATAGRAM = 29;

function sumOfTuple(tuple: Sum | undefined): Sum {
  return sumOf(tuple === undefined ? [] : [tuple]);
}

async function tcpTimeout(t: TestContext, daemon: Daemon, client: Agent): Promise<void> {
  const before = await retransmitted(daemon);
  const socket = await client.connect(serverAddress, sinkPort);
  const ask = async () => {
    await client.send(socket, 'x');
    await client.read(socket, 1);
  };
  // What a connection's beginning takes in the engine is over.
  for (let i = 0; i < 6; i++) await ask();
  const last = await keptAlive(daemon, socket.port, ask);
  const connections = await connectionSums(daemon);
  const { policy } = await forwardCounters(daemon);
  mustAgree(policy, connections, (await retransmitted(daemon)) - before);
  await expires(t, daemon, socket.port, last);
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
    const gated = (name: string, rules: string[], more: string[], body: Body) =>
      t.test(name, async (subtest) => {
        const options = { arguments: [...onGate.arguments, ...more] };
        await withDaemon(lab, rules, options, (daemon) => body(subtest, daemon, client));
      });
    try {
      await gated('all agree after transfers', loadRules(lab), [], agreeAfterwards);
      await gated('fresh to a second', loadRules(lab), [], freshDuring);
      await gated('connbytes', loadRules(lab, [volumeRule]), [], cutByVolume);
      await gated('UDP stays while it flows', loadRules(lab), briefly, udpTimeout);
      await gated('TCP, by the policy alone, too', [policyAlone(lab)], briefly, tcpTimeout);
    } finally {
      await client.stop();
      for (const part of parts) await part.stop();
    }
  });
});
