/**
 * The connection table at scale: memory per connection, lookups against the size of the table, what
 * it costs to begin, end and expire a connection, the longest pause of a packet loop, and a flood of
 * new connections against a full table. Prints figures, asserts nothing. Each part runs in a process
 * of its own.
 *
 *     npm run bench -- conntrack [CONNECTIONS]
 */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Arena, Clock, Prng, tuneForPackets } from '../../src/base/index.ts';
import {
  Conntrack,
  defaultConntrackSettings,
  Field,
  Status,
  Tuple,
} from '../../src/conntrack/index.ts';
import type { Packet } from '../../src/wire/index.ts';
import { buildUdp, loadPacket } from '../support/packets.ts';

tuneForPackets();

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const CONNECTIONS = 1_000_000;
const LOOKUPS = 500_000;
const ROUNDS = 3;
/** What the live datapath does: packets between two sweeps, rows of a sweep, rows of its timer's. */
const STEP_PACKETS = 64;
const STEP_ROWS = 32;
const TIMER_ROWS = 8_192;
/** More sweeps than this are not timed: a table of a million rows is over long before. */
const MOST_SWEEPS = 100_000;
const MIB = 1024 * 1024;

const ends4 = { src: '10.0.0.1', dst: '192.0.2.1' };
const ends6 = { src: '2001:db8:1::1', dst: '2001:db8:2::1' };

interface Bench {
  readonly arena: Arena;
  readonly clock: Clock;
  readonly conntrack: Conntrack;
  readonly packet: Packet;
  readonly tuple: Tuple;
  readonly reply: Tuple;
}

function newBench(maximum: number, ends = ends4): Bench {
  const clock = new Clock();
  clock.set(1000, 0);
  const arena = new Arena();
  const settings = { ...defaultConntrackSettings(), maximum };
  const conntrack = new Conntrack(clock, settings, 12345, arena);
  const packet = loadPacket(buildUdp({ ...ends, sport: 1, dport: 53 }));
  return { arena, clock, conntrack, packet, tuple: new Tuple(), reply: new Tuple() };
}

/** The n-th of many different connections: 2^24 clients, of which each has some ports. */
function sourceOf(n: number): number {
  return 0x0a000000 | (Math.imul(n, 0x9e3779b1) & 0xffffff);
}

function portOf(n: number): number {
  return 1024 + (n >>> 24);
}

function tupleOf({ tuple, packet }: Bench, n: number): Tuple {
  packet.src0 = sourceOf(n);
  packet.srcPortOrIcmpId = portOf(n);
  tuple.fromPacket(packet);
  return tuple;
}

/** The first packet of the n-th connection, let through. False where it was refused. */
function open(bench: Bench, n: number): boolean {
  const { conntrack, packet } = bench;
  packet.src0 = sourceOf(n);
  packet.srcPortOrIcmpId = portOf(n);
  conntrack.track(packet);
  const { row } = conntrack;
  if (row < 0) return false;
  if (!conntrack.table.hasStatus(row, Status.Confirmed)) conntrack.confirm(row);
  // The source index of a gateway that translates: it belongs to what a connection takes.
  conntrack.sources.add(row);
  return true;
}

function fill(bench: Bench, from: number, to: number): number {
  const begin = performance.now();
  for (let n = from; n < to; n++) open(bench, n);
  return performance.now() - begin;
}

function residentBytes(): number {
  collectGarbage();
  return process.memoryUsage().rss;
}

/**
 * Milliseconds of processor time of this process. Pauses are measured by it, because the scheduler
 * takes the processor away for 4 ms and more on a machine that has something else to do.
 */
function busyMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function say(what: string, value: string): void {
  process.stdout.write(`  ${what.padEnd(58)} ${value.padStart(40)}\n`);
}

const nanos = (ms: number, count: number) => `${Math.round((ms * 1e6) / count)} ns`;
const perSecond = (ms: number, count: number) =>
  `${Math.round(count / ms).toLocaleString('en')} k/s`;

const asked = new Uint32Array(LOOKUPS);

