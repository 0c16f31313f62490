/** Four interfaces: rules and routes choose the way, flows follow them, in the kernel part too. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Daemon } from '../daemon.ts';
import { type Lab, mustRunIn, type Place } from '../harness.ts';
import { until, untilTrue } from '../until.ts';
import { bulkPort, type Moved, moves, withBulk } from './bulk.ts';
import { datagramsThere } from './datagrams.ts';
import { gateCounters, sameAsKernel } from './twins.ts';

const KiB = 1 << 10;
const MiB = 1 << 20;
/** Of the server, behind either way. */
const target = '10.0.0.1';
const target6 = 'fd10::1';
const managed = ['--interface', 'lan1', '--interface', 'wan1'];

async function ip(lab: Lab, place: Place, ...lines: string[]): Promise<void> {
  await mustRunIn(lab, place, ['ip', '-batch', '-'], { input: lines.join('\n') });
}

/** A second link to either side, and an address of the server that both lead to. */
async function addLinks(lab: Lab): Promise<void> {
  const at = (place: Place): string => `ph-${lab.name}-${place}`;
  await ip(
    lab,
    'gateway',
    `link add lan1 type veth peer name eth1 netns ${at('client')}`,
    `link add wan1 type veth peer name eth1 netns ${at('server')}`,
    'link set lan1 up',
    'link set wan1 up',
    'address add 192.168.78.1/24 dev lan1',
    'address add 198.51.100.1/24 dev wan1',
    'address add 2001:db8:78::1/64 dev wan1 nodad',
    `route add ${target} via 203.0.113.21`,
    `route add ${target6} via 2001:db8:77::21`,
    'route add default via 198.51.100.21 table 100',
    'route add default via 2001:db8:78::21 table 100',
  );
  await ip(
    lab,
    'client',
    'link set eth1 up',
    'address add 192.168.78.10/24 dev eth1',
    'route add default via 192.168.78.1 table 78',
    'rule add from 192.168.78.10 lookup 78',
  );
  await ip(
    lab,
    'server',
    'link set eth1 up',
    'address add 198.51.100.21/24 dev eth1',
    'address add 2001:db8:78::21/64 dev eth1 nodad',
    `address add ${target}/32 dev lo`,
    `address add ${target6}/128 dev lo nodad`,
    'route add 192.168.78.0/24 via 198.51.100.1',
  );
}

const filter = `*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -m conntrack --ctstate NEW -j ACCEPT
COMMIT
*mangle
-A PREROUTING -i lan0 -p tcp -m tcp --dport 7071 -j MARK --set-mark 0x7
COMMIT
`;
const redirected = `*nat
-A PREROUTING -p tcp -m tcp --dport 7071 -j DNAT --to-destination ${target}:${bulkPort}
`;
const plain = `${filter}${redirected}COMMIT\n`;

/** Packets that the server has got by each of its links. */
async function received(lab: Lab): Promise<[number, number]> {
  const text = await mustRunIn(lab, 'server', ['ip', '-s', '-j', 'link']);
  const links = JSON.parse(text) as { ifname: string; stats64: { rx: { packets: number } } }[];
  const of = (name: string): number =>
    links.find(({ ifname }) => ifname === name)?.stats64.rx.packets ?? -1;
  return [of('eth0'), of('eth1')];
}

/** By which link the server got what `step` sent. */
async function wayOf(lab: Lab, step: () => Promise<Moved>): Promise<string> {
  const before = await received(lab);
  const { whole, error } = await step();
  const after = await received(lab);
  const [first, second] = [after[0] - before[0], after[1] - before[1]];
  const way = first > 10 * second ? 'first' : second > 10 * first ? 'second' : 'both';
  return `${whole ? 'whole' : error}, ${way}`;
}

/** Sends while the way changes: it must be followed within a second, and nothing be lost. */
async function whileSending(lab: Lab, change: () => Promise<void>, host = target): Promise<string> {
  const rate = MiB;
  const running = moves(lab, 'client', 'put', host, 2 * MiB, { rate });
  const [was] = await received(lab);
  await untilTrue('the transfer to run', async () => (await received(lab))[0] > was + 15);
  await change();
  const [, before] = await received(lab);
  const began = Date.now();
  const took = await until(
    'the other way to be taken',
    async () => {
      const [, now] = await received(lab);
      return now > before + 5 ? Date.now() - began : null;
    },
    3_000,
  );
  const { whole, error } = await running;
  return `${whole ? 'whole' : error}, ${took < 1_000 ? 'within a second' : `after ${took} ms`}`;
}

async function assertForwarded(daemon: Daemon | null, count: number): Promise<void> {
  if (daemon === null) return;
  const counters = await gateCounters(daemon);
  assert.ok(counters['kernel.forwarded']! >= count, JSON.stringify(counters));
}

