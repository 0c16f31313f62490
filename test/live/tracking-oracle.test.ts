/**
 * Connection tracking against the kernel's own: random talks through a gateway namespace and through
 * the engine in memory, packet by packet.
 */
import { describe, test } from 'node:test';
import { requireLive, withLab } from './harness.ts';
import { GenericTalk, GreTalk, IcmpTalk, UdpLiteTalk, UdpTalk } from './tracking/datagram-talks.ts';
import { TrackingKernel } from './tracking/kernel.ts';
import { scenes } from './tracking/scenes.ts';
import { SctpTalk } from './tracking/sctp-talk.ts';
import { TcpTalk } from './tracking/tcp-talk.ts';
import { type TalkMaker, TrackingTwin } from './tracking/twin.ts';

const TALKS = Number(process.env.PINHOLE_TRACKING_TALKS ?? 250);
const SEED = Number(process.env.PINHOLE_TRACKING_SEED ?? 20_261_121);
const only = process.env.PINHOLE_TRACKING_ONLY ?? '';
const onlyKind = process.env.PINHOLE_TRACKING_KIND ?? '';

const programs = [
  'iptables-legacy-restore',
  'ip6tables-legacy-restore',
  'conntrack',
  'ethtool',
  'python3',
];

/** What is talked, and how many of a hundred talks are of that kind. TCP has the most to get wrong. */
const kinds: readonly [string, number, TalkMaker][] = [
  ['tcp', 62, (random) => new TcpTalk(random)],
  ['udp', 12, (random) => new UdpTalk(random)],
  ['icmp', 10, (random, { family }) => new IcmpTalk(random, family)],
  ['gre', 4, (random) => new GreTalk(random)],
  // The kernel verifies the checksum of UDP-Lite as if it were UDP: compared where nobody looks at it.
  [
    'udplite',
    3,
    (random, { sysctls }) =>
      sysctls?.checksum === 0 ? new UdpLiteTalk(random) : new GenericTalk(random),
  ],
  ['sctp', 6, (random) => new SctpTalk(random)],
  ['generic', 3, (random) => new GenericTalk(random)],
];
const chosen = kinds.filter(([name]) => onlyKind === '' || onlyKind === name);
const shares = chosen.reduce((sum, [, share]) => sum + share, 0);

const anyTalk: TalkMaker = (random, scene) => {
  let at = random.below(shares);
  for (const [, share, make] of chosen) {
    if (at < share) return make(random, scene);
    at -= share;
  }
  throw new Error('the shares do not add up');
};

describe('connection tracking against the kernel', () => {
  test(`${scenes.length} scenes, ${TALKS} talks in each`, async (t) => {
    if (!requireLive(t, programs)) return;
    await withLab('tracking', { ftpd: false }, async (lab) => {
      const kernel = await TrackingKernel.open(lab);
      try {
        for (const scene of scenes.filter(({ name }) => name.includes(only))) {
          await t.test(scene.name, async (sub) => {
            await kernel.begin(scene);
            const twin = new TrackingTwin(kernel, scene);
            await twin.run(anyTalk, SEED, TALKS);
            sub.diagnostic(`${twin.packets} packets; talks given up: ${twin.abandoned.size}`);
          });
        }
      } finally {
        kernel.close();
      }
    });
  });
});
