/** The gateway's own services and clients: FTP both ways, and long transfers in the kernel part. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Daemon } from '../daemon.ts';
import { type Lab, mustRunIn, type Place, requireLive, startIn, withLab } from '../harness.ts';
import { bulkPort, moves, withBulk } from './bulk.ts';
import { ftpGet, withFtpServer } from './ftp.ts';
import { gateCounters, sameAsKernel, withGate } from './twins.ts';

const address = {
  client: '192.168.77.10',
  inside: '192.168.77.1',
  outside: '203.0.113.1',
  server: '203.0.113.21',
  client6: 'fd77:1::10',
  inside6: 'fd77:1::1',
  outside6: '2001:db8:77::1',
  server6: '2001:db8:77::21',
} as const;
const MiB = 1 << 20;

/** Nothing but control connections, and what belongs to something known. */
const closed = (more = ''): string => `*raw
-A PREROUTING -p tcp -m tcp --dport 21 -j CT --helper ftp
-A OUTPUT -p tcp -m tcp --dport 21 -j CT --helper ftp
COMMIT
*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT DROP [0:0]
${more}-A INPUT -i lo -j ACCEPT
-A OUTPUT -o lo -j ACCEPT
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -i lan0 -p tcp -m tcp --dport 21 -j ACCEPT
-A OUTPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A OUTPUT -o wan0 -p tcp -m tcp --dport 21 -j ACCEPT
COMMIT
`;
const neighbours = `${['INPUT', 'OUTPUT']
  .flatMap((chain) =>
    [135, 136].map((type) => `-A ${chain} -p ipv6-icmp -m icmp6 --icmpv6-type ${type} -j ACCEPT`),
  )
  .join('\n')}\n`;
const published = `*nat
-A PREROUTING -i lan0 -d ${address.server} -p tcp -m tcp --dport 21 -j REDIRECT
COMMIT
`;

/** Sessions of every mode, each a download that is compared. */
async function sessions(lab: Lab, from: Place, hosts: readonly string[]): Promise<string[]> {
  const seen: string[] = [];
  for (const host of hosts) {
    for (const mode of ['passive', 'active'] as const) {
      seen.push(`${host} ${mode}: ${await ftpGet(lab, from, host, mode)}`);
    }
  }
  return seen;
}

test("FTP of the gateway's own: its client, and its server", async (t) => {
  await sameAsKernel(t, {
    name: 'ftpown',
    rules: closed() + published,
    rules6: closed(neighbours),
    play: async (lab: Lab) => {
      const seen: string[] = [];
      await withFtpServer(lab, 'server', async () => {
        seen.push(...(await sessions(lab, 'gateway', [address.server, address.server6])));
      });
      await withFtpServer(lab, 'gateway', async () => {
        // The last one is the gateway by REDIRECT.
        const hosts = [address.inside, address.inside6, address.outside, address.server];
        seen.push(...(await sessions(lab, 'client', hosts)));
      });
      return seen;
    },
  });
});

const transfers = `*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT DROP [0:0]
-A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT
-A INPUT -i lan0 -p tcp -m tcp --dport ${bulkPort} -j ACCEPT
-A OUTPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT
-A OUTPUT -o wan0 -p tcp -m tcp --dport ${bulkPort} -j ACCEPT
COMMIT
*nat
-A PREROUTING -i lan0 -p tcp -m tcp --dport 7071 -j REDIRECT --to-ports ${bulkPort}
-A POSTROUTING -o wan0 -p tcp -m tcp --dport 7072 -j SNAT --to-source ${address.outside}
COMMIT
`;
const transfers6 = transfers
  .replace(
    '-A INPUT -m',
    '-A INPUT -p ipv6-icmp -j ACCEPT\n-A OUTPUT -p ipv6-icmp -j ACCEPT\n-A INPUT -m',
  )
  .replace(/^-A POSTROUTING.*\n/m, '');

/** The counters that grew. */
async function grown(daemon: Daemon, step: () => Promise<void>): Promise<Record<string, number>> {
  const before = await gateCounters(daemon);
  await step();
  const after = await gateCounters(daemon);
  return Object.fromEntries(
    Object.entries(after).map(([name, n]) => [name, n - (before[name] ?? 0)]),
  );
}

async function assertWhole(...moved: ReturnType<typeof moves>[]): Promise<void> {
  for (const one of await Promise.all(moved)) assert.ok(one.whole, JSON.stringify(one));
}

