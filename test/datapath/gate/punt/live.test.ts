/**
 * The slow path at real interfaces: three namespaces, the gate's program with all offloads on, the
 * real engine, and every packet through the rings.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { PuntStats } from '../../../../src/datapath/gate/punt/index.ts';
import { Machine } from '../program/machine.ts';

const opened = await Machine.open();
if (typeof opened !== 'string') opened.close();
const skip = typeof opened === 'string' ? `the gate's program: ${opened}` : false;

const rules = `*nat
-A OUTPUT -p udp --dport 9007 -j DNAT --to-destination 10.78.1.1
-A POSTROUTING -o p-s -j MASQUERADE
COMMIT
*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A FORWARD -m state --state ESTABLISHED,RELATED -j ACCEPT
-A FORWARD -i p-c -p tcp --dport 9000 -j ACCEPT
-A FORWARD -i p-c -p udp --dport 9000 -j ACCEPT
-A FORWARD -p tcp --dport 9002 -j REJECT --reject-with tcp-reset
-A INPUT -m state --state ESTABLISHED,RELATED -j ACCEPT
-A INPUT -i lo -j ACCEPT
-A INPUT -i p-c -p tcp --dport 9001 -j ACCEPT
-A OUTPUT -p tcp --dport 9003 -j REJECT --reject-with tcp-reset
COMMIT
`;

const name = (which: string): string => `pp-${process.pid}-${which}`;
const inside = (which: string): string[] => ['nsenter', `--net=/var/run/netns/${name(which)}`];

function run(...command: string[]): string {
  const stdio = ['ignore', 'pipe', 'pipe'] as ['ignore', 'pipe', 'pipe'];
  return execFileSync(command[0]!, command.slice(1), { encoding: 'utf8', stdio });
}

const echoServer = `
  const udp = require('dgram').createSocket('udp4').bind(9000, '10.78.2.2');
  udp.on('message', (data, from) => udp.send(data, from.port, from.address));
  require('net').createServer((s) => s.pipe(s)).listen(9000, '10.78.2.2', () => console.log('ready'))`;
/** The same with one datagram. */
const datagramClient = `
  const [host, port, length] = process.argv.slice(1);
  const sent = require('crypto').randomBytes(Number(length));
  const s = require('dgram').createSocket('udp4').on('message', (data) => {
    console.log(data.equals(sent) ? 'same' : 'differs'); process.exit(0); });
  s.send(sent, Number(port), host);
  setTimeout(() => { console.log('late'); process.exit(0); }, 1000);`;
/** Sends so many bytes, and exits with 0 where exactly they come back; prints an error's code. */
const echoClient = `
  const [host, port, length] = process.argv.slice(1);
  const sent = require('crypto').randomBytes(Number(length)), got = [];
  const s = require('net').connect({ host, port: Number(port) });
  s.on('error', (e) => { console.log(e.code); process.exit(0); });
  s.on('data', (d) => got.push(d)).on('end', () => {
    console.log(Buffer.concat(got).equals(sent) ? 'same' : 'differs'); process.exit(0); });
  s.end(sent);
  setTimeout(() => { console.log('late'); process.exit(0); }, 8000);`;

/** Sends random bytes to an echo server from a namespace: 'same', or what went wrong. */
function exchange(
  which: string,
  host: string,
  port: number,
  bytes: number,
  client = echoClient,
): string {
  const args = [host, String(port), String(bytes)];
  return run(...inside(which), process.execPath, '-e', client, ...args).trim();
}

function wire(): void {
  for (const which of ['c', 'g', 's']) {
    run('ip', 'netns', 'add', name(which));
    run(...inside(which), 'ip', 'link', 'set', 'lo', 'up');
  }
  const link = (which: string, net: number): void => {
    const peer = ['peer', 'name', 'eth0', 'netns', name(which)];
    run('ip', 'link', 'add', `p-${which}`, 'netns', name('g'), 'type', 'veth', ...peer);
    run(...inside('g'), 'ip', 'addr', 'add', `10.78.${net}.1/24`, 'dev', `p-${which}`);
    run(...inside(which), 'ip', 'addr', 'add', `10.78.${net}.2/24`, 'dev', 'eth0');
    run(...inside('g'), 'ip', 'link', 'set', `p-${which}`, 'up');
    run(...inside(which), 'ip', 'link', 'set', 'eth0', 'up');
    run(...inside(which), 'ip', 'route', 'add', 'default', 'via', `10.78.${net}.1`);
  };
  link('c', 1);
  link('s', 2);
  // A host that is not there, but known: what is sent to it costs nobody anything.
  const nobody = ['10.78.2.9', 'lladdr', '02:00:00:00:00:99', 'nud', 'permanent'];
  run(...inside('g'), 'ip', 'neigh', 'add', ...nobody, 'dev', 'p-s');
  // The kernel is to refuse what it can: nothing of this may depend on its leniency.
  const strict = ['ipv4.conf.all.rp_filter=1', 'ipv4.ip_forward=0', 'ipv4.conf.lo.accept_local=1'];
  const keys = strict.map((setting) => `net.${setting}`);
  run('ip', 'netns', 'exec', name('g'), 'sysctl', '-q', '-w', ...keys);
}

