/** `pinhole conntrack` beside transfers of FTP: their events, and their entries saved and restored. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Agent } from './agent.ts';
import { type Daemon, withDaemon } from './daemon.ts';
import { assertCarried } from './datapath.ts';
import { EventReader } from './event-reader.ts';
import { bigChecksum, clientAddress, FtpSession, serverAddress } from './ftp-session.ts';
import { gatewayPrograms } from './gateways.ts';
import { type Lab, mustRunIn, requireLive, withLab } from './harness.ts';
import { ftpFilter, masquerade } from './rule-texts.ts';

const ends = ['-s', clientAddress, '-d', serverAddress] as const;
// Without its entry a packet for 203.0.113.1 is for the gateway, which must not answer with RST.
const rules =
  ftpFilter(['-A FORWARD -p udp -j ACCEPT']).replace(':INPUT ACCEPT', ':INPUT DROP') + masquerade;

async function followTransfers(lab: Lab, client: Agent, daemon: Daemon): Promise<void> {
  let port = 4_000;
  const stir = async () => {
    const socket = await client.udp({});
    await client.sendTo(socket, serverAddress, port++, 'x');
    await client.close(socket);
  };
  const flows = await EventReader.start(daemon, ['-o', 'extended,timestamp'], stir);
  const session = await FtpSession.open(client);
  const expected = await EventReader.start(daemon, ['expect'], () => session.passive('EPSV'));
  await session.quit();

  const fetch = ['curl', '-s', '-S', '-o', join(lab.runDir, 'fetched')];
  await mustRunIn(lab, 'client', [...fetch, `ftp://${serverAddress}/pub/big.bin`]);
  await mustRunIn(lab, 'client', [...fetch, '-P', '-', `ftp://${serverAddress}/pub/big.bin`]);
  const there = `src=${clientAddress} dst=${serverAddress}`;
  const active = `src=${serverAddress} dst=203\\.0\\.113\\.1 sport=20 dport=\\d+`;
  const time = '^\\[\\d+\\.\\d{6}\\]\\t';
  for (const pattern of [
    `${time} {4}\\[NEW\\] ipv4 {5}2 tcp {6}6 120 SYN_SENT ${there} sport=\\d+ dport=21 \\[UNREPLIED\\] .* helper=ftp$`,
    `${time} {4}\\[NEW\\] ipv4 {5}2 tcp {6}6 120 SYN_SENT ${active} \\[UNREPLIED\\] src=${clientAddress} dst=${serverAddress} sport=\\d+ dport=20$`,
    `${time} \\[UPDATE\\] ipv4 {5}2 tcp {6}6 120 TIME_WAIT ${active} .* \\[ASSURED\\]$`,
  ]) {
    await flows.shows(new RegExp(pattern));
  }
  await expected.shows(
    new RegExp(`^ +\\[NEW\\] 300 proto=6 ${active.replace('sport=20 ', 'sport=0 ')} `),
  );
  await expected.shows(/^\[DESTROY\] \d+ proto=6 .* class=0 helper=ftp$/);

  await daemon.show('conntrack', '-D', '-p', 'tcp', '--dport', '21');
  await flows.shows(/\[DESTROY\] .*dport=21 .* \[USERSPACE\] portid=\d+ progname=conntrack$/);
  await daemon.show(
    'conntrack',
    '-I',
    ...ends,
    '-p',
    'udp',
    '--sport',
    '9',
    '--dport',
    '9',
    '-t',
    '60',
  );
  await daemon.show('conntrack', '-U', ...ends, '-p', 'udp', '--dport', '9', '-m', '5');
  await flows.shows(
    /\[NEW\] ipv4 {5}2 udp .*sport=9 .* \[USERSPACE\] portid=\d+ progname=conntrack$/,
  );
  await flows.shows(
    /\[UPDATE\] ipv4 {5}2 udp .*sport=9 .* mark=5 \[USERSPACE\] portid=\d+ progname=conntrack$/,
  );
  assert.deepEqual([await flows.stop(), await expected.stop()], [0, 0]);
}

async function saveAndRestore(lab: Lab, client: Agent, daemon: Daemon): Promise<void> {
  const session = await FtpSession.open(client);
  const data = await session.beginDownload('PASV', '/pub/big.bin', 8_192);
  const saved = await daemon.show('conntrack', '-L', '-o', 'save');
  assert.equal(saved.split('\n').length, 3, saved);
  const file = join(lab.runDir, 'saved');
  writeFileSync(file, saved);
  await daemon.show('conntrack', '-F');
  assert.equal((await daemon.connections()).length, 0);
  // Nobody can make an entry that was expected (IPS_EXPECTED), in the kernel neither.
  const { stderr } = await daemon.cli('conntrack', '-R', file);
  assert.match(stderr, /Operation failed: Device or resource busy/);
  await daemon.show('conntrack', '-F');
  writeFileSync(file, saved.replace('EXPECTED,', ''));
  await daemon.show('conntrack', '-R', file);
  const received = await session.endDownload(data);
  assert.equal(received.sha256, bigChecksum(lab));
  const outside = (await daemon.connections()).map(({ reply }) => reply.dst);
  assert.deepEqual(outside, ['203.0.113.1', '203.0.113.1']);
  assert.match(await session.command('NOOP'), /^200 /);
  await session.quit();
  await assertCarried(daemon.socket);
}

test('pinhole conntrack beside transfers', async (t) => {
  if (!requireLive(t, ['vsftpd', 'python3', 'curl', ...gatewayPrograms()])) return;
  await withLab('p4l-transfers', {}, async (lab) => {
    const client = await Agent.start(lab, 'client');
    try {
      await t.test('their events', () =>
        withDaemon(lab, rules, {}, (daemon) => followTransfers(lab, client, daemon)),
      );
      await t.test('restored from what was saved', () =>
        withDaemon(lab, rules, {}, (daemon) => saveAndRestore(lab, client, daemon)),
      );
    } finally {
      await client.stop();
    }
  });
});
