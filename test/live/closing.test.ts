/** Control and data connections that end in every order, and what is left of them in the tables. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Agent, type Socket } from './agent.ts';
import { type Daemon, withDaemon } from './daemon.ts';
import { bigChecksum, FtpSession } from './ftp-session.ts';
import { gatewayPrograms } from './gateways.ts';
import { type Lab, mustRunIn, requireLive, withLab } from './harness.ts';
import { ftpFilter } from './rule-texts.ts';
import { untilTrue } from './until.ts';

/** Small enough that a download stands still until it is read. */
const receiveBuffer = 8_192;

interface Held {
  readonly session: FtpSession;
  readonly data: Socket;
}

/** A download of which the client reads nothing yet. */
async function heldDownload(daemon: Daemon, agent: Agent): Promise<Held> {
  const session = await FtpSession.open(agent);
  const data = await session.beginDownload('PASV', '/pub/big.bin', receiveBuffer);
  const entry = await daemon.inState(data.port, 'ESTABLISHED');
  const master = await daemon.inState(session.control.port, 'ESTABLISHED');
  assert.equal(entry.masterId, master.id);
  assert.deepEqual([master.use, entry.use], [2, 1]);
  return { session, data };
}

async function readToEnd(daemon: Daemon, agent: Agent, data: Socket): Promise<void> {
  const { sha256, ended } = await agent.read(data);
  assert.equal(ended, true);
  assert.equal(sha256, bigChecksum(daemon.lab));
  await agent.close(data);
}

async function dataFirst(daemon: Daemon, agent: Agent): Promise<void> {
  const { session, data } = await heldDownload(daemon, agent);
  await readToEnd(daemon, agent, data);
  assert.match(await session.reply(), /^226 /);
  const ended = await daemon.inState(data.port, 'TIME_WAIT');
  assert.ok(ended.timeout <= 120 && ended.timeout >= 100, `${ended.timeout}`);
  const control = await daemon.inState(session.control.port, 'ESTABLISHED');
  // A connection that waits out its time still counts as a child, as with the kernel.
  assert.equal(control.use, 2);
  await session.quit();
  await daemon.inState(session.control.port, 'TIME_WAIT');
  assert.deepEqual(await daemon.expectations(), []);
}

async function controlFirst(daemon: Daemon, agent: Agent): Promise<void> {
  const { session, data } = await heldDownload(daemon, agent);
  // The server reads the end of the control connection only after the transfer.
  await agent.finish(session.control);
  await daemon.inState(session.control.port, 'CLOSE_WAIT');
  await daemon.inState(data.port, 'ESTABLISHED');
  await readToEnd(daemon, agent, data);
  assert.match(await session.reply(), /^226 /);
  // To its end: the server may have last words, and what is not read makes a FIN a reset.
  assert.equal((await agent.read(session.control)).ended, true);
  await agent.close(session.control);
  await daemon.inState(session.control.port, 'TIME_WAIT');
  await daemon.inState(data.port, 'TIME_WAIT');
}

async function controlReset(daemon: Daemon, agent: Agent): Promise<void> {
  const { session, data } = await heldDownload(daemon, agent);
  await agent.reset(session.control);
  const { timeout } = await daemon.inState(session.control.port, 'CLOSE');
  assert.ok(timeout <= 10, `a reset connection stays ${timeout} s`);
  await readToEnd(daemon, agent, data);
}

async function controlDeleted(daemon: Daemon, agent: Agent): Promise<void> {
  const { session, data } = await heldDownload(daemon, agent);
  const port = `${session.control.port}`;
  await daemon.show('conntrack', '-D', '-p', 'tcp', '--sport', port, '--dport', '21');
  assert.equal(await daemon.connectionFrom(session.control.port), undefined);
  const orphan = await daemon.inState(data.port, 'ESTABLISHED');
  assert.equal(orphan.masterId, null);
  await readToEnd(daemon, agent, data);
  await daemon.inState(data.port, 'TIME_WAIT');
  await agent.reset(session.control);
}

async function dataReset(daemon: Daemon, agent: Agent): Promise<void> {
  const { session, data } = await heldDownload(daemon, agent);
  await agent.read(data, 10_000);
  await agent.reset(data);
  assert.match(await session.reply(), /^426 /);
  const { timeout } = await daemon.inState(data.port, 'CLOSE');
  assert.ok(timeout <= 10, `a reset connection stays ${timeout} s`);
  await session.download('PASV', daemon.lab);
  await session.download('PORT', daemon.lab);
  await session.quit();
}

async function announcedInVain(daemon: Daemon, agent: Agent): Promise<void> {
  const session = await FtpSession.open(agent);
  const { port } = await session.passive('PASV');
  assert.deepEqual(
    (await daemon.expectations()).map(({ dport }) => dport),
    [port],
  );
  await session.quit();
  // The pinhole does not outlive the session, though its entry waits out its time.
  await daemon.inState(session.control.port, 'TIME_WAIT');
  assert.deepEqual(await daemon.expectations(), []);
  assert.equal(await agent.codeOf(agent.connect(session.host, port, { timeout: 0.3 })), 'TIMEOUT');
}

async function announcedAndReset(daemon: Daemon, agent: Agent): Promise<void> {
  const session = await FtpSession.open(agent);
  const { port } = await session.passive('EPSV');
  assert.equal((await daemon.expectations()).length, 1);
  await agent.reset(session.control);
  await daemon.inState(session.control.port, 'CLOSE');
  assert.deepEqual(await daemon.expectations(), []);
  assert.equal(await agent.codeOf(agent.connect(session.host, port, { timeout: 0.3 })), 'TIMEOUT');
}

/**
 * Both ends send nothing twice only because the gateway was slow for some milliseconds. A tail loss
 * probe (RFC 8985 section 7) may repeat a FIN; where its second acknowledgement meets a closed socket,
 * a reset answers, and TIME_WAIT becomes CLOSE, with the kernel's tracker as well.
 */
async function sendNoProbes(lab: Lab): Promise<void> {
  const path = '/proc/sys/net/ipv4/tcp_early_retrans';
  for (const end of ['client', 'server'] as const) {
    await mustRunIn(lab, end, ['sh', '-c', `echo 0 > ${path}`]);
  }
}

const cases = [
  ['the data connection closes first', dataFirst],
  ['the control connection closes first', controlFirst],
  ['the control connection is reset during a transfer', controlReset],
  ['the control connection is deleted during a transfer', controlDeleted],
  ['the client resets the data connection', dataReset],
  ['no data connection comes', announcedInVain],
  ['announced, and reset', announcedAndReset],
] as const;

test('connections that end', async (t) => {
  if (!requireLive(t, ['vsftpd', 'python3', ...gatewayPrograms()])) return;
  await withLab('lt-closing', {}, async (lab) => {
    await sendNoProbes(lab);
    const agent = await Agent.start(lab, 'client');
    try {
      await withDaemon(lab, ftpFilter(), {}, async (daemon) => {
        for (const [name, run] of cases) {
          await t.test(name, async () => {
            await run(daemon, agent);
            await daemon.show('conntrack', '-F');
            await untilTrue('empty tables', async () => (await daemon.connections()).length === 0);
          });
        }
      });
    } finally {
      await agent.stop();
    }
  });
});
