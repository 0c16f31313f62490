/** The tests of the gateway benchmark: what each one does to the lab, and what it brings home. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Lab } from '../../live/harness.ts';
import { type Figures, loadClient, serverFigures, withLoadServer } from './load.ts';
import { bytesPerConnection } from './memory.ts';
import { ports, udpPorts } from './rules.ts';
import type { RunningSide } from './sides.ts';

export interface Bench {
  readonly lab: Lab;
  readonly side: RunningSide;
  /** Measured seconds. */
  readonly seconds: number;
}

export interface BenchCase {
  readonly name: string;
  /** Rules of FORWARD before those that match. */
  readonly rulesBefore: number;
  readonly offloads: boolean;
  /** Connections that the side is told to make room for; null: its own default. */
  readonly connections: number | null;
  run(bench: Bench): Promise<Figures>;
}

const GIBIBYTE = 1024 ** 3;
const SMALL_FILE = 4096;
const AT_ONCE = 32;
/** Request and answer of the latency test. */
const MESSAGE_BYTES = 64;

/** Seconds that come first and are not measured: TCP finds its pace, Node's compiler the hot code. */
const WARM_UP = 0.3;
const SESSIONS_WARM_UP = 1;

const FEW_FLOWS = 1000;
const MANY_FLOWS = 500_000;
/** What the sides are told to make room for: the next power of two. */
const ROOM_FOR_FLOWS = 524_288;

const time = ({ seconds }: Bench, warmUp = WARM_UP) => ['-t', `${seconds}`, '-w', `${warmUp}`];

async function tcp(bench: Bench, part: string, port: number, options: readonly string[]) {
  const client = () => loadClient(bench.lab, part, ['-p', `${port}`, ...options]);
  const { result } = await withLoadServer(bench.lab, 'tcp-server', ['-p', `${ports.tcp}`], client);
  return result;
}

const bulk = (bench: Bench) => tcp(bench, 'tcp-bulk', ports.tcp + 1, time(bench));

const latency = (bench: Bench) =>
  tcp(bench, 'tcp-requests', ports.tcp, [...time(bench), '-s', `${MESSAGE_BYTES}`]);

const connects = (bench: Bench) =>
  tcp(bench, 'tcp-connects', ports.tcp, [...time(bench, SESSIONS_WARM_UP), '-c', `${AT_ONCE}`]);

async function ftp(bench: Bench, options: readonly string[]): Promise<Figures> {
  const client = () => loadClient(bench.lab, 'ftp-client', options);
  const { result } = await withLoadServer(bench.lab, 'ftp-server', [], client);
  return result;
}

const file = (bench: Bench) => ftp(bench, [...time(bench), '-s', `${GIBIBYTE}`]);

const sessions = (bench: Bench, more: readonly string[]) =>
  ftp(bench, [
    ...time(bench, SESSIONS_WARM_UP),
    '-s',
    `${SMALL_FILE}`,
    '-c',
    `${AT_ONCE}`,
    ...more,
  ]);

/** Packets per second that arrive over `flows` established flows, spread over this many ports. */
async function udpPackets(bench: Bench, flows: number, portCount: number): Promise<number> {
  const place = ['-p', `${ports.udp}`, '-n', `${portCount}`];
  const client = async () => {
    await loadClient(bench.lab, 'udp-client', [...place, '-f', `${flows}`, ...time(bench)]);
    // What stands in the receiver's buffers is still read.
    await pause(200);
  };
  const { server } = await withLoadServer(bench.lab, 'udp-server', place, client);
  const { packets = 0, seconds = 0 } = serverFigures(server);
  // Arrivals may take longer than sending did; where they took less, there was a stall.
  return packets / Math.max(seconds, bench.seconds);
}

const udp = async (bench: Bench) => ({ packetsPerSecond: await udpPackets(bench, 1, 1) });

/**
 * The same packets over few flows and over many, and what the many cost in memory. The tables are
 * read when the generator is gone: its sockets are no part of the gateway.
 */
async function flows(bench: Bench): Promise<Figures> {
  const { side } = bench;
  const few = await udpPackets(bench, FEW_FLOWS, udpPorts);
  const before = { memory: side.memory(), connections: await side.connections() };
  const many = await udpPackets(bench, MANY_FLOWS, udpPorts);
  const after = { memory: side.memory(), connections: await side.connections() };
  const figures = { fewFlows: few, manyFlows: many, costRatio: few / many };
  if (before.memory === null || after.memory === null) return figures;
  if (after.connections === null || after.connections < MANY_FLOWS) {
    throw new Error(`${after.connections} connections are tracked, not ${MANY_FLOWS}`);
  }
  const added = after.connections - (before.connections ?? 0);
  return { ...figures, bytes: bytesPerConnection(before.memory, after.memory, added) };
}

const plain = { rulesBefore: 0, offloads: true, connections: null };
const manyRules = { ...plain, rulesBefore: 10_000 };

export const benchCases: readonly BenchCase[] = [
  { ...plain, name: 'bulk', run: bulk },
  { ...plain, name: 'file', run: file },
  { ...plain, name: 'bulk-plain', offloads: false, run: bulk },
  { ...plain, name: 'udp', run: udp },
  { ...plain, name: 'latency', run: latency },
  { ...manyRules, name: 'bulk-rules', run: bulk },
  { ...manyRules, name: 'file-rules', run: file },
  { ...manyRules, name: 'bulk-plain-rules', offloads: false, run: bulk },
  { ...manyRules, name: 'udp-rules', run: udp },
  { ...manyRules, name: 'latency-rules', run: latency },
  { ...plain, name: 'pasv', run: (bench) => sessions(bench, []) },
  { ...plain, name: 'port', run: (bench) => sessions(bench, ['-A']) },
  { ...plain, name: 'connects', run: connects },
  { ...plain, name: 'flows', connections: ROOM_FOR_FLOWS, run: flows },
];
