import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { InterfaceTable } from '../../../src/base/index.ts';
import { type IpRunner, KernelRoutes } from '../../../src/datapath/routes/index.ts';
import { changeOf, downLinkOf, neighbourOf } from '../../../src/datapath/routes/monitor.ts';
import { RouteKind } from '../../../src/engine/index.ts';
import { AddressKind } from '../../../src/rules/index.ts';
import { formatIpv4, formatIpv6, parseIpv4, parseIpv6 } from '../../../src/wire/index.ts';
import { buildUdp, loadPacket } from '../../support/packets.ts';

// As iproute2 6.1 prints it, shortened to the members that are read.
const answers: Record<string, string> = {
  '-j -d addr show': `[
    {"ifindex":1,"ifname":"lo","flags":["LOOPBACK","UP"],"mtu":65536,"link_type":"loopback",
     "addr_info":[{"family":"inet","local":"127.0.0.1","prefixlen":8,"scope":"host"}]},
    {"ifindex":2,"ifname":"lan0","flags":["BROADCAST","UP"],"mtu":1450,"link_type":"ether",
     "address":"5e:db:0d:a6:9e:59","linkinfo":{"info_kind":"veth"},"addr_info":[
      {"family":"inet","local":"10.1.0.1","prefixlen":24,"scope":"global"},
      {"family":"inet6","local":"fe80::1","prefixlen":64,"scope":"link"}]},
    {"ifindex":3,"ifname":"wan0","flags":["BROADCAST","UP"],"mtu":1500,"link_type":"ether",
     "address":"f2:bd:cf:72:46:08","addr_info":[
      {"family":"inet","local":"203.0.113.77","prefixlen":24,"scope":"global","secondary":true},
      {"family":"inet","local":"203.0.113.1","prefixlen":24,"scope":"global"},
      {"family":"inet","local":"10.5.0.1","address":"10.5.0.2","prefixlen":32,"scope":"global"},
      {"family":"inet6","local":"2001:db8::99","prefixlen":64,"scope":"global","deprecated":true},
      {"family":"inet6","local":"2001:db8::1","prefixlen":64,"scope":"global"}]},
    {}]`,
  '-4 -j -N route show table all': `[
    {"dst":"default","gateway":"203.0.113.3","dev":"wan0","table":"100","metric":40,"flags":[]},
    {"dst":"default","gateway":"203.0.113.2","dev":"wan0","metric":50,"flags":[],
     "metrics":[{"mtu":1400}]},
    {"dst":"10.1.0.0/24","dev":"lan0","protocol":"2","scope":"253","flags":[]},
    {"type":"9","dst":"10.7.0.0/16","flags":[]},
    {"dst":"10.8.0.0/16","via":{"family":"inet6","host":"fd02::2"},"dev":"wan0","flags":[]},
    {"dst":"10.9.0.0/16","flags":[],"nexthops":[
      {"gateway":"10.1.0.9","dev":"lan0","weight":1,"flags":["dead","linkdown"]},
      {"gateway":"203.0.113.9","dev":"wan0","weight":2,"flags":[]}]},
    {"type":"7","dst":"192.0.2.0/24","flags":[]},
    {"type":"8","dst":"198.18.0.0/15","flags":[]},
    {"type":"6","dst":"198.51.100.0/24","flags":[]},
    {"type":"2","dst":"10.1.0.1","dev":"lan0","table":"255","flags":[]},
    {"type":"3","dst":"10.1.0.255","dev":"lan0","table":"255","flags":[]},
    {"type":"2","dst":"127.0.0.0/8","dev":"lo","table":"255","flags":[]}]`,
  '-6 -j -N route show table all': `[
    {"dst":"fd01::/64","dev":"lan0","metric":256,"flags":[],"pref":"medium"},
    {"type":"7","dst":"fd09::/16","dev":"lo","metric":1024,"flags":[]},
    {"dst":"default","gateway":"fe80::2","dev":"wan0","metric":1024,"metrics":[{"mtu":1300}],
     "flags":[]},
    {"type":"2","dst":"2001:db8::1","dev":"wan0","table":"255","metric":0,"flags":[]},
    {"type":"4","dst":"2001:db8::","dev":"wan0","table":"255","metric":0,"flags":[]},
    {"type":"5","dst":"ff00::/8","dev":"wan0","table":"255","metric":256,"flags":[]}]`,
  '-j neigh show':
    '[{"dst":"10.1.0.2","dev":"lan0","lladdr":"02:00:00:00:00:02","state":["STALE"]}]',
  '-4 -j -N rule show':
    '[{"priority":0,"src":"all","table":"255"},{"priority":32766,"src":"all","table":"254"}]',
  '-6 -j -N rule show': `[
    {"priority":0,"src":"all","table":"255"},{"priority":9,"src":"all","l3mdev":null},
    {"priority":10,"src":"fd00::","srclen":8,"table":"100"},
    {"priority":32766,"src":"all","table":"254"}]`,
};