interface Told extends PuntStats {
  readonly drops: Readonly<Record<string, number>>;
  readonly failed: number;
  readonly program: Readonly<Record<string, number>>;
  readonly cpuMs: number;
  readonly longestGapMs: number;
}

describe('the slow path at real interfaces', { skip }, () => {
  const directory = mkdtempSync(join(tmpdir(), 'pinhole-punt-'));
  let server: ChildProcess | undefined;
  let gateway: ChildProcess | undefined;
  let lines: Interface;

  const started = async (which: string, ...command: string[]): Promise<ChildProcess> => {
    const [program, ...args] = [...inside(which), ...command];
    const child = spawn(program!, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    const [what] = await Promise.race([once(child.stdout!, 'data'), once(child, 'exit')]);
    if (!Buffer.isBuffer(what)) throw new Error(`${command.join(' ')}: exited with ${what}`);
    return child;
  };
  const tell = async (word: string): Promise<Told> => {
    gateway?.stdin?.write(`${word}\n`);
    const [line] = (await once(lines, 'line')) as [string];
    return JSON.parse(line) as Told;
  };

  // Where something fails on the way, namespaces and what runs in them must not stay.
  const takeDown = (): void => {
    server?.kill();
    gateway?.kill();
    for (const which of ['c', 'g', 's']) spawnSync('ip', ['netns', 'del', name(which)]);
  };

  before(async () => {
    process.once('exit', takeDown);
    wire();
    server = await started('s', process.execPath, '-e', echoServer);
    const script = fileURLToPath(new URL('live-gateway.js', import.meta.url));
    gateway = await started('g', process.execPath, script, join(directory, 'bpf'), rules);
    lines = createInterface({ input: gateway.stdout! });
  });
  after(async () => {
    try {
      await tell('end');
      await once(gateway!, 'exit');
    } finally {
      takeDown();
      rmSync(directory, { recursive: true, force: true });
    }
  });

  test('through it: super-frames cut, addresses translated, every byte', async () => {
    assert.equal(exchange('c', '10.78.2.2', 9000, 4 << 20), 'same');
    const told = await tell('counters');
    assert.ok(told.forwarded > 6000, `${told.forwarded} frames straight out`);
    assert.ok(told.viaPair > 0, 'the first ones through the pair: no neighbour was known');
    assert.deepEqual([told.faults, told.failed, told.program.badInstruction], [0, 0, 0]);
  });

  test('to the gateway and back, its own packets held on their way', async () => {
    assert.equal(exchange('c', '10.78.1.1', 9001, 1 << 20), 'same');
    const told = await tell('counters');
    assert.ok(told.delivered > 700, `${told.delivered} up`);
    assert.ok(told.observed > 700, `${told.observed} of its own`);
  });

  test('from the gateway', () => {
    assert.equal(exchange('g', '10.78.2.2', 9000, 1 << 20), 'same');
  });

  test('datagrams pass, those longer than the link in pieces, and what no rule allows does not', () => {
    for (const which of ['c', 'g']) {
      assert.equal(exchange(which, '10.78.2.2', 9000, 100, datagramClient), 'same', which);
      assert.equal(exchange(which, '10.78.2.2', 9000, 8000, datagramClient), 'same', which);
    }
    assert.equal(exchange('c', '10.78.2.2', 9005, 100, datagramClient), 'late');
  });

  test('turned back to the gateway by OUTPUT: up through lo', async () => {
    const listener = `const s = require('dgram').createSocket('udp4');
      s.bind(9007, '10.78.1.1', () => console.log('ready'));
      s.on('message', (data, from) => { console.log(data + ' ' + from.address); process.exit(0); });`;
    const child = await started('g', process.execPath, '-e', listener);
    const sender = `const s = require('dgram').createSocket('udp4');
      s.send('home', 9007, '10.78.2.2', () => s.close());`;
    run(...inside('g'), process.execPath, '-e', sender);
    const [text] = (await once(child.stdout!, 'data')) as [Buffer];
    assert.equal(text.toString(), 'home 10.78.2.1\n');
  });

  test('under a flood timers run, it answers, and strangers are lost in their ring', async () => {
    const mac = /ether (\S+)/.exec(run(...inside('g'), 'ip', 'link', 'show', 'dev', 'p-c'))![1]!;
    const before = await tell('counters');
    const script = fileURLToPath(new URL('live-flood.js', import.meta.url));
    const [program, ...args] = [...inside('c'), process.execPath, script, mac, '2000'];
    const flood = spawn(program!, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let worstMs = 0;
    const over = once(flood.stdout!, 'data');
    for (let asked = 0; asked < 20; asked++) {
      const from = performance.now();
      await tell('counters');
      worstMs = Math.max(worstMs, performance.now() - from);
    }
    const [sent] = (await over) as [Buffer];
    const told = await tell('counters');
    assert.ok(told.received - before.received > 5000, `${told.received} of ${sent}`);
    assert.ok(worstMs < 1000, `answered after ${worstMs} ms`);
    assert.equal(told.faults, 0);
    assert.equal(exchange('c', '10.78.2.2', 9000, 1 << 16), 'same', 'and it goes on');
  });

  test('rejected: the client hears it, and so does the gateway itself', () => {
    assert.equal(exchange('c', '10.78.2.2', 9002, 1), 'ECONNREFUSED');
    assert.equal(exchange('g', '10.78.2.2', 9003, 1), 'ECONNREFUSED');
  });
});
