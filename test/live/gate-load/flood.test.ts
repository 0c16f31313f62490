/**
 * A million frames of nonsense as fast as they can be made: what is established goes on, the gateway
 * answers, its memory stays as it was, and afterwards everything is as before.
 */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { ConntrackDto } from '../../../src/control/index.ts';
import { Agent } from '../agent.ts';
import { type Daemon, withDaemon } from '../daemon.ts';
import { clientAddress, FtpSession, serverAddress } from '../ftp-session.ts';
import { type Background, type Lab, type Place, requireLive, withLab } from '../harness.ts';
import { until } from '../until.ts';
import { loadRules, server6 } from './rules.ts';
import {
  buildLoad,
  ended,
  feedPort,
  gateCounter,
  loadPrograms,
  macOf,
  onGate,
  residentMib,
  StatusSampler,
  sinkPort,
  startLoad,
} from './support.ts';

const FRAMES = 1_000_000;
const MOST_SECONDS = 12;
const MAXIMUM = 20_000;
const UDP = 17;
/** What is asked for; everything else is told and not judged. */
const ANSWER_MS = 1_000;
const MORE_MIB = 64;
const NOOP_SECONDS = 5;
/** A SYN lost to what is left of a flood is sent again after 1, 3 and 7 seconds. */
const CONNECT_SECONDS = 20;

/** Spoofed sources are of this /16: nobody answers there. */
const strangers = '10.9.0.0';

interface Stage {
  readonly t: TestContext;
  readonly lab: Lab;
  readonly daemon: Daemon;
  readonly client: Agent;
  readonly session: FtpSession;
  readonly drain: Background;
}

interface Flood {
  readonly name: string;
  readonly from: Place;
  readonly start: () => Promise<Background>;
}

/** Bytes that the proven stream has brought so far. */
function drained({ drain }: Stage): number {
  assert.equal(drain.exitCode(), undefined, `the stream broke: ${drain.output().slice(-300)}`);
  return Number(/.*"bytes":(\d+)/s.exec(drain.output())?.[1]);
}