/** Nanoseconds per lookup in random order, the best of some rounds. */
function lookupTime(bench: Bench, first: number, count: number): string {
  const { table } = bench.conntrack;
  const random = new Prng(7);
  for (let i = 0; i < LOOKUPS; i++) asked[i] = first + random.below(count);
  let best = Number.POSITIVE_INFINITY;
  let found = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const begin = performance.now();
    for (let i = 0; i < LOOKUPS; i++) if (table.lookup(tupleOf(bench, asked[i]!)) >= 0) found++;
    best = Math.min(best, performance.now() - begin);
  }
  if (found !== 0 && found !== LOOKUPS * ROUNDS) throw new Error('lookups of both kinds');
  return nanos(best, LOOKUPS);
}

/** All of it once in small: what the compiler takes and does is none of the table's. */
function rehearse(): void {
  const bench = newBench(1000);
  bench.conntrack.setMaximum(20_000);
  fill(bench, 0, 20_000);
  lookupTime(bench, 0, 20_000);
  for (let calls = 0; calls < 20; calls++) bench.conntrack.sweep(TIMER_ROWS);
  bench.clock.set(5000, 0);
  while (bench.conntrack.table.count > 0) bench.conntrack.sweep(TIMER_ROWS);
  fill(bench, 0, 40_000);
  fill(newBench(20_000, ends6), 0, 20_000);
}

function tablePart(connections: number): void {
  const before = residentBytes();
  const bench = newBench(connections);
  const { table } = bench.conntrack;
  let filled = 0;
  let ms = 0;
  for (let size = 1000; size < connections * 10; size *= 10) {
    const to = Math.min(size, connections);
    ms = fill(bench, filled, to);
    const hit = lookupTime(bench, 0, to);
    const miss = lookupTime(bench, connections * 2, connections);
    say(`lookup among ${to.toLocaleString('en')}: hit, miss`, `${hit}, ${miss}`);
    if (to === connections) {
      say('first packet and confirmation', perSecond(ms, to - filled));
    }
    filled = to;
  }
  const used = residentBytes() - before;
  say('memory of the process, per connection', `${Math.round(used / connections)} bytes`);
  const { allocatedBytes } = bench.arena;
  say(
    'address space reserved (untouched memory costs nothing)',
    `${Math.round(allocatedBytes / MIB)} MiB`,
  );
  const begin = performance.now();
  for (let n = 0; n < connections; n++) {
    bench.conntrack.destroy(table.lookup(tupleOf(bench, n)) >> 1);
  }
  say('lookup and end', perSecond(performance.now() - begin, connections));
}

/** The rest of IPv6 addresses has memory of its own. */
function memory6Part(connections: number): void {
  const before = residentBytes();
  const bench = newBench(connections, ends6);
  fill(bench, 0, connections);
  const used = residentBytes() - before;
  say('memory of the process, per IPv6 connection', `${Math.round(used / connections)} bytes`);
}

/** Busy time and time by the clock of many calls, for their median and their extremes. */
class Steps {
  private readonly busy: Float64Array;
  private readonly clock: Float64Array;
  private at = 0;

  constructor(count: number) {
    this.busy = new Float64Array(count);
    this.clock = new Float64Array(count);
  }

  take(step: () => void): void {
    const seen = performance.now();
    const begin = busyMs();
    step();
    this.busy[this.at] = busyMs() - begin;
    this.clock[this.at++] = performance.now() - seen;
  }

  say(what: string): void {
    const busy = this.busy.subarray(0, this.at).sort();
    const clock = this.clock.subarray(0, this.at).sort();
    const shares = [0.5, 0.999, 1].map((share) => {
      const at = Math.min(this.at - 1, Math.floor(this.at * share));
      return `${busy[at]!.toFixed(2)} (${clock[at]!.toFixed(2)})`;
    });
    say(what, shares.join('  '));
  }
}

/** Calls of the timer's sweep as long as `more` says so: their time. */
function sweeps({ conntrack }: Bench, what: string, more: (calls: number) => boolean): number {
  const times = new Steps(MOST_SWEEPS);
  const from = performance.now();
  for (let calls = 0; more(calls) && calls < MOST_SWEEPS; calls++) {
    times.take(() => conntrack.sweep(TIMER_ROWS));
  }
  const took = performance.now() - from;
  times.say(`sweeps of ${TIMER_ROWS} rows, ${what}`);
  return took;
}

