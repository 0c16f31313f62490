/** `pinhole iptables` and its relatives against a running gateway, and the control socket itself. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, statSync } from 'node:fs';
import { createConnection } from 'node:net';
import { test } from 'node:test';
import { Agent } from './agent.ts';
import { type Daemon, withDaemon } from './daemon.ts';
import { FtpSession, secret, serverAddress } from './ftp-session.ts';
import { gatewayPrograms } from './gateways.ts';
import { pinholeMain, requireLive, run, withLab } from './harness.ts';
import { untilTrue } from './until.ts';
import { warmUp } from './warm-up.ts';

const rules = `*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A POSTROUTING -s 192.168.77.0/24 -o wan0 -j MASQUERADE
COMMIT
*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:LAN - [0:0]
-A INPUT -p udp -m udp --dport 9 -j DROP
-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT
-A FORWARD -m conntrack --ctstate RELATED -m helper --helper ftp -m comment --comment "FTP data" -j ACCEPT
-A FORWARD -i lan0 -j LAN
-A LAN -p tcp -m tcp --dport 21 -m conntrack --ctstate NEW -j ACCEPT
-A LAN -p udp -m udp --dport 4000:5000 -j ACCEPT
COMMIT
`;

/** Exactly this is sent: three datagrams to the gateway, two through it, one that nobody wants. */
async function sendCounted(daemon: Daemon, agent: Agent): Promise<void> {
  const socket = await agent.udp({});
  // 20 bytes of IP header, 8 of UDP, 10 of text: 38.
  for (let i = 0; i < 3; i++) await agent.sendTo(socket, '192.168.77.1', 9, '0123456789');
  await agent.sendTo(socket, serverAddress, 4_000, '0123456789');
  await agent.sendTo(socket, serverAddress, 4_001, '0123456789');
  await agent.sendTo(socket, serverAddress, 6_000, '0123456789');
  await agent.close(socket);
  let counters = '';
  await untilTrue(
    'the last datagram to be counted',
    async () => {
      counters = await daemon.show('iptables', '-L', 'FORWARD', '-n', '-v', '-x');
      return /policy DROP 1 packets/.test(counters);
    },
    5_000,
    () => counters,
  );
}

const list = `Chain INPUT (policy ACCEPT 0 packets, 0 bytes)
 pkts bytes target     prot opt in     out     source               destination         
    3   114 DROP       17   --  *      *       0.0.0.0/0            0.0.0.0/0            udp dpt:9

Chain FORWARD (policy DROP 1 packets, 38 bytes)
 pkts bytes target     prot opt in     out     source               destination         
    0     0 ACCEPT     0    --  *      *       0.0.0.0/0            0.0.0.0/0            ctstate ESTABLISHED
    0     0 ACCEPT     0    --  *      *       0.0.0.0/0            0.0.0.0/0            ctstate RELATED helper match "ftp" /* FTP data */
    3   114 LAN        0    --  lan0   *       0.0.0.0/0            0.0.0.0/0           

Chain OUTPUT (policy ACCEPT 0 packets, 0 bytes)
 pkts bytes target     prot opt in     out     source               destination         

Chain LAN (1 references)
 pkts bytes target     prot opt in     out     source               destination         
    0     0 ACCEPT     6    --  *      *       0.0.0.0/0            0.0.0.0/0            tcp dpt:21 ctstate NEW
    2    76 ACCEPT     17   --  *      *       0.0.0.0/0            0.0.0.0/0            udp dpts:4000:5000
`;

const specs = `-P INPUT ACCEPT
-P FORWARD DROP
-P OUTPUT ACCEPT
-N LAN
-A INPUT -p udp -m udp --dport 9 -j DROP
-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT
-A FORWARD -m conntrack --ctstate RELATED -m helper --helper ftp -m comment --comment "FTP data" -j ACCEPT
-A FORWARD -i lan0 -j LAN
-A LAN -p tcp -m tcp --dport 21 -m conntrack --ctstate NEW -j ACCEPT
-A LAN -p udp -m udp --dport 4000:5000 -j ACCEPT
`;

const saved = `*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [1:38]
:OUTPUT ACCEPT [0:0]
:LAN - [0:0]
[3:114] -A INPUT -p udp -m udp --dport 9 -j DROP
[0:0] -A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT
[0:0] -A FORWARD -m conntrack --ctstate RELATED -m helper --helper ftp -m comment --comment "FTP data" -j ACCEPT
[3:114] -A FORWARD -i lan0 -j LAN
[0:0] -A LAN -p tcp -m tcp --dport 21 -m conntrack --ctstate NEW -j ACCEPT
[2:76] -A LAN -p udp -m udp --dport 4000:5000 -j ACCEPT
COMMIT
`;

