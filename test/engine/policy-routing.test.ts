import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  equals,
  KeyWord,
  type PolicyAction,
  type PolicyCondition,
  type PolicyRule,
  prefixConditions,
  RouteKind,
  RouteTable,
} from '../../src/engine/index.ts';
import { AddressKind } from '../../src/rules/index.ts';
import type { Packet } from '../../src/wire/index.ts';
import { bytesPerRound } from '../support/allocation.ts';
import { addressWords } from '../support/gateway.ts';
import { buildTcp, buildUdp, loadPacket } from '../support/packets.ts';

const LAN = 1;
const WAN = 2;
const WAN2 = 3;

function rule(
  priority: number,
  conditions: readonly PolicyCondition[],
  action: PolicyAction,
  more: Partial<PolicyRule> = {},
): PolicyRule {
  return { priority, conditions, action, ...more };
}

const ends: readonly PolicyRule[] = [
  rule(0, [], { table: 255 }),
  rule(32_766, [], { table: 254 }),
  rule(32_767, [], { table: 253 }),
];

function from(text: string, length: number): PolicyCondition[] {
  return prefixConditions(KeyWord.Src, { words: addressWords(text), length });
}

/** Two ways out: the main table leads to WAN, table 100 to WAN2. */
function table(rules: readonly PolicyRule[]): RouteTable {
  const routes = new RouteTable();
  for (const family of [4, 6] as const) {
    const prefix = family === 4 ? [0] : [0, 0, 0, 0];
    const way = { family, prefix, prefixLength: 0, kind: RouteKind.Forward };
    routes.addRoute({ ...way, outIf: WAN });
    routes.addRoute({ ...way, outIf: WAN2, table: 100 });
    routes.setRules(family, [...ends, ...rules]);
  }
  routes.addLocal(4, addressWords('192.168.1.1'), LAN);
  return routes;
}

function packet(more: { src?: string; dst?: string; dport?: number; tos?: number } = {}): Packet {
  const { dport = 80, dst = '8.8.8.8', src = '192.168.1.9', tos } = more;
  const built = loadPacket(buildUdp({ src, dst, sport: 1000, dport }));
  if (tos !== undefined) built.tos = tos;
  return built;
}

function wayOf(routes: RouteTable, asked: Packet, inIf = LAN, mark = 0): number {
  assert.equal(routes.lookup(asked, inIf, mark), RouteKind.Forward);
  return routes.outIf;
}

