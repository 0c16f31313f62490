/** `pinhole run` in a lab's gateway namespace, held by the test: signals, log, tables, commands. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ConntrackDto, ControlClient, type ExpectDto } from '../../src/control/index.ts';
import { datapathArguments } from './datapath.ts';
import { type Background, type Lab, pinholeMain, type RunResult, run, startIn } from './harness.ts';
import { until, untilTrue } from './until.ts';

export interface DaemonOptions {
  readonly arguments?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Default: pinhole.sock in the run directory. */
  readonly socket?: string;
}

export const interfaceArguments = ['--interface', 'lan0', '--interface', 'wan0'] as const;

export class Daemon {
  readonly lab: Lab;
  readonly socket: string;
  readonly #background: Background;

  private constructor(lab: Lab, socket: string, background: Background) {
    this.lab = lab;
    this.socket = socket;
    this.#background = background;
  }

  /** Resolves when the rules are in force. `ruleFiles` are paths. */
  static async start(lab: Lab, ruleFiles: readonly string[], options: DaemonOptions = {}) {
    const socket = options.socket ?? join(lab.runDir, 'pinhole.sock');
    const argv = ['node', pinholeMain, 'run', ...ruleFiles.flatMap((path) => ['--rules', path])];
    argv.push(
      ...interfaceArguments,
      ...datapathArguments,
      '--socket',
      socket,
      ...(options.arguments ?? []),
    );
    const runOptions = { timeoutMs: 15_000, ...(options.env ? { env: options.env } : {}) };
    const background = await startIn(lab, 'gateway', argv, /\bready\b/, runOptions);
    return new Daemon(lab, socket, background);
  }

  get pid(): number {
    return this.#background.pid;
  }

  log(): string {
    return this.#background.output();
  }

  /** Nothing where it has just ended. */
  signal(name: NodeJS.Signals): void {
    try {
      process.kill(this.pid, name);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }

  isRunning(): boolean {
    return this.#background.exitCode() === undefined;
  }

  /** The exit code once it has ended; -1 for a signal. */
  ended(): Promise<number> {
    const ask = () => this.#background.exitCode() ?? null;
    return until('the gateway to end', ask, 10_000, () => this.log());
  }

  /** SIGTERM, and it must end well. Nothing where it has ended already. */
  async stop(): Promise<void> {
    if (!this.isRunning()) return;
    const code = await this.#background.stop();
    assert.equal(code, 0, `pinhole run after SIGTERM\n${this.log()}`);
  }

  /** For the message of a failed test: counters and tables where it still runs, and its log. */
  async describe(): Promise<string> {
    const text = `\n--- log of the gateway\n${this.log()}`;
    if (!this.isRunning()) return text;
    const status = await this.ask((client) => client.request('status', {}).done);
    const { stdout } = await this.cli('conntrack', '-L');
    return `${text}\n--- its status\n${JSON.stringify(status)}\n--- its connections\n${stdout}`;
  }

  /** Waits until the log matches. */
  logged(pattern: RegExp): Promise<void> {
    return untilTrue(
      `the log line ${pattern}`,
      () => pattern.test(this.log()),
      5_000,
      () => this.log(),
    );
  }

  /** Runs `pinhole COMMAND --socket … ARGUMENTS`. */
  cli(command: string, ...rest: string[]): Promise<RunResult> {
    return run(['node', pinholeMain, command, '--socket', this.socket, ...rest]);
  }

  /** As `cli`, but it has to succeed; resolves to its standard output. */
  async show(command: string, ...rest: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.cli(command, ...rest);
    assert.equal(code, 0, `pinhole ${command} ${rest.join(' ')}: ${stderr}`);
    return stdout;
  }

  async ask<T>(question: (client: ControlClient) => Promise<T>): Promise<T> {
    const client = await ControlClient.connect(this.socket);
    try {
      return await question(client);
    } finally {
      client.close();
    }
  }

  connections(): Promise<ConntrackDto[]> {
    return this.ask((client) => all(client.request('conntrack.list', {})));
  }

  expectations(): Promise<ExpectDto[]> {
    return this.ask((client) => all(client.request('expect.list', {})));
  }

  /** The connection whose original direction has this source port. */
  async connectionFrom(sport: number): Promise<ConntrackDto | undefined> {
    return (await this.connections()).find((entry) => entry.orig.sport === sport);
  }

  /** Waits for a connection from this source port that is in this state. */
  inState(sport: number, state: string): Promise<ConntrackDto> {
    let found = '';
    const ask = async () => {
      const entry = await this.connectionFrom(sport);
      found = entry?.state ?? 'not there';
      return entry?.state === state ? entry : null;
    };
    return until(`the connection from port ${sport} in ${state}`, ask, 5_000, () => found);
  }
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

/** Writes a rule file into the lab's directory; resolves to its path. */
export function ruleFile(lab: Lab, text: string, name = 'rules.v4'): string {
  const path = join(lab.runDir, name);
  writeFileSync(path, text);
  return path;
}

/** Runs `fn` with a gateway, which has to be well to the end. Its log goes with every failure. */
export async function withDaemon<T>(
  lab: Lab,
  rules: string | readonly string[],
  options: DaemonOptions,
  fn: (daemon: Daemon) => Promise<T>,
): Promise<T> {
  const files = typeof rules === 'string' ? [ruleFile(lab, rules)] : rules;
  const daemon = await Daemon.start(lab, files, options);
  try {
    const result = await fn(daemon);
    await daemon.stop();
    return result;
  } catch (error) {
    if (error instanceof Error) error.message += await daemon.describe();
    throw error;
  } finally {
    if (daemon.isRunning()) daemon.signal('SIGKILL');
  }
}
