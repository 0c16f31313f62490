/** What the commands of `pinhole conntrack` that change entries do to packets on the wire. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Agent, type Socket } from './agent.ts';
import { type Daemon, withDaemon } from './daemon.ts';
import { clientAddress, serverAddress } from './ftp-session.ts';
import { gatewayPrograms } from './gateways.ts';
import { type Lab, pinholeMain, requireLive, run, withLab } from './harness.ts';
import { untilTrue } from './until.ts';

interface Stage {
  readonly lab: Lab;
  readonly client: Agent;
  readonly server: Agent;
}

const ends = ['-s', clientAddress, '-d', serverAddress] as const;
const secondsOf = (line: string) => Number(/^\w+ +\d+ (\d+) /.exec(line)?.[1] ?? Number.NaN);

// --- entries and their packets -------------------------------------------------------------------

/** Only what is ESTABLISHED passes, and no packet of mark 7. */
const establishedOnly = `*filter
:FORWARD DROP [0:0]
-A FORWARD -m connmark --mark 0x7 -j DROP
-A FORWARD -m connlabel --label 40 -j DROP
-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT
-A FORWARD -p tcp -m conntrack --ctstate NEW -j ACCEPT
COMMIT
`;

class Datagrams {
  private readonly stage: Stage;
  private readonly from: Socket;
  private readonly at: Socket;
  private sent = 0;

  private constructor(stage: Stage, from: Socket, at: Socket) {
    this.stage = stage;
    this.from = from;
    this.at = at;
  }

  static async open(stage: Stage): Promise<Datagrams> {
    const at = await stage.server.udp({ from: serverAddress, fromPort: 5_000 });
    const from = await stage.client.udp({ from: clientAddress, fromPort: 6_000 });
    return new Datagrams(stage, from, at);
  }

  /** Whether a datagram arrives. */
  async arrives(): Promise<boolean> {
    const { client, server } = this.stage;
    const text = `datagram ${++this.sent}`;
    await client.sendTo(this.from, serverAddress, 5_000, text);
    try {
      assert.equal((await server.receive(this.at, 0.3)).text, text);
      return true;
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'TIMEOUT') return false;
      throw error;
    }
  }
}

async function changeDatagrams(stage: Stage, daemon: Daemon): Promise<void> {
  const change = (...words: string[]) => daemon.show('conntrack', ...words);
  const datagrams = await Datagrams.open(stage);
  const flow = [...ends, '-p', 'udp', '--sport', '6000', '--dport', '5000'];
  assert.equal(await datagrams.arrives(), false, 'it is NEW, and dropped');
  await change('-I', ...flow, '-t', '60', '-u', 'SEEN_REPLY');
  assert.equal(await datagrams.arrives(), true, 'an entry with SEEN_REPLY is ESTABLISHED');
  const again = await daemon.cli('conntrack', '-I', ...flow, '-t', '60');
  assert.match(again.stderr, /Such conntrack exists, try -U to update/);
  await change('-A', ...flow, '-t', '60');
  await change('-U', ...flow, '-m', '7');
  assert.equal(await datagrams.arrives(), false, 'mark 7 is dropped');
  await change('-U', ...flow, '-m', '0');
  assert.equal(await datagrams.arrives(), true);
  await changeLabel(stage.lab, daemon, flow, datagrams);
  assert.match(await change('-G', ...flow), / mark=0 /);
  await change('-U', ...flow, '-t', '1');
  const isGone = async () => (await daemon.cli('conntrack', '-G', ...flow)).code === 1;
  await untilTrue('the entry to expire', isGone);
  assert.equal(await datagrams.arrives(), false, 'NEW again');
}

/** Runs the command where there is a file of label names; the test's own, which nobody else sees. */
async function changeLabel(
  lab: Lab,
  daemon: Daemon,
  flow: readonly string[],
  datagrams: Datagrams,
): Promise<void> {
  const names = join(lab.runDir, 'connlabel.conf');
  writeFileSync(names, '40 shut\n');
  const prepare =
    'mount -t tmpfs none /etc && mkdir /etc/xtables && cp "$0" /etc/xtables/ && exec "$@"';
  const labelled = async (...words: string[]) => {
    const command = ['node', pinholeMain, 'conntrack', '--socket', daemon.socket, ...words];
    const result = await run(['unshare', '--mount', 'sh', '-c', prepare, names, ...command]);
    assert.equal(result.code, 0, result.stderr);
    return result.stdout;
  };
  await labelled('-U', ...flow, '--label-add', 'shut');
  assert.equal(await datagrams.arrives(), false, 'label 40 is dropped');
  assert.match(await labelled('-L', '-l', 'shut', '-o', 'labels'), / labels=shut\n/);
  await labelled('-U', ...flow, '--label-del', 'shut');
  assert.equal(await datagrams.arrives(), true);
}

async function deleteConnection({ client, server }: Stage, daemon: Daemon): Promise<void> {
  const listener = await server.listen({ from: serverAddress, fromPort: 5_001 });
  const socket = await client.connect(serverAddress, 5_001);
  const accepted = await server.accept(listener);
  const flow = [...ends, '-p', 'tcp', '--sport', `${socket.port}`, '--dport', '5001'];
  const talk = async (text: string) => {
    await client.send(socket, `${text}\n`);
    assert.equal(await server.line(accepted), text);
    await server.send(accepted, `${text}\n`);
    assert.equal(await client.line(socket), text);
  };
  await talk('one');
  await daemon.show('conntrack', '-U', ...flow, '-t', '1000');
  const shortened = secondsOf(await daemon.show('conntrack', '-G', ...flow));
  assert.ok(shortened > 990 && shortened <= 1_000, `${shortened} s left after -U -t 1000`);
  await daemon.show('conntrack', '-D', ...flow);
  assert.equal((await daemon.cli('conntrack', '-G', ...flow)).code, 1);
  await talk('picked up in mid-stream');
  const { state, orig } = await daemon.inState(socket.port, 'ESTABLISHED');
  assert.deepEqual([state, orig.dport], ['ESTABLISHED', 5_001]);

  const loose = 'net.netfilter.nf_conntrack_tcp_loose';
  await daemon.show('sysctl', '-w', `${loose}=0`);
  await daemon.show('conntrack', '-F');
  await client.send(socket, 'lost\n');
  assert.equal(await server.codeOf(server.line(accepted, 0.5)), 'TIMEOUT', 'without tcp_loose');
  await daemon.show('sysctl', '-w', `${loose}=1`);
  assert.equal(await server.line(accepted), 'lost', 'sent again by the client');
}

async function withStage(
  name: string,
  act: (stage: Stage, daemon: Daemon) => Promise<void>,
): Promise<void> {
  await withLab(name, { ftpd: false }, async (lab) => {
    const [client, server] = [await Agent.start(lab, 'client'), await Agent.start(lab, 'server')];
    try {
      const stage = { lab, client, server };
      await withDaemon(lab, establishedOnly, {}, (daemon) => act(stage, daemon));
    } finally {
      await client.stop();
      await server.stop();
    }
  });
}

const programs = ['python3', 'unshare', ...gatewayPrograms()];

test('an entry that is made, marked and labelled decides what passes', async (t) => {
  if (requireLive(t, programs)) await withStage('p4l-entry', changeDatagrams);
});

test('a connection that is deleted is picked up again', async (t) => {
  if (requireLive(t, programs)) await withStage('p4l-delete', deleteConnection);
});
