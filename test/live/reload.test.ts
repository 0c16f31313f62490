/** SIGHUP and the reload request: new rules for old connections, all or nothing. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { test } from 'node:test';
import { ControlError } from '../../src/control/index.ts';
import { Agent } from './agent.ts';
import { type Daemon, ruleFile, withDaemon } from './daemon.ts';
import { assertCarried } from './datapath.ts';
import { bigChecksum, FtpSession, serverAddress } from './ftp-session.ts';
import { gatewayPrograms } from './gateways.ts';
import { type Lab, requireLive, withLab } from './harness.ts';
import { ftpFilter } from './rule-texts.ts';
import { until, untilTrue } from './until.ts';

interface Stage {
  readonly lab: Lab;
  readonly client: Agent;
  readonly server: Agent;
}

/** How many lines of the log match, so that a test can wait for one more. */
function count(daemon: Daemon, pattern: RegExp): number {
  return daemon
    .log()
    .split('\n')
    .filter((line) => pattern.test(line)).length;
}

async function reload(daemon: Daemon, outcome: RegExp): Promise<void> {
  const before = count(daemon, outcome);
  daemon.signal('SIGHUP');
  await untilTrue(
    `${outcome} in the log`,
    () => count(daemon, outcome) > before,
    5_000,
    () => daemon.log(),
  );
}

/** Packets counted by the rule whose line in `iptables-save -c` ends so. */
async function packetsOf(daemon: Daemon, rule: string): Promise<number> {
  const saved = await daemon.show('iptables-save', '-c', '-t', 'filter');
  const line = saved.split('\n').find((text) => text.endsWith(rule));
  const counters = /^\[(\d+):\d+\]/.exec(line ?? '');
  assert.ok(counters, `no counters of ${rule} in\n${saved}`);
  return Number(counters[1]);
}

const established = '-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT';
const newFtp = '-A FORWARD -p tcp -m tcp --dport 21 -m conntrack --ctstate NEW -j ACCEPT';
const related = '-A FORWARD -m conntrack --ctstate RELATED -m helper --helper ftp -j ACCEPT';
const refusing = '-A FORWARD -p tcp -m tcp --dport 7777 -j REJECT --reject-with tcp-reset';

async function duringTransfer({ lab, client }: Stage): Promise<void> {
  await withDaemon(lab, ftpFilter(), {}, async (daemon) => {
    const session = await FtpSession.open(client);
    const data = await session.beginDownload('PASV', '/pub/big.bin', 8_192);
    const idBefore = (await daemon.inState(data.port, 'ESTABLISHED')).id;
    const establishedBefore = await packetsOf(daemon, established);
    assert.ok(establishedBefore > 10);
    const refused = () => client.connect(serverAddress, 7777, { timeout: 0.3 });
    assert.equal(await client.codeOf(refused()), 'TIMEOUT');

    // A rule before all others: the counters belong to rules, not to places.
    const rules = ftpFilter().replace(established, `${refusing}\n${established}`);
    ruleFile(lab, rules);
    await reload(daemon, /rules re-read/);
    assert.equal(await client.codeOf(refused()), 'ECONNREFUSED');
    assert.ok((await packetsOf(daemon, established)) >= establishedBefore);
    assert.equal(await packetsOf(daemon, newFtp), 1);
    assert.equal(await packetsOf(daemon, related), 1);
    assert.equal(await packetsOf(daemon, refusing), 1);

    assert.equal((await session.endDownload(data)).sha256, bigChecksum(lab));
    assert.equal((await daemon.inState(data.port, 'TIME_WAIT')).id, idBefore);
    await session.download('PORT', lab);

    await withBrokenFile(daemon, rules);
    await session.download('EPSV', lab);
    await session.quit();
    await assertCarried(daemon.socket);
  });
}