const natList = `Chain POSTROUTING (policy ACCEPT 0 packets, 0 bytes)
 pkts bytes target     prot opt in     out     source               destination         
    2    76 MASQUERADE  0    --  *      wan0    192.168.77.0/24      0.0.0.0/0           
`;

async function countsWhatWasSent(daemon: Daemon, client: Agent, server: Agent): Promise<void> {
  await warmUp(daemon, [
    [client, '192.168.77.1'],
    [server, '203.0.113.1'],
  ]);
  await daemon.show('conntrack', '-F');
  await daemon.show('iptables', '-Z');
  // Somebody listens, so that no ICMP error comes back to be counted.
  const listeners = [4_000, 4_001].map((fromPort) => server.udp({ from: serverAddress, fromPort }));
  await Promise.all(listeners);
  await sendCounted(daemon, client);
  const natChain = ['-t', 'nat', '-L', 'POSTROUTING', '-n', '-v'];
  const [listed, specified, savedText, nat, six] = await Promise.all([
    daemon.show('iptables', '-L', '-n', '-v'),
    daemon.show('iptables', '-S'),
    savedFilter(daemon),
    daemon.show('iptables', ...natChain),
    daemon.show('ip6tables', '-S'),
  ]);
  assert.equal(listed, list);
  assert.equal(specified, specs);
  assert.equal(savedText, saved);
  assert.equal(nat, natList);
  assert.equal(six, '-P INPUT ACCEPT\n-P FORWARD ACCEPT\n-P OUTPUT ACCEPT\n');

  const input = list.slice(0, list.indexOf('\nChain FORWARD'));
  const shownAndZeroed = await daemon.show('iptables', '-L', '-v', '-n', '-Z', 'INPUT');
  assert.equal(shownAndZeroed, `${input}Zeroing chain \`INPUT'\n`);
  const inputZeroed = saved.replace('[3:114] -A INPUT', '[0:0] -A INPUT');
  await daemon.show('ip6tables', '-Z');
  assert.equal(await savedFilter(daemon), inputZeroed);
  await daemon.show('iptables', '-Z', 'FORWARD', '3');
  assert.equal(await savedFilter(daemon), inputZeroed.replace('[3:114]', '[0:0]'));
  await daemon.show('iptables', '-Z');
  assert.doesNotMatch(await savedFilter(daemon), /\[[1-9]\d*:/);
  // Another table is another matter.
  assert.equal(await daemon.show('iptables', ...natChain), natList);
}

async function savedFilter(daemon: Daemon): Promise<string> {
  const text = await daemon.show('iptables-save', '-c', '-t', 'filter');
  return text.replace(/^#.*\n/gm, '');
}

async function saysWhatIsWrong(daemon: Daemon): Promise<void> {
  const version = 'v1.8.9 (legacy)';
  const hint = (name: string) => `Try \`${name} -h' or '${name} --help' for more information.\n`;
  const wrong = [
    [['iptables', '-L', 'NOWHERE'], 1, 'iptables: No chain/target/match by that name.\n'],
    [['iptables', '-Z', 'NOWHERE'], 1, 'iptables: No chain/target/match by that name.\n'],
    [['iptables', '-Z', 'INPUT', '2'], 1, 'iptables: Index of counter too big.\n'],
    [
      ['iptables', '-L', '-S'],
      2,
      `iptables ${version}: Cannot use -S with -L\n${hint('iptables')}`,
    ],
    [
      ['iptables', '-t', 'nowhere', '-L'],
      3,
      `iptables ${version}: can't initialize iptables table \`nowhere': Table does not exist (do you need to insmod?)\n` +
        'Perhaps iptables or your kernel needs to be upgraded.\n',
    ],
    [
      ['iptables-save', '-t', 'nowhere'],
      1,
      `iptables-save ${version}: Cannot initialize: Table does not exist (do you need to insmod?)\n`,
    ],
    [['iptables'], 2, `iptables ${version}: no command specified\n${hint('iptables')}`],
    [
      ['ip6tables', '-L', '-q'],
      2,
      `ip6tables ${version}: unknown option "-q"\n${hint('ip6tables')}`,
    ],
  ] as const;
  await Promise.all(
    wrong.map(async ([[command, ...rest], exitCode, message]) => {
      const { code, stdout, stderr } = await daemon.cli(command, ...rest);
      assert.deepEqual({ code, stdout, stderr }, { code: exitCode, stdout: '', stderr: message });
    }),
  );
}

// --- the control socket --------------------------------------------------------------------------

/** Sends bytes to the control socket; resolves to the answer once the gateway has hung up. */
async function sendBytes(path: string, bytes: string | Buffer): Promise<string> {
  const socket = createConnection(path);
  let answer = '';
  socket.on('data', (chunk) => {
    answer += String(chunk);
  });
  socket.on('error', () => undefined); // it hangs up while we still write
  socket.write(bytes);
  await new Promise((resolve) => socket.once('close', resolve));
  return answer;
}

async function standsGarbage(daemon: Daemon): Promise<void> {
  const { mode } = statSync(daemon.socket);
  assert.equal((mode & 0o777).toString(8), '600');
  const refusal = (code: string) => new RegExp(`^\\{"id":null,"error":\\{"code":"${code}"`);
  assert.match(await sendBytes(daemon.socket, 'GET / HTTP/1.0\r\n\r\n'), refusal('LINE_NOT_JSON'));
  assert.match(
    await sendBytes(daemon.socket, Buffer.from([0xff, 0x00, 0x0a])),
    refusal('LINE_NOT_JSON'),
  );
  assert.match(await sendBytes(daemon.socket, '{"id":"x","cmd":1}\n'), refusal('BAD_REQUEST'));
  const endless = await sendBytes(daemon.socket, 'x'.repeat(34 << 20));
  if (endless !== '') assert.match(endless, refusal('LINE_TOO_LONG'));
  const leaving = createConnection(daemon.socket).on('error', () => undefined);
  await once(leaving, 'connect');
  leaving.write('{"id":1,"cmd":"conntrack.events","args":{}}\n{"id":2,"cmd":"stat');
  leaving.destroy();
  const unknown = await unknownCommand(daemon.socket);
  assert.match(unknown, /"code":"UNKNOWN_COMMAND"/);
  assert.equal((await daemon.show('conntrack', '-C')).trim(), '0');
}

async function unknownCommand(path: string): Promise<string> {
  const socket = createConnection(path);
  socket.write('{"id":7,"cmd":"shutdown","args":{}}\n');
  const [answer] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  return String(answer);
}

const flows = 300;

/** Two listings of a filled table while a transfer runs, and one that stops reading. */
async function dumpsDuringTraffic(daemon: Daemon, agent: Agent): Promise<void> {
  const socket = await agent.udp({});
  for (let i = 0; i < flows; i++) await agent.sendTo(socket, serverAddress, 4_001 + i, 'x');
  const session = await FtpSession.open(agent);
  const transfer = session.download('PASV', daemon.lab);
  const list = () => daemon.show('conntrack', '-L', '-p', 'udp');
  const argv = `node ${pinholeMain} conntrack --socket ${daemon.socket} -L | head -n 1`;
  const [first, second, cut] = await Promise.all([
    list(),
    list(),
    run(['sh', '-c', argv]),
    transfer,
  ]);
  const ports = (text: string) =>
    text
      .split('\n')
      .slice(0, -1)
      .map((line) => / dport=(\d+) /.exec(line)?.[1])
      .sort();
  const all = Array.from({ length: flows }, (_, i) => `${4_001 + i}`);
  assert.deepEqual(ports(first), all);
  assert.deepEqual(ports(second), all);
  assert.equal(cut.stdout.split('\n').length, 2);
  assert.doesNotMatch(cut.stderr, /^\s+at /m, 'a closed pipe is no crash');
  await session.quit();
  await agent.close(socket);
  assert.ok(!daemon.log().includes(secret));
}

test('pinhole iptables and the control socket', async (t) => {
  if (!requireLive(t, ['vsftpd', 'python3', ...gatewayPrograms()])) return;
  await withLab('lt-screens', {}, async (lab) => {
    const agent = await Agent.start(lab, 'client');
    const server = await Agent.start(lab, 'server');
    try {
      await withDaemon(lab, rules, {}, async (daemon) => {
        await t.test('counters are what was sent', () => countsWhatWasSent(daemon, agent, server));
        await daemon.show('conntrack', '-F');
        await t.test('mistakes', () => saysWhatIsWrong(daemon));
        await t.test('garbage on the socket', () => standsGarbage(daemon));
        await t.test('listings during traffic', () => dumpsDuringTraffic(daemon, agent));
        await daemon.stop();
        assert.equal(existsSync(daemon.socket), false);
      });
    } finally {
      await agent.stop();
      await server.stop();
    }
  });
});
