/**
 * Connection tracking of the gate against the kernel's: random TCP and UDP talks with everything that
 * happens to segments, frame by frame through a gateway of each. What comes out must be the same to
 * the byte, whether the gate's kernel part or the engine has passed it, and so must the tables be.
 *
 * PINHOLE_TRACKING_SEED says which talks, PINHOLE_GATE_TALKS how many in each scene.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Prng } from '../../src/base/index.ts';
import { assertCarried } from './datapath.ts';
import { gatewayPrograms } from './gateways.ts';
import { type Lab, mustRunIn, requireLive, withLab } from './harness.ts';
import { macs } from './oracle/words.ts';
import { UdpTalk } from './tracking/datagram-talks.ts';
import { type Out, TrackingGate } from './tracking/gate.ts';
import { type Shot, TrackingKernel } from './tracking/kernel.ts';
import { type Ends, type Scene, scenes } from './tracking/scenes.ts';
import { type Message, reversed, type Talk } from './tracking/talk.ts';
import { TcpTalk } from './tracking/tcp-talk.ts';

const TALKS = Number(process.env.PINHOLE_GATE_TALKS ?? 12);
const SEED = Number(process.env.PINHOLE_TRACKING_SEED ?? 20_261_121);
const TALKS_AT_ONCE = 6;
/** Long enough that most of a talk is the kernel part's, where nothing odd happens to it. */
const LENGTH = 120;
const programs = ['iptables-legacy-restore', 'ip6tables-legacy-restore', 'conntrack', 'python3'];

/** Nothing is to grow old meanwhile: which of the two is slower is chance. */
const sysctls = {
  tcp_timeout_close: 600,
  tcp_timeout_time_wait: 600,
  tcp_timeout_last_ack: 600,
  udp_timeout: 600,
};

/** Without the marks that show the state in every packet: no flow would be taken over. */
const chosen = scenes
  .filter(({ name }) => /: (routed, INVALID dropped|masqueraded|both .*)$/.test(name))
  .map((scene) => ({
    ...scene,
    rules: scene.rules.replace(/\*mangle[^*]*COMMIT\n/, ''),
    sysctls: { ...scene.sysctls, ...sysctls },
  }));

interface Running {
  readonly talk: Talk;
  readonly ends: Ends;
  readonly messages: Iterator<Message>;
}

/** No two talks have the same client port, so that translation keeps it. */
function begin(scene: Scene, serial: number): Running {
  const random = new Prng(Math.imul(SEED + serial, 0x9e3779b1));
  for (let i = 0; i < 4; i++) random.next();
  const talk = serial % 6 === 5 ? new UdpTalk(random) : new TcpTalk(random, LENGTH);
  const { clients, servers } = scene.hosts;
  const ends = {
    src: clients[serial % clients.length]!,
    dst: servers[serial % servers.length]!,
    sport: 1024 + serial,
    dport: 8000 + serial,
  };
  return { talk, ends, messages: talk.messages() };
}

function shotOf(scene: Scene, { talk, ends }: Running, message: Message, id: number): Shot {
  const isClient = message.from === 0;
  const seen = isClient ? ends : reversed(scene.atServer(ends));
  const link = isClient
    ? { srcMac: macs.client, dstMac: macs.lan }
    : { srcMac: macs.server, dstMac: macs.wan };
  const frame = message.frame({ ...seen, ...link, tos: 0, id: id & 0xffff });
  const [a, b] = talk.tupleNumbers(ends.sport, ends.dport);
  const tuple = [scene.family, talk.protocol, ends.src, ends.dst, a, b] as const;
  return { side: isClient ? 'lan' : 'wan', frame, tuple };
}

