/**
 * The lines of a lab with a relay on each that loses, doubles, delays and reorders frames. The kernel
 * of a test machine need not have sch_netem; the relay is a program of our own (load/relay.c), in a
 * namespace between client and gateway, and between gateway and server.
 */
import { type Background, type Lab, mustRunIn, run, startIn } from '../harness.ts';
import { loadCommand } from './support.ts';

export interface Manner {
  /** Of a thousand frames. */
  readonly loss: number;
  readonly duplication: number;
  readonly reordering: number;
  /** The delay wanders between these. */
  readonly leastMs: number;
  readonly mostMs: number;
  readonly seed: number;
}

const ends = [
  {
    place: 'client',
    addresses: ['192.168.77.10/24', 'fd77:1::10/64'],
    gateways: ['192.168.77.1', 'fd77:1::1'],
  },
  {
    place: 'server',
    addresses: ['203.0.113.21/24', '2001:db8:77::21/64'],
    gateways: ['203.0.113.1', '2001:db8:77::1'],
  },
] as const;

async function must(...argv: string[]): Promise<void> {
  const { code, stderr } = await run(argv);
  if (code !== 0) throw new Error(`${argv.join(' ')}: ${stderr}`);
}

/** Puts the end's interface into the namespace between, and a new one of the same name in its place. */
async function part(lab: Lab, between: string, end: (typeof ends)[number]): Promise<void> {
  const own = `ph-${lab.name}-${end.place}`;
  const [outer, inner] = [`${end.place}-out`, `${end.place}-in`];
  await must('ip', '-n', own, 'link', 'set', 'eth0', 'netns', between, 'name', outer);
  const peer = ['type', 'veth', 'peer', 'name', inner, 'netns', between];
  await must('ip', '-n', own, 'link', 'add', 'eth0', ...peer);
  // Frames as on a wire: the relay can neither cut super-frames nor complete checksums.
  const switches = ['tx', 'tso', 'gso', 'gro'].flatMap((feature) => [feature, 'off']);
  await mustRunIn(lab, end.place, ['ethtool', '-K', 'eth0', ...switches]);
  await must('ip', '-n', own, 'link', 'set', 'eth0', 'up');
  for (const name of [outer, inner]) await must('ip', '-n', between, 'link', 'set', name, 'up');
  for (const [i, address] of end.addresses.entries()) {
    const nodad = address.includes(':') ? ['nodad'] : [];
    await must('ip', '-n', own, 'address', 'add', address, 'dev', 'eth0', ...nodad);
    await must('ip', '-n', own, 'route', 'replace', 'default', 'via', end.gateways[i]!);
  }
}

/** Runs `fn` while the lines are disturbed; resolves to what the relay did. */
export async function withDisturbedLines(
  lab: Lab,
  manner: Manner,
  fn: () => Promise<void>,
): Promise<string> {
  const between = `ph-${lab.name}-between`;
  const { loss, duplication, reordering, leastMs, mostMs, seed } = manner;
  let relay: Background | undefined;
  await must('ip', 'netns', 'add', between);
  try {
    const quiet = ['sysctl', '-qw', 'net.ipv6.conf.default.disable_ipv6=1'];
    await must('ip', 'netns', 'exec', between, ...quiet);
    for (const end of ends) await part(lab, between, end);
    const numbers = [loss, duplication, reordering, leastMs, mostMs, seed];
    const lines = ['client-in', 'client-out', ...numbers, 'server-in', 'server-out'];
    // The harness knows the lab's own places only.
    const enter = ['nsenter', `--net=/var/run/netns/${between}`, ...loadCommand('relay', ...lines)];
    relay = await startIn(lab, 'client', enter, /^ready/m);
    await fn();
  } finally {
    await relay?.stop();
    await must('ip', 'netns', 'del', between);
  }
  return relay.output().trim().split('\n').at(-1) ?? '';
}
