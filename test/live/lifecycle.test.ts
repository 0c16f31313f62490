/** The gateway ends, in every way a process can, and starts again: the host, and what goes on. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { Agent } from './agent.ts';
import { Daemon, interfaceArguments, ruleFile, withDaemon } from './daemon.ts';
import { assertCarried, datapathArguments, datapathUnderTest } from './datapath.ts';
import { bigChecksum, FtpSession, serverAddress } from './ftp-session.ts';
import { gatewayPrograms } from './gateways.ts';
import { type Lab, pinholeMain, repositoryRoot, requireLive, runIn, withLab } from './harness.ts';
import { hostState } from './host-state.ts';
import { ftpFilter } from './rule-texts.ts';
import { untilTrue } from './until.ts';

interface Stage {
  readonly lab: Lab;
  readonly agent: Agent;
  readonly rules: string;
  /** The host before any gateway ran on it. */
  readonly before: string;
}

/** Runs in the gateway's process before it: a way to make it fail from outside. */
const fault = 'process.on("SIGUSR2", () => { throw new Error("provoked"); })';

/** What is at the hooks of a managed interface. */
const holds = { capture: /bytecode/, gate: /direct-action .*name ph_ingress/ } as const;

/** Of a host's state, what `ethtool -k` says that is not fixed. */
function offloads(state: string): string[] {
  return state.split('\n').filter((line) => /^\s*[a-z0-9-]+: (on|off)\b(?!.*fixed)/.test(line));
}

async function assertManaged({ lab, before }: Stage): Promise<void> {
  const during = await hostState(lab);
  assert.notEqual(during, before);
  assert.match(during, holds[datapathUnderTest]);
  // The gate takes super-frames as they are; capture would have to send them again whole.
  const isKept = isDeepStrictEqual(offloads(during), offloads(before));
  assert.equal(isKept, datapathUnderTest === 'gate', during);
}

async function endsBy(stage: Stage, signal: NodeJS.Signals): Promise<void> {
  const { lab, agent, rules, before } = stage;
  const daemon = await Daemon.start(lab, [rules]);
  await assertManaged(stage);
  const session = await FtpSession.open(agent);
  daemon.signal(signal);
  assert.equal(await daemon.ended(), 0, daemon.log());
  assert.match(daemon.log(), /stopped; the host is as it was/);
  assert.equal(await hostState(lab), before);
  assert.equal(existsSync(daemon.socket), false, 'the control socket is left');
  // The kernel forwards again.
  assert.equal(await session.command('NOOP'), '200 NOOP ok.');
  await session.quit();
}

/** An impatient administrator: the second signal must not stop the clearing up. */
/** Whether the process runs: it is neither stopped nor gone (proc(5), the third field of stat). */
function isAwake(pid: number): boolean {
  try {
    const state = /\) (\S)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1];
    return state !== 'T' && state !== 'Z';
  } catch {
    return false;
  }
}