describe('policy rules', () => {
  test('the rule of the lowest priority that holds decides, by any part of the key', () => {
    const cases: readonly [PolicyCondition[], Packet, Packet, number?, number?][] = [
      [from('192.168.1.8', 31), packet(), packet({ src: '192.168.1.10' })],
      [[equals(KeyWord.Tos, 0x10, 0x1c)], packet({ tos: 0xb0 }), packet({ tos: 0xb8 })],
      [[equals(KeyWord.Protocol, 17)], packet(), loadPacket(buildTcp(tcp))],
      [
        [{ word: KeyWord.DstPort, mask: -1, low: 80, high: 90 }],
        packet({ dport: 90 }),
        packet({ dport: 91 }),
      ],
    ];
    for (const [conditions, yes, no] of cases) {
      const routes = table([rule(100, conditions, { table: 100 })]);
      for (let again = 0; again < 2; again++) {
        assert.equal(wayOf(routes, yes), WAN2);
        assert.equal(wayOf(routes, no), WAN);
      }
      const inverted = table([rule(100, conditions, { table: 100 }, { not: true })]);
      assert.equal(wayOf(inverted, yes), WAN);
      assert.equal(wayOf(inverted, no), WAN2);
    }
  });

  test('mark under a mask, way in, and packets of this host', () => {
    const byMark = table([rule(100, [equals(KeyWord.Mark, 0x10, 0xf0)], { table: 100 })]);
    assert.equal(wayOf(byMark, packet(), LAN, 0x1f), WAN2);
    assert.equal(wayOf(byMark, packet(), LAN, 0x2f), WAN);
    const high = table([rule(100, [equals(KeyWord.Mark, 0x80000000 | 0)], { table: 100 })]);
    assert.equal(wayOf(high, packet(), LAN, 0x80000000 | 0), WAN2);
    const byWay = table([rule(100, [equals(KeyWord.InIf, LAN)], { table: 100 })]);
    assert.equal(wayOf(byWay, packet(), LAN), WAN2);
    assert.equal(wayOf(byWay, packet(), -1), WAN);
    const own = table([rule(100, [equals(KeyWord.InIf, -1)], { table: 100 })]);
    assert.equal(wayOf(own, packet(), LAN), WAN);
    assert.equal(wayOf(own, packet(), -1), WAN2);
    own.lookupAddress(4, addressWords('8.8.8.8')[0]!, 0, 0, 0);
    assert.equal(own.outIf, WAN2, 'addresses are looked up as for this host');
  });

  test('users: 0 for what is forwarded, none for this host, whose users are not known', () => {
    const range = (low: number) => [{ word: KeyWord.Uid, mask: -1, low, high: low + 9 }];
    assert.equal(wayOf(table([rule(100, range(0), { table: 100 })]), packet(), LAN), WAN2);
    assert.equal(wayOf(table([rule(100, range(0), { table: 100 })]), packet(), -1), WAN);
    assert.equal(wayOf(table([rule(100, range(1), { table: 100 })]), packet(), LAN), WAN);
  });

  test('rules that refuse; the local table is asked before', () => {
    const kinds = [RouteKind.Blackhole, RouteKind.Unreachable, RouteKind.Prohibited];
    for (const refuse of kinds) {
      const routes = table([rule(100, [], { refuse })]);
      assert.equal(routes.lookup(packet(), LAN, 0), refuse);
      assert.equal(routes.outIf, -1);
      assert.equal(routes.lookup(packet({ dst: '192.168.1.1' }), LAN, 0), RouteKind.Local);
    }
  });

  test('goto goes on there, nop and a target that is not there with the next rule', () => {
    const refuse = rule(150, [], { refuse: RouteKind.Blackhole });
    const over = rule(100, [equals(KeyWord.Mark, 1)], { goTo: 200 });
    const target = rule(200, [], { table: 100 });
    const routes = table([over, refuse, target]);
    assert.equal(wayOf(routes, packet(), LAN, 1), WAN2);
    assert.equal(routes.lookup(packet(), LAN, 2), RouteKind.Blackhole);
    assert.equal(wayOf(table([rule(100, [], { goTo: 300 }), target]), packet()), WAN2);
    assert.equal(wayOf(table([rule(100, [], 'nop'), target]), packet()), WAN2);
  });

  test('suppressed: short prefixes, and ways out of a group', () => {
    const shorter = rule(100, [], { table: 100 }, { suppressPrefixLength: 0 });
    assert.equal(wayOf(table([shorter]), packet()), WAN);
    const group = rule(100, [], { table: 100 }, { suppressGroup: 7 });
    const routes = table([group]);
    assert.equal(wayOf(routes, packet()), WAN2);
    routes.clear();
    const grouped = table([group]);
    grouped.setGroup(WAN2, 7);
    assert.equal(wayOf(grouped, packet()), WAN);
  });

  test('throw: the next rule is asked, with policy rules and without', () => {
    const prefix = { family: 4, prefix: addressWords('8.0.0.0'), prefixLength: 8 } as const;
    const plain = table([]);
    plain.addRoute({ ...prefix, kind: RouteKind.Unreachable, throws: true });
    assert.equal(plain.lookup(packet(), LAN, 0), RouteKind.Unreachable);
    const routes = table([rule(100, [equals(KeyWord.Mark, 1)], { table: 100 })]);
    routes.addRoute({ ...prefix, kind: RouteKind.Unreachable, throws: true, table: 100 });
    assert.equal(wayOf(routes, packet(), LAN, 1), WAN);
  });

  test('a table that no route was added to yet; rules are forgotten with the routes', () => {
    const routes = table([rule(100, [], { table: 77 })]);
    assert.equal(wayOf(routes, packet()), WAN);
    const prefix = { family: 4, prefix: [0], prefixLength: 0, kind: RouteKind.Forward } as const;
    routes.addRoute({ ...prefix, outIf: WAN2, table: 77 });
    assert.equal(wayOf(routes, packet()), WAN2);
    routes.clear();
    routes.addRoute({ ...prefix, outIf: WAN2, table: 77 });
    assert.equal(routes.lookup(packet(), LAN, 0), RouteKind.Unreachable);
  });
});

const tcp = { src: '192.168.1.9', dst: '8.8.8.8', sport: 1000, dport: 80, flags: 2 };

