import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { RouteKind, RouteTable } from '../../src/engine/index.ts';
import { AddressKind, type AddressKindCode } from '../../src/rules/index.ts';
import { addressWords, makeGateway } from '../support/gateway.ts';
import { buildUdp, loadPacket } from '../support/packets.ts';

const LAN = 1;
const WAN = 2;
const WAN2 = 3;

function table(): RouteTable {
  const routes = new RouteTable();
  const add = (
    text: string,
    prefixLength: number,
    kind: number,
    more: { outIf?: number; mtu?: number; addressKind?: AddressKindCode; otherOutIfs?: number[] },
  ) => {
    const family = text.includes(':') ? 6 : 4;
    const prefix = addressWords(text);
    routes.addRoute({ family, prefix, prefixLength, kind: kind as 0, ...more });
  };
  routes.setMtu(LAN, 1500);
  routes.setMtu(WAN, 1400);
  routes.addLocal(4, addressWords('192.168.1.1'), LAN);
  routes.addLocal(4, addressWords('203.0.113.1'), WAN);
  routes.addLocal(6, addressWords('fd00:1::1'), LAN);
  add('192.168.1.0', 24, RouteKind.Forward, { outIf: LAN });
  add('192.168.1.255', 32, RouteKind.Broadcast, { outIf: LAN });
  add('0.0.0.0', 0, RouteKind.Forward, { outIf: WAN, otherOutIfs: [WAN2] });
  add('10.1.0.0', 16, RouteKind.Blackhole, {});
  add('10.2.0.0', 16, RouteKind.Unreachable, {});
  add('10.3.0.0', 16, RouteKind.Prohibited, {});
  add('10.4.0.0', 16, RouteKind.Forward, { outIf: WAN, mtu: 1280 });
  add('fd00:1::', 64, RouteKind.Forward, { outIf: LAN });
  add('fd00:2::', 64, RouteKind.Prohibited, {});
  add('fd00:1::', 128, RouteKind.Local, { outIf: LAN, addressKind: AddressKind.Anycast });
  return routes;
}

const routes = table();

function kind(text: string, interfaceId = -1): AddressKindCode {
  const family = text.includes(':') ? 6 : 4;
  const [w0 = 0, w1 = 0, w2 = 0, w3 = 0] = addressWords(text);
  return routes.queries.addressKind(family, w0, w1, w2, w3, interfaceId);
}

describe('the kind of an address', () => {
  const cases: readonly [string, AddressKindCode][] = [
    ['192.168.1.1', AddressKind.Local],
    ['192.168.1.9', AddressKind.Unicast],
    ['8.8.8.8', AddressKind.Unicast],
    ['192.168.1.255', AddressKind.Broadcast],
    ['255.255.255.255', AddressKind.Broadcast],
    // inet_dev_addr_type says so of 0.0.0.0.
    ['0.0.0.0', AddressKind.Broadcast],
    ['224.0.0.1', AddressKind.Multicast],
    ['239.255.255.255', AddressKind.Multicast],
    // Of IPv4 routes that refuse the kernel says no more (fib_table_lookup fails).
    ['10.1.2.3', AddressKind.Unicast],
    ['10.2.2.3', AddressKind.Unicast],
    ['10.3.2.3', AddressKind.Unicast],
    ['::', AddressKind.Unspecified],
    ['fd00:1::1', AddressKind.Local],
    ['fd00:1::', AddressKind.Anycast],
    ['fd00:1::9', AddressKind.Unicast],
    ['fd00:2::9', AddressKind.Unreachable],
    ['2001:db8::1', AddressKind.Unreachable],
    ['ff02::1', AddressKind.Multicast],
  ];
  for (const [text, expected] of cases) {
    test(text, () => assert.equal(kind(text), expected));
  }

  test('limited to an interface: of another one it is unicast', () => {
    assert.equal(kind('192.168.1.1', LAN), AddressKind.Local);
    assert.equal(kind('192.168.1.1', WAN), AddressKind.Unicast);
    assert.equal(kind('192.168.1.255', LAN), AddressKind.Broadcast);
    assert.equal(kind('192.168.1.255', WAN), AddressKind.Unicast);
    assert.equal(kind('255.255.255.255', WAN), AddressKind.Broadcast);
    assert.equal(kind('10.1.2.3', WAN), AddressKind.Unicast);
    assert.equal(kind('fd00:1::1', WAN), AddressKind.Unicast);
  });

  test('without any route IPv4 is unicast', () => {
    const { queries } = new RouteTable();
    assert.equal(queries.addressKind(4, 0x08080808, 0, 0, 0, -1), AddressKind.Unicast);
  });
});

