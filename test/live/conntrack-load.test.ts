/**
 * A table that is large while it is shown, and one that is full: the traffic beside must go on.
 * What the figures are on a machine, the test says and does not judge.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Agent } from './agent.ts';
import { type Daemon, withDaemon } from './daemon.ts';
import { FtpSession, serverAddress } from './ftp-session.ts';
import { gatewayPrograms } from './gateways.ts';
import {
  type Lab,
  mustRunIn,
  pinholeMain,
  repositoryRoot,
  requireLive,
  run,
  startIn,
  withLab,
} from './harness.ts';
import { ftpFilter, masquerade } from './rule-texts.ts';

const FLOWS = 200_000;
const MAXIMUM = 64;
const rules = ftpFilter(['-A FORWARD -p udp -j ACCEPT']) + masquerade;
const programs = ['vsftpd', 'python3', ...gatewayPrograms()];

function loadAgent(...words: (string | number)[]): string[] {
  const script = join(repositoryRoot, 'test', 'live', 'load_agent.py');
  return ['python3', '-u', script, ...words.map(String)];
}

function daemonCommand(daemon: Daemon, ...words: string[]): string[] {
  return ['node', pinholeMain, 'conntrack', '--socket', daemon.socket, ...words];
}

async function count(daemon: Daemon): Promise<number> {
  return Number(await daemon.show('conntrack', '-C'));
}

function residentMib(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Math.round(Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024);
}

/** Makes flows until there are enough: a burst may be more than the capture takes. */
async function fill(lab: Lab, daemon: Daemon): Promise<number> {
  await daemon.show('sysctl', '-w', 'net.netfilter.nf_conntrack_udp_timeout=600');
  for (let wanted = FLOWS; wanted > FLOWS / 10; wanted = FLOWS - (await count(daemon))) {
    await mustRunIn(lab, 'client', loadAgent('flood', serverAddress, wanted), {
      timeoutMs: 20_000,
    });
  }
  return count(daemon);
}

async function showWhileBusy(t: TestContext, lab: Lab, client: Agent, daemon: Daemon) {
  const empty = residentMib(daemon.pid);
  const flows = await fill(lab, daemon);
  const before = residentMib(daemon.pid);
  const echo = await startIn(lab, 'server', loadAgent('echo', serverAddress, 7_777), /ready/);
  const argv = loadAgent('pulse', serverAddress, 7_777, 3);
  const pulse = await startIn(lab, 'client', argv, /ready/);
  const session = await FtpSession.open(client);
  let lists = 0;
  while (pulse.exitCode() === undefined) {
    const list = run(['sh', '-c', 'exec "$@" >/dev/null', 'sh', ...daemonCommand(daemon, '-L')]);
    await session.download('PASV', lab);
    const { code, stderr } = await list;
    assert.equal(code, 0, stderr);
    const shown = Number(/(\d+) flow entries have been shown/.exec(stderr)?.[1]);
    assert.ok(shown >= flows, stderr);
    lists++;
  }
  await session.quit();
  const longest = /longest (\d+) answers \d+/.exec(pulse.output())?.[1];
  assert.ok(longest !== undefined, pulse.output());
  const rss = `${empty} MiB empty, ${before} full, ${residentMib(daemon.pid)} after`;
  t.diagnostic(`${lists} lists of ${flows}; longest gap of the echo ${longest} ms; RSS ${rss}`);
  await echo.stop();
}

async function floodFullTable(lab: Lab, client: Agent, daemon: Daemon) {
  const session = await FtpSession.open(client);
  const data = await session.beginDownload('PASV', '/pub/big.bin', 8_192);
  // Room is looked for in eight buckets, as in the kernel: there are to be few of them.
  await daemon.show('sysctl', '-w', 'net.netfilter.nf_conntrack_buckets=512');
  await mustRunIn(lab, 'client', loadAgent('flood', serverAddress, 3_000));
  assert.ok((await count(daemon)) <= MAXIMUM);
  const stats = await daemon.show('conntrack', '-S');
  assert.ok(Number(/ early_drop=(\d+) /.exec(stats)?.[1]) > 0, stats);
  await daemon.inState(session.control.port, 'ESTABLISHED');
  await daemon.inState(data.port, 'ESTABLISHED');
  await session.endDownload(data);
  await session.quit();
}

/** Connections that answered are not given up for new ones, so that there is no place. */
async function fillWithAssured(daemon: Daemon, lab: Lab, client: Agent) {
  const lines = Array.from({ length: MAXIMUM }, (_, i) => {
    const tuple = `-s 192.0.2.1 -d 198.51.100.2 --sport ${i + 1} --dport 80`;
    return `-A -t 600 -u SEEN_REPLY,ASSURED -p udp ${tuple}`;
  });
  await daemon.show('conntrack', '-F');
  const file = join(lab.runDir, 'assured');
  writeFileSync(file, `${lines.join('\n')}\n`);
  await daemon.show('conntrack', '-R', file);
  assert.equal(await count(daemon), MAXIMUM);
  const socket = await client.udp({});
  await client.sendTo(socket, serverAddress, 9, 'no place');
  await daemon.logged(/nf_conntrack: nf_conntrack: table full, dropping packet/);
  assert.equal((await daemon.connections()).filter((entry) => entry.orig.dport === 80).length, 64);
}

test('a large table is shown while traffic passes', async (t) => {
  if (!requireLive(t, programs)) return;
  await withLab('p4l-large', {}, async (lab) => {
    const client = await Agent.start(lab, 'client');
    try {
      await withDaemon(lab, rules, {}, async (daemon) => {
        await showWhileBusy(t, lab, client, daemon).finally(
          // A failure is told with the whole table.
          () => daemon.cli('conntrack', '-F'),
        );
      });
    } finally {
      await client.stop();
    }
  });
});

test('a full table drops what has not been answered', async (t) => {
  if (!requireLive(t, programs)) return;
  await withLab('p4l-full', {}, async (lab) => {
    const client = await Agent.start(lab, 'client');
    const options = { arguments: ['--conntrack-max', String(MAXIMUM)] };
    try {
      await withDaemon(lab, rules, options, async (daemon) => {
        await floodFullTable(lab, client, daemon);
        await fillWithAssured(daemon, lab, client);
      });
    } finally {
      await client.stop();
    }
  });
});
