import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { RouteKind, RouteTable } from '../../src/engine/index.ts';
import { parseIpv4, parseIpv6 } from '../../src/wire/index.ts';
import { buildUdp, loadPacket } from '../support/packets.ts';

const v4 = (text: string): number[] => [parseIpv4(text)!];
const v6 = (text: string): number[] => parseIpv6(text)!;

function words(text: string): [number, number, number, number, number] {
  const [w0, w1, w2, w3] = text.includes(':') ? v6(text) : v4(text);
  return [text.includes(':') ? 6 : 4, w0!, w1 ?? 0, w2 ?? 0, w3 ?? 0];
}

function add(table: RouteTable, prefix: string, outIf: number, more: object = {}): void {
  const [address, length] = prefix.split('/') as [string, string];
  const family = address.includes(':') ? 6 : 4;
  const bytes = family === 6 ? v6(address) : v4(address);
  table.addRoute({
    family,
    prefix: bytes,
    prefixLength: Number(length),
    kind: RouteKind.Forward,
    outIf,
    ...more,
  });
}

describe('RouteTable', () => {
  test('the longest prefix wins, whatever the order of entry', () => {
    const table = new RouteTable();
    add(table, '10.1.2.0/24', 3);
    add(table, '0.0.0.0/0', 1);
    add(table, '10.0.0.0/8', 2);
    add(table, '10.1.2.3/32', 4);
    const expected: [string, number][] = [
      ['10.1.2.3', 4],
      ['10.1.2.4', 3],
      ['10.200.0.1', 2],
      ['192.0.2.1', 1],
      ['9.255.255.255', 1],
      ['11.0.0.0', 1],
    ];
    for (const [address, outIf] of expected) {
      assert.equal(table.lookupAddress(...words(address)), RouteKind.Forward);
      assert.equal(table.outIf, outIf, address);
    }
  });

  test('agrees with a linear search over random tables of both families', () => {
    const route = fc.record({
      w: fc.tuple(fc.integer(), fc.integer({ min: -2, max: 2 }), fc.integer(), fc.integer()),
      length: fc.integer({ min: 0, max: 128 }),
    });
    const property = fc.property(
      fc.array(route, { maxLength: 30 }),
      fc.integer(),
      fc.constantFrom(4, 6),
      (routes, flip, family) => {
        const table = new RouteTable();
        const longest = family === 4 ? 32 : 128;
        const rows = routes.map(({ w, length }) => {
          return { prefix: family === 4 ? [w[0]] : w, prefixLength: length % (longest + 1) };
        });
        for (const [outIf, row] of rows.entries()) {
          table.addRoute({ family: family as 4 | 6, ...row, kind: RouteKind.Forward, outIf });
        }
        for (const { w } of routes) {
          const asked = family === 4 ? [w[0] ^ (flip & 255)] : [w[0], w[1], w[2], w[3] ^ flip];
          const [w0, w1, w2, w3] = asked;
          if (isMulticast(family, w0!)) continue;
          const best = slowBest(rows, asked);
          for (let again = 0; again < 2; again++) {
            const kind = table.lookupAddress(family, w0!, w1 ?? 0, w2 ?? 0, w3 ?? 0);
            assert.equal(kind, best < 0 ? RouteKind.Unreachable : RouteKind.Forward);
            assert.equal(table.outIf, best);
          }
        }
      },
    );
    fc.assert(property, { seed: 7, numRuns: 300 });
  });

  test('the lower metric wins between equal prefixes; the first of equal metrics stays', () => {
    const table = new RouteTable();
    add(table, '0.0.0.0/0', 1, { metric: 100 });
    add(table, '0.0.0.0/0', 2, { metric: 50 });
    add(table, '0.0.0.0/0', 3, { metric: 50 });
    table.lookupAddress(...words('192.0.2.1'));
    assert.equal(table.outIf, 2);
  });

  test('the local table is asked first, the default table last', () => {
    const table = new RouteTable();
    add(table, '127.0.0.1/32', 5);
    table.addRoute({
      family: 4,
      prefix: v4('127.0.0.0'),
      prefixLength: 8,
      kind: RouteKind.Local,
      table: 'local',
    });
    add(table, '192.0.2.0/24', 6, { table: 'default' });
    add(table, '192.0.0.0/8', 7);
    assert.equal(table.lookupAddress(...words('127.0.0.1')), RouteKind.Local);
    table.lookupAddress(...words('192.0.2.1'));
    assert.equal(table.outIf, 7);
  });

  test('a cached answer is forgotten when a route is added, and when the table is cleared', () => {
    const table = new RouteTable();
    add(table, '0.0.0.0/0', 1);
    add(table, '::/0', 1);
    for (const address of ['192.0.2.1', '2001:db8::1']) {
      table.lookupAddress(...words(address));
      assert.equal(table.outIf, 1);
    }
    add(table, '192.0.2.0/24', 2);
    add(table, '2001:db8::/32', 2);
    for (const address of ['192.0.2.1', '2001:db8::1']) {
      table.lookupAddress(...words(address));
      assert.equal(table.outIf, 2);
    }
    table.clear();
    for (const address of ['192.0.2.1', '2001:db8::1']) {
      assert.equal(table.lookupAddress(...words(address)), RouteKind.Unreachable);
      assert.equal(table.outIf, -1);
    }
  });

  test('no route is remembered too, and 0.0.0.0 is not taken from an empty cache', () => {
    const table = new RouteTable();
    assert.equal(table.lookupAddress(4, 0, 0, 0, 0), RouteKind.Unreachable);
    assert.equal(table.lookupAddress(4, 0, 0, 0, 0), RouteKind.Unreachable);
    table.addLocal(4, v4('0.0.0.0'));
    assert.equal(table.lookupAddress(4, 0, 0, 0, 0), RouteKind.Local);
    assert.equal(table.lookupAddress(6, 0, 0, 0, 0), RouteKind.Unreachable);
  });

  test('next hop: the gateway, or the destination on the link', () => {
    const table = new RouteTable();
    add(table, '10.0.0.0/8', 1);
    add(table, '0.0.0.0/0', 1, { via: v4('10.0.0.1') });
    add(table, '::/0', 2, { via: v6('fe80::1') });
    table.lookupAddress(...words('10.9.9.9'));
    assert.deepEqual([table.hop0, table.hop1], [...v4('10.9.9.9'), 0]);
    table.lookupAddress(...words('192.0.2.1'));
    assert.equal(table.hop0, v4('10.0.0.1')[0]);
    table.lookupAddress(...words('2001:db8::9'));
    assert.deepEqual([table.hop0, table.hop1, table.hop2, table.hop3], v6('fe80::1'));
  });

  test('kinds, own addresses, multicast and broadcast', () => {
    const table = new RouteTable();
    add(table, '0.0.0.0/0', 1);
    add(table, '::/0', 1);
    table.addLocal(4, v4('10.0.0.1'));
    table.addLocal(6, v6('fd00::1'));
    add(table, '192.0.2.0/24', 1, { kind: RouteKind.Unreachable });
    add(table, '198.18.0.0/15', 1, { kind: RouteKind.Prohibited });
    add(table, '198.51.100.0/24', 1, { kind: RouteKind.Blackhole });
    add(table, '10.0.0.255/32', 1, { kind: RouteKind.Broadcast, table: 'local' });
    const expected: [string, number][] = [
      ['10.0.0.1', RouteKind.Local],
      ['fd00::1', RouteKind.Local],
      ['fd00::2', RouteKind.Forward],
      ['192.0.2.9', RouteKind.Unreachable],
      ['198.19.255.255', RouteKind.Prohibited],
      ['198.51.100.1', RouteKind.Blackhole],
      ['10.0.0.255', RouteKind.Broadcast],
      ['255.255.255.255', RouteKind.Broadcast],
      ['224.0.0.1', RouteKind.Broadcast],
      ['239.255.255.255', RouteKind.Broadcast],
      ['240.0.0.1', RouteKind.Forward],
      ['ff02::1', RouteKind.Broadcast],
    ];
    for (const [address, kind] of expected) {
      assert.equal(table.lookupAddress(...words(address)), kind, address);
    }
  });

  test('MTU: that of the interface, and a smaller one of the route', () => {
    const table = new RouteTable();
    add(table, '10.0.0.0/8', 1);
    add(table, '11.0.0.0/8', 1, { mtu: 1400 });
    add(table, '12.0.0.0/8', 1, { mtu: 9000 });
    table.setMtu(1, 1450);
    assert.equal(table.mtuOf(1), 1450);
    assert.equal(table.mtuOf(7), 1500);
    assert.equal(table.mtuOf(-1), 1500);
    for (const [address, mtu] of [
      ['10.1.1.1', 1450],
      ['11.1.1.1', 1400],
      ['12.1.1.1', 1450],
    ] as const) {
      table.lookupAddress(...words(address));
      assert.equal(table.mtu, mtu);
    }
  });

  test('addressOf: the address in the subnet of the next hop, else the first one', () => {
    const table = new RouteTable();
    table.addInterfaceAddress(4, 1, v4('192.0.2.1'), 24);
    table.addInterfaceAddress(4, 1, v4('10.0.0.1'), 8);
    table.addInterfaceAddress(6, 1, v6('fd00:1::1'), 64);
    table.addInterfaceAddress(6, 1, v6('fd00:2::1'), 64);
    add(table, '0.0.0.0/0', 1, { via: v4('10.0.0.254') });
    add(table, '172.16.0.0/12', 1, { via: v4('172.31.0.1') });
    add(table, 'fd00:2::/64', 1);
    table.lookupAddress(...words('203.0.113.1'));
    assert.deepEqual(table.addressOf(4, 1), v4('10.0.0.1'));
    table.lookupAddress(...words('172.16.0.1'));
    assert.deepEqual(table.addressOf(4, 1), v4('192.0.2.1'));
    table.lookupAddress(...words('fd00:2::9'));
    assert.deepEqual(table.addressOf(6, 1), v6('fd00:2::1'));
    assert.equal(table.addressOf(4, 2), null);
  });

  test('looks up the destination of a packet', () => {
    const table = new RouteTable();
    add(table, 'fd00::/16', 3);
    const frame = buildUdp({ src: 'fd01::1', dst: 'fd00::2', sport: 1, dport: 2 });
    assert.equal(table.lookup(loadPacket(frame), -1, 0), RouteKind.Forward);
    assert.equal(table.outIf, 3);
  });
});

interface Row {
  readonly prefix: readonly number[];
  readonly prefixLength: number;
}

function slowBest(rows: readonly Row[], address: readonly number[]): number {
  let best = -1;
  for (const [index, row] of rows.entries()) {
    if (!bits(address).startsWith(bits(row.prefix).slice(0, row.prefixLength))) continue;
    if (best < 0 || row.prefixLength > rows[best]!.prefixLength) best = index;
  }
  return best;
}

function bits(address: readonly number[]): string {
  return address.map((word) => (word >>> 0).toString(2).padStart(32, '0')).join('');
}

function isMulticast(family: number, w0: number): boolean {
  return family === 4 ? w0 >>> 28 === 14 || w0 === -1 : w0 >>> 24 === 255;
}
