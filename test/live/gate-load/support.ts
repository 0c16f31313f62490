/** What the load tests of the gate share: the generator, files of known sums, figures. */
import assert from 'node:assert/strict';
import { createCipheriv, createHash } from 'node:crypto';
import {
  closeSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Daemon } from '../daemon.ts';
import {
  type Background,
  type Lab,
  mustRunIn,
  type Place,
  repositoryRoot,
  run,
  startIn,
} from '../harness.ts';

export const loadPrograms = ['vsftpd', 'python3', 'tc', 'ethtool', 'cc', 'sysctl'];
/** For every `pinhole run` of these tests. */
export const onGate = { arguments: ['--datapath', 'gate'] } as const;
export const sinkPort = 7_000;
export const feedPort = 7_001;

const directory = join(repositoryRoot, 'test', 'live', 'gate-load');
const outputDir = join(repositoryRoot, '.out', 'gate-load');
const program = join(outputDir, 'load');

/** Compiles the generator where a source is newer than it. Throws with the compiler's words. */
export async function buildLoad(): Promise<void> {
  const sourceDir = join(directory, 'load');
  const names = readdirSync(sourceDir).map((name) => join(sourceDir, name));
  const newest = Math.max(...names.map((name) => statSync(name).mtimeMs));
  const built = statSync(program, { throwIfNoEntry: false });
  if (built !== undefined && built.mtimeMs > newest) return;
  mkdirSync(outputDir, { recursive: true });
  const sources = names.filter((name) => name.endsWith('.c'));
  // Under a name of its own until it is whole: tests may build it at the same time.
  const unfinished = `${program}.${process.pid}`;
  const argv = ['cc', '-std=c11', '-O2', '-Wall', '-Wextra', '-o', unfinished, ...sources];
  const { code, stderr } = await run([...argv, '-lpthread'], { timeoutMs: 60_000 });
  assert.equal(code, 0, `the load generator does not compile\n${stderr}`);
  renameSync(unfinished, program);
}

/** The command of one part of the generator; see load.h. */
export function loadCommand(part: string, ...words: (string | number)[]): string[] {
  return [program, part, ...words.map(String)];
}

/** Starts a part that says when it is ready. */
export function startLoad(
  lab: Lab,
  place: Place,
  part: string,
  ...words: (string | number)[]
): Promise<Background> {
  return startIn(lab, place, loadCommand(part, ...words), /^ready/m, { timeoutMs: 30_000 });
}

/** The last line that a part printed. */
export function figures(text: string): Readonly<Record<string, number>> {
  return JSON.parse(text.trim().split('\n').at(-1) ?? '') as Record<string, number>;
}

/** Waits for a part that ends by itself; what it printed last. */
export async function ended(part: Background): Promise<Readonly<Record<string, number>>> {
  while (part.exitCode() === undefined) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(part.exitCode(), 0, part.output());
  return figures(part.output());
}

/** So many ports that thousands of connections come and go, and neighbours that stay. */
export async function settle(lab: Lab): Promise<void> {
  for (const place of ['client', 'server'] as const) {
    const settings = ['net.ipv4.ip_local_port_range=10000 65000', 'net.ipv4.tcp_tw_reuse=1'];
    await mustRunIn(lab, place, ['sysctl', '-qw', ...settings]);
  }
}

export async function macOf(lab: Lab, place: Place, link: string): Promise<string> {
  return (await mustRunIn(lab, place, ['cat', `/sys/class/net/${link}/address`])).trim();
}

export interface KnownFile {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** A file of the lab that looks random and is the same everywhere; its sum is made with it. */
export function knownFile(lab: Lab, name: string, bytes: number): KnownFile {
  const path = join(lab.runDir, name);
  const cipher = createCipheriv('aes-128-ctr', 'gate-load-seed-1', Buffer.alloc(16));
  const hash = createHash('sha256');
  const zeros = Buffer.alloc(1 << 20);
  const file = openSync(path, 'w', 0o644);
  for (let left = bytes; left > 0; left -= zeros.length) {
    const block = cipher.update(zeros.subarray(0, Math.min(left, zeros.length)));
    hash.update(block);
    writeSync(file, block);
  }
  closeSync(file);
  for (const place of ['server', 'client']) {
    const published = join(lab.runDir, place, 'ftp', 'pub');
    if (statSync(published, { throwIfNoEntry: false })) linkSync(path, join(published, name));
  }
  return { path, bytes, sha256: hash.digest('hex') };
}

export interface Transfers {
  /** Where the client runs, and whom it asks. */
  readonly from: Place;
  readonly host: string;
  readonly verb: 'PASV' | 'EPSV' | 'PORT' | 'EPRT';
  readonly file: KnownFile;
  readonly downloads: number;
  readonly uploads: number;
}

export const transferSecret = 'sesame-4711';

/** One session with its transfers, all of which must be whole. Resolves to MiB/s of each. */
export async function transfer(
  lab: Lab,
  wanted: Transfers,
  timeoutMs = 120_000,
): Promise<number[]> {
  const { from, host, verb, file, downloads, uploads } = wanted;
  const at = from === 'client' ? 'server' : 'client';
  const stored = join(lab.runDir, at, 'ftp', 'pub', 'incoming');
  const name = file.path.slice(lab.runDir.length + 1);
  const argv = ['python3', join(directory, 'transfers.py'), host, verb, `${downloads}:${uploads}`];
  argv.push(name, file.path, stored, transferSecret);
  const text = await mustRunIn(lab, from, argv, { timeoutMs });
  const done = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Done);
  assert.equal(done.length, downloads + uploads, text);
  for (const one of done) {
    assert.equal(one.bytes, file.bytes, `${verb} ${one.what}`);
    assert.equal(one.sha256, file.sha256, `${verb} ${one.what}`);
  }
  return done.map((one) => Math.round(one.bytes / one.seconds / 2 ** 20));
}

interface Done {
  readonly what: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly seconds: number;
}

export interface GateStatus {
  readonly gate: Readonly<Record<string, number>>;
  readonly [name: string]: unknown;
}

export function statusOf(daemon: Daemon): Promise<GateStatus> {
  return daemon.ask(async (client) => {
    return (await client.request('status', {}).done) as unknown as GateStatus;
  });
}

export async function gateCounter(daemon: Daemon, name: string): Promise<number> {
  return (await statusOf(daemon)).gate[name]!;
}

export function residentMib(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Math.round(Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024);
}

/** Asks for the status again and again until `stop`; the longest that an answer took. */
export class StatusSampler {
  readonly #daemon: Daemon;
  readonly #done: Promise<void>;
  #going = true;
  worstMs = 0;
  answers = 0;

  constructor(daemon: Daemon) {
    this.#daemon = daemon;
    this.#done = this.#ask();
  }

  async stop(): Promise<void> {
    this.#going = false;
    await this.#done;
  }

  async #ask(): Promise<void> {
    while (this.#going) {
      const began = performance.now();
      await statusOf(this.#daemon);
      this.worstMs = Math.max(this.worstMs, Math.round(performance.now() - began));
      this.answers++;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}
