/**
 * `pinhole conntrack` against a running gateway, with an FTP session held at the moments that
 * matter. The expected lines are those that conntrack 1.4.7 printed for the same session through the
 * kernel's helper, with what differs from run to run masked.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Agent } from './agent.ts';
import { type Daemon, withDaemon } from './daemon.ts';
import { EventReader } from './event-reader.ts';
import { FtpSession, serverAddress } from './ftp-session.ts';
import { gatewayPrograms } from './gateways.ts';
import { type Lab, pinholeMain, requireLive, run, withLab } from './harness.ts';
import { ftpFilter, masquerade } from './rule-texts.ts';
import { untilTrue } from './until.ts';

interface Stage {
  readonly lab: Lab;
  readonly agent: Agent;
}

interface Shown {
  readonly lines: readonly string[];
  readonly summary: string;
  readonly code: number | null;
}

/** Ports that are chosen at random, seconds left, and counters. */
function masked(line: string): string {
  return line
    .replace(/\b([sd]port)=(?!65535)\d{4,5}\b/g, '$1=P')
    .replace(/\b(packets|bytes)=\d+/g, '$1=N')
    .replace(/^(tcp +6|udp +17) \d+ /, '$1 T ')
    .replace(/^(\[DESTROY\] tcp +6) \d+ /, '$1 T ')
    .replace(/^( +\[NEW\] |\[DESTROY\] )?(29\d|300) proto/, '$1T proto');
}

async function conntrack(daemon: Daemon, ...argv: string[]): Promise<Shown> {
  const { stdout, stderr, code } = await daemon.cli('conntrack', ...argv);
  // A listing has no order, with the kernel neither.
  const lines = stdout.split('\n').slice(0, -1).map(masked).sort();
  return {
    lines,
    summary: stderr.replace('conntrack v1.4.7 (conntrack-tools): ', '').trim(),
    code,
  };
}

const listed = (count: number) => `${count} flow entries have been shown.`;
const expected = (count: number) => `${count} expectations have been shown.`;

// --- the lines -----------------------------------------------------------------------------------

const there = 'src=192.168.77.10 dst=203.0.113.21';
const back = 'src=203.0.113.21 dst=192.168.77.10';
/** The answer as the server sends it under MASQUERADE. */
const backOutside = 'src=203.0.113.21 dst=203.0.113.1';
const counted = 'packets=N bytes=N';

const controlLine = (use: number, reply = back) =>
  `tcp      6 T ESTABLISHED ${there} sport=P dport=21 ${counted} ` +
  `${reply} sport=21 dport=P ${counted} [ASSURED] mark=0 helper=ftp use=${use}`;
const passiveLine =
  `tcp      6 T ESTABLISHED ${there} sport=P dport=P ${counted} ` +
  `${back} sport=P dport=P ${counted} [ASSURED] mark=0 use=1`;
const activeLine =
  `tcp      6 T ESTABLISHED ${backOutside} sport=20 dport=P ${counted} ` +
  `src=192.168.77.10 dst=203.0.113.21 sport=P dport=20 ${counted} [ASSURED] mark=0 use=1`;
const expectLine = (ends: string) =>
  `T proto=6 ${ends} sport=0 dport=P mask-src=255.255.255.255 mask-dst=255.255.255.255 ` +
  'sport=0 dport=65535 master-src=192.168.77.10 master-dst=203.0.113.21 sport=P dport=21 ' +
  'class=0 helper=ftp';

/** The life of a connection as events; timeouts are not masked here. */
function lifeOf(first: string, reply: string, helper: string): string[] {
  const update = (seconds: number, state: string, more = '') =>
    ` [UPDATE] tcp      6 ${seconds} ${state} ${first} ${reply}${more}${helper}`;
  return [
    `    [NEW] tcp      6 120 SYN_SENT ${first} [UNREPLIED] ${reply}${helper}`,
    update(60, 'SYN_RECV'),
    update(432_000, 'ESTABLISHED', ' [ASSURED]'),
    update(120, 'FIN_WAIT', ' [ASSURED]'),
    update(30, 'LAST_ACK', ' [ASSURED]'),
    update(120, 'TIME_WAIT', ' [ASSURED]'),
  ];
}

const controlLife = lifeOf(`${there} sport=P dport=21`, `${back} sport=21 dport=P`, ' helper=ftp');
const dataLife = lifeOf(`${there} sport=P dport=P`, `${back} sport=P dport=P`, '');

// --- a passive session, routed -------------------------------------------------------------------

/** Makes an entry of its own each time. */
function stir(agent: Agent): () => Promise<unknown> {
  let port = 4_000;
  return async () => {
    const socket = await agent.udp({});
    port += 1;
    await agent.sendTo(socket, serverAddress, port, 'x');
    await agent.close(socket);
  };
}

