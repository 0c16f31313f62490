/** The tests of the gateway benchmark: what each one does to the lab, and what it brings home. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Lab } from '../../live/harness.ts';
import {
  type Figures,
  lastFigures,
  loadClient,
  startLoadServer,
  waitingClient,
  withLoadServer,
} from './load.ts';
import { bytesPerConnection } from './memory.ts';
import { ports, udpPorts } from './rules.ts';
import type { RunningSide } from './sides.ts';

export interface Bench {
  readonly lab: Lab;
  readonly side: RunningSide;
  /** Measured seconds. */
  readonly seconds: number;
}

/** Measures, and resolves to the figures. Throws where anything went wrong. */
export type Run = () => Promise<Figures>;

export interface BenchCase {
  readonly name: string;
  readonly offloads: boolean;
  /**
   * What takes time but not the machine, done while other things may be measured; resolves to the
   * measurement itself, which may be some seconds off.
   */
  begin(bench: Bench): Promise<Run>;
}

/** Tests that share a lab and a gateway, since none leaves anything that the next one could feel. */
export interface BenchSet {
  readonly name: string;
  /** Rules of FORWARD before those that match. */
  readonly rulesBefore: number;
  /** Connections that the side is told to make room for; null: its own default. */
  readonly connections: number | null;
  /** The ones without offloads come last. */
  readonly cases: readonly BenchCase[];
}

const GIBIBYTE = 1024 ** 3;
const SMALL_FILE = 4096;
const AT_ONCE = 32;
/** Request and answer of the latency test. */
const MESSAGE_BYTES = 64;

/** Seconds that come first and are not measured: TCP finds its pace. */
const WARM_UP = 0.3;
/**
 * The same where a gateway has most to do with every connection: Node's compiler needs some seconds to
 * find the hot code. The first such test of a gateway waits for it, the next one for what is its own.
 */
const FIRST_SESSIONS_WARM_UP = 6;
const SESSIONS_WARM_UP = 2;
const warm = new WeakSet<RunningSide>();

const FEW_FLOWS = 1000;
const MANY_FLOWS = 500_000;
/** What the sides are told to make room for: the next power of two. */
const ROOM_FOR_FLOWS = 524_288;

const time = ({ seconds }: Bench, warmUp = WARM_UP) => ['-t', `${seconds}`, '-w', `${warmUp}`];

/** For tests of many short connections. */
function sessionsTime(bench: Bench): string[] {
  const { side } = bench;
  const warmUp = warm.has(side) ? SESSIONS_WARM_UP : FIRST_SESSIONS_WARM_UP;
  warm.add(side);
  return time(bench, warmUp);
}

async function tcp(bench: Bench, part: string, port: number, options: readonly string[]) {
  const client = () => loadClient(bench.lab, part, ['-p', `${port}`, ...options]);
  return await withLoadServer(bench.lab, 'tcp-server', ['-p', `${ports.tcp}`], client);
}

const bulk = (bench: Bench) => tcp(bench, 'tcp-bulk', ports.tcp + 1, time(bench));

const latency = (bench: Bench) =>
  tcp(bench, 'tcp-requests', ports.tcp, [...time(bench), '-s', `${MESSAGE_BYTES}`]);

const connects = (bench: Bench) =>
  tcp(bench, 'tcp-connects', ports.tcp, [...sessionsTime(bench), '-c', `${AT_ONCE}`]);

async function ftp(bench: Bench, options: readonly string[]): Promise<Figures> {
  const client = () => loadClient(bench.lab, 'ftp-client', options);
  return await withLoadServer(bench.lab, 'ftp-server', [], client);
}

const file = (bench: Bench) => ftp(bench, [...time(bench), '-s', `${GIBIBYTE}`]);

const sessions = (bench: Bench, ...more: readonly string[]) =>
  ftp(bench, [...sessionsTime(bench), '-s', `${SMALL_FILE}`, '-c', `${AT_ONCE}`, ...more]);

