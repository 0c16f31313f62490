/**
 * Announcements through MASQUERADE that are lost behind the gateway and sent again, and that grow or
 * shrink by the translation: every copy has to be the same, and everything after it has to fit.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Agent } from './agent.ts';
import { type Daemon, withDaemon } from './daemon.ts';
import { assertCarried } from './datapath.ts';
import { whileDeaf } from './deaf.ts';
import { FtpSession } from './ftp-session.ts';
import { gatewayPrograms } from './gateways.ts';
import { type Lab, mustRunIn, requireLive, withLab } from './harness.ts';
import { ftpFilter, masquerade } from './rule-texts.ts';
import { untilTrue } from './until.ts';

interface Client {
  readonly name: string;
  readonly address: string;
}

/** The gateway is 203,0,113,1 outside: eleven characters in a PORT. */
const clients: readonly Client[] = [
  { name: 'grows by three', address: '10.1.1.1' },
  { name: 'shrinks by four', address: '192.168.177.210' },
];

async function giveAddresses(lab: Lab): Promise<void> {
  for (const { address } of clients) {
    await mustRunIn(lab, 'client', ['ip', 'address', 'add', `${address}/32`, 'dev', 'eth0']);
    await mustRunIn(lab, 'gateway', ['ip', 'route', 'add', address, 'via', '192.168.77.10']);
  }
}

/** Announces while `place` is deaf, until the gateway has seen the announcement twice. */
async function announceTwice(
  daemon: Daemon,
  session: FtpSession,
  place: 'client' | 'server',
  verb: 'PORT' | 'EPRT',
) {
  const { port } = session.control;
  const before = (await daemon.inState(port, 'ESTABLISHED')).orig.bytes;
  return whileDeaf(daemon.lab, place, async () => {
    const listener = await session.announce(verb);
    // Two copies of it, headers included, are more than this.
    const twice = before + 2 * (52 + `${verb} 1,1,1,1,1,1`.length);
    await untilTrue('the retransmission', async () => {
      const entry = await daemon.connectionFrom(port);
      return (entry?.orig.bytes ?? 0) >= twice;
    });
    return listener;
  });
}

function uploaded(lab: Lab, name: string): string {
  const path = join(lab.runDir, 'server', 'ftp', 'pub', 'incoming', name);
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

async function upload(session: FtpSession, lab: Lab, name: string): Promise<void> {
  const { agent } = session;
  const text = `${name} `.repeat(5_000);
  const listener = await session.announce('PORT');
  assert.match(await session.reply(), /^200 /);
  await session.send(`STOR /pub/incoming/${name}`);
  const data = await agent.accept(listener);
  assert.match(await session.reply(), /^150 /);
  await agent.send(data, text);
  await agent.close(data);
  assert.match(await session.reply(), /^226 /);
  await agent.close(listener);
  assert.equal(uploaded(lab, name), createHash('sha256').update(text).digest('hex'));
}

async function retransmits(
  daemon: Daemon,
  agent: Agent,
  { address }: Client,
  deaf: 'client' | 'server',
): Promise<void> {
  const { lab } = daemon;
  const session = await FtpSession.open(agent, { from: address });
  const listener = await announceTwice(daemon, session, deaf, 'PORT');
  assert.match(await session.reply(), /^200 PORT /);
  // A copy of an announcement is no second announcement.
  const expected = await daemon.expectations();
  assert.equal(expected.length, 1);
  assert.equal(expected[0]?.dst, '203.0.113.1');
  assert.equal(expected[0]?.kind, 'PORT');
  await session.send('RETR /pub/big.bin');
  const data = await agent.accept(listener);
  assert.match(await session.reply(), /^150 /);
  const { sha256 } = await session.endDownload(data);
  const big = createHash('sha256').update(readFileSync(join(lab.runDir, 'big.bin')));
  assert.equal(sha256, big.digest('hex'));
  await agent.close(listener);

  // Both ways over the shifted sequence numbers, and further shifts on top of the first.
  assert.match(await session.command('STAT'), /^211 End of status/);
  assert.equal(await session.command('NOOP'), '200 NOOP ok.');
  const second = await announceTwice(daemon, session, deaf, 'EPRT');
  assert.match(await session.reply(), /^200 EPRT /);
  await session.send('LIST /pub');
  const listing = await session.agent.accept(second);
  assert.match(await session.reply(), /^150 /);
  assert.ok((await session.endDownload(listing)).count > 0);
  await session.download('PORT', lab);
  await upload(session, lab, `${deaf}-${address}`);
  await session.download('EPSV', lab);
  assert.match(await session.command('STAT'), /^211 End of status/);
  await session.quit();
}

test('announcements that are sent again through MASQUERADE', async (t) => {
  if (!requireLive(t, ['vsftpd', 'python3', ...gatewayPrograms()])) return;
  await withLab('lt-again', {}, async (lab) => {
    await giveAddresses(lab);
    const agent = await Agent.start(lab, 'client');
    try {
      await withDaemon(lab, ftpFilter() + masquerade, {}, async (daemon) => {
        for (const client of clients) {
          for (const deaf of ['server', 'client'] as const) {
            const lost = deaf === 'server' ? 'the announcement is lost' : 'its answer is lost';
            await t.test(`${client.name}, ${lost}`, async () => {
              await retransmits(daemon, agent, client, deaf);
              await daemon.show('conntrack', '-F');
              assert.deepEqual(await daemon.expectations(), []);
            });
          }
        }
        await assertCarried(daemon.socket);
      });
    } finally {
      await agent.stop();
    }
  });
});