function holds(src: string, inIf: number, loose = false, acceptLocal = false, dst?: string) {
  const to = dst ?? (src.includes(':') ? 'fd00:1::9' : '192.168.1.9');
  const packet = loadPacket(buildUdp({ src, dst: to, sport: 1, dport: 2 }));
  return routes.queries.reversePathHolds(packet, inIf, loose, acceptLocal, 0);
}

describe('the reverse path', () => {
  test('strict: the way back is the way in, over any of several next hops', () => {
    assert.ok(holds('192.168.1.9', LAN));
    assert.equal(holds('192.168.1.9', WAN), false);
    assert.ok(holds('8.8.8.8', WAN));
    assert.ok(holds('8.8.8.8', WAN2));
    assert.equal(holds('8.8.8.8', LAN), false);
    assert.ok(holds('fd00:1::9', LAN));
    assert.equal(holds('fd00:1::9', WAN), false);
  });

  test('loose: any way back will do, but there must be one', () => {
    assert.ok(holds('192.168.1.9', WAN, true));
    assert.ok(holds('8.8.8.8', LAN, true));
    assert.equal(holds('10.1.0.1', WAN, true), false, 'blackhole');
    assert.equal(holds('10.2.0.1', WAN, true), false, 'unreachable');
    assert.equal(holds('2001:db8::1', LAN, true), false, 'no route');
    assert.equal(holds('192.168.1.255', LAN, true), false, 'broadcast');
    assert.equal(holds('fd00:1::', LAN, true), false, 'anycast');
  });

  test("this host's own addresses only with --accept-local", () => {
    assert.equal(holds('192.168.1.1', LAN), false);
    assert.ok(holds('192.168.1.1', LAN, false, true));
    assert.equal(holds('203.0.113.1', LAN, false, true), false);
    assert.ok(holds('203.0.113.1', LAN, true, true));
    assert.equal(holds('fd00:1::1', WAN), false);
    assert.ok(holds('fd00:1::1', WAN, false, true), 'IPv6 asks for no more');
  });

  test('link-local sources come from every link; who has no address yet may ask for one', () => {
    assert.ok(holds('fe80::1', WAN));
    assert.ok(holds('::', WAN));
    assert.ok(holds('0.0.0.0', LAN, false, false, '255.255.255.255'));
    assert.ok(holds('0.0.0.0', LAN, false, false, '224.0.0.22'));
    assert.equal(holds('0.0.0.0', LAN, false, false, '192.168.1.1'), false);
  });
});

test('path MTU: of the route, else of the interface, 0 without a way', () => {
  const mtu = (text: string) => {
    const [w0 = 0, w1 = 0, w2 = 0, w3 = 0] = addressWords(text);
    return routes.queries.pathMtu(text.includes(':') ? 6 : 4, w0, w1, w2, w3);
  };
  assert.equal(mtu('192.168.1.9'), 1500);
  assert.equal(mtu('8.8.8.8'), 1400);
  assert.equal(mtu('10.4.0.1'), 1280);
  assert.equal(mtu('10.1.0.1'), 0);
  assert.equal(mtu('2001:db8::1'), 0);
  assert.equal(mtu('192.168.1.1'), 65_535);
});

test('questions leave the answer of the last lookup alone', () => {
  routes.lookupAddress(4, addressWords('10.4.0.1')[0]!, 0, 0, 0);
  const before = [routes.outIf, routes.mtu, routes.hop0];
  kind('192.168.1.9');
  holds('192.168.1.9', LAN);
  routes.queries.pathMtu(4, addressWords('192.168.1.9')[0]!, 0, 0, 0);
  assert.deepEqual([routes.outIf, routes.mtu, routes.hop0], before);
});

test('rules ask the routes of their gateway', () => {
  const { routes: asked } = makeGateway().engine.context;
  const [word = 0] = addressWords('192.168.1.255');
  assert.equal(asked.addressKind(4, word, 0, 0, 0, -1), AddressKind.Broadcast);
});