test("the gateway's own long transfers are in the kernel part", async (t) => {
  if (!requireLive(t, ['tc', 'ethtool', 'python3'])) return;
  await withLab('gn-own', { ftpd: false }, async (lab) => {
    await withGate(lab, { rules: transfers, rules6: transfers6 }, async (daemon) => {
      for (const family of ['', '6'] as const) {
        const there = address[`server${family}`];
        const inside = address[`inside${family}`];
        await withBulk(lab, 'server', there, async () => {
          for (const how of ['get', 'put', 'half'] as const) {
            const gate = await grown(daemon, () =>
              assertWhole(moves(lab, 'gateway', how, there, 4 * MiB)),
            );
            if (how === 'half') continue;
            assert.ok(gate['kernel.delivered']! > 20, JSON.stringify(gate));
            assert.ok(gate['kernel.sent']! > 20, JSON.stringify(gate));
          }
        });
        await withBulk(lab, 'gateway', inside, async () => {
          for (const port of [bulkPort, 7071]) {
            for (const how of ['get', 'put', 'half'] as const) {
              const step = () => assertWhole(moves(lab, 'client', how, inside, 4 * MiB, { port }));
              const gate = await grown(daemon, step);
              if (how === 'half') continue;
              assert.ok(gate['kernel.delivered']! > 20, `${port} ${how} ${JSON.stringify(gate)}`);
              assert.ok(gate['kernel.sent']! > 20, `${port} ${how} ${JSON.stringify(gate)}`);
            }
          }
        });
      }
    });
  });
});

const prefixes = {
  v4: `*filter
:FORWARD DROP [0:0]
-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -m conntrack --ctstate NEW -j ACCEPT
COMMIT
`,
  v6: `*nat
-A PREROUTING -i lan0 -d fd99::/64 -j NETMAP --to 2001:db8:77::/64
-A PREROUTING -i lan0 -d fd98::1 -p tcp -j DNAT --to-destination [${address.server6}]:${bulkPort}
-A POSTROUTING -o wan0 -p tcp -m tcp --dport ${bulkPort} -j NETMAP --to 2001:db8:70::/64
-A POSTROUTING -o wan0 -p udp -j SNAT --to-source ${address.outside6}
COMMIT
`,
} as const;

/** A flow of UDP both ways that goes on until enough of it was carried. */
const chatter = `
import json, socket, sys, time
sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
sock.settimeout(1)
sock.connect((sys.argv[1], 5001))
began, there, back = time.monotonic(), 0, 0
while time.monotonic() < began + 2.6:
    sock.send(b'x' * 100)
    there += 1
    if sock.recv(200) == b'y' * 120:
        back += 1
    time.sleep(0.002)
print(json.dumps([there, back, sock.getsockname()[1]]))
`;
const echo = `
import socket
sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
sock.bind(('::', 5001))
print('listening', flush=True)
while True:
    data, peer = sock.recvfrom(200)
    sock.sendto(b'y' * 120, peer)
`;

test('IPv6 flows in the kernel part: NETMAP, DNAT, SNAT, TCP and UDP, counted to the byte', async (t) => {
  if (!requireLive(t, ['tc', 'ethtool', 'python3'])) return;
  await withLab('gn-six', { ftpd: false }, async (lab) => {
    await mustRunIn(lab, 'server', [
      'ip',
      'route',
      'add',
      '2001:db8:70::/64',
      'via',
      address.outside6,
    ]);
    const rules6 = prefixes.v4 + prefixes.v6;
    await withGate(lab, { rules: prefixes.v4, rules6 }, async (daemon) => {
      await withBulk(lab, 'server', address.server6, async () => {
        for (const host of ['fd99::21', 'fd98::1', address.server6]) {
          for (const how of ['put', 'get'] as const) {
            const gate = await grown(daemon, () =>
              assertWhole(moves(lab, 'client', how, host, 2 * MiB)),
            );
            assert.ok(gate['kernel.forwarded']! > 20, JSON.stringify(gate));
          }
        }
      });
      const server = await startIn(lab, 'server', ['python3', '-c', echo], /listening/);
      const gate = await grown(daemon, async () => {
        const text = await mustRunIn(lab, 'client', ['python3', '-c', chatter, 'fd99::21']);
        const [there, back, port] = JSON.parse(text) as [number, number, number];
        assert.equal(back, there);
        const entry = await daemon.connectionFrom(port);
        const counted = [entry?.orig, entry?.reply].flatMap((end) => [end?.packets, end?.bytes]);
        assert.deepEqual(counted, [there, there * 148, back, back * 168]);
      });
      assert.ok(gate['kernel.forwarded']! > 20, JSON.stringify(gate));
      await server.stop();
    });
  });
});