describe('routes that ask for more than the destination', () => {
  test('IPv4: those of a TOS go first, whatever their metric', () => {
    const routes = table([]);
    const prefix = { family: 4, prefix: addressWords('8.0.0.0'), prefixLength: 8 } as const;
    const add = (outIf: number, more: object) => {
      routes.addRoute({ ...prefix, kind: RouteKind.Forward, outIf, ...more });
    };
    add(4, { metric: 1 });
    add(5, { metric: 9, tos: 0x10 });
    add(6, { metric: 8, tos: 0x10 });
    add(7, { metric: 0 });
    assert.equal(wayOf(routes, packet({ tos: 0x10 })), 6);
    assert.equal(wayOf(routes, packet({ tos: 0x08 })), 7);
  });

  test('IPv6: the longest source that holds; beside them none without, but for the default', () => {
    const routes = table([]);
    const add = (text: string, prefixLength: number, outIf: number, source?: [string, number]) => {
      routes.addRoute({
        family: 6,
        prefix: addressWords(text),
        prefixLength,
        kind: RouteKind.Forward,
        outIf,
        ...(source === undefined
          ? {}
          : { source: { words: addressWords(source[0]), length: source[1] } }),
      });
    };
    add('fd21::', 64, 4, ['fd05::', 16]);
    add('fd21::', 64, 5, ['fd05::', 64]);
    add('fd21::', 64, 6);
    add('fd21::', 32, 7);
    add('::', 0, 8, ['fd05::', 64]);
    const way = (src: string, dst: string) => wayOf(routes, packet({ src, dst }));
    assert.equal(way('fd05::1', 'fd21::1'), 5);
    assert.equal(way('fd05:1::1', 'fd21::1'), 4);
    assert.equal(way('fd06::1', 'fd21::1'), 7);
    assert.equal(way('fd05::1', '2001:db8::1'), 8);
    assert.equal(way('fd06::1', '2001:db8::1'), WAN);
  });

  test('IPv6: of one metric the router that is preferred (RFC 4191)', () => {
    const routes = new RouteTable();
    const way = {
      family: 6,
      prefix: [0, 0, 0, 0],
      prefixLength: 0,
      kind: RouteKind.Forward,
    } as const;
    routes.addRoute({ ...way, outIf: 4, preference: -1 });
    routes.addRoute({ ...way, outIf: 5, preference: 1 });
    routes.addRoute({ ...way, outIf: 6 });
    assert.equal(wayOf(routes, packet({ src: 'fd05::1', dst: '2001:db8::1' })), 5);
  });
});

describe('what rules ask, under policy rules', () => {
  const byMark = rule(100, [equals(KeyWord.Mark, 5)], { table: 100 });

  test('the reverse path is looked up as for this host, and with the mark only if so wished', () => {
    const { queries } = table([byMark]);
    assert.ok(queries.reversePathHolds(packet({ src: '8.8.8.8' }), WAN, false, false, 0));
    assert.equal(
      queries.reversePathHolds(packet({ src: '8.8.8.8' }), WAN2, false, false, 0),
      false,
    );
    assert.ok(queries.reversePathHolds(packet({ src: '8.8.8.8' }), WAN2, false, false, 5));
    const bySource = table([rule(100, from('192.168.1.9', 32), { table: 100 })]).queries;
    const back = packet({ src: '8.8.8.8', dst: '192.168.1.9' });
    assert.ok(bySource.reversePathHolds(back, WAN2, false, false, 0), 'from what it is for');
  });

  test('the path MTU of a packet in hand is that of the way it goes', () => {
    const routes = table([byMark]);
    routes.setMtu(WAN, 1500);
    routes.setMtu(WAN2, 1400);
    const [word = 0] = addressWords('8.8.8.8');
    routes.lookup(packet(), LAN, 5);
    assert.equal(routes.queries.pathMtu(4, word, 0, 0, 0), 1400);
    routes.lookup(packet({ dst: '8.8.4.4' }), LAN, 5);
    assert.equal(routes.queries.pathMtu(4, word, 0, 0, 0), 1500);
  });

  test('the kind of an IPv4 address is that of the local table, once there are rules', () => {
    const kindIn = (routes: RouteTable) => {
      const prefix = addressWords('10.1.0.0');
      routes.addRoute({ family: 4, prefix, prefixLength: 16, kind: RouteKind.Local });
      return routes.queries.addressKind(4, addressWords('10.1.2.3')[0]!, 0, 0, 0, -1);
    };
    assert.equal(kindIn(table([])), AddressKind.Local);
    assert.equal(kindIn(table([byMark])), AddressKind.Unicast);
    const [own = 0] = addressWords('192.168.1.1');
    assert.equal(table([byMark]).queries.addressKind(4, own, 0, 0, 0, -1), AddressKind.Local);
  });
});

test('a lookup by rules allocates nothing', () => {
  const routes = table([rule(100, from('192.168.0.0', 24), { table: 100 })]);
  const asked = packet();
  const perLookup = bytesPerRound((n) => {
    asked.dst0 = (0x0b000000 + n) | 0;
    routes.lookup(asked, LAN, n & 7);
  });
  assert.ok(perLookup < 0.1, `${perLookup} bytes`);
});
