/** Tagged frames are none of Pinhole's where no VLAN interface is managed; masters and many queues. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Lab, mustRunIn, requireLive, runIn, withLab } from '../harness.ts';
import { bulkPort, moves, withBulk } from './bulk.ts';
import { RawTcp } from './raw-flows.ts';
import { RawHosts, type RawPacket, rawClient, rawServer } from './raw-hosts.ts';
import { gateCounters, sameAsKernel, withGate } from './twins.ts';

const filter = `*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -m conntrack --ctstate NEW -j ACCEPT
COMMIT
`;
const server = '203.0.113.21';
const MiB = 1 << 20;

/** As above, and a port that nothing may reach. */
const shut = filter.replace(
  '-A FORWARD',
  '-A FORWARD -p udp -m udp --dport 98 -j DROP\n-A FORWARD',
);

function taggedPackets(): RawPacket[] {
  const tcp = new RawTcp(2001);
  const packets = [...tcp.open(), ...tcp.settle()];
  packets.push(tcp.client('PA', { bytes: 40, tag: 10 }), tcp.client('PA', { bytes: 40, tag: 0 }));
  packets.push(tcp.server('PA', { bytes: 40, tag: 4094 }), tcp.clientSays(30), tcp.serverSays(30));
  // A tag of VLAN 0 says a priority and nothing else: the kernel takes such frames as without one.
  const udp = { kind: 'udp', sport: 99, dport: 99, bytes: 10 } as const;
  for (const tag of [0, 0xe000, 0x1000]) {
    packets.push({ ...udp, from: 'server', src: rawServer[4], dst: rawClient[4], tag });
    packets.push({ ...udp, from: 'client', src: rawClient[4], dst: '192.168.77.1', tag });
    packets.push({ ...udp, from: 'client', src: rawClient[4], dst: rawServer[4], tag });
    packets.push({ ...udp, from: 'server', src: rawServer[6], dst: rawClient[6], tag });
    packets.push({ ...udp, from: 'client', src: rawClient[6], dst: 'fd77:1::1', tag });
    packets.push({ ...udp, dport: 98, from: 'client', src: rawClient[4], dst: rawServer[4], tag });
    packets.push({ ...udp, dport: 98, from: 'client', src: rawClient[6], dst: rawServer[6], tag });
    // A second such tag within.
    packets.push({ ...udp, from: 'client', src: rawClient[4], dst: '192.168.77.1', tag, inner: 0 });
    packets.push(tcp.clientSays(30, 'PA', { tag }), tcp.serverSays(1400, 'PA', { tag }));
  }
  // A service tag (802.1ad).
  for (const dport of [98, 99]) {
    const there = { ...udp, dport, src: rawClient[4], dst: rawServer[4] };
    for (const tag of [0, 10]) packets.push({ ...there, from: 'client', tag, tagType: 0x88a8 });
  }
  return packets;
}

for (const datapath of ['gate', 'capture'] as const) {
  test(`${datapath}: a tagged frame is left to the kernel, one of VLAN 0 is as without a tag`, async (t) => {
    const packets = taggedPackets();
    await sameAsKernel(t, {
      name: `tags-${datapath}`,
      rules: shut,
      rules6: shut,
      datapath,
      play: async (lab, daemon) => {
        const outcome = await RawHosts.with(lab, (hosts) => hosts.play(packets));
        if (daemon !== null && datapath === 'gate') {
          const counters = await gateCounters(daemon);
          assert.ok(counters['kernel.forwarded']! > 1, JSON.stringify(counters));
        }
        return outcome.map(
          (arrivals, n) => `${JSON.stringify(packets[n])} ${JSON.stringify(arrivals)}`,
        );
      },
    });
  });
}

/** True where this kernel can make such an interface. */
async function canMake(lab: Lab, ...type: string[]): Promise<boolean> {
  const made = await runIn(lab, 'gateway', ['ip', 'link', 'add', 'probe0', 'type', ...type]);
  await runIn(lab, 'gateway', ['ip', 'link', 'del', 'probe0']);
  return made.code === 0;
}

/** A transfer each way, of which the kernel part carries the most. */
async function transfers(lab: Lab, daemon: Parameters<typeof gateCounters>[0], host = server) {
  await withBulk(lab, 'server', host, async () => {
    for (const how of ['put', 'get'] as const) {
      const before = (await gateCounters(daemon))['kernel.forwarded']!;
      const moved = await moves(lab, 'client', how, host, 2 * MiB);
      assert.ok(moved.whole, JSON.stringify(moved));
      const after = (await gateCounters(daemon))['kernel.forwarded']!;
      assert.ok(after > before + 20, `${how}: ${after - before} of them in the kernel part`);
    }
  });
}

