/** What the gate's live tests share: a lab with streams, gates that start, what the kernel holds. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { flowsOf } from '../../../src/datapath/gate/flows/index.ts';
import { Bpf, FormerMaps, loadLibc } from '../../../src/datapath/gate/sys/index.ts';
import { isMap } from '../../support/map-ids.ts';
import { Daemon, type DaemonOptions, ruleFile } from '../daemon.ts';
import { type Lab, mustRunIn, withLab } from '../harness.ts';
import { hostState } from '../host-state.ts';
import { masquerade, natTable } from '../rule-texts.ts';
import { until } from '../until.ts';
import { Streams, serveStreams } from './streams.ts';

export interface Stage {
  readonly lab: Lab;
  readonly streams: Streams;
  /** The host before any gateway ran on it. */
  readonly before: string;
}

export const gatePrograms = ['python3', 'tc', 'ethtool', 'sysctl', 'iptables-legacy-save'];

/** A filter that forwards whatever the client begins; `more` goes first. */
export function clientMay(...more: string[]): string {
  return [
    '*filter',
    ':INPUT ACCEPT [0:0]',
    ':FORWARD DROP [0:0]',
    ':OUTPUT ACCEPT [0:0]',
    ...more,
    '-A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT',
    '-A FORWARD -i lan0 -m conntrack --ctstate NEW -j ACCEPT',
    'COMMIT',
    '',
  ].join('\n');
}

export const clientMayMasqueraded = clientMay() + masquerade;

/** What the client sends to port 7000 of the gateway goes to the streams of the server. */
export const forwardedPort = natTable(
  '-A PREROUTING -i lan0 -d 192.168.77.1 -p tcp --dport 7000 -j DNAT --to-destination 203.0.113.21:5555',
  '-A POSTROUTING -o wan0 -j MASQUERADE',
);

/** Runs `fn` in a lab with a server of streams. Afterwards the host must be as it was. */
export async function withStage<T>(
  name: string,
  options: { readonly ftpd?: boolean },
  fn: (stage: Stage) => Promise<T>,
): Promise<T> {
  return withLab(name, { ftpd: options.ftpd ?? false }, async (lab) => {
    const server = await serveStreams(lab);
    const streams = new Streams(lab);
    try {
      const stage = { lab, streams, before: await wholeState(lab) };
      const result = await fn(stage);
      await assertHost(lab, stage.before);
      return result;
    } finally {
      await streams.stop();
      await server.stop();
    }
  });
}

/** Starts a gate. */
export function startGate(
  lab: Lab,
  rules: string,
  more: readonly string[] = [],
  options: DaemonOptions = {},
): Promise<Daemon> {
  const files = [ruleFile(lab, rules)];
  return Daemon.start(lab, files, { ...options, arguments: ['--datapath', 'gate', ...more] });
}

/** Runs `fn` with a gate that may be ended by it; its log goes with every failure. */
export async function withGate<T>(
  lab: Lab,
  rules: string,
  more: readonly string[],
  fn: (daemon: Daemon) => Promise<T>,
): Promise<T> {
  const daemon = await startGate(lab, rules, more);
  try {
    return await fn(daemon);
  } catch (error) {
    if (error instanceof Error) error.message += `\n--- log of the gate\n${daemon.log()}`;
    throw error;
  } finally {
    if (daemon.isRunning()) await daemon.stop();
  }
}

export async function kill(daemon: Daemon): Promise<void> {
  daemon.signal('SIGKILL');
  assert.equal(await daemon.ended(), -1);
}

/** Throws with the lines that differ where the host is not as it was. */
export async function assertHost(lab: Lab, before: string): Promise<void> {
  const [now, then] = [(await wholeState(lab)).split('\n'), before.split('\n')];
  const differing = {
    new: now.filter((line) => !then.includes(line)),
    gone: then.filter((line) => !now.includes(line)),
  };
  assert.deepEqual(differing, { new: [], gone: [] });
}

/** As `hostState`, with all interfaces' qdiscs and filters, and what is left in /run/pinhole. */
export async function wholeState(lab: Lab): Promise<string> {
  const qdiscs = await mustRunIn(lab, 'gateway', ['tc', 'qdisc', 'show']);
  return [await hostState(lab), qdiscs, ...leftInRunDir(lab)].join('\n');
}