function sweepPart(connections: number): void {
  const bench = newBench(connections);
  const { clock, conntrack } = bench;
  fill(bench, 0, connections);
  say('milliseconds busy (by the clock): median, 99.9 %, longest', '');
  const rounds = Math.ceil(connections / TIMER_ROWS);
  const idle = sweeps(bench, 'nothing over', (calls) => calls < rounds);
  say('sweep, nothing over', `${nanos(idle, connections)} a row`);
  clock.set(5000, 0);
  const busy = sweeps(bench, 'everything over', () => conntrack.table.count > 0);
  say('expiry, everything over', perSecond(busy, connections));
}

/** What the machine does to steps as long as the loop's that need no memory: so much is not ours. */
function sayJitter(count: number): void {
  const steps = new Steps(count);
  let sum = 0;
  const work = () => {
    for (let i = 0; i < 60_000; i++) sum = (Math.imul(sum, 31) + i) | 0;
  };
  for (let n = 0; n < count; n++) steps.take(work);
  steps.say('the same of steps that only count');
}

/**
 * A loop that begins connections and expires old ones, in a table made for them, and in one that is
 * enlarged on the way.
 */
function loopPart(connections: number): void {
  say('milliseconds busy (by the clock): median, 99.9 %, longest', '');
  packetLoop(connections, Math.ceil(connections / 64)).say(
    `steps of ${STEP_PACKETS} connections and a sweep, while V8 compiles`,
  );
  // Growth, early drop and expiry have been met by now: what follows is the table's own.
  for (let i = 0; i < 4; i++) packetLoop(100_000, 1500);
  packetLoop(connections, connections).say('the same later, in a table of that size');
  packetLoop(connections, Math.ceil(connections / 64)).say('the maximum raised thrice');
  sayJitter(Math.ceil((connections * 2) / STEP_PACKETS));
}

function packetLoop(connections: number, start: number): Steps {
  const bench = newBench(start);
  const { clock, conntrack } = bench;
  const steps = Math.ceil((connections * 2) / STEP_PACKETS);
  const times = new Steps(steps);
  let maximum = start;
  let n = 0;
  const step = () => {
    for (let i = 0; i < STEP_PACKETS; i++) open(bench, n++);
    conntrack.sweep(STEP_ROWS);
  };
  for (let i = 0; i < steps; i++) {
    // The second half of the loop outlives the connections of the first.
    clock.set(1000 + Math.floor((i * 60) / steps), 0);
    times.take(step);
    if (maximum < connections && conntrack.table.count > maximum - STEP_PACKETS) {
      maximum = Math.min(maximum * 4, connections);
      conntrack.setMaximum(maximum);
      conntrack.setBuckets(maximum);
    }
  }
  return times;
}

function floodPart(connections: number): void {
  const bench = newBench(connections);
  const { table, stats } = bench.conntrack;
  fill(bench, 0, connections);
  const flood = Math.min(connections, 300_000);
  let begin = performance.now();
  for (let n = 0; n < flood; n++) open(bench, connections + n);
  say('full of unassured, early drop: per packet', nanos(performance.now() - begin, flood));
  say('the same: packets let in', `${((100 * (flood - stats.drop)) / flood).toFixed(1)} %`);
  for (let row = 0; row < table.highWater; row++) {
    if (table.inUse(row)) table.addStatus(row, Status.Assured);
    table.set(row, Field.ExpiresAt, table.get(row, Field.ExpiresAt) + 1e6);
  }
  fill(bench, connections * 4, connections * 4 + (connections - table.count));
  for (let row = 0; row < table.highWater; row++) table.addStatus(row, Status.Assured);
  begin = performance.now();
  for (let n = 0; n < flood; n++) open(bench, connections * 8 + n);
  say('full of assured: per packet dropped', nanos(performance.now() - begin, flood));
}

const parts: Record<string, (connections: number) => void> = {
  table: tablePart,
  memory6: memory6Part,
  sweep: sweepPart,
  loop: loopPart,
  flood: floodPart,
};

const [part, count] = process.argv.slice(2);
if (part !== undefined && parts[part] !== undefined) {
  rehearse();
  parts[part](Number(count));
} else {
  const connections = Number(part ?? CONNECTIONS);
  process.stdout.write(`connection table, ${connections.toLocaleString('en')} connections\n`);
  for (const name of Object.keys(parts)) {
    const args = [fileURLToPath(import.meta.url), name, String(connections)];
    process.stdout.write(execFileSync(process.execPath, args, { encoding: 'utf8' }));
  }
}