async function choices(lab: Lab, daemon: Daemon | null): Promise<string[]> {
  const put = (port = bulkPort) => moves(lab, 'client', 'put', target, 512 * KiB, { port });
  const seen = [await wayOf(lab, () => put())];
  await ip(lab, 'gateway', 'rule add fwmark 0x7 lookup 100');
  seen.push(await wayOf(lab, () => put(7071)), await wayOf(lab, () => put()));
  await ip(lab, 'gateway', 'rule del fwmark 0x7 lookup 100', 'rule add iif lan0 lookup 100');
  seen.push(await wayOf(lab, () => put()));
  await ip(lab, 'gateway', 'rule del iif lan0 lookup 100');
  await ip(lab, 'gateway', 'rule add from 192.168.77.0/24 lookup 100');
  seen.push(await wayOf(lab, () => put()));
  await ip(lab, 'gateway', 'rule del from 192.168.77.0/24 lookup 100');
  // From the other inside network, answered by the other way than asked.
  await ip(lab, 'client', `route add ${target} via 192.168.78.1`);
  seen.push(await wayOf(lab, () => put()));
  await ip(lab, 'client', `route del ${target} via 192.168.78.1`);
  // What comes back comes by the second link alone.
  await ip(lab, 'server', 'route add 192.168.77.0/24 via 198.51.100.1');
  seen.push(await wayOf(lab, () => put()));
  seen.push(await wayOf(lab, () => moves(lab, 'client', 'get', target, 512 * KiB)));
  await ip(lab, 'server', 'route del 192.168.77.0/24 via 198.51.100.1');
  await assertForwarded(daemon, 100);
  return seen;
}

test('rules and routes choose the way, by source, mark and way in', async (t) => {
  await sameAsKernel(t, {
    name: 'ways',
    rules: plain,
    rules6: filter,
    pinholeArguments: managed,
    prepare: addLinks,
    play: (lab, daemon) => withBulk(lab, 'server', target, () => choices(lab, daemon)),
  });
});

const back = (lab: Lab): Promise<void> =>
  ip(lab, 'gateway', `route replace ${target} via 203.0.113.21`);

async function changes(lab: Lab, daemon: Daemon | null): Promise<string[]> {
  const over = (): Promise<void> => ip(lab, 'gateway', `route replace ${target} via 198.51.100.21`);
  const seen = [await whileSending(lab, over)];
  await back(lab);
  const rule = 'from 192.168.77.10 lookup 100';
  seen.push(await whileSending(lab, () => ip(lab, 'gateway', `rule add ${rule}`)));
  await ip(lab, 'gateway', `rule del ${rule}`);
  await assertForwarded(daemon, 100);
  return seen;
}

test('flows follow other routes and rules at once', async (t) => {
  const play = (lab: Lab, daemon: Daemon | null) =>
    withBulk(lab, 'server', target, () => changes(lab, daemon));
  const scene = { pinholeArguments: managed, prepare: addLinks, play };
  await t.test('as they are', async (subtest) => {
    await sameAsKernel(subtest, { ...scene, name: 'over', rules: plain });
  });
  await t.test('with a fixed source', async (subtest) => {
    const rules = `${filter}*nat\n-A POSTROUTING -p tcp -j SNAT --to-source 203.0.113.1\nCOMMIT\n`;
    await sameAsKernel(subtest, { ...scene, name: 'oversnat', rules });
  });
  await t.test('over IPv6', async (subtest) => {
    await sameAsKernel(subtest, {
      ...scene,
      name: 'over6',
      rules: plain,
      rules6: filter,
      play: (lab) =>
        withBulk(lab, 'server', target6, async () => {
          const route = `route replace ${target6} via 2001:db8:78::21`;
          return [await whileSending(lab, () => ip(lab, 'gateway', route), target6)];
        }),
    });
  });
});

/** One way only counts: the connection begins anew, with another address, and the server refuses. */
test('MASQUERADE ends what would leave with the address of another interface', async (t) => {
  await sameAsKernel(t, {
    name: 'overmasq',
    rules: `${filter}*nat\n-A POSTROUTING -j MASQUERADE\nCOMMIT\n`,
    pinholeArguments: managed,
    prepare: addLinks,
    play: (lab) =>
      withBulk(lab, 'server', target, async () => {
        const running = moves(lab, 'client', 'put', target, MiB, { rate: MiB });
        const [was] = await received(lab);
        await untilTrue('the transfer to run', async () => (await received(lab))[0] > was + 15);
        await ip(lab, 'gateway', `route replace ${target} via 198.51.100.21`);
        const { whole, error } = await running;
        return [whole, error];
      }),
  });
});

/** Who has moved is looked for after a second, not after half a minute. */
function soon(name: string): string[] {
  const settings = { base_reachable_time_ms: 500, delay_first_probe_time: 1, retrans_time_ms: 100 };
  return Object.entries(settings).map(([key, n]) => `net.ipv4.neigh.${name}.${key}=${n}`);
}

test('neighbours: another MAC in the middle of a transfer; the first datagram is not lost', async (t) => {
  await sameAsKernel(t, {
    name: 'mac',
    rules: plain,
    rules6: filter,
    prepare: async (lab) => {
      await addLinks(lab);
      await mustRunIn(lab, 'gateway', ['sysctl', '-qw', ...soon('wan0')]);
    },
    pinholeArguments: managed,
    play: async (lab, daemon) => {
      const seen: string[] = [];
      await withBulk(lab, 'server', target, async () => {
        const running = moves(lab, 'client', 'put', target, MiB, { rate: MiB });
        const [was] = await received(lab);
        await untilTrue('the transfer to run', async () => (await received(lab))[0] > was + 15);
        await ip(lab, 'server', 'link set eth0 address 02:00:00:00:77:21');
        const { whole, error } = await running;
        seen.push(`${whole ? 'whole' : error}`);
      });
      await ip(lab, 'gateway', 'neigh flush dev wan0', 'neigh flush dev lan0');
      for (const host of [target, target6]) {
        await ip(lab, 'gateway', 'neigh flush dev wan0');
        seen.push(...(await datagramsThere(lab, host, [10])));
      }
      await assertForwarded(daemon, 20);
      return seen;
    },
  });
});