/** Files of this lab's gateway in the run directory, mounts in it, and those of processes gone. */
function leftInRunDir(lab: Lab): string[] {
  const runDir = '/run/pinhole';
  const namespace = statSync(`/var/run/netns/ph-${lab.name}-gateway`).ino;
  const names = existsSync(runDir) ? readdirSync(runDir) : [];
  const isLeft = (name: string): boolean => {
    const pid = /^gate-(\d+)$/.exec(name)?.[1];
    return (
      name.includes(`-${namespace}.json`) || (pid !== undefined && !existsSync(`/proc/${pid}`))
    );
  };
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n');
  return [...names.filter(isLeft), ...mounts.filter((line) => line.includes(`${runDir}/gate-`))];
}

/** Ids of the maps and programs that a process holds open. */
export function kernelObjectsOf(pid: number): KernelObjects {
  const maps = new Set<number>();
  const programs = new Set<number>();
  for (const fd of readdirSync(`/proc/${pid}/fdinfo`)) {
    const text = textOf(`/proc/${pid}/fdinfo/${fd}`);
    const map = /^map_id:\s*(\d+)/m.exec(text)?.[1];
    const program = /^prog_id:\s*(\d+)/m.exec(text)?.[1];
    if (map !== undefined) maps.add(Number(map));
    if (program !== undefined) programs.add(Number(program));
  }
  return { maps: [...maps], programs: [...programs] };
}

/** '' for what is gone meanwhile. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

export interface KernelObjects {
  readonly maps: readonly number[];
  readonly programs: readonly number[];
}

/** Those that are still in the kernel, programs by their names, sorted. */
export async function stillThere({ maps, programs }: KernelObjects): Promise<string[]> {
  const bpf = new Bpf(await loadLibc());
  const names: string[] = [];
  for (const id of maps) {
    if (isMap(bpf.libc, id)) names.push(`map ${id}`);
  }
  for (const id of programs) {
    const fd = bpf.programById(id);
    if (fd >= 0) names.push(`program ${bpf.programInfo(fd).name}`);
    bpf.close(fd);
  }
  return names.sort();
}

/** The kernel frees them some time after the last who held them. */
export async function untilGone(objects: KernelObjects): Promise<void> {
  let left: string[] = [];
  const ask = async () => {
    left = await stillThere(objects);
    return left.length === 0 ? true : null;
  };
  await until('maps and programs to go', ask, 15_000, () => left.join('\n'));
}

/** The programs of ours at both hooks of an interface. */
export async function programsAt(lab: Lab, device: string): Promise<string[]> {
  const script = `tc filter show dev ${device} ingress; tc filter show dev ${device} egress`;
  const text = await mustRunIn(lab, 'gateway', ['sh', '-c', script]);
  return [...text.matchAll(/pref 3 bpf .*?\b((?:entry_)?(?:in|e)gress)\b/g)].map(
    ([, name = '']) => name,
  );
}

/** Waits until so many streams are carried by the program. */
export async function untilInKernel(daemon: Daemon, flows: number): Promise<void> {
  let found = 0;
  const ask = async () => {
    const status = (await daemon.ask((client) => client.request('status', {}).done)) as Status;
    found = (status.gate?.flows4 ?? 0) + (status.gate?.flows6 ?? 0);
    return found >= flows ? true : null;
  };
  await until(`${flows} flows in the kernel`, ask, 5_000, () => `${found} are`);
}

/**
 * Waits until streams are in the kernel part with both directions, each of which is handed over with a
 * packet of its own; and have moved on since.
 */
export async function carried(
  { streams }: Stage,
  daemon: Daemon,
  ports: readonly number[],
): Promise<void> {
  let found = new Set<number>();
  const ask = async () => {
    found = await portsBothWays(daemon);
    return ports.every((port) => found.has(port)) ? true : null;
  };
  const missing = () => ports.filter((port) => !found.has(port)).join(', ');
  await until('both directions of all streams in the kernel', ask, 5_000, missing);
  await streams.goOn(ports, 16_384);
}

/** Source ports of the connections of which the program forwards both directions. */
async function portsBothWays({ pid }: Daemon): Promise<Set<number>> {
  const maps = FormerMaps.of(new Bpf(await loadLibc()), kernelObjectsOf(pid).programs);
  assert.ok(maps !== null);
  const { config, flows, buckets, hops } = maps;
  const memory = {
    config: config.words,
    flows: flows.words,
    buckets: buckets.words,
    hops: hops.words,
  };
  const ports = [...flowsOf(memory)]
    .filter(({ directions, isKept }) => directions[0] && directions[1] && !isKept)
    .map(({ original }) => original.srcPort);
  maps.close();
  return new Set(ports);
}

interface Status {
  readonly gate?: Readonly<Record<string, number>>;
}