/** Several talks at the same time. */
function* shots(scene: Scene): Generator<Shot> {
  const random = new Prng(SEED);
  const running: Running[] = [];
  let begun = 0;
  let id = 0;
  while (begun < TALKS || running.length > 0) {
    while (running.length < TALKS_AT_ONCE && begun < TALKS) running.push(begin(scene, begun++));
    const at = random.below(running.length);
    const one = running[at]!;
    const message = one.messages.next();
    if (message.done) running.splice(at, 1);
    else yield shotOf(scene, one, message.value, id++);
  }
}

/** What `conntrack -L` prints, in order and without the seconds left. */
function table(text: string): string[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) =>
      line
        .replace(/^(?:ipv\d +\d+ )?(\w+ +\d+) \d+ /, '$1 ')
        .replace(/ +/g, ' ')
        .trim(),
    )
    .sort();
}

/**
 * True where both have found the client's port taken, and each has put one in its place by chance:
 * what the talk goes on to say cannot be compared.
 */
function bothChoseAnyPort({ side, tuple }: Shot, ours: Out, theirs: Out): boolean {
  const [a, b] = [ours.wan[0], theirs.wan[0]];
  if (side !== 'lan' || a === undefined || b === undefined) return false;
  // Behind the headers of Ethernet and IP, none of which has options here.
  const at = 2 * (14 + (tuple[0] === 4 ? 20 : 40));
  const [ourPort, theirPort] = [a, b].map((hex) => Number.parseInt(hex.slice(at, at + 4), 16));
  return ourPort !== theirPort && ourPort !== tuple[4] && theirPort !== tuple[4];
}

async function compare(kernelLab: Lab, kernel: TrackingKernel, gateLab: Lab, scene: Scene) {
  await kernel.begin(scene);
  const gate = await TrackingGate.open(gateLab, scene);
  try {
    let frames = 0;
    /** Talks that were given up, by their client's port. */
    const abandoned = new Set<number>();
    for (const shot of shots(scene)) {
      if (abandoned.has(shot.tuple[4])) continue;
      frames++;
      const [outcome] = await kernel.shoot([shot]);
      const out = await gate.exchange(shot.side, shot.frame, outcome!.out);
      if (bothChoseAnyPort(shot, out, outcome!.out)) {
        abandoned.add(shot.tuple[4]);
        continue;
      }
      const hex = Buffer.from(shot.frame).toString('hex');
      assert.deepEqual(out, outcome!.out, `frame ${frames} from ${shot.side}: ${hex}`);
    }
    const family = ['-f', scene.family === 4 ? 'ipv4' : 'ipv6'];
    const theirs = await mustRunIn(kernelLab, 'gateway', ['conntrack', '-L', ...family]);
    const ours = await gate.daemon.show('conntrack', '-L', ...family);
    const isCompared = (line: string) =>
      ![...abandoned].some((port) => new RegExp(`port=${port} `).test(line));
    assert.deepEqual(table(ours).filter(isCompared), table(theirs).filter(isCompared));
    assert.ok(abandoned.size <= TALKS / 4, `${abandoned.size} talks were given up`);
    await assertCarried(gate.daemon.socket);
    return `${frames} frames, ${await gate.forwarded()} by the kernel part`;
  } catch (error) {
    if (error instanceof Error) error.message += await gate.daemon.describe();
    throw error;
  } finally {
    await gate.close();
  }
}

describe('connection tracking of the gate against the kernel', () => {
  test(`${chosen.length} scenes, ${TALKS} talks in each`, async (t) => {
    if (!requireLive(t, [...programs, ...gatewayPrograms()])) return;
    await withLab('go-kernel', { ftpd: false }, async (kernelLab) => {
      const kernel = await TrackingKernel.open(kernelLab);
      try {
        for (const scene of chosen) {
          await t.test(scene.name, (sub) =>
            withLab('go-gate', { ftpd: false }, async (gateLab) => {
              sub.diagnostic(await compare(kernelLab, kernel, gateLab, scene));
            }),
          );
        }
      } finally {
        kernel.close();
      }
    });
  });
});