async function open(more: { runIp?: IpRunner } = {}) {
  const interfaces = new InterfaceTable();
  const log: string[] = [];
  const runIp: IpRunner = async (argv) => answers[argv.join(' ')] ?? assert.fail(argv.join(' '));
  const routes = await KernelRoutes.open({
    interfaces,
    log: (line) => log.push(line),
    runIp,
    ...more,
  });
  routes.close();
  return { routes, interfaces, log };
}

/** What `ip` prints as above, but for these. */
function withAnswers(more: Readonly<Record<string, string>>): { runIp: IpRunner } {
  const all = { ...answers, ...more };
  return { runIp: async (argv) => all[argv.join(' ')] ?? assert.fail(argv.join(' ')) };
}

function ask(routes: KernelRoutes, text: string): number {
  if (!text.includes(':')) return routes.lookupAddress(4, parseIpv4(text)!, 0, 0, 0);
  return routes.lookupAddress(6, ...parseIpv6(text)!);
}

const [links4, routes4, routes6] = Object.keys(answers) as [string, string, string];

/** Follows answers that `reread` changes, which resolves to how often a change was told of so far. */
async function follow(
  t: TestContext,
  more: { ownDevices?: readonly string[] },
  asked: () => void = () => undefined,
) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const present: Record<string, string> = { ...answers };
  const seen = { told: 0, links: 0 };
  const routes = await KernelRoutes.open({
    interfaces: new InterfaceTable(),
    runIp: async (argv) => {
      asked();
      return present[argv.join(' ')] ?? assert.fail(argv.join(' '));
    },
    onRoutes: () => seen.told++,
    onLinks: () => seen.links++,
    ...more,
  });
  t.after(() => routes.close());
  const reread = async (key: string, before: string, after: string) => {
    assert.ok(present[key]?.includes(before), before);
    present[key] = present[key]!.replace(before, after);
    routes.changed('route');
    assert.ok(await isRead(50));
    return seen.told;
  };
  /** Whether something is read within this time from now on. */
  const isRead = async (ms: number) => {
    const { reads } = routes;
    t.mock.timers.tick(ms);
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
    return routes.reads > reads;
  };
  return { routes, reread, isRead, seen };
}