/** Whether the end that closed first got its ACK before the other's FIN is up to the scheduler. */
function tcpEvents(reader: EventReader): string[] {
  const lines = reader.lines().filter((line) => / tcp /.test(line) && !/CLOSE_WAIT/.test(line));
  return lines.map(masked);
}

async function passiveSession(daemon: Daemon, agent: Agent): Promise<void> {
  const events = await EventReader.start(daemon, [], stir(agent));
  const again = await EventReader.start(daemon, ['-p', 'tcp', '-e', 'DESTROY'], async () => {
    const session = await FtpSession.open(agent);
    await agent.reset(session.control);
    await daemon.show('conntrack', '-D', '-p', 'tcp');
  });
  await daemon.show('conntrack', '-F');
  await untilTrue('quiet', async () => (await daemon.connections()).length === 0);
  const before = tcpEvents(events).length;

  const session = await FtpSession.open(agent);
  assert.deepEqual(await conntrack(daemon, '-L'), {
    lines: [controlLine(1)],
    summary: listed(1),
    code: 0,
  });
  const none = { lines: [], summary: expected(0), code: 0 };
  assert.deepEqual(await conntrack(daemon, '-L', 'expect'), none);

  const { host, port } = await session.passive('PASV');
  const [list, count, expectations] = await Promise.all([
    conntrack(daemon, '-L', 'expect'),
    conntrack(daemon, '-C', 'expect'),
    daemon.expectations(),
  ]);
  assert.deepEqual(list, { lines: [expectLine(there)], summary: expected(1), code: 0 });
  assert.deepEqual(count, { lines: ['1'], summary: '', code: 0 });
  assert.equal(expectations[0]?.dport, port);

  await session.send('RETR /pub/big.bin');
  const data = await agent.connect(host, port, { receiveBuffer: 8_192 });
  assert.match(await session.reply(), /^150 /);
  await daemon.inState(data.port, 'ESTABLISHED');
  await whileHeld(daemon, session.control.port);
  await session.endDownload(data);
  await daemon.inState(data.port, 'TIME_WAIT');
  await session.quit();
  await daemon.inState(session.control.port, 'TIME_WAIT');

  const life = [...controlLife.slice(0, 3), ...dataLife, ...controlLife.slice(3)];
  await untilTrue('all events', () => tcpEvents(events).length >= before + life.length);
  assert.deepEqual(tcpEvents(events).slice(before), life);
  await deleteAndFlush(daemon, again);
  assert.equal(await events.stop(), 0);
  assert.match(
    events.text(),
    /conntrack v1\.4\.7 \(conntrack-tools\): \d+ flow events have been shown\.\n$/,
  );
}

async function whileHeld(daemon: Daemon, port: number): Promise<void> {
  const ends = ['-s', '192.168.77.10', '-d', '203.0.113.21'];
  const get = (sport: number) =>
    conntrack(daemon, '-G', '-p', 'tcp', ...ends, '--sport', `${sport}`, '--dport', '21');
  const [all, both, found, missing, dataOnly, count, stats, none] = await Promise.all([
    conntrack(daemon, '-L'),
    conntrack(daemon, '-L', '-p', 'tcp', '-u', 'ASSURED', '-o', 'extended'),
    get(port),
    get(1),
    conntrack(daemon, '-L', '-p', 'tcp', '--state', 'ESTABLISHED', '-m', '0'),
    conntrack(daemon, '-C'),
    conntrack(daemon, '-S'),
    conntrack(daemon, '-L', 'expect'),
  ]);
  assert.deepEqual(all, { lines: [controlLine(2), passiveLine], summary: listed(2), code: 0 });
  assert.deepEqual(both.lines.map((line) => masked(line.replace(/^ipv4 {5}2 /, ''))).sort(), [
    controlLine(2),
    passiveLine,
  ]);
  // Who asks for one entry holds it meanwhile, and counts among its users.
  assert.deepEqual(found, { lines: [controlLine(3)], summary: listed(1), code: 0 });
  const why = "Operation failed: such conntrack doesn't exist";
  assert.deepEqual(missing, { lines: [], summary: why, code: 1 });
  assert.equal(dataOnly.lines.length, 2);
  assert.deepEqual(count, { lines: ['2'], summary: '', code: 0 });
  assert.equal(stats.lines.length, 1);
  const columns =
    'found invalid insert insert_failed drop early_drop error search_restart clash_resolve chaintoolong';
  const pattern = columns.split(' ').map((name) => `${name}=\\d+`);
  assert.match(stats.lines[0] ?? '', new RegExp(`^cpu=0 {3}\\t${pattern.join(' ')} $`));
  assert.deepEqual(none, { lines: [], summary: expected(0), code: 0 });
}

