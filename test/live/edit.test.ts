/** Rules of a running gateway changed by command, while files pass: iptables, restore, apply. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Agent } from './agent.ts';
import { type Daemon, ruleFile, withDaemon } from './daemon.ts';
import { assertCarried } from './datapath.ts';
import { bigChecksum, FtpSession, serverAddress } from './ftp-session.ts';
import { gatewayPrograms } from './gateways.ts';
import { type Lab, requireLive, withLab } from './harness.ts';
import { ftpFilter } from './rule-texts.ts';
import { untilTrue } from './until.ts';

interface Stage {
  readonly lab: Lab;
  readonly client: Agent;
}

const established = '-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT';
const reject = [
  'FORWARD',
  '-p',
  'tcp',
  '--dport',
  '7777',
  '-j',
  'REJECT',
  '--reject-with',
  'tcp-reset',
];

/** How a new connection to a port that nobody forwards ends: unheard, or refused by a rule. */
const attempt = (client: Agent) =>
  client.codeOf(client.connect(serverAddress, 7777, { timeout: 0.3 }));

async function packetsOf(daemon: Daemon, rule: string): Promise<number> {
  const saved = await daemon.show('iptables-save', '-c', '-t', 'filter');
  const line = saved.split('\n').find((text) => text.endsWith(rule));
  return Number(/^\[(\d+):/.exec(line ?? '')?.[1] ?? -1);
}

async function duringTransfer({ lab, client }: Stage): Promise<void> {
  await withDaemon(lab, ftpFilter(), {}, async (daemon) => {
    const session = await FtpSession.open(client);
    const data = await session.beginDownload('PASV', '/pub/big.bin', 8_192);
    const { id } = await daemon.inState(data.port, 'ESTABLISHED');
    const before = await packetsOf(daemon, established);
    assert.ok(before > 10);
    assert.equal(await attempt(client), 'TIMEOUT');

    await daemon.show('iptables', '-I', ...reject);
    assert.equal(await attempt(client), 'ECONNREFUSED');
    assert.equal(await daemon.show('iptables', '-C', ...reject), '');
    assert.ok((await packetsOf(daemon, established)) >= before, 'counters go on');
    const refused = await daemon.cli('iptables', '-A', 'FORWARD', '-j', 'NOWHERE');
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /Couldn't load target `NOWHERE'/);
    await daemon.show('iptables', '-D', ...reject);
    assert.equal(await attempt(client), 'TIMEOUT');

    const path = ruleFile(lab, `*filter\n-I ${reject.join(' ')}\nCOMMIT\n`, 'more.rules');
    await daemon.show('iptables-restore', '-n', path);
    assert.equal(await attempt(client), 'ECONNREFUSED');

    assert.equal((await session.endDownload(data)).sha256, bigChecksum(lab));
    assert.equal((await daemon.inState(data.port, 'TIME_WAIT')).id, id);
    await session.download('PORT', lab);
    await session.quit();
    await assertCarried(daemon.socket);

    daemon.signal('SIGHUP');
    await daemon.logged(/rules re-read/);
    assert.equal(await attempt(client), 'TIMEOUT', 'the files rule again');
  });
}

async function onTrial({ lab, client }: Stage): Promise<void> {
  await withDaemon(lab, ftpFilter(), {}, async (daemon) => {
    const before = await daemon.show('iptables', '-S');
    const closed = ruleFile(lab, '*filter\n:FORWARD DROP [0:0]\nCOMMIT\n', 'closed.rules');
    const session = await FtpSession.open(client);
    const trial = daemon.cli('apply', closed, '--confirm', '2');
    await daemon.logged(/rules applied: \S*closed\.rules, on trial for 2 s/);
    const edit = await daemon.cli('iptables', '-F');
    assert.equal(edit.code, 1);
    assert.match(edit.stderr, /wait to be confirmed/);
    daemon.signal('SIGHUP');
    await daemon.logged(/rules not re-read: .*wait to be confirmed/);
    const { code, stderr } = await trial;
    assert.equal(code, 1, stderr);
    assert.match(stderr, /the old rules are back/);
    assert.equal(await daemon.show('iptables', '-S'), before);
    await session.download('EPSV', lab);

    const open = ruleFile(lab, ftpFilter([`-A ${reject.join(' ')}`]), 'open.rules');
    const kept = daemon.cli('apply', open, '--confirm', '30');
    await untilTrue('the new rules', async () => (await attempt(client)) === 'ECONNREFUSED');
    await daemon.show('apply', '--confirmed');
    assert.equal((await kept).code, 0);
    assert.equal(await attempt(client), 'ECONNREFUSED');
    await session.download('PASV', lab);
    await session.quit();
    await assertCarried(daemon.socket);
  });
}

test('rules of a running gateway, changed by command', async (t) => {
  if (!requireLive(t, ['vsftpd', 'python3', ...gatewayPrograms()])) return;
  await withLab('lt-edit', {}, async (lab) => {
    const client = await Agent.start(lab, 'client');
    try {
      await t.test('during a transfer', () => duringTransfer({ lab, client }));
      await t.test('on trial', () => onTrial({ lab, client }));
    } finally {
      await client.stop();
    }
  });
});