describe('KernelRoutes', () => {
  test('reads what ip -j prints', async () => {
    const { routes, interfaces } = await open();
    const expected: [string, number][] = [
      ['10.1.0.1', RouteKind.Local],
      ['127.8.8.8', RouteKind.Local],
      ['10.1.0.255', RouteKind.Broadcast],
      ['10.1.0.2', RouteKind.Forward],
      ['192.0.2.1', RouteKind.Unreachable],
      ['198.18.0.1', RouteKind.Prohibited],
      ['198.51.100.1', RouteKind.Blackhole],
      ['2001:db8::1', RouteKind.Local],
      ['2001:db8::', RouteKind.Local],
      ['fd09::1', RouteKind.Unreachable],
      ['ff02::1', RouteKind.Broadcast],
    ];
    for (const [address, kind] of expected) assert.equal(ask(routes, address), kind, address);
    assert.equal(ask(routes, '8.8.8.8'), RouteKind.Forward);
    assert.equal(interfaces.name(routes.outIf), 'wan0');
    assert.equal(formatIpv4(routes.hop0), '203.0.113.2', 'table 100 is not asked');
    assert.equal(routes.mtu, 1400);
    assert.equal(routes.mtuOf(interfaces.id('lan0')), 1450);
    assert.equal(ask(routes, '2a00::1'), RouteKind.Forward);
    const hop = formatIpv6(routes.hop0, routes.hop1, routes.hop2, routes.hop3);
    assert.deepEqual([hop, routes.mtu], ['fe80::2', 1300]);
  });

  test('several next hops: the first that is up; a throw route ends its table', async () => {
    const { routes, interfaces } = await open();
    ask(routes, '10.9.1.1');
    assert.equal(formatIpv4(routes.hop0), '203.0.113.9');
    assert.equal(ask(routes, '10.7.1.1'), RouteKind.Unreachable, 'the next table knows no way');
    // An IPv4 route over an IPv6 next hop (RFC 5549).
    ask(routes, '10.8.1.1');
    assert.equal(interfaces.name(routes.outIf), 'wan0');
    assert.equal(routes.hopFamily, 6);
    assert.equal(formatIpv6(routes.hop0, routes.hop1, routes.hop2, routes.hop3), 'fd02::2');
  });

  test('rules are told what kind of address it is, and on which interface', async () => {
    const { routes, interfaces } = await open();
    const kind = (text: string, on = -1) => {
      const four = parseIpv4(text);
      const [w0 = 0, w1 = 0, w2 = 0, w3 = 0] = four === null ? parseIpv6(text)! : [four];
      return routes.queries.addressKind(four === null ? 6 : 4, w0, w1, w2, w3, on);
    };
    assert.equal(kind('10.1.0.255'), AddressKind.Broadcast);
    assert.equal(kind('10.1.0.255', interfaces.id('lan0')), AddressKind.Broadcast);
    assert.equal(kind('10.1.0.255', interfaces.id('wan0')), AddressKind.Unicast);
    assert.equal(kind('10.1.0.1'), AddressKind.Local);
    for (const refused of ['192.0.2.9', '198.18.0.9', '198.51.100.9']) {
      assert.equal(kind(refused), AddressKind.Unicast, refused);
    }
    assert.equal(kind('2001:db8::'), AddressKind.Anycast);
    assert.equal(kind('2001:db8::1'), AddressKind.Local);
    assert.equal(routes.queries.pathMtu(4, parseIpv4('8.8.8.8')!, 0, 0, 0), 1400);
  });

  test('addressOf prefers primary addresses, and knows no link-local or deprecated ones', async () => {
    const { routes, interfaces } = await open();
    const wan = interfaces.id('wan0');
    ask(routes, '8.8.8.8');
    assert.deepEqual(routes.addressOf(4, wan), [parseIpv4('203.0.113.1')]);
    assert.deepEqual(routes.addressOf(6, wan), parseIpv6('2001:db8::1'));
    assert.equal(routes.addressOf(6, interfaces.id('lan0')), null);
  });

  test('says which policy rules are not followed, and why', async () => {
    const { log } = await open();
    assert.deepEqual(log, ['routes: ip -6 rule of priority 9 is not followed: l3mdev']);
  });

  test('takes neighbours from the dump', async () => {
    const { routes, interfaces } = await open();
    const lan = interfaces.id('lan0');
    const word = parseIpv4('10.1.0.2')!;
    routes.neighbours.find(lan, word, 0, 0, 0, 1);
    assert.equal(routes.neighbours.find(lan, word, 0, 0, 0, 1), true);
    assert.equal(routes.neighbours.macLow, 2);
  });

  test('reads policy rules of all kinds', async () => {
    const rules = `[{"priority":0,"src":"all","table":"255"},
      {"priority":100,"not":null,"src":"10.1.0.0","srclen":16,"dst":"8.0.0.0","dstlen":8,
       "fwmark":"0x10","fwmask":"0xf0","iif":"lan0","table":"100"},
      {"priority":101,"src":"all","ipproto":"ipproto-17","sport":53,"dport_start":80,
       "dport_end":90,"action":"8"},
      {"priority":102,"src":"all","iif":"lo","oif":"wan0","action":"6"},
      {"priority":103,"src":"all","tos":"0x10","goto":105},
      {"priority":104,"src":"all","fwmark":"0x80000000","action":"7"},
      {"priority":105,"src":"all","uid_start":0,"uid_end":4294967294,"nop":null},
      {"priority":106,"src":"all","tun_id":5,"table":"100"},
      {"priority":32766,"src":"all","table":"254"}]`;
    const { routes, interfaces, log } = await open(withAnswers({ '-4 -j -N rule show': rules }));
    const lan = interfaces.id('lan0');
    const asked = loadPacket(buildUdp({ src: '10.1.0.5', dst: '8.8.8.8', sport: 53, dport: 53 }));
    const way = (mark: number, inIf = lan) => {
      const kind = routes.lookup(asked, inIf, mark);
      return kind === RouteKind.Forward ? formatIpv4(routes.hop0) : kind;
    };
    assert.equal(way(0x1f), '203.0.113.2', 'all of the first rule holds, and it says not');
    assert.equal(way(0x2f), '203.0.113.3');
    assert.equal(way(0x1f, interfaces.id('wan0')), '203.0.113.3');
    asked.dstPortOrIcmpTypeCode = 85;
    assert.equal(way(0x1f), RouteKind.Prohibited);
    asked.dstPortOrIcmpTypeCode = 91;
    assert.equal(way(0x1f), '203.0.113.2');
    asked.dst0 = parseIpv4('10.7.0.1')!;
    assert.equal(way(0x80000000 | 0), '203.0.113.3');
    asked.src0 = parseIpv4('10.1.0.5')!;
    assert.equal(log[0], 'routes: ip -4 rule of priority 106 is not followed: tun_id');
  });

  test('interface groups are read where a rule asks for them', async () => {
    const rules = `[{"priority":100,"src":"all","table":"100","suppress_ifgroup":"7"},
      {"priority":32766,"src":"all","table":"254"}]`;
    const more = {
      '-4 -j -N rule show': rules,
      '-j -N link show': '[{"ifname":"wan0","group":"7"}]',
    };
    const { routes } = await open(withAnswers(more));
    ask(routes, '8.8.8.8');
    assert.equal(formatIpv4(routes.hop0), '203.0.113.2');
  });

  test('tells of changes that a lookup would show, and of no others', async (t) => {
    const { routes, reread, seen } = await follow(t, {});
    assert.equal(seen.told, 0, 'the first reading is no change');
    assert.equal(await reread(routes4, '', ''), 0);
    assert.equal(await reread(routes6, '"metrics"', '"expires":1799,"metrics"'), 0);
    assert.equal(await reread(routes6, '"expires":1799', '"expires":1769'), 0);
    assert.equal(await reread(links4, '"BROADCAST","UP"', '"BROADCAST","UP","LOWER_UP"'), 0);
    assert.equal(await reread(routes4, '203.0.113.2', '203.0.113.8'), 1);
    ask(routes, '8.8.8.8');
    assert.equal(formatIpv4(routes.hop0), '203.0.113.8');
    assert.equal(await reread(links4, '"mtu":1500', '"mtu":1492'), 2);
    assert.equal(await reread('-4 -j -N rule show', '"priority":0', '"priority":1'), 3);
    assert.equal(await reread(links4, '"local":"203.0.113.1"', '"local":"203.0.113.4"'), 4);
    assert.equal(await reread(links4, '"ifindex":3', '"ifindex":9'), 5, 'made anew by its name');
    assert.equal(routes.links.find(({ ifname }) => ifname === 'wan0')?.ifindex, 9);
    assert.equal(seen.links, 10, 'links are reported at each reading');
  });

  test('devices of its own that nothing is routed by come and go without a word', async (t) => {
    const { routes, reread, seen } = await follow(t, { ownDevices: ['own0'] });
    const link = '{"ifindex":8,"ifname":"own0","flags":["UP"],"mtu":65535,"link_type":"ether"},';
    const route = '{"type":"5","dst":"ff00::/8","dev":"own0","table":"255","flags":[]},';
    assert.equal(await reread(links4, '{"ifindex":3', `${link}{"ifindex":3`), 0);
    assert.equal(await reread(routes6, '{"type":"5"', `${route}{"type":"5"`), 0);
    assert.ok(routes.links.some(({ ifname }) => ifname === 'own0'));
    assert.equal(await reread(routes4, '203.0.113.2', '203.0.113.8'), 1);
    ask(routes, '8.8.8.8');
    assert.equal(formatIpv4(routes.hop0), '203.0.113.8');
    assert.equal(await reread(routes6, route, ''), 1);
    assert.equal(await reread(links4, link, ''), 1);
    assert.equal(await reread(links4, '"mtu":1500', '"mtu":1492'), 2);
    assert.equal(seen.links, 7);
  });

  test('long tables are read the less often; a busy machine makes no table long', async (t) => {
    let now = 0;
    t.mock.method(performance, 'now', () => now);
    const { routes, reread, isRead } = await follow(t, {}, () => {
      now += 100;
    });
    await reread(routes4, '', '');
    await reread(links4, '', '');
    await reread(routes4, '[', `[${' '.repeat(1 << 20)}`);
    routes.changed('link');
    assert.ok(!(await isRead(4_999)), 'five times 100 ms it took');
    assert.ok(await isRead(1));
  });

  test('rejects where ip prints something else', async () => {
    await assert.rejects(open({ runIp: async () => 'Command line is not complete' }), SyntaxError);
  });
});

