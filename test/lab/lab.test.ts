/** `scripts/lab` itself: several labs at once, and nothing left behind, crashes included. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type RunResult, repositoryRoot, requireLive, run } from '../live/harness.ts';

const script = join(repositoryRoot, 'scripts', 'lab');
const places = ['client', 'gateway', 'server'];

interface Bench {
  /** Runs `scripts/lab` with these arguments. */
  lab(...argv: string[]): Promise<RunResult>;
  /** As `lab`, but it has to succeed. */
  ok(...argv: string[]): Promise<string>;
  /** A lab name that no other run uses. */
  name(suffix: string): string;
  runDir(name: string): string;
  readonly tmp: string;
  readonly env: Record<string, string>;
}

/** A bench whose labs are taken down after the test; undefined when live tests cannot run. */
function bench(t: TestContext): Bench | undefined {
  if (!requireLive(t, ['vsftpd', 'curl'])) return undefined;
  const tmp = mkdtempSync(join(tmpdir(), 'pinhole-labtest-'));
  const env: Record<string, string> = { TMPDIR: tmp };
  const names = new Set<string>();
  const lab = (...argv: string[]) => run([script, ...argv], { env });
  t.after(async () => {
    for (const name of names) await lab('down', name);
    rmSync(tmp, { recursive: true });
  });
  return {
    lab,
    ok: async (...argv) => {
      const result = await lab(...argv);
      assert.equal(result.code, 0, `lab ${argv.join(' ')}: ${result.stderr}`);
      return result.stdout;
    },
    name: (suffix) => {
      const name = `t${process.pid}-${suffix}`;
      names.add(name);
      return name;
    },
    runDir: (name) => join(tmp, `pinhole-lab-${name}`),
    tmp,
    env,
  };
}

function namespaces(name: string): string[] {
  return places.filter((place) => existsSync(`/var/run/netns/ph-${name}-${place}`));
}

async function processes(name: string): Promise<string[]> {
  const pids: string[] = [];
  for (const place of namespaces(name)) {
    const listed = await run(['ip', 'netns', 'pids', `ph-${name}-${place}`]);
    pids.push(...listed.stdout.split('\n').filter((pid) => pid !== ''));
  }
  return pids;
}

/** Whether a process runs; one that nobody has waited for yet counts as ended. */
async function isRunning(pid: string): Promise<boolean> {
  const state = await run(['ps', '-o', 'stat=', '-p', pid]);
  return state.stdout !== '' && !state.stdout.startsWith('Z');
}

async function assertNothingLeft(b: Bench, name: string, pids: readonly string[]): Promise<void> {
  assert.deepEqual(namespaces(name), [], 'namespaces');
  assert.equal(existsSync(b.runDir(name)), false, 'run directory');
  for (const pid of pids) assert.equal(await isRunning(pid), false, `process ${pid}`);
  assert.doesNotMatch(await b.ok('list'), new RegExp(`^${name}\\b`, 'm'));
}

test('two labs stand at once, serve, and leave nothing', async (t) => {
  const b = bench(t);
  if (b === undefined) return;
  const [one, two] = [b.name('one'), b.name('two')];
  await Promise.all([b.ok('up', one), b.ok('up', two, '--inside-server')]);
  assert.deepEqual(namespaces(one), places);
  assert.deepEqual(namespaces(two), places);
  const fetch = ['curl', '-sS', '--max-time', '5'];
  for (const name of [one, two]) {
    for (const host of ['203.0.113.21', '[2001:db8:77::21]']) {
      const hello = await b.ok('exec', name, 'client', ...fetch, `ftp://${host}/pub/hello.txt`);
      assert.match(hello, /from the server of/);
    }
  }
  const inside = 'ftp://192.168.77.10/pub/hello.txt';
  assert.match(await b.ok('exec', two, 'server', ...fetch, inside), /from the client of/);
  assert.notEqual((await b.lab('exec', one, 'server', ...fetch, inside)).code, 0);

  const pids = [await processes(one), await processes(two)];
  assert.equal(pids[0]?.length, 1, 'one FTP server');
  assert.equal(pids[1]?.length, 2, 'two FTP servers');
  await b.ok('down', one);
  await assertNothingLeft(b, one, pids[0] ?? []);
  assert.deepEqual(namespaces(two), places, 'the other lab stands');
  await b.ok('down', two);
  await assertNothingLeft(b, two, pids[1] ?? []);
});

