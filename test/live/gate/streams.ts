/** TCP streams through a gateway that go on until the test ends them; see streams.py. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type Background, type Lab, repositoryRoot, startIn } from '../harness.ts';
import { until, untilTrue } from '../until.ts';

const script = join(repositoryRoot, 'test', 'live', 'gate', 'streams.py');
const labScript = join(repositoryRoot, 'scripts', 'lab');

export const streamPort = 5555;
export const streamHost = '203.0.113.21';
export const streamHost6 = '2001:db8:77::21';

/** Serves streams in the server namespace. */
export function serveStreams(lab: Lab): Promise<Background> {
  return startIn(
    lab,
    'server',
    ['python3', '-u', script, 'serve', String(streamPort)],
    /listening/,
  );
}

/** Streams of the client namespace, named by their local ports. */
export class Streams {
  readonly #child: ChildProcess;
  readonly #waiting: ((line: string | null) => void)[] = [];

  constructor(lab: Lab) {
    const argv = ['exec', lab.name, 'client', 'python3', '-u', script, 'pull'];
    this.#child = spawn(labScript, argv, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#child.stdin?.on('error', () => undefined);
    const lines = createInterface({ input: this.#child.stdout! });
    lines.on('line', (line) => this.#waiting.shift()?.(line));
    lines.on('close', () => {
      for (const wake of this.#waiting.splice(0)) wake(null);
    });
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once('close', resolve));
    this.#child.stdin?.end();
    this.#child.kill('SIGTERM');
    await ended;
  }

  open(count: number, host = streamHost, port = streamPort): Promise<number[]> {
    return this.#ask('open', { count, host, port });
  }

  /** Bytes that have come, per stream. */
  moved(ports: readonly number[]): Promise<number[]> {
    return this.#ask('moved', { ports });
  }

  /** Waits until each stream has brought this much more. */
  async goOn(ports: readonly number[], bytes = 65_536, timeoutMs = 8_000): Promise<void> {
    const before = await this.moved(ports);
    let now = before;
    const all = async () => {
      now = await this.moved(ports);
      return now.every((moved, i) => moved >= before[i]! + bytes);
    };
    await untilTrue('every stream to go on', all, timeoutMs, () => `${before}\n${now}`);
  }

  /** Waits until a stream stands still: the same count five times in a row, 50 ms apart. */
  async standsStill(port: number, timeoutMs = 2_000): Promise<number> {
    let last = -1;
    let same = 0;
    let askedMs = 0;
    return until(
      `the stream of port ${port} to stand still`,
      async () => {
        if (Date.now() - askedMs < 50) return null;
        askedMs = Date.now();
        const [moved = 0] = await this.moved([port]);
        same = moved === last ? same + 1 : 0;
        last = moved;
        return same >= 5 ? moved : null;
      },
      timeoutMs,
    );
  }

  /** Ends streams, each of which must be whole. */
  async finish(ports: readonly number[], timeout = 10): Promise<void> {
    const outcomes = await this.#ask<string[]>('finish', { ports, timeout });
    assert.deepEqual(
      outcomes,
      ports.map(() => 'whole'),
    );
  }

  async #ask<T>(op: string, request: object): Promise<T> {
    const line = await new Promise<string | null>((resolve) => {
      this.#waiting.push(resolve);
      this.#child.stdin?.write(`${JSON.stringify({ op, ...request })}\n`);
    });
    const answer = JSON.parse(line ?? '{"error":"streams.py ended"}') as { ok?: T; error?: string };
    if (answer.ok === undefined) throw new Error(`streams: ${op}: ${answer.error}`);
    return answer.ok;
  }
}
