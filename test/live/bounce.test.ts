/**
 * FTP bounce (RFC 2577): a client that announces somebody else's address to a real server, and what
 * each `--ftp-bounce` policy makes of it. Passwords never show anywhere.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Agent } from './agent.ts';
import { type Daemon, type DaemonOptions, withDaemon } from './daemon.ts';
import { EventReader } from './event-reader.ts';
import { announcement, clientAddress, FtpSession, secret, serverAddress } from './ftp-session.ts';
import { gatewayPrograms } from './gateways.ts';
import { type Lab, requireLive, runIn, withLab } from './harness.ts';
import { ftpFilter } from './rule-texts.ts';
import { untilTrue } from './until.ts';

const victim = '192.168.77.99';
const portLine = announcement('PORT', victim, 1025);
const eprtLine = announcement('EPRT', victim, 1025);

/** The commands that the server says it received. */
function commandsSeen(lab: Lab): string {
  return readFileSync(join(lab.runDir, 'server', 'vsftpd.log'), 'utf8');
}

/** Whether the server holds an established connection from this port of the client. */
async function serverIsConnected(lab: Lab, { control }: FtpSession): Promise<boolean> {
  const { stdout } = await runIn(lab, 'server', ['cat', '/proc/net/tcp6']);
  const port = control.port.toString(16).toUpperCase().padStart(4, '0');
  return new RegExp(`:0015 [0-9A-F]{32}:${port} 01 `).test(stdout);
}

async function withClient(
  lab: Lab,
  options: DaemonOptions,
  fn: (daemon: Daemon, client: Agent) => Promise<void>,
): Promise<void> {
  const client = await Agent.start(lab, 'client');
  try {
    await withDaemon(lab, ftpFilter(), options, async (daemon) => fn(daemon, client));
  } finally {
    await client.stop();
  }
}

/** Everything an administrator can look at while the session is there. */
async function everyScreen(daemon: Daemon): Promise<string> {
  const screens = [
    ['conntrack', '-L', '-o', 'extended,id'],
    ['conntrack', '-L', '-o', 'xml'],
    ['conntrack', '-L', 'expect'],
    ['iptables', '-L', '-n', '-v'],
  ] as const;
  const shown = await Promise.all(
    screens.map(([command, ...rest]) => daemon.cli(command, ...rest)),
  );
  return shown.map(({ stdout, stderr }) => stdout + stderr).join('\n');
}

async function rejects(t: TestContext, lab: Lab): Promise<void> {
  await withClient(lab, {}, async (daemon, client) => {
    const other = await FtpSession.open(client);
    const reader = await EventReader.start(daemon, ['expect'], () => other.passive('EPSV'));
    const session = await FtpSession.open(client);
    await other.quit();
    await daemon.show('conntrack', '-F', 'expect');

    for (const line of [portLine, eprtLine]) {
      // The server knows no such command, and says so itself.
      assert.equal(await session.command(line), '500 Unknown command.');
      assert.deepEqual(await daemon.expectations(), []);
    }
    assert.equal(await session.command('NOOP'), '200 NOOP ok.');
    await t.test('the session goes on', () => session.download('PASV', lab));

    // In the segment of the password, right behind it.
    const pair = `PASS ${secret}\r\n${portLine}\r\n`;
    await client.send(session.control, pair);
    assert.match(await session.reply(), /^230 /);
    assert.equal(await session.reply(), '500 Unknown command.');
    // A password that looks like an announcement, in a segment of its own.
    const { port } = session.control;
    const { bytes } = (await daemon.inState(port, 'ESTABLISHED')).orig;
    await client.send(session.control, `PASS ${secret} `);
    await untilTrue('the half line at the gateway', async () => {
      const entry = await daemon.connectionFrom(port);
      return entry !== undefined && entry.orig.bytes >= bytes + secret.length;
    });
    await client.send(session.control, `PORT 192,168,77,98,4,1\r\n`);
    assert.match(await session.reply(), /^230 /);

    const master =
      `master-src=${clientAddress} master-dst=${serverAddress} ` +
      `sport=${session.control.port} dport=21`;
    const refused = (kind: string, line: string) =>
      `[REFUSED] helper=ftp kind=${kind} reason=address-mismatch line="${line}" ${master}`;
    const seen = () => reader.lines().filter((line) => line.includes('REFUSED'));
    await untilTrue('three REFUSED events', () => seen().length >= 3);
    const expected = [
      refused('PORT', portLine),
      refused('EPRT', eprtLine),
      refused('PORT', portLine),
    ];
    assert.deepEqual(seen(), expected);
    const ends = `${clientAddress}:${session.control.port} > ${serverAddress}:21`;
    for (const [kind, line] of [['PORT', portLine] as const, ['EPRT', eprtLine] as const]) {
      const text = `ftp: refused ${kind} (address-mismatch) on ${ends}: "${line}"`;
      assert.ok(daemon.log().includes(text), daemon.log());
    }
    const screens = await everyScreen(daemon);
    assert.match(screens, /helper=ftp/);
    assert.equal(await reader.stop(), 0);
    for (const text of [daemon.log(), reader.text(), screens]) {
      assert.ok(!text.includes(secret), 'the password shows');
      assert.ok(!text.includes('77,98'), 'a password that looks like PORT shows');
    }
    assert.ok(!commandsSeen(lab).includes(`PORT ${victim.replaceAll('.', ',')}`));
    await session.quit();
  });
}

