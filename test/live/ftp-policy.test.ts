/**
 * Directives of a rule file in a running gateway, in front of real servers: what is refused is
 * refused by the server itself, and the session goes on. And FTPS, with and without a passive range.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Agent } from './agent.ts';
import { type Daemon, ruleFile, withDaemon } from './daemon.ts';
import { announcement, clientAddress, FtpSession, serverAddress } from './ftp-session.ts';
import { gatewayPrograms } from './gateways.ts';
import {
  type Background,
  type Lab,
  mustRunIn,
  type RunResult,
  requireLive,
  run,
  runIn,
  startIn,
  withLab,
} from './harness.ts';
import { ftpFilter, natTable } from './rule-texts.ts';

/** A second address of the client's host: another host, for all that the gateway knows. */
const friend = '192.168.77.11';
/** The gateway's own address inside, which leads to the second server. */
const publicAddress = '192.168.77.1';
const SECOND_PORT = 2121;
const range = 'passive-range=51000:51020';

const policy = [
  '# pinhole: ftp deny=DELE,SITE banner="Welcome." mask-syst=yes',
  `# pinhole: ftp server=${serverAddress} upload=no deny-file="*.bin"`,
  '# pinhole: ftp rule="second" upload=yes deny-file=none',
];

/** The rules, under these directives. The second server's helper comes from a rule of its own. */
function rules(directives: readonly string[]): string {
  return [
    ...directives,
    '*raw',
    '-A PREROUTING -p tcp --dport 21 -j CT --helper ftp',
    `-A PREROUTING -p tcp --dport ${SECOND_PORT} -m comment --comment "second" -j CT --helper ftp`,
    'COMMIT',
    natTable(
      `-A PREROUTING -i lan0 -d ${publicAddress} -p tcp --dport ${SECOND_PORT} -j DNAT --to-destination ${serverAddress}`,
    ) +
      ftpFilter([
        `-A FORWARD -p tcp -m tcp --dport ${SECOND_PORT} -m conntrack --ctstate NEW -j ACCEPT`,
      ]),
  ].join('\n');
}

interface Scene {
  readonly lab: Lab;
  readonly daemon: Daemon;
  readonly client: Agent;
}

/** The server's end of everything anonymous may write. */
function incoming(lab: Lab, name: string): string {
  return join(lab.runDir, 'server', 'ftp', 'pub', 'incoming', name);
}

/** vsftpd with a certificate of its own making, that lets clients announce third parties, too. */
async function startSecond(lab: Lab): Promise<Background> {
  const dir = join(lab.runDir, 'second');
  const first = readFileSync(join(lab.runDir, 'server', 'vsftpd.conf'), 'utf8');
  mkdirSync(dir);
  const certificate = join(dir, 'server.pem');
  const request = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];
  const made = await run([
    ...['openssl', ...request, '-nodes', '-days', '2', '-subj', '/CN=pinhole-lab'],
    ...['-keyout', certificate, '-out', certificate],
  ]);
  assert.equal(made.code, 0, made.stderr);
  const changed = {
    ...{
      listen: 'YES',
      listen_ipv6: 'NO',
      listen_address: serverAddress,
      listen_port: SECOND_PORT,
    },
    ...{ pasv_min_port: 51_000, pasv_max_port: 51_020, port_promiscuous: 'YES' },
    ...{ connect_from_port_20: 'NO' },
    ...{ vsftpd_log_file: join(dir, 'vsftpd.log'), ssl_enable: 'YES', allow_anon_ssl: 'YES' },
    ...{ force_local_data_ssl: 'NO', force_local_logins_ssl: 'NO', require_ssl_reuse: 'NO' },
    ...{ ssl_tlsv1: 'YES', rsa_cert_file: certificate, rsa_private_key_file: certificate },
  };
  const kept = first.split('\n').filter((line) => !((line.split('=')[0] ?? '') in changed));
  const path = join(dir, 'vsftpd.conf');
  const lines = Object.entries(changed).map(([key, value]) => `${key}=${value}`);
  writeFileSync(path, [...kept, ...lines, ''].join('\n'));
  const isUp = `for i in $(seq 100); do ss -ltn | grep -q ':${SECOND_PORT} ' && break; sleep 0.05; done`;
  const script = `vsftpd "$1" & trap 'kill $!' TERM; ${isUp}; echo listening; wait`;
  return startIn(lab, 'server', ['sh', '-c', script, 'sh', path], /listening/);
}

