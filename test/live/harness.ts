/**
 * Live tests run real programs through a real gateway, in network namespaces that `scripts/lab`
 * builds. This file starts labs and processes in them; `gateways.ts` has the gateways.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

export type Place = 'client' | 'gateway' | 'server';

export interface Lab {
  readonly name: string;
  readonly runDir: string;
}

export interface LabOptions {
  /** The FTP server outside, in the server namespace. Default: true. */
  readonly ftpd?: boolean;
  /** A second FTP server inside, in the client namespace. Default: false. */
  readonly insideServer?: boolean;
}

export interface RunOptions {
  /** After this many milliseconds the process and its children are killed. Default: 10,000. */
  readonly timeoutMs?: number;
  /** Written to the standard input, which is closed after it. */
  readonly input?: string;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

export interface RunResult {
  /** null when a signal ended the process. */
  readonly code: number | null;
  readonly timedOut: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/** A process that goes on running in a namespace. */
export interface Background {
  readonly pid: number;
  /** Standard output and error so far, as they came. */
  output(): string;
  /** The exit code once it has ended (-1 for a signal), undefined while it runs. */
  exitCode(): number | undefined;
  /** Sends SIGTERM, after `graceMs` SIGKILL; resolves to the exit code (-1 for a signal). */
  stop(graceMs?: number): Promise<number>;
}

function findRoot(from: string): string {
  if (existsSync(join(from, 'scripts', 'lab'))) return from;
  const parent = dirname(from);
  if (parent === from) throw new Error('no scripts/lab above the test files');
  return findRoot(parent);
}

/** The checkout. Compiled tests lie below it, in dist/ or in a private output directory. */
export const repositoryRoot = findRoot(dirname(fileURLToPath(import.meta.url)));
/** Pinhole's entry point from the same compilation as this file. */
export const pinholeMain = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

const labScript = join(repositoryRoot, 'scripts', 'lab');
const searchPath = `${process.env.PATH ?? ''}:/usr/local/sbin:/usr/sbin:/sbin`;

/** Whether a program of this name is in PATH or in one of the sbin directories. */
export function hasProgram(name: string): boolean {
  return searchPath.split(delimiter).some((dir) => dir !== '' && existsSync(join(dir, name)));
}

function reasonNotLive(programs: readonly string[]): string | undefined {
  if (process.getuid?.() !== 0) return 'live tests need root';
  const missing = ['ip', ...programs].filter((name) => !hasProgram(name));
  if (missing.length > 0) return `missing: ${missing.join(', ')} (scripts/setup.sh installs them)`;
  const probe = `ph-probe-${process.pid}`;
  const added = spawnSync('ip', ['netns', 'add', probe], { encoding: 'utf8' });
  spawnSync('ip', ['netns', 'del', probe]);
  if (added.status === 0) return undefined;
  return `network namespaces cannot be made here: ${added.stderr.trim()}`;
}

/**
 * True when live tests can run here. Otherwise skips the test with one line that names what is
 * missing, and returns false; the test has to return then.
 */
export function requireLive(t: TestContext, programs: readonly string[]): boolean {
  const reason = reasonNotLive(programs);
  if (reason !== undefined) t.skip(reason);
  return reason === undefined;
}

const standing = new Set<string>();

function takeDown(name: string): void {
  const down = spawnSync(labScript, ['down', name], { encoding: 'utf8' });
  if (down.status !== 0) throw new Error(`lab down ${name}: ${down.stderr}`);
  standing.delete(name);
}

// A test process that is interrupted must not leave namespaces and servers behind.
function takeDownAtExit(): void {
  for (const name of standing) takeDown(name);
}
process.once('exit', takeDownAtExit);
for (const [signal, code] of [['SIGINT', 130] as const, ['SIGTERM', 143] as const]) {
  // Not once: a second signal would then end the process before the lab is down.
  process.on(signal, () => process.exit(code));
}
// When the runner above this process is gone first, the report cannot be written; unhandled, that
// error ends the process without its exit handlers.
process.stdout.on('error', () => process.exit(1));

/** Runs `fn` with a lab of its own and takes the lab down whatever happens. */
export async function withLab<T>(
  name: string,
  options: LabOptions,
  fn: (lab: Lab) => Promise<T>,
): Promise<T> {
  // The pid keeps runs of several checkouts on one machine apart.
  const ownName = `${name}-${process.pid}`;
  const argv = ['up', ownName];
  if (options.ftpd === false) argv.push('--no-ftpd');
  if (options.insideServer === true) argv.push('--inside-server');
  standing.add(ownName);
  try {
    const up = await run([labScript, ...argv]);
    if (up.code !== 0) throw new Error(`lab ${argv.join(' ')}: ${up.stderr}`);
    const runDir = join(process.env.TMPDIR || '/tmp', `pinhole-lab-${ownName}`);
    return await fn({ name: ownName, runDir });
  } finally {
    takeDown(ownName);
  }
}

function start(argv: readonly string[], options: RunOptions): ChildProcess {
  const [program, ...rest] = argv;
  if (program === undefined) throw new Error('empty command');
  const child = spawn(program, rest, {
    // A process group of its own, so that a timeout also ends the children.
    detached: true,
    cwd: options.cwd,
    env: { ...process.env, PATH: searchPath, LC_ALL: 'C', ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  child.stdin?.on('error', () => undefined); // it may end before it has read all its input
  child.stdin?.end(options.input ?? '');
  child.stdout?.setEncoding('utf8');
  child.stderr?.setEncoding('utf8');
  return child;
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Runs a program on this machine and captures what it prints. A bad exit is not an exception. */
export function run(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  return new Promise((resolve, reject) => {
    const child = start(argv, options);
    let stdout = '';
    let stderr = '';
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      signalGroup(child, 'SIGKILL');
    }, options.timeoutMs ?? 10_000);
    child.stdout?.on('data', (text: string) => {
      stdout += text;
    });
    child.stderr?.on('data', (text: string) => {
      stderr += text;
    });
    child.once('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.once('close', (code) => {
      clearTimeout(timer);
      resolve({ code, timedOut, stdout, stderr });
    });
  });
}

function inNamespace(lab: Lab, place: Place, argv: readonly string[]): string[] {
  return ['ip', 'netns', 'exec', `ph-${lab.name}-${place}`, ...argv];
}

/** Runs a program in one of the lab's namespaces. */
export function runIn(
  lab: Lab,
  place: Place,
  argv: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  return run(inNamespace(lab, place, argv), options);
}

/** As `runIn`, but throws with the program's own words when it fails. */
export async function mustRunIn(
  lab: Lab,
  place: Place,
  argv: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const result = await runIn(lab, place, argv, options);
  if (result.code === 0) return result.stdout;
  const how = result.timedOut ? 'timed out' : `ended with ${result.code}`;
  throw new Error(`${argv.join(' ')} ${how}\n${result.stdout}${result.stderr}`);
}

/**
 * Starts a program in a namespace and resolves as soon as its output matches `ready`. Rejects,
 * with the output, when it ends first or takes longer than `timeoutMs` (default 10,000).
 */
export function startIn(
  lab: Lab,
  place: Place,
  argv: readonly string[],
  ready: RegExp,
  options: RunOptions = {},
): Promise<Background> {
  const child = start(inNamespace(lab, place, argv), options);
  let output = '';
  let exitCode: number | undefined;
  const ended = new Promise<number>((resolve) => {
    child.once('close', (code) => {
      exitCode = code ?? -1;
      resolve(exitCode);
    });
  });
  const background: Background = {
    pid: child.pid ?? 0,
    output: () => output,
    exitCode: () => exitCode,
    stop: async (graceMs = 5_000) => {
      // The program alone: what it runs in order to clear up must not be hit as well.
      if (exitCode === undefined) child.kill('SIGTERM');
      const timer = setTimeout(() => signalGroup(child, 'SIGKILL'), graceMs);
      const code = await ended;
      clearTimeout(timer);
      return code;
    },
  };
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => {
      clearTimeout(timer);
      signalGroup(child, 'SIGKILL');
      reject(new Error(`${argv.join(' ')}: ${why}\n${output}`));
    };
    const timer = setTimeout(
      () => fail(`no ${String(ready)} in its output`),
      options.timeoutMs ?? 10_000,
    );
    const take = (text: string): void => {
      output += text;
      if (!ready.test(output)) return;
      clearTimeout(timer);
      resolve(background);
    };
    child.stdout?.on('data', take);
    child.stderr?.on('data', take);
    child.once('error', (error) => fail(error.message));
    void ended.then((code) => fail(`ended with ${code} before it was ready`));
  });
}