/** Segments that this end has sent again. */
async function retransmitted(lab: Lab, { control }: FtpSession): Promise<number> {
  const filter = `sport = :${control.port}`;
  const { stdout } = await runIn(lab, 'client', ['ss', '-Htin', 'state', 'established', filter]);
  assert.match(stdout, /bytes_acked:/);
  return Number(/\bretrans:\d+\/(\d+)/.exec(stdout)?.[1] ?? 0);
}

/** The line is taken out of the stream, and acknowledged: nobody waits for it. */
async function takesOut(lab: Lab): Promise<void> {
  await withClient(lab, { arguments: ['--ftp-bounce', 'drop'] }, async (daemon, client) => {
    const before = commandsSeen(lab);
    const session = await FtpSession.open(client);
    await session.send(portLine);
    await daemon.logged(/refused PORT \(address-mismatch\)/);
    // Longer than the 200 ms after which Linux sends again at the soonest.
    assert.equal(await client.codeOf(session.reply(0.5)), 'TIMEOUT');
    assert.equal(await retransmitted(lab, session), 0);
    assert.deepEqual(await daemon.expectations(), []);
    // Shorter by a line towards the server from here on.
    assert.equal(await session.command('NOOP'), '200 NOOP ok.');
    await client.send(session.control, `NOOP\r\n${eprtLine}\r\nSYST\r\n`);
    assert.equal(await session.reply(), '200 NOOP ok.');
    assert.match(await session.reply(), /^215 /);
    await session.download('PORT', lab);
    await session.download('EPSV', lab);
    await session.quit();
    const refused = daemon.log().match(/refused \w+ \(address-mismatch\)/g);
    assert.deepEqual(refused, [
      'refused PORT (address-mismatch)',
      'refused EPRT (address-mismatch)',
    ]);
    const seen = commandsSeen(lab).slice(before.length);
    assert.match(seen, /NOOP/);
    assert.ok(!seen.includes(portLine) && !seen.includes(eprtLine), seen);
  });
}

async function resetsBothEnds(lab: Lab): Promise<void> {
  await withClient(lab, { arguments: ['--ftp-bounce', 'reset'] }, async (daemon, client) => {
    const session = await FtpSession.open(client);
    assert.equal(await serverIsConnected(lab, session), true);
    await session.send(eprtLine);
    assert.equal(await client.codeOf(session.reply()), 'ECONNRESET');
    await untilTrue(
      'the reset at the server',
      async () => !(await serverIsConnected(lab, session)),
    );
    assert.deepEqual(await daemon.expectations(), []);
    const entry = await daemon.connectionFrom(session.control.port);
    assert.ok(entry === undefined || entry.state === 'CLOSE', entry?.state);
  });
}

async function passes(lab: Lab): Promise<void> {
  const json = ['--ftp-bounce', 'pass', '--log-format', 'json'];
  await withClient(lab, { arguments: json }, async (daemon, client) => {
    const session = await FtpSession.open(client);
    assert.equal(await session.command(portLine), '500 Illegal PORT command.');
    assert.equal(await session.command(eprtLine), '500 Illegal EPRT command.');
    assert.deepEqual(await daemon.expectations(), []);
    const lines = daemon.log().trim().split('\n');
    const events = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    const refused = events.filter(({ event }) => event === 'refused');
    assert.deepEqual(
      refused.map(({ kind, reason, line }) => ({ kind, reason, line })),
      [
        { kind: 'PORT', reason: 'address-mismatch', line: portLine },
        { kind: 'EPRT', reason: 'address-mismatch', line: eprtLine },
      ],
    );
    assert.ok(!daemon.log().includes(secret), 'the password shows');
    await session.download('EPRT', lab);
    await session.quit();
  });
}

test('FTP bounce through the gateway', async (t) => {
  if (!requireLive(t, ['vsftpd', 'python3', ...gatewayPrograms()])) return;
  await withLab('lt-bounce', {}, async (lab) => {
    await t.test('reject: the server itself refuses', (t) => rejects(t, lab));
    await t.test('drop: taken out, the session goes on', () => takesOut(lab));
    await t.test('reset: both ends', () => resetsBothEnds(lab));
    await t.test("pass: the server's own answer", () => passes(lab));
  });
});