async function withBrokenFile(daemon: Daemon, rules: string): Promise<void> {
  const { lab } = daemon;
  const before = await daemon.show('iptables', '-S');
  const broken = `*filter
:FORWARD ACCEPT [0:0]
-A FORWARD -p tcp -m tcp --dport nonsense -j ACCEPT
-A FORWARD -j NOWHERE
COMMIT
`;
  const path = ruleFile(lab, broken);
  await reload(daemon, /rules not changed/);
  for (const place of ['3:34', '4:15']) {
    assert.ok(daemon.log().includes(`Z ${path}:${place}: error: `), daemon.log());
  }
  await assert.rejects(
    daemon.ask((client) => client.request('reload', {}).done),
    (error) => {
      assert.ok(error instanceof ControlError);
      assert.equal(error.code, 'RULES_REFUSED');
      assert.match(error.message, /rules\.v4:3:34: .*rules\.v4:4:15: /s);
      return true;
    },
  );
  assert.equal(await daemon.show('iptables', '-S'), before);
  rmSync(path);
  await reload(daemon, /rules not changed/);
  assert.equal(await daemon.show('iptables', '-S'), before);
  ruleFile(lab, rules);
  assert.deepEqual(await daemon.ask((client) => client.request('reload', {}).done), {
    reloaded: true,
  });
}

const script = (ports: string) => `#!/bin/sh
modprobe ip_conntrack_ftp ports=${ports}
iptables -P FORWARD DROP
iptables -A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT
iptables -A FORWARD -p tcp -m multiport --dports 21,2121 -j ACCEPT
iptables -A FORWARD -m conntrack --ctstate RELATED -m helper --helper ftp -j ACCEPT
iptables -A FORWARD -m conntrack --ctstate RELATED -m helper --helper ftp-2121 -j ACCEPT
`;

/** A server on another port, of which only the announcement is real: its port, or null. */
async function announcedOn2121(daemon: Daemon, stage: Stage): Promise<string> {
  const { client, server } = stage;
  const listener = await server.listen({ from: serverAddress, fromPort: 2121 });
  const control = await client.connect(serverAddress, 2121);
  const answering = await server.accept(listener);
  await server.send(answering, '220 hello\r\n');
  await client.line(control);
  await client.send(control, 'PASV\r\n');
  await server.line(answering);
  await server.send(answering, '227 Entering Passive Mode (203,0,113,21,195,80).\r\n');
  await client.line(control);
  const entry = await until('the connection', () =>
    daemon.connectionFrom(control.port).then((e) => e ?? null),
  );
  const expected = (await daemon.expectations()).map(({ dport }) => dport);
  for (const [agent, socket] of [
    [client, control],
    [server, answering],
    [server, listener],
  ] as const) {
    await agent.reset(socket);
  }
  await daemon.show('conntrack', '-D', '-p', 'tcp', '--sport', `${control.port}`);
  return `helper=${entry.helper} expected=${expected.join()}`;
}

async function ftpPorts(stage: Stage): Promise<void> {
  const { lab, client } = stage;
  const path = ruleFile(lab, script('21'), 'rules.sh');
  await withDaemon(lab, [path], {}, async (daemon) => {
    const session = await FtpSession.open(client);
    assert.equal(await announcedOn2121(daemon, stage), 'helper= expected=');
    ruleFile(lab, script('2121'), 'rules.sh');
    await reload(daemon, /rules re-read/);
    assert.equal(await announcedOn2121(daemon, stage), 'helper=ftp expected=50000');
    // A connection keeps the helper it began with.
    assert.match(await session.command('PORT 192,168,77,99,4,1'), /^500 Unknown command/);
    await session.quit();
    const unwatched = await FtpSession.open(client);
    const { port } = await unwatched.passive('PASV');
    assert.deepEqual(await daemon.expectations(), []);
    const attempt = client.connect(serverAddress, port, { timeout: 0.3 });
    assert.equal(await client.codeOf(attempt), 'TIMEOUT');
    await unwatched.quit();
  });
}

test('rules that are read again', async (t) => {
  if (!requireLive(t, ['vsftpd', 'python3', ...gatewayPrograms()])) return;
  await withLab('lt-reload', {}, async (lab) => {
    const client = await Agent.start(lab, 'client');
    const server = await Agent.start(lab, 'server');
    try {
      const stage = { lab, client, server };
      await t.test('during a transfer; broken files', () => duringTransfer(stage));
      await t.test('with other FTP ports', () => ftpPorts(stage));
    } finally {
      await client.stop();
      await server.stop();
    }
  });
});