/** curl, with what it printed of the dialogue in `stderr`. */
function curl(lab: Lab, ...argv: string[]): Promise<RunResult> {
  return runIn(lab, 'client', ['curl', '-q', '-sSv', '--max-time', '4', ...argv], {
    cwd: lab.runDir,
  });
}

function url(path: string, host: string = serverAddress, port = 21): string {
  return `ftp://${host}:${port}/${path}`;
}

async function reload(daemon: Daemon, lab: Lab, directives: readonly string[]): Promise<void> {
  ruleFile(lab, rules(directives));
  await daemon.ask((control) => control.request('reload', {}).done);
}

const scenes: Readonly<Record<string, (scene: Scene) => Promise<void>>> = {
  'a denied verb is answered by the server, and the session goes on': async ({ client }) => {
    const session = await FtpSession.open(client);
    for (const line of ['DELE pub/hello.txt', 'dele pub/hello.txt', 'SITE HELP']) {
      assert.match(await session.command(line), /^500 /, line);
    }
    assert.match(await session.command('SYST'), /^215 UNIX Type: L8$/);
    assert.match(await session.command('PWD'), /^257 /);
    await session.quit();
  },

  'the banner is another one': async ({ client, lab }) => {
    const socket = await client.connect(serverAddress, 21);
    assert.equal(await client.line(socket), '220 Welcome.');
    await client.close(socket);
    const { code, stderr } = await curl(lab, url('pub/hello.txt'));
    assert.equal(code, 0, stderr);
    assert.match(stderr, /^< 220 Welcome\.\r?$/m);
    assert.doesNotMatch(stderr, /vsFTPd/);
  },

  'uploads are refused where downloads work': async ({ lab }) => {
    const down = await curl(lab, url('pub/hello.txt'));
    assert.match(down.stdout, /^Hello from the server/);
    const upload = ['-T', 'rules.v4'];
    const up = await curl(lab, ...upload, url('pub/incoming/refused'));
    assert.notEqual(up.code, 0);
    assert.match(up.stderr, /^< 500 /m);
    assert.equal(existsSync(incoming(lab, 'refused')), false);
    const other = await curl(lab, ...upload, url('pub/incoming/taken', serverAddress, SECOND_PORT));
    assert.equal(other.code, 0, other.stderr);
    assert.equal(existsSync(incoming(lab, 'taken')), true, 'the narrower scope allows it');
  },

  'a file pattern': async ({ lab }) => {
    const denied = await curl(lab, '-o', '/dev/null', url('pub/big.bin'));
    assert.notEqual(denied.code, 0);
    const other = url('pub/big.bin', serverAddress, SECOND_PORT);
    const { code, stderr } = await curl(lab, '-o', 'again.bin', other);
    assert.equal(code, 0, stderr);
    const [again, big] = ['again.bin', 'big.bin'].map((name) =>
      readFileSync(join(lab.runDir, name)),
    );
    assert.ok(again!.equals(big!));
  },

  'nobody but anonymous, from the next line of a living session on': async (scene) => {
    const { client, daemon, lab } = scene;
    const socket = await client.connect(serverAddress, 21);
    const says = async (line: string) => {
      await client.send(socket, `${line}\r\n`);
      return client.line(socket);
    };
    await client.line(socket);
    assert.match(await says('USER root'), /^530 This FTP server is anonymous only/);
    await reload(daemon, lab, [...policy, '# pinhole: ftp anonymous=only']);
    // The server does not know XXXX, and wants a login before anything else.
    assert.match(await says('USER root'), /^530 Please login with USER and PASS/);
    assert.match(await says('USER anonymous'), /^230 /);
    await client.close(socket);
    await daemon.logged(/ftp: refused USER \(denied-command\)/);
  },

  'a third party, from when it is listed': async ({ client, daemon, lab }) => {
    const session = await FtpSession.open(client, { port: SECOND_PORT });
    const listener = await client.listen({ from: friend });
    const line = announcement('PORT', friend, listener.port);
    assert.match(await session.command(line), /^500 /);
    await reload(daemon, lab, [...policy, `# pinhole: ftp rule="second" third-party=${friend}`]);
    assert.match(await session.command(line), /^200 /);
    await session.send('RETR pub/hello.txt');
    const data = await client.accept(listener);
    assert.equal(data.peer, serverAddress);
    assert.match(await client.line(data), /^Hello from the server/);
    assert.match(await session.reply(), /^150 /);
    assert.match(await session.reply(), /^226 /);
    await client.close(data);
    await client.close(listener);
    await session.quit();
  },
};

