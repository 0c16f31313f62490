/**
 * What a dump of the whole table costs the gateway: time, memory, and the longest wait of whatever
 * else its event loop has to do; the same for a steady stream of events.
 *
 *   node dump-bench.js [ENTRIES]     default 1,000,000
 *
 * The reader is a process of its own, so that its work is not counted as the gateway's.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { Tuple } from '../../src/conntrack/index.ts';
import { EventHub, gatewayHandler, RuleChanges, serveLines } from '../../src/control/index.ts';
import { defaultEngineSettings } from '../../src/engine/index.ts';
import { makeGateway } from '../support/gateway.ts';

const EVENTS_PER_SECOND = 100_000;
const EVENT_SECONDS = 3;
const socketPath = join(tmpdir(), `pinhole-dump-bench-${process.pid}.sock`);

if (process.send !== undefined) readAll();
else await main(Number(process.argv[2] ?? 1_000_000));

/** The reader: sends one request, counts lines, and tells its parent when the answer has ended. */
function readAll(): void {
  const [path = '', cmd = '', stopAfter = '0'] = process.argv.slice(2);
  const socket = connect(path);
  const expected = Number(stopAfter);
  let lines = 0;
  let bytes = 0;
  socket.write(`${JSON.stringify({ id: 1, cmd, args: {} })}\n`);
  socket.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) lines++;
    const isOver = chunk.includes('"done":') || chunk.includes('"error":');
    const ended = isOver || (expected > 0 && lines >= expected);
    if (ended) {
      process.send?.({ lines, bytes });
      process.disconnect();
      socket.destroy();
    }
  });
  socket.on('connect', () => process.send?.({ connected: true }));
}

function startReader(cmd: string, stopAfter = 0): ChildProcess {
  return fork(fileURLToPath(import.meta.url), [socketPath, cmd, String(stopAfter)]);
}

function messages(child: ChildProcess) {
  return new Promise<{ lines: number; bytes: number }>((resolve) => {
    child.on('message', (message: { lines?: number; bytes?: number }) => {
      if (message.lines !== undefined) resolve({ lines: message.lines, bytes: message.bytes ?? 0 });
    });
  });
}

async function main(entries: number): Promise<void> {
  const defaults = defaultEngineSettings();
  const conntrack = { ...defaults.conntrack, maximum: entries + 1024 };
  const { engine, clock } = makeGateway({ settings: { conntrack } });
  // Who listens for tests remembers every event.
  engine.listener = null;
  fill(engine.tracking.conntrack, entries);
  const events = new EventHub(engine, {
    refused: () => {},
    encrypted: () => {},
    ruleLog: () => {},
  });
  engine.listener = events;
  const server = createServer();
  serveLines(
    server,
    gatewayHandler({
      engine,
      events,
      changes: new RuleChanges({ engine, useRules: () => {} }),
      loadOptions: {},
      refreshClock: () => {},
      reload: () => [],
      status: () => ({}),
    }),
  );
  await new Promise<void>((resolve) => {
    server.listen(socketPath, resolve);
  });
  for (let round = 0; round < 3; round++) await measureDump();
  clock.set(1, 0);
  await measureEvents(events);
  server.close();
  rmSync(socketPath, { force: true });
}

function fill(
  conntrack: ReturnType<typeof makeGateway>['engine']['tracking']['conntrack'],
  n: number,
) {
  const original = new Tuple();
  const reply = new Tuple();
  original.meta = (4 << 8) | 17;
  original.d0 = 0x0a000001;
  for (let i = 0; i < n; i++) {
    original.s0 = 0xc0a80000 + (i >>> 15);
    original.setPorts(1024 + (i & 0x7fff), 53);
    reply.invertFrom(original);
    const row = conntrack.begin(original, reply);
    conntrack.table.refresh(row, { ms: 0 } as never, 400_000);
    conntrack.confirm(row);
  }
}

async function measureDump(): Promise<void> {
  const reader = startReader('conntrack.list');
  const answer = messages(reader);
  await new Promise((resolve) => {
    reader.once('message', resolve);
  });
  globalThis.gc?.();
  const before = process.memoryUsage().rss;
  let most = before;
  const watch = setInterval(() => {
    most = Math.max(most, process.memoryUsage().rss);
  }, 5);
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const start = performance.now();
  const { lines, bytes } = await answer;
  const seconds = (performance.now() - start) / 1000;
  delay.disable();
  clearInterval(watch);
  console.log(
    `dump: ${lines - 1} entries, ${(bytes / 1e6).toFixed(0)} MB in ${seconds.toFixed(2)} s; ` +
      `RSS +${((most - before) / 1e6).toFixed(1)} MB; event loop delay ` +
      `p50 ${ms(delay.percentile(50))} p99 ${ms(delay.percentile(99))} max ${ms(delay.max)} ms`,
  );
}

/** The sampling interval of 1 ms is taken off what is told. */
function ms(nanoseconds: number): string {
  return Math.max(0, nanoseconds / 1e6 - 1).toFixed(2);
}

async function measureEvents(events: EventHub): Promise<void> {
  const total = EVENTS_PER_SECOND * EVENT_SECONDS;
  const reader = startReader('conntrack.events', total);
  const answer = messages(reader);
  await new Promise((resolve) => {
    reader.once('message', resolve);
  });
  await new Promise((resolve) => setTimeout(resolve, 100));
  const before = process.memoryUsage().rss;
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const start = performance.now();
  let told = 0;
  let busyMs = 0;
  const timer = setInterval(() => {
    const due = Math.min(
      total,
      Math.floor((performance.now() - start) * (EVENTS_PER_SECOND / 1000)),
    );
    const begun = performance.now();
    for (; told < due; told++) events.connectionUpdate(told % 100_000);
    busyMs += performance.now() - begun;
    if (told >= total) clearInterval(timer);
  }, 1);
  const { lines } = await answer;
  const seconds = (performance.now() - start) / 1000;
  delay.disable();
  console.log(
    `events: ${lines} of ${total} in ${seconds.toFixed(2)} s (${EVENTS_PER_SECOND}/s told); ` +
      `${((busyMs * 1e3) / total).toFixed(2)} us each in the packet loop; ` +
      `RSS +${((process.memoryUsage().rss - before) / 1e6).toFixed(1)} MB; ` +
      `event loop delay p99 ${ms(delay.percentile(99))} max ${ms(delay.max)} ms`,
  );
}