test('the gateway forwards both families and exec gives back exit codes', async (t) => {
  const b = bench(t);
  if (b === undefined) return;
  const name = b.name('plain');
  await b.ok('up', name, '--no-ftpd');
  assert.deepEqual(await processes(name), []);
  const forwarding = ['net/ipv4/ip_forward', 'net/ipv6/conf/all/forwarding'];
  for (const file of forwarding) {
    assert.equal(await b.ok('exec', name, 'gateway', 'cat', `/proc/sys/${file}`), '1\n');
  }
  assert.equal((await b.lab('exec', name, 'client', 'sh', '-c', 'exit 7')).code, 7);
  assert.equal((await b.lab('exec', name, 'attic', 'true')).code, 2);
});

test('up refuses a name in use and leaves that lab alone; down can be repeated', async (t) => {
  const b = bench(t);
  if (b === undefined) return;
  const name = b.name('twice');
  await b.ok('down', name);
  await b.ok('up', name, '--no-ftpd');
  const again = await b.lab('up', name);
  assert.equal(again.code, 1);
  assert.match(again.stderr, /stands already/);
  assert.deepEqual(namespaces(name), places);
  await b.ok('down', name);
  await b.ok('down', name);
  await assertNothingLeft(b, name, []);
});

test('down ends what runs in the lab and spares a process whose pid was used again', async (t) => {
  const b = bench(t);
  if (b === undefined) return;
  const name = b.name('pids');
  await b.ok('up', name);
  const inLab = spawn('ip', ['netns', 'exec', `ph-${name}-gateway`, 'sleep', '60']);
  const outside = spawn('sleep', ['60']);
  t.after(() => outside.kill());
  // The record of a process of the same number that started at another time.
  appendFileSync(join(b.runDir(name), 'pids'), `${outside.pid} 1\n`);
  while (!(await processes(name)).includes(`${inLab.pid}`)) {
    assert.equal(inLab.exitCode, null);
  }
  const pids = await processes(name);
  await b.ok('down', name);
  await assertNothingLeft(b, name, pids);
  assert.equal(await isRunning(`${outside.pid}`), true);
});

test('down clears up after a crash', async (t) => {
  const b = bench(t);
  if (b === undefined) return;
  const name = b.name('crash');
  await b.ok('up', name);
  const pids = await processes(name);
  // The name of the namespace goes; the FTP server lives on in it, nameless.
  await run(['ip', 'netns', 'del', `ph-${name}-server`]);
  assert.match(await b.ok('list'), new RegExp(`^${name} +incomplete`, 'm'));
  await b.ok('down', name);
  await assertNothingLeft(b, name, pids);
  await b.ok('up', name, '--no-ftpd');
});

test('an up that fails midway takes down what it built', async (t) => {
  const b = bench(t);
  if (b === undefined) return;
  const bin = join(b.tmp, 'bin');
  mkdirSync(bin);
  writeFileSync(join(bin, 'vsftpd'), '#!/bin/sh\necho 500 OOPS >&2\nexit 2\n', { mode: 0o755 });
  const name = b.name('fails');
  const path = `${bin}:${process.env.PATH ?? ''}`;
  const up = await run([script, 'up', name], { env: { ...b.env, PATH: path } });
  assert.equal(up.code, 1);
  assert.match(up.stderr, /does not start: 500 OOPS/);
  await assertNothingLeft(b, name, []);
});

test('wrong usage is told apart from failure', async () => {
  const wrong = [[], ['up'], ['up', 'Bad/Name'], ['up', 'x', '--odd'], ['down'], ['fly', 'x']];
  for (const argv of wrong) {
    const result = await run([script, ...argv]);
    assert.equal(result.code, 2, argv.join(' '));
    assert.match(result.stderr, /Usage: scripts\/lab/);
  }
  const help = await run([script, '--help']);
  assert.equal(help.code, 0);
  assert.match(help.stdout, /192\.168\.77\.10/);
});