test('a bridge as the way in, and a managed VLAN where this kernel has them', async (t) => {
  if (!requireLive(t, ['tc', 'ethtool', 'python3'])) return;
  await withLab('gn-bridge', { ftpd: false }, async (lab) => {
    if (!(await canMake(lab, 'bridge'))) return t.skip('this kernel has no bridges');
    const lines = [
      'link set lan0 down',
      'address flush dev lan0',
      'link set lan0 name port0',
      'link add lan0 type bridge',
      'link set port0 master lan0',
      'link set port0 up',
      'link set lan0 up',
      'address add 192.168.77.1/24 dev lan0',
    ];
    await mustRunIn(lab, 'gateway', ['ip', '-batch', '-'], { input: lines.join('\n') });
    await withGate(lab, { rules: filter, rules6: filter }, (daemon) => transfers(lab, daemon));
  });
  await withLab('gn-vlan', { ftpd: false }, async (lab) => {
    if (!(await canMake(lab, 'vlan', 'id', '10', 'link', 'lan0'))) {
      return t.diagnostic('this kernel has no VLAN interfaces (CONFIG_VLAN_8021Q)');
    }
    const tagged = (parent: string, address: string) => [
      `link add link ${parent} name ${parent}.10 type vlan id 10`,
      `link set ${parent}.10 up`,
      `address add ${address} dev ${parent}.10`,
    ];
    const inside = tagged('lan0', '192.168.79.1/24').join('\n');
    await mustRunIn(lab, 'gateway', ['ip', '-batch', '-'], { input: inside });
    const outside = [
      ...tagged('eth0', '192.168.79.10/24'),
      `route replace ${server} via 192.168.79.1`,
    ];
    await mustRunIn(lab, 'client', ['ip', '-batch', '-'], { input: outside.join('\n') });
    await mustRunIn(lab, 'server', ['ip', 'route', 'add', '192.168.79.0/24', 'via', '203.0.113.1']);
    const pinholeArguments = ['--interface', 'lan0.10'];
    await withGate(lab, { rules: filter, rules6: filter, pinholeArguments }, (daemon) =>
      transfers(lab, daemon),
    );
  });
});

/** Every queue of an interface may be worked on by any processor. */
const spread = `
for queue in /sys/class/net/$1/queues/rx-*; do echo 3 > $queue/rps_cpus; done
ls -d /sys/class/net/$1/queues/rx-* | wc -l
`;

test('several queues and processors: whole transfers, exact counters', async (t) => {
  if (!requireLive(t, ['tc', 'ethtool', 'python3'])) return;
  await withLab('gn-queues', { ftpd: false }, async (lab) => {
    const at = (place: string): string => `ph-${lab.name}-${place}`;
    const queues = 'numtxqueues 4 numrxqueues 4';
    for (const [place, name, own, peer] of [
      ['client', 'lan0', '192.168.77.1/24', '192.168.77.10/24'],
      ['server', 'wan0', '203.0.113.1/24', '203.0.113.21/24'],
    ] as const) {
      const lines = [
        `link del ${name}`,
        `link add ${name} ${queues} type veth peer name eth0 ${queues} netns ${at(place)}`,
        `link set ${name} up`,
        `address add ${own} dev ${name}`,
      ];
      await mustRunIn(lab, 'gateway', ['ip', '-batch', '-'], { input: lines.join('\n') });
      const gateway = own.replace('/24', '');
      const far = [
        'link set eth0 up',
        `address add ${peer} dev eth0`,
        `route add default via ${gateway}`,
      ];
      await mustRunIn(lab, place, ['ip', '-batch', '-'], { input: far.join('\n') });
      assert.equal(
        (await mustRunIn(lab, 'gateway', ['sh', '-ec', spread, 'sh', name])).trim(),
        '4',
      );
    }
    await withGate(lab, { rules: filter }, async (daemon) => {
      await withBulk(lab, 'server', server, async () => {
        const lots = [1, 2, 3, 4, 5, 6].map((n) =>
          moves(lab, 'client', n % 2 === 0 ? 'put' : 'get', server, 2 * MiB),
        );
        const ports = (await Promise.all(lots)).map((moved) => {
          assert.ok(moved.whole, JSON.stringify(moved));
          return moved.port;
        });
        // Nothing is shorter than its headers, and every byte of payload went by once at least.
        for (const port of ports) {
          const entry = await daemon.connectionFrom(port);
          assert.equal(entry?.orig.dport, bulkPort);
          const bytes = (entry?.orig.bytes ?? 0) + (entry?.reply.bytes ?? 0);
          assert.ok(bytes > 2 * MiB, `${port}: ${bytes}`);
        }
        const rule = await daemon.show('iptables', '-S', 'FORWARD', '-v');
        const entries = await daemon.connections();
        const packets = entries.reduce(
          (sum, { orig, reply }) => sum + orig.packets + reply.packets,
          0,
        );
        const counted = [...rule.matchAll(/-c (\d+) /g)].reduce((sum, [, n]) => sum + Number(n), 0);
        assert.equal(counted, packets, rule);
      });
    });
  });
});