const FTPS = ['--ssl-reqd', '-k'] as const;

const encrypted: Readonly<Record<string, (scene: Scene) => Promise<void>>> = {
  'a known passive range: FTPS passes, directly and under DNAT': async ({ daemon, lab }) => {
    await reload(daemon, lab, [`# pinhole: ftp rule="second" ${range}`]);
    for (const host of [serverAddress, publicAddress]) {
      const file = url('pub/big.bin', host, SECOND_PORT);
      const { code, stderr } = await curl(lab, ...FTPS, '-o', 'tls.bin', file);
      assert.equal(code, 0, stderr);
      assert.match(stderr, /^< 234 /m);
      const [tls, big] = ['tls.bin', 'big.bin'].map((name) => readFileSync(join(lab.runDir, name)));
      assert.ok(tls!.equals(big!), host);
    }
    await daemon.logged(/ftp: .* is encrypted .*TCP ports 51000:51020 of 203\.0\.113\.21/);
    assert.deepEqual(await daemon.expectations(), []);
  },

  'an unknown one: no data connection, and the log says what is missing': async (scene) => {
    const { daemon, lab } = scene;
    await reload(daemon, lab, []);
    const file = url('pub/hello.txt', serverAddress, SECOND_PORT);
    const { code, stderr } = await curl(lab, ...FTPS, '--max-time', '1.5', file);
    assert.equal(code, 28, stderr);
    assert.match(stderr, /^< 234 /m);
    const advice = `let ${clientAddress} connect to the passive ports of ${serverAddress}`;
    await daemon.logged(new RegExp(`${advice} by a rule, or say which they are: # pinhole: ftp`));
  },

  'refused: the client is told by the server, and goes on in the clear': async (scene) => {
    const { daemon, lab } = scene;
    await reload(daemon, lab, ['# pinhole: ftp auth-tls=reject']);
    const file = url('pub/hello.txt', publicAddress, SECOND_PORT);
    const plain = await curl(lab, '--ssl', '-k', file);
    assert.equal(plain.code, 0, plain.stderr);
    assert.match(plain.stdout, /^Hello from the server/);
    assert.equal((await curl(lab, ...FTPS, file)).code, 64, 'TLS was required');
  },
};

test('FTP policies and FTPS through a running gateway', async (t) => {
  if (!requireLive(t, ['python3', 'vsftpd', 'curl', 'openssl', 'ss', ...gatewayPrograms()])) return;
  await withLab('lt-pol', {}, async (lab) => {
    await mustRunIn(lab, 'client', ['ip', 'addr', 'add', `${friend}/24`, 'dev', 'eth0']);
    const second = await startSecond(lab);
    const client = await Agent.start(lab, 'client');
    try {
      await withDaemon(lab, rules(policy), {}, async (daemon) => {
        for (const [name, scene] of Object.entries({ ...scenes, ...encrypted })) {
          await t.test(name, () => scene({ lab, daemon, client }));
        }
      });
    } finally {
      await client.stop();
      await second.stop();
    }
  });
});