/** Resolves when what stands in the pipes of other processes has been read. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await setImmediate();
}

async function endsBySeveral({ lab, rules, before }: Stage): Promise<void> {
  const daemon = await Daemon.start(lab, [rules]);
  await untilTrue('its last word', async () => {
    // It stands still meanwhile: a signal behind the last word would meet a process that takes none.
    daemon.signal('SIGSTOP');
    await untilTrue('it to stand still', () => !isAwake(daemon.pid));
    await settled();
    const over = /stopped; the host is as it was/.test(daemon.log());
    if (!over) daemon.signal('SIGTERM');
    daemon.signal('SIGCONT');
    return over;
  });
  assert.equal(await daemon.ended(), 0, daemon.log());
  assert.equal(await hostState(lab), before);
}

async function endsByException({ lab, rules, before }: Stage): Promise<void> {
  const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(fault)}` };
  const daemon = await Daemon.start(lab, [rules], { env });
  daemon.signal('SIGUSR2');
  assert.ok((await daemon.ended()) > 0);
  assert.match(daemon.log(), /provoked/);
  assert.equal(await hostState(lab), before);
}

/** Whoever collects the log may end; the gateway may not because of that. */
async function outlivesItsLogReader({ lab, agent, rules, before }: Stage): Promise<void> {
  const socket = join(lab.runDir, 'mute.sock');
  const argv = ['node', pinholeMain, 'run', '--rules', rules];
  argv.push(...interfaceArguments, ...datapathArguments);
  const labScript = join(repositoryRoot, 'scripts', 'lab');
  const child = spawn(labScript, ['exec', lab.name, 'gateway', ...argv, '--socket', socket], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  try {
    let log = '';
    child.stderr.on('data', (text) => {
      log += String(text);
    });
    await untilTrue('the gateway', () => /\bready\b/.test(log) || child.exitCode !== null, 15_000);
    child.stderr.destroy();
    // Each makes it write a line that nobody reads.
    for (let i = 0; i < 3; i++) {
      child.kill('SIGHUP');
      const session = await FtpSession.open(agent);
      assert.match(await session.command('PORT 192,168,77,99,4,1'), /^500 /);
      await session.quit();
    }
    assert.equal(child.exitCode, null);
    child.kill('SIGTERM');
    assert.equal(await ended, 0);
    assert.equal(await hostState(lab), before);
  } finally {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
  }
}

async function killed(stage: Stage): Promise<void> {
  const { lab, agent, rules, before } = stage;
  const first = await Daemon.start(lab, [rules]);
  const session = await FtpSession.open(agent);
  first.signal('SIGKILL');
  assert.equal(await first.ended(), -1);
  // Fail closed: nobody filters, so nobody forwards.
  await assertManaged(stage);
  const attempt = agent.connect(serverAddress, 21, { timeout: 0.3 });
  assert.equal(await agent.codeOf(attempt), 'TIMEOUT');
  await session.send('NOOP');
  assert.equal(await agent.codeOf(session.reply(0.3)), 'TIMEOUT');
  assert.equal(await agent.codeOf(agent.ping('192.168.77.1', 0.3)), 'TIMEOUT');

  // A start that fails leaves it so.
  const typo = ['--rules', rules, '--interface', 'nosuch0', ...datapathArguments];
  typo.push('--socket', `${lab.runDir}/typo.sock`);
  const failed = await runIn(lab, 'gateway', ['node', pinholeMain, 'run', ...typo]);
  assert.equal(failed.code, 1, failed.stderr);
  await assertManaged(stage);

  // The socket of the dead one is in the way, and so are its changes.
  const second = await Daemon.start(lab, [rules]);
  try {
    assert.match(second.log(), new RegExp(`process ${first.pid} ended without cleaning up`));
    assert.equal(await session.reply(), '200 NOOP ok.');
    await session.quit();
  } finally {
    await second.stop();
  }
  assert.equal(await hostState(lab), before);
}

/** Data connections that were not seen to begin are NEW, whichever end speaks first. */
const passivePorts = ['--dport', '--sport'].map(
  (end) => `-A FORWARD -p tcp -m tcp ${end} 50000:50100 -j ACCEPT`,
);

async function transferSurvives(stage: Stage, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  const { lab, agent } = stage;
  const rules = ruleFile(lab, ftpFilter(passivePorts), 'passive.v4');
  const first = await Daemon.start(lab, [rules]);
  const session = await FtpSession.open(agent);
  const data = await session.beginDownload('PASV', '/pub/big.bin', 8_192);
  first.signal(signal);
  await first.ended();
  await withDaemon(lab, [rules], {}, async (second) => {
    const { count, sha256 } = await agent.read(data, undefined, 15);
    assert.equal(count, 3 << 20);
    assert.equal(sha256, bigChecksum(lab));
    await agent.close(data);
    // What the server says on a connection unknown here is NEW, and from outside: the client speaks.
    await session.send('NOOP');
    assert.match(await session.reply(), /^226 /);
    assert.equal(await session.reply(), '200 NOOP ok.');
    const control = await second.inState(session.control.port, 'ESTABLISHED');
    assert.equal(control.helper, 'ftp');
    await assertCarried(second.socket);
  });
  await session.quit();
}

/** Picked up mid-stream, the helper has to find the beginning of a line before it believes one. */
async function pickedUp({ lab, agent, rules }: Stage): Promise<void> {
  const first = await Daemon.start(lab, [rules]);
  const session = await FtpSession.open(agent);
  await first.stop();
  await withDaemon(lab, [rules], {}, async (second) => {
    assert.equal(await session.command('NOOP'), '200 NOOP ok.');
    await second.inState(session.control.port, 'ESTABLISHED');
    await session.download('PASV', lab);
    await session.download('PORT', lab);
    await session.download('EPSV', lab);
    await session.download('EPRT', lab);
    assert.match(await session.command('PORT 192,168,77,99,4,1'), /^500 Unknown command/);
    await session.quit();
  });
}

test('the gateway ends and starts again', async (t) => {
  if (!requireLive(t, ['vsftpd', 'python3', 'sysctl', ...gatewayPrograms()])) return;
  await withLab('lt-life', {}, async (lab) => {
    const agent = await Agent.start(lab, 'client');
    try {
      const rules = ruleFile(lab, ftpFilter());
      const stage: Stage = { lab, agent, rules, before: await hostState(lab) };
      await t.test('SIGTERM', () => endsBy(stage, 'SIGTERM'));
      await t.test('SIGINT', () => endsBy(stage, 'SIGINT'));
      await t.test('SIGTERM again and again', () => endsBySeveral(stage));
      await t.test('an uncaught exception', () => endsByException(stage));
      await t.test('nobody reads its log', () => outlivesItsLogReader(stage));
      await t.test('SIGKILL, and a new start', () => killed(stage));
      await t.test('a transfer across a restart', () => transferSurvives(stage, 'SIGTERM'));
      await t.test('a transfer across a crash', () => transferSurvives(stage, 'SIGKILL'));
      await t.test('a control connection picked up mid-stream', () => pickedUp(stage));
      assert.equal(await hostState(lab), stage.before);
    } finally {
      await agent.stop();
    }
  });
});
