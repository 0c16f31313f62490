/**
 * Path MTU discovery and traceroute through translation, in both directions and both families: the
 * senders' own sockets must be told, with the addresses they know, by Pinhole as by the kernel.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { datapathUnderTest } from './datapath.ts';
import { KernelGateway, PinholeGateway } from './gateways.ts';
import {
  type Lab,
  mustRunIn,
  type Place,
  repositoryRoot,
  requireLive,
  withLab,
} from './harness.ts';
import { natTable } from './rule-texts.ts';

const NARROW_MTU = 1300;
const far = { 4: '198.51.100.9', 6: '2001:db8:9::9' } as const;
const outside = { 4: '203.0.113.1', 6: '2001:db8:77::1' } as const;
const server = { 4: '203.0.113.21', 6: '2001:db8:77::21' } as const;
const inside = { 4: '192.168.77.1', 6: 'fd77:1::1' } as const;
const client = { 4: '192.168.77.10', 6: 'fd77:1::10' } as const;

/** Only what is new from inside or published, and what belongs to something known, passes. */
const filter = `*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -p udp -m conntrack --ctstate NEW -j ACCEPT
COMMIT
`;

/** A narrow link behind the server, which becomes a router. */
async function addNarrowLink(lab: Lab): Promise<void> {
  const lines = [
    'link add far0 type veth peer name far1',
    `link set far0 mtu ${NARROW_MTU}`,
    'link set far0 up',
    'link set far1 up',
    'address add 198.51.100.1/24 dev far0',
    'address add 2001:db8:9::1/64 dev far0 nodad',
    ...Object.values(far).map((to) => `neigh add ${to} lladdr 02:00:00:00:00:09 dev far0`),
  ];
  await mustRunIn(lab, 'server', ['ip', '-batch', '-'], { input: lines.join('\n') });
  const forward =
    'for file in ipv4/ip_forward ipv6/conf/all/forwarding; do echo 1 > /proc/sys/net/$file; done';
  await mustRunIn(lab, 'server', ['sh', '-ec', forward]);
  const routes = ['198.51.100.0/24 via 203.0.113.21', '2001:db8:9::/64 via 2001:db8:77::21'];
  const input = routes.map((route) => `route add ${route}\n`).join('');
  await mustRunIn(lab, 'gateway', ['ip', '-batch', '-'], { input });
}

/** Each datagram's error as `FROM type/code info`, `-` for none. */
async function told(lab: Lab, place: Place, to: string, ...probes: string[]): Promise<string[]> {
  const script = join(repositoryRoot, 'test', 'live', 'path-errors.py');
  const text = await mustRunIn(lab, place, ['python3', '-B', script, to, '33434', ...probes]);
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
    .map((error) => (error ? `${error.from} ${error.type}/${error.code} ${error.info}` : '-'));
}

const gateways = [
  {
    name: 'kernel',
    Gateway: KernelGateway,
    programs: ['iptables-legacy-restore', 'ip6tables-legacy-restore', 'conntrack'],
  },
  { name: 'pinhole', Gateway: PinholeGateway, programs: ['tc', 'ethtool'] },
] as const;

// The kernel is asked once, beside the first datapath.
const asked = gateways.filter(({ name }) => name === 'pinhole' || datapathUnderTest === 'capture');

for (const { name, Gateway, programs } of asked) {
  describe(`errors about the way, ${name}`, () => {
    test('path MTU and hops through MASQUERADE; a published service from outside', async (t) => {
      if (!requireLive(t, [...programs, 'python3'])) return;
      await withLab('path', { ftpd: false }, async (lab) => {
        await addNarrowLink(lab);
        const gateway = new Gateway(lab);
        const rules = (family: 4 | 6) => {
          const target = family === 4 ? client[4] : `[${client[6]}]`;
          const publish = `-A PREROUTING -i wan0 -d ${outside[family]} -p udp -j DNAT --to-destination ${target}`;
          return natTable(publish, '-A POSTROUTING -o wan0 -j MASQUERADE') + filter;
        };
        await gateway.start({ v4: rules(4), v6: rules(6) });
        try {
          for (const family of [4, 6] as const) {
            const [exceeded, tooBig, unreachable] =
              family === 4 ? ['11/0', '3/4', '3/3'] : ['3/0', '2/0', '1/4'];
            assert.deepEqual(
              await told(lab, 'client', far[family], '100:1', '100:2', '1400:64', '1300:2'),
              [
                `${inside[family]} ${exceeded} 0`,
                `${server[family]} ${exceeded} 0`,
                `${server[family]} ${tooBig} ${NARROW_MTU}`,
                `${server[family]} ${exceeded} 0`,
              ],
              `IPv${family}, from the client`,
            );
            assert.deepEqual(
              await told(lab, 'server', outside[family], '100:1', '100:2'),
              [`${outside[family]} ${exceeded} 0`, `${outside[family]} ${unreachable} 0`],
              `IPv${family}, from the server`,
            );
          }
        } finally {
          await gateway.stop();
        }
      });
    });
  });
}
