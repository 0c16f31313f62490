/**
 * The program at real interfaces: three namespaces, a real TCP connection through it in both
 * directions with all offloads on (so super-frames and partial checksums), first taken over, then cut
 * by the punt pair and sent on by re-entry; and one with the gateway itself.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, afterEach, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Machine } from './machine.ts';

const opened = await Machine.open();
if (typeof opened !== 'string') opened.close();
const skip = typeof opened === 'string' ? `the gate's program: ${opened}` : false;

const name = (which: string): string => `pg-${process.pid}-${which}`;
const inside = (which: string): string[] => ['nsenter', `--net=/var/run/netns/${name(which)}`];
const run = (...command: string[]): string =>
  execFileSync(command[0]!, command.slice(1), {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });

const echoServer = `require('net').createServer((s) => s.pipe(s)).listen(9000, '10.77.2.2', () => console.log('ready'))`;
/** Sends so many bytes, and exits with 0 where exactly they come back. */
const echoClient = `
  const [host, port, local, length] = process.argv.slice(1);
  const sent = require('crypto').randomBytes(Number(length)), got = [];
  const s = require('net').connect({ host, port: Number(port), localPort: Number(local) });
  s.on('data', (d) => got.push(d)).on('end', () => process.exit(Buffer.concat(got).equals(sent) ? 0 : 3));
  s.end(sent);
  setTimeout(() => process.exit(4), 8000);`;

function wire(): void {
  for (const which of ['c', 'g', 's']) run('ip', 'netns', 'add', name(which));
  const link = (which: string, net: number): void => {
    const peer = ['peer', 'name', 'eth0', 'netns', name(which)];
    run('ip', 'link', 'add', `g-${which}`, 'netns', name('g'), 'type', 'veth', ...peer);
    run(...inside('g'), 'ip', 'addr', 'add', `10.77.${net}.1/24`, 'dev', `g-${which}`);
    run(...inside(which), 'ip', 'addr', 'add', `10.77.${net}.2/24`, 'dev', 'eth0');
    run(...inside('g'), 'ip', 'link', 'set', `g-${which}`, 'up');
    run(...inside(which), 'ip', 'link', 'set', 'eth0', 'up');
    run(...inside(which), 'ip', 'route', 'add', 'default', 'via', `10.77.${net}.1`);
  };
  link('c', 1);
  link('s', 2);
}

async function started(which: string, ...command: string[]): Promise<ChildProcess> {
  const [program, ...args] = [...inside(which), ...command];
  const child = spawn(program!, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const failed = once(child, 'exit').then(() => assert.fail(`${command.join(' ')}: ended at once`));
  await Promise.race([once(child.stdout!, 'data'), failed]);
  failed.catch(() => undefined);
  return child;
}

interface Told {
  readonly forwarded: number;
  readonly superFrames: number;
  readonly reentered: number;
  readonly badInstruction: number;
  readonly ringFull: number;
  readonly punted: number;
  readonly largest: number;
  readonly segments: number;
  readonly uids: readonly number[];
  readonly bytes: number;
}

describe('at real interfaces', { skip, timeout: 60_000 }, () => {
  const directory = mkdtempSync(join(tmpdir(), 'pinhole-program-'));
  let server: ChildProcess;
  let engine: ChildProcess;

  before(async () => {
    wire();
    server = await started('s', process.execPath, '-e', echoServer);
  });
  after(() => {
    server.kill();
    for (const which of ['c', 'g', 's']) run('ip', 'netns', 'del', name(which));
    rmSync(directory, { recursive: true, force: true });
  });
  // At the end of its input it takes everything down, also after a failure.
  afterEach(async () => {
    if (engine.exitCode !== null) return;
    engine.stdin!.end();
    await once(engine, 'exit');
  });

  const startEngine = async (mode: string): Promise<void> => {
    const script = fileURLToPath(new URL('live-engine.js', import.meta.url));
    engine = await started('g', process.execPath, script, join(directory, 'bpf'), mode);
  };
  const exchange = (host: string, port: number, local: number, bytes: number): void => {
    const args = [host, port, local, bytes].map(String);
    run(...inside('c'), process.execPath, '-e', echoClient, ...args);
  };
  const counters = async (): Promise<Told> => {
    const lines = createInterface({ input: engine.stdout! });
    engine.stdin!.end();
    const [[line]] = (await Promise.all([once(lines, 'line'), once(engine, 'exit')])) as [
      [string],
      unknown,
    ];
    return JSON.parse(line) as Told;
  };

  test('super-frames of a flow are forwarded whole, translated', async () => {
    await startEngine('taken');
    const length = 8 << 20;
    exchange('10.77.2.2', 9000, 40_000, length);
    const told = await counters();
    // All but what comes with the FINs.
    assert.ok(told.bytes > 1.9 * length, `${told.bytes} bytes`);
    // As many packets as frames on the wire would be 11,500.
    assert.ok(told.forwarded < 8000, `${told.forwarded} packets`);
    // SYNs and FINs, and what the kernel says by itself.
    assert.ok(told.punted >= 4 && told.punted < 200, `${told.punted} punted`);
    assert.deepEqual([told.badInstruction, told.ringFull], [0, 0]);
  });

  test('partial checksums, translated, are right when they are completed', async () => {
    // Without these offloads the kernel completes them on the way out, and the receiver looks.
    for (const device of ['g-c', 'g-s']) run(...inside('g'), 'ethtool', '-K', device, 'tx', 'off');
    await startEngine('taken');
    exchange('10.77.2.2', 9000, 40_000, 1 << 20);
    const told = await counters();
    assert.ok(told.forwarded > 100 && told.bytes > 1.9 * (1 << 20), `${told.bytes} bytes`);
  });

  test('super-frames for the engine are cut, and go on by re-entry', async () => {
    await startEngine('punted');
    exchange('10.77.2.2', 9000, 40_000, 1 << 20);
    const told = await counters();
    assert.ok(told.superFrames > 0 && told.segments > told.superFrames);
    assert.ok(told.largest <= 1514, `${told.largest} bytes`);
    assert.equal(told.forwarded, 0);
    assert.equal(told.badInstruction, 0);
  });

  test('to the gateway itself: up, and out again as its own', async () => {
    await startEngine('taken');
    exchange('10.77.1.1', 9001, 40_001, 1 << 20);
    const told = await counters();
    assert.ok(told.segments > 0 && told.reentered > told.segments);
    assert.ok(told.largest <= 1514, `${told.largest} bytes`);
    assert.deepEqual(told.badInstruction, 0);
    assert.ok(told.uids.includes(0), `owners: ${told.uids}`);
  });
});
