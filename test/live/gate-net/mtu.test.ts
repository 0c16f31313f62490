/** Interfaces of different MTU: what is too long is said so, cut or clamped, in the kernel part too. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Daemon } from '../daemon.ts';
import {
  type Lab,
  mustRunIn,
  type Place,
  repositoryRoot,
  requireLive,
  withLab,
} from '../harness.ts';
import { untilTrue } from '../until.ts';
import { moves, withBulk } from './bulk.ts';
import { datagramsThere } from './datagrams.ts';
import { gateCounters, sameAsKernel, withGate } from './twins.ts';

const server = { 4: '203.0.113.21', 6: '2001:db8:77::21' } as const;
const MiB = 1 << 20;

const filter = `*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -m conntrack --ctstate NEW -j ACCEPT
COMMIT
`;
const masquerade = '*nat\n-A POSTROUTING -o wan0 -j MASQUERADE\nCOMMIT\n';
const clamp =
  '*mangle\n-A FORWARD -p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu\nCOMMIT\n';

/** MTUs of both ends of the two links. */
async function setMtus(lab: Lab, inside: number, outside: number): Promise<void> {
  const links: [Place, string, number][] = [
    ['client', 'eth0', inside],
    ['gateway', 'lan0', inside],
    ['gateway', 'wan0', outside],
    ['server', 'eth0', outside],
  ];
  for (const [place, name, mtu] of links) {
    await mustRunIn(lab, place, ['ip', 'link', 'set', name, 'mtu', String(mtu)]);
  }
}

/** Far MTU that only the gateway knows: the server's side of the link stays wide. */
async function narrowWayOut(lab: Lab, inside: number, outside: number): Promise<void> {
  await setMtus(lab, inside, Math.max(inside, outside));
  await mustRunIn(lab, 'gateway', ['ip', 'link', 'set', 'wan0', 'mtu', String(outside)]);
}

/** Transfers both ways, of which the kernel part must have carried the most. */
async function bothWays(lab: Lab, daemon: Daemon | null, family: 4 | 6): Promise<string[]> {
  return withBulk(lab, 'server', server[family], async () => {
    const seen: string[] = [];
    for (const how of ['put', 'get'] as const) {
      const moved = await moves(lab, 'client', how, server[family], 3 * MiB);
      seen.push(`${how} ${moved.whole} ${moved.error ?? moved.mss}`);
    }
    if (daemon !== null) {
      const counters = await gateCounters(daemon);
      assert.ok(counters['kernel.forwarded']! > 50, JSON.stringify(counters));
    }
    return seen;
  });
}

const scenes = [
  ['9000 to 1400', setMtus, 9000, 1400],
  ['9000 to 1400, the server does not know', narrowWayOut, 9000, 1400],
  ['1500 to 1300, the server does not know', narrowWayOut, 1500, 1300],
  ['1400 to 9000', setMtus, 1400, 9000],
] as const;

async function sameTransfers(
  t: TestContext,
  more: string,
  name: string,
  which: typeof scenes | readonly (typeof scenes)[number][],
): Promise<void> {
  for (const [n, [title, set, inside, outside]] of which.entries()) {
    await t.test(title, async (subtest) => {
      await sameAsKernel(subtest, {
        name: `${name}${n}`,
        rules: filter + more,
        rules6: filter + (more === masquerade ? '' : more),
        prepare: (lab) => set(lab, inside, outside),
        play: async (lab, daemon) => [
          ...(await bothWays(lab, daemon, 4)),
          ...(await bothWays(lab, daemon, 6)),
        ],
      });
    });
  }
}

test('TCP finds the path MTU', (t) => sameTransfers(t, '', 'mtu', scenes));
test('TCP finds the path MTU through MASQUERADE', (t) =>
  sameTransfers(t, masquerade, 'mtunat', [scenes[1]]));
test('TCPMSS spares it the search', (t) => sameTransfers(t, clamp, 'mtumss', [scenes[2]]));

test('datagrams: too big with DF, cut without, joined in the middle of a flow', async (t) => {
  await sameAsKernel(t, {
    name: 'mtuudp',
    rules: filter + masquerade,
    rules6: filter,
    prepare: (lab) => narrowWayOut(lab, 9000, 1400),
    play: async (lab) => [
      ...(await datagramsThere(lab, server[4], [100, 1372, 1373, 3000, 8000])),
      ...(await datagramsThere(lab, server[6], [100, 1352])),
      ...(await told(lab, server[4], '1400:64', '1401:64', '9000:64')),
      ...(await told(lab, server[6], '1400:64', '1401:64', '9000:64')),
    ],
  });
});

/** The errors that datagrams of BYTES:TTL with DF meet; - for none. */
async function told(lab: Lab, to: string, ...probes: string[]): Promise<string[]> {
  const script = join(repositoryRoot, 'test', 'live', 'path-errors.py');
  const seen: string[] = [];
  for (const probe of probes) {
    const text = await mustRunIn(lab, 'client', ['python3', '-B', script, to, '33434', probe]);
    seen.push(`${probe} ${text.trim()}`);
  }
  return seen;
}

test('the MTU of the way out changes while a transfer runs', async (t) => {
  if (!requireLive(t, ['tc', 'ethtool', 'python3'])) return;
  await withLab('gn-mtuchg', { ftpd: false }, async (lab) => {
    await setMtus(lab, 1500, 1500);
    await withGate(lab, { rules: filter, rules6: filter }, async (daemon) => {
      for (const family of [4, 6] as const) {
        await withBulk(lab, 'server', server[family], async () => {
          const rate = 2 * MiB;
          const running = moves(lab, 'client', 'put', server[family], 2 * MiB, { rate });
          for (const mtu of [1320, 1500, 1290]) {
            const before = (await gateCounters(daemon))['kernel.forwarded']!;
            await untilForwarded(daemon, before + 30);
            await mustRunIn(lab, 'gateway', ['ip', 'link', 'set', 'wan0', 'mtu', String(mtu)]);
          }
          const moved = await running;
          assert.deepEqual([moved.whole, moved.error], [true, undefined], JSON.stringify(moved));
          await mustRunIn(lab, 'gateway', ['ip', 'link', 'set', 'wan0', 'mtu', '1500']);
        });
      }
    });
  });
});

async function untilForwarded(daemon: Daemon, count: number): Promise<void> {
  await untilTrue('packets in the kernel part', async () => {
    return (await gateCounters(daemon))['kernel.forwarded']! >= count;
  });
}