/**
 * Establishes `flows` flows over this many ports. Resolves to what counts the packets per second
 * that arrive over them; they are older than two seconds by then, and answered a second time.
 */
async function beginUdp(bench: Bench, flows: number, portCount: number) {
  const { lab, side } = bench;
  const place = ['-p', `${ports.udp}`, '-n', `${portCount}`];
  const options = [...place, '-f', `${flows}`, ...time(bench), ...(side.tracks ? [] : ['-N'])];
  const server = await startLoadServer(lab, 'udp-server', place);
  const flood = await waitingClient(lab, 'udp-client', options);
  return async () => {
    await flood();
    // What stands in the receiver's buffers is still read.
    await pause(200);
    const { packets = 0, seconds = 0 } = lastFigures(await server.stop());
    // Arrivals may take longer than sending did; where they took less, there was a stall.
    return packets / Math.max(seconds, bench.seconds);
  };
}

async function udp(bench: Bench): Promise<Run> {
  const count = await beginUdp(bench, 1, 1);
  return async () => ({ packetsPerSecond: await count() });
}

async function udpPackets(bench: Bench, flows: number): Promise<number> {
  const count = await beginUdp(bench, flows, udpPorts);
  return await count();
}

/**
 * The same packets over few flows and over many, and what the many cost in memory. The tables are
 * read when the generator is gone: its sockets are no part of the gateway.
 */
async function flows(bench: Bench): Promise<Figures> {
  const { side } = bench;
  const few = await udpPackets(bench, FEW_FLOWS);
  const before = { memory: side.memory(), connections: await side.connections() };
  const many = await udpPackets(bench, MANY_FLOWS);
  const after = { memory: side.memory(), connections: await side.connections() };
  const figures = { fewFlows: few, manyFlows: many, costRatio: few / many };
  if (before.memory === null || after.memory === null) return figures;
  if (after.connections === null || after.connections < MANY_FLOWS) {
    throw new Error(`${after.connections} connections are tracked, not ${MANY_FLOWS}`);
  }
  const added = after.connections - (before.connections ?? 0);
  return { ...figures, bytes: bytesPerConnection(before.memory, after.memory, added) };
}

/** A test with nothing to be done ahead of it. */
const plain = (name: string, run: (bench: Bench) => Promise<Figures>): BenchCase => ({
  name,
  offloads: true,
  begin: async (bench) => () => run(bench),
});

/** What leaves nothing behind but a few connections. `suffix` of the names of the tests. */
const lightCases = (suffix: string): readonly BenchCase[] => [
  plain(`bulk${suffix}`, bulk),
  plain(`file${suffix}`, file),
  plain(`latency${suffix}`, latency),
  { name: `udp${suffix}`, offloads: true, begin: udp },
  { ...plain(`bulk-plain${suffix}`, bulk), offloads: false },
];

/** Many short connections. */
const sessionCases: readonly BenchCase[] = [
  plain('pasv', (bench) => sessions(bench)),
  plain('port', (bench) => sessions(bench, '-A')),
  plain('connects', connects),
];

const noRules = { rulesBefore: 0, connections: null };

/** A round is these in turn. The labs of a set, one for each side, are set up together. */
export const benchSets: readonly BenchSet[] = [
  { ...noRules, name: 'light', cases: lightCases('') },
  { ...noRules, name: 'rules', rulesBefore: 10_000, cases: lightCases('-rules') },
  { ...noRules, name: 'sessions', cases: sessionCases },
  { rulesBefore: 0, name: 'flows', cases: [plain('flows', flows)], connections: ROOM_FOR_FLOWS },
];

/** Names of all tests, in the order in which they run. */
export const testNames: readonly string[] = benchSets.flatMap(({ cases }) =>
  cases.map(({ name }) => name),
);

/** The sets with these tests alone; what is empty without the others is left out. */
export function setsOf(tests: readonly string[]): BenchSet[] {
  return benchSets
    .map((set) => ({ ...set, cases: set.cases.filter(({ name }) => tests.includes(name)) }))
    .filter(({ cases }) => cases.length > 0);
}