describe('lines of ip monitor', () => {
  test('what they are about', () => {
    assert.equal(changeOf('[ROUTE]10.44.0.0/16 via 203.0.113.2 dev wan0 '), 'route');
    assert.equal(changeOf('[ROUTE]Deleted 10.44.0.0/16 via 203.0.113.2 dev wan0 '), 'route');
    assert.equal(changeOf('[ADDR]2: lan0    inet 10.3.3.3/32 scope global lan0'), 'address');
    assert.equal(changeOf('[NEIGH]10.1.0.9 dev lan0  FAILED'), 'neighbour');
    assert.equal(changeOf('[RULE]100:\tfrom all lookup 100 '), 'rule');
    assert.equal(changeOf('[RULE]Deleted 100:\tfrom all lookup 100 '), 'rule');
    assert.equal(changeOf('[NEXTHOP]id 5 via 10.0.1.7 dev e1 scope link '), 'route');
    assert.equal(changeOf('    link/ether 5e:db:0d:a6:9e:59'), undefined);
  });

  test('an interface that is down', () => {
    const flags = (names: string) => `[LINK]2: lan0@if2: <${names}> mtu 1500 qdisc noqueue state`;
    assert.equal(downLinkOf(flags('BROADCAST,MULTICAST')), 'lan0');
    assert.equal(downLinkOf(flags('BROADCAST,MULTICAST,UP,LOWER_UP')), undefined);
    assert.equal(downLinkOf('[LINK]Deleted 2: lan0: <BROADCAST> mtu 1500'), 'lan0');
    assert.equal(downLinkOf('[NEIGH]10.1.0.9 dev lan0  FAILED'), undefined);
  });

  test('neighbours', () => {
    const mac = '02:00:00:00:00:09';
    assert.deepEqual(neighbourOf(`[NEIGH]10.1.0.9 dev lan0 lladdr ${mac} PERMANENT `), {
      dst: '10.1.0.9',
      dev: 'lan0',
      lladdr: mac,
      state: ['PERMANENT'],
    });
    assert.deepEqual(neighbourOf(`[NEIGH]fe80::1 dev lan0 lladdr ${mac} router STALE`)?.state, [
      'router',
      'STALE',
    ]);
    assert.deepEqual(neighbourOf('[NEIGH]10.1.0.9 dev lan0  FAILED')?.state, ['FAILED']);
    assert.deepEqual(
      neighbourOf(`[NEIGH]Deleted 10.1.0.9 dev lan0 lladdr ${mac} STALE`)?.state,
      [],
    );
  });
});