/** Its rate in MB/s over the time that `what` takes. */
async function rateDuring(stage: Stage, what: Promise<unknown>): Promise<number> {
  const [began, before] = [performance.now(), drained(stage)];
  await what;
  return (drained(stage) - before) / (performance.now() - began) / 1_000;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function answersNoop({ session }: Stage): Promise<void> {
  await session.send('NOOP');
  assert.match(await session.reply(NOOP_SECONDS), /^200 /);
}

/** NOOP again and again until the flood is over; how often, and the longest that an answer took. */
async function noopsDuring(stage: Stage, flood: Background): Promise<string> {
  let [count, worst] = [0, 0];
  while (flood.exitCode() === undefined) {
    const began = performance.now();
    await answersNoop(stage);
    worst = Math.max(worst, performance.now() - began);
    count++;
    await pause(100);
  }
  return `${count} NOOPs, worst ${Math.round(worst)} ms`;
}

/** A datagram's connection, which lasts for two seconds; its port. */
async function briefConnection({ client }: Stage): Promise<number> {
  const socket = await client.udp({ from: clientAddress });
  await client.sendTo(socket, serverAddress, sinkPort, 'x');
  await client.receive(socket);
  await client.close(socket);
  return socket.port;
}

/** While the flood goes on; asked once, as the table is long then. */
async function briefEnds({ daemon }: Stage, port: number): Promise<void> {
  await pause(3_500);
  const isBrief = ({ orig, proto }: ConntrackDto): boolean =>
    proto === UDP && orig.sport === port && orig.src === clientAddress;
  assert.deepEqual((await daemon.connections()).filter(isBrief), [], 'expiry has to go on');
}

async function endure(stage: Stage, { name, start }: Flood): Promise<void> {
  const { daemon, t } = stage;
  const brief = await briefConnection(stage);
  const before = await rateDuring(stage, pause(1_500));
  const [rss, forwarded] = [residentMib(daemon.pid), await gateCounter(daemon, 'kernel.forwarded')];
  const sampler = new StatusSampler(daemon);
  const flood = await start();
  let noops = '';
  const rate = await rateDuring(
    stage,
    Promise.all([
      noopsDuring(stage, flood).then((text) => {
        noops = text;
      }),
      briefEnds(stage, brief),
    ]),
  );
  const sent = await ended(flood);
  await sampler.stop();
  const after = residentMib(daemon.pid);
  const share = Math.round((100 * rate) / before);
  const dropped = await gateCounter(daemon, 'kernel.ringFull');
  t.diagnostic(
    `${name}: ${sent.sent} frames in ${sent.seconds} s; stream ${Math.round(before)} -> ` +
      `${Math.round(rate)} MB/s (${share} %); ${noops}; status worst ${sampler.worstMs} ms of ` +
      `${sampler.answers}; RSS ${rss} -> ${after} MiB; ring full ${dropped}`,
  );
  assert.ok(sent.sent! >= FRAMES / 10, `only ${sent.sent} frames`);
  assert.ok(sampler.worstMs < ANSWER_MS, `the status took ${sampler.worstMs} ms`);
  assert.ok(after - rss < MORE_MIB, `RSS ${rss} -> ${after} MiB`);
  assert.ok((await gateCounter(daemon, 'kernel.forwarded')) > forwarded);
  await recovered(stage);
}

/** Nothing but time has to pass: old connections end, new ones work. */
async function recovered(stage: Stage): Promise<void> {
  const { client, daemon, lab, t } = stage;
  const session = await FtpSession.open(client, { timeout: CONNECT_SECONDS });
  await session.download('PASV', lab);
  await session.download('PORT', lab);
  await session.quit();
  let left = 0;
  const few = async () => {
    left = Number(await daemon.show('conntrack', '-C'));
    return left < 50 ? true : null;
  };
  const began = performance.now();
  await until('the table to empty', few, 15_000, () => `${left} connections`);
  t.diagnostic(`the table was empty ${Math.round(performance.now() - began)} ms after that`);
  await answersNoop(stage);
  assert.equal(await gateCounter(daemon, 'faults'), 0);
}

async function floodsOf(lab: Lab): Promise<Flood[]> {
  const lan = await macOf(lab, 'gateway', 'lan0');
  const wan = await macOf(lab, 'gateway', 'wan0');
  const bound = [FRAMES, MOST_SECONDS];
  const syns = (port: number, seed: number) =>
    startLoad(lab, 'client', 'syns', 'eth0', lan, strangers, serverAddress, port, ...bound, seed);
  const garbage = (from: Place, mac: string, host: string, host6: string, seed: number) =>
    startLoad(lab, from, 'garbage', 'eth0', mac, host, host6, ...bound, seed);
  return [
    { name: 'SYNs, refused', from: 'client', start: () => syns(0, 1) },
    { name: 'SYNs, accepted', from: 'client', start: () => syns(sinkPort, 2) },
    {
      name: 'garbage from inside',
      from: 'client',
      start: () => garbage('client', lan, serverAddress, server6, 3),
    },
    {
      name: 'garbage from outside',
      from: 'server',
      start: () => garbage('server', wan, '203.0.113.1', '2001:db8:77::1', 4),
    },
  ];
}

const tcpStates = ['syn_sent', 'syn_recv', 'time_wait', 'close', 'close_wait', 'last_ack'];
const timeouts = [
  ...tcpStates.map((state) => `tcp_timeout_${state}`),
  ...['udp_timeout', 'icmp_timeout', 'icmpv6_timeout', 'generic_timeout', 'gre_timeout'],
];
/** No connection but an established one stays for longer than two seconds. */
const briefly = [
  ...[...onGate.arguments, '--conntrack-max', String(MAXIMUM)],
  ...timeouts.flatMap((name) => ['--sysctl', `nf_conntrack_${name}=2`]),
];

async function allFloods(t: TestContext, lab: Lab, daemon: Daemon): Promise<void> {
  const sink = await startLoad(lab, 'server', 'sink', sinkPort);
  const feed = await startLoad(lab, 'server', 'feed', feedPort);
  const drain = await startLoad(lab, 'client', 'drain', serverAddress, feedPort, 300);
  const client = await Agent.start(lab, 'client');
  try {
    const session = await FtpSession.open(client);
    const stage = { t, lab, daemon, client, session, drain };
    for (const flood of await floodsOf(lab)) {
      await t.test(flood.name, (subtest) => endure({ ...stage, t: subtest }, flood));
    }
    await session.quit();
    await drain.stop();
    assert.equal((await ended(drain)).end, 1, 'the stream proved itself to its end');
  } finally {
    await client.stop();
    for (const part of [drain, feed, sink]) await part.stop();
  }
}

test('floods of SYNs and of garbage', async (t) => {
  if (!requireLive(t, loadPrograms)) return;
  await buildLoad();
  await withLab('gl-flood', {}, async (lab) => {
    await withDaemon(lab, loadRules(lab), { arguments: briefly }, (daemon) =>
      allFloods(t, lab, daemon),
    );
  });
});