async function deleteAndFlush(daemon: Daemon, deaths: EventReader): Promise<void> {
  const argv = ['-D', '-p', 'tcp', '--dport', '21'];
  const deleted = await conntrack(daemon, ...argv);
  const timeWait = controlLine(2).replace('ESTABLISHED', 'TIME_WAIT');
  const one = '1 flow entries have been deleted.';
  assert.deepEqual(deleted, { lines: [timeWait], summary: one, code: 0 });
  const nothing = { lines: [], summary: '0 flow entries have been deleted.', code: 1 };
  assert.deepEqual(await conntrack(daemon, ...argv), nothing);
  const destroyed = `${there} sport=P dport=21 ${counted} ${back} sport=21 dport=P ${counted}`;
  const line = `[DESTROY] tcp      6 T TIME_WAIT ${destroyed} [ASSURED]`;
  const shown = () => deaths.lines().map(masked);
  await untilTrue('its DESTROY', () => shown().some((text) => text.startsWith(line)));
  assert.equal(await deaths.stop(), 0);
  const emptied = 'connection tracking table has been emptied.';
  assert.deepEqual(await conntrack(daemon, '-F'), { lines: [], summary: emptied, code: 0 });
  assert.deepEqual(await conntrack(daemon, '-L'), { lines: [], summary: listed(0), code: 0 });
}

// --- an active session through MASQUERADE --------------------------------------------------------

async function activeSession(daemon: Daemon, agent: Agent): Promise<void> {
  const other = await FtpSession.open(agent);
  const events = await EventReader.start(daemon, ['expect'], () => other.passive('EPSV'));
  await agent.reset(other.control);
  await daemon.show('conntrack', '-F');
  await untilTrue('no expectation', async () => (await daemon.expectations()).length === 0);
  // Those of the other session are gone by then, and their events told.
  await events.shows(/^\[DESTROY\]/);
  const before = events.lines().length;

  const session = await FtpSession.open(agent);
  const listener = await session.announce('PORT');
  assert.match(await session.reply(), /^200 /);
  const line = expectLine(backOutside);
  assert.deepEqual((await conntrack(daemon, '-L', 'expect')).lines, [line]);
  await session.send('RETR /pub/big.bin');
  const data = await agent.accept(listener);
  assert.match(await session.reply(), /^150 /);
  const lines = [controlLine(2, backOutside), activeLine];
  const held = async () => (await conntrack(daemon, '-L')).lines;
  await untilTrue('the data connection', async () => (await held()).includes(activeLine));
  assert.deepEqual(await held(), lines);
  assert.deepEqual((await conntrack(daemon, '-L', '--src-nat')).lines, [lines[0]]);
  assert.deepEqual((await conntrack(daemon, '-L', '--dst-nat')).lines, [lines[1]]);
  await session.endDownload(data);

  await daemon.show('conntrack', '-F', 'expect');
  await session.quit();
  const told = () => events.lines().slice(before);
  await untilTrue('its end', () => told().some((text) => text.startsWith('[DESTROY]')));
  assert.deepEqual(told().map(masked), [`    [NEW] ${line}`, `[DESTROY] ${line}`]);
  assert.equal(await events.stop(), 0);
}

// --- what goes wrong -----------------------------------------------------------------------------

async function withoutGateway({ lab }: Stage): Promise<void> {
  const socket = `${lab.runDir}/nobody.sock`;
  const words = [
    ['conntrack', '-L'],
    ['conntrack', '-E'],
    ['iptables', '-S'],
    ['ip6tables-save', '-c'],
  ] as const;
  await Promise.all(
    words.map(async ([command, option]) => {
      const argv = ['node', pinholeMain, command, '--socket', socket, option];
      const { code, stdout, stderr } = await run(argv);
      const message = `pinhole: cannot reach the gateway at ${socket}: is "pinhole run" running?\n`;
      assert.deepEqual({ code, stdout, stderr }, { code: 4, stdout: '', stderr: message });
    }),
  );
}

async function gatewayLeaves({ lab, agent }: Stage): Promise<void> {
  await withDaemon(lab, ftpFilter(['-A FORWARD -p udp -j ACCEPT']), {}, async (daemon) => {
    const reader = await EventReader.start(daemon, [], stir(agent));
    await daemon.stop();
    assert.equal(await reader.stop(), 1);
    assert.match(reader.text(), /pinhole: the gateway closed the connection\n/);
  });
}

test('pinhole conntrack against a running gateway', async (t) => {
  if (!requireLive(t, ['vsftpd', 'python3', ...gatewayPrograms()])) return;
  await withLab('lt-cli', {}, async (lab) => {
    const agent = await Agent.start(lab, 'client');
    try {
      const rules = ftpFilter(['-A FORWARD -p udp -j ACCEPT']);
      await t.test('a passive session, routed', () =>
        withDaemon(lab, rules, {}, (daemon) => passiveSession(daemon, agent)),
      );
      await t.test('an active session through MASQUERADE', () =>
        withDaemon(lab, rules + masquerade, {}, (daemon) => activeSession(daemon, agent)),
      );
      await t.test('no gateway', () => withoutGateway({ lab, agent }));
      await t.test('a gateway that ends', () => gatewayLeaves({ lab, agent }));
    } finally {
      await agent.stop();
    }
  });
});
