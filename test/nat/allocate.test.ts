import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Status } from '../../src/conntrack/index.ts';
import { Manip } from '../../src/nat/index.ts';
import { Proto } from '../../src/wire/index.ts';
import { Flows, natRange } from './flows.ts';

const server = '198.51.100.9';
const outside = ['203.0.113.1', '203.0.113.1'] as const;

function from(src: string, sport = 40_000, dport = 80) {
  return { src, dst: server, sport, dport };
}

function portOf(text: string | null): number {
  return Number(/:(\d+)>/.exec(text ?? '')?.[1]);
}

function sourceOf(text: string | null): string {
  return (text ?? '').split(/:\d+>/)[0]!;
}

describe('source translation', () => {
  test('keeps the source port where it is free', () => {
    assert.equal(
      new Flows().open(from('192.168.1.10'), natRange(outside)),
      '203.0.113.1:40000>198.51.100.9:80',
    );
  });

  test('two clients with the same port to the same server get different ports', () => {
    const flows = new Flows();
    const first = flows.open(from('192.168.1.10'), natRange(outside));
    const second = flows.open(from('192.168.1.11'), natRange(outside));
    assert.equal(portOf(first), 40_000);
    assert.notEqual(portOf(second), 40_000);
    assert.ok(portOf(second) >= 1024);
  });

  test('the same port serves twice towards different servers', () => {
    const flows = new Flows();
    flows.open(from('192.168.1.10'), natRange(outside));
    const other = { ...from('192.168.1.11'), dst: '198.51.100.10' };
    assert.equal(portOf(flows.open(other, natRange(outside))), 40_000);
  });

  test('a taken port is replaced by one of its class', () => {
    for (const [port, low, high] of [
      [500, 1, 511],
      [511, 1, 511],
      [512, 600, 1023],
      [1023, 600, 1023],
      [1024, 1024, 65_535],
    ] as const) {
      const flows = new Flows(port);
      flows.open(from('192.168.1.10', port), natRange(outside));
      for (let i = 11; i < 40; i++) {
        const found = portOf(flows.open(from(`192.168.1.${i}`, port), natRange(outside)));
        assert.ok(found >= low && found <= high, `${port} became ${found}`);
      }
    }
  });

  test('a port outside the range is moved into it, one inside stays', () => {
    const flows = new Flows();
    const range = natRange(outside, [5000, 5009]);
    const moved = portOf(flows.open(from('192.168.1.10', 40_000), range));
    assert.ok(moved >= 5000 && moved <= 5009);
    assert.equal(portOf(flows.open(from('192.168.1.10', 5003, 81), range)), 5003);
  });

  test('a range of two ports serves two; the third is not entered', () => {
    const flows = new Flows();
    const range = natRange(outside, [5000, 5001]);
    const ports = [10, 11].map((i) => portOf(flows.open(from(`192.168.1.${i}`), range)));
    assert.deepEqual(
      ports.sort((a, b) => a - b),
      [5000, 5001],
    );
    const third = flows.start(from('192.168.1.12'));
    flows.nat.bind(third, range, Manip.Source);
    assert.ok(flows.nat.isDecided(third, Manip.Source));
    assert.equal(flows.confirm(third), false);
    assert.equal(flows.conntrack.stats.insertFailed, 1);
    assert.equal(flows.table.count, 2);
  });

  test('fills a range of 128 ports to the last one', () => {
    const flows = new Flows();
    const range = natRange(outside, [2000, 2127]);
    const ports = new Set<number>();
    for (let i = 0; i < 128; i++)
      ports.add(portOf(flows.open(from('10.0.0.1', 10_000 + i), range)));
    assert.equal(ports.size, 128);
    assert.equal(flows.open(from('10.0.0.1', 20_000), range), null);
  });

  test('spreads over a range of addresses, the same ends always to the same one', () => {
    const range = natRange(['203.0.113.8', '203.0.113.11']);
    const used = new Set<string>();
    for (let i = 1; i < 60; i++) {
      const once = sourceOf(new Flows().open(from(`192.168.1.${i}`), range));
      assert.match(once, /^203\.0\.113\.(8|9|10|11)$/);
      assert.equal(sourceOf(new Flows().open(from(`192.168.1.${i}`), range)), once);
      used.add(once);
    }
    assert.equal(used.size, 4);
  });

  test('--persistent: one address for a client, whatever the server', () => {
    const range = natRange(['203.0.113.8', '203.0.113.15'], [0, 0], { persistent: true });
    const addresses = (persistent: boolean) => {
      const flows = new Flows();
      const used = new Set<string>();
      for (let i = 1; i < 40; i++) {
        const ends = { ...from('192.168.1.10', 40_000 + i), dst: `198.51.100.${i}` };
        used.add(sourceOf(flows.open(ends, { ...range, persistent })));
      }
      return used.size;
    };
    assert.equal(addresses(true), 1);
    assert.ok(addresses(false) > 4);
  });

  test('IPv6: address of a range, port kept', () => {
    const flows = new Flows();
    const range = natRange(['2001:db8::10', '2001:db8::13']);
    const text = flows.open(
      { src: 'fd00::5', dst: '2001:db8:9::1', sport: 40_000, dport: 80 },
      range,
    );
    assert.match(text ?? '', /^2001:db8::1[0-3]:40000>2001:db8:9::1:80$/);
  });

  test('--random and --random-fully do not keep the port', () => {
    for (const flag of ['random', 'randomFully'] as const) {
      const range = natRange(outside, [0, 0], { [flag]: true });
      const ports = new Set<number>();
      for (let seed = 1; seed < 30; seed++) {
        ports.add(portOf(new Flows(seed).open(from('192.168.1.10'), range)));
      }
      assert.ok(ports.size > 20, flag);
      assert.ok([...ports].every((port) => port >= 1024));
    }
  });

  test('ICMP: the id is the port; a taken one is replaced', () => {
    const flows = new Flows();
    const ping = (src: string) => ({ ...from(src, 77, 0x0800), protocol: Proto.Icmp });
    const first = flows.open(ping('192.168.1.10'), natRange(outside));
    const second = flows.open(ping('192.168.1.11'), natRange(outside));
    assert.equal(portOf(first), 77);
    assert.notEqual(portOf(second), 77);
  });

  test('a protocol without ports gets the address only, and one connection of a kind', () => {
    const flows = new Flows();
    const gre = (src: string) => ({ ...from(src, 0, 0), protocol: Proto.Gre });
    assert.equal(
      flows.open(gre('192.168.1.10'), natRange(outside)),
      '203.0.113.1:0>198.51.100.9:0',
    );
    assert.equal(flows.open(gre('192.168.1.11'), natRange(outside)), null);
  });

  test('nothing asked: nothing changes, but a clash with a translation moves the port', () => {
    const flows = new Flows();
    flows.open(from('192.168.1.10', 5000), natRange(outside));
    const own = flows.start(from('203.0.113.1', 5000));
    flows.nat.bindNothing(own, Manip.Source);
    assert.notEqual(portOf(flows.translated(own)), 5000);
    const other = flows.start(from('203.0.113.1', 5001));
    flows.nat.bindNothing(other, Manip.Source);
    assert.equal(portOf(flows.translated(other)), 5001);
    assert.equal(flows.table.hasStatus(other, Status.SrcNat), false);
    assert.ok(flows.nat.isDecided(other, Manip.Source));
  });
});

describe('destination translation', () => {
  const inside = ['192.168.1.20', '192.168.1.20'] as const;
  const toGateway = (sport: number, dport = 2121) => ({
    src: server,
    dst: '203.0.113.1',
    sport,
    dport,
  });

  test('to an address: the port stays', () => {
    assert.equal(
      new Flows().open(toGateway(5000), natRange(inside), Manip.Destination),
      '198.51.100.9:5000>192.168.1.20:2121',
    );
  });

  test('to an address and a port', () => {
    assert.equal(
      new Flows().open(toGateway(5000), natRange(inside, [21, 21]), Manip.Destination),
      '198.51.100.9:5000>192.168.1.20:21',
    );
  });

  test('to a range of ports: the lowest free one', () => {
    const flows = new Flows();
    const range = natRange(inside, [8000, 8003]);
    assert.match(flows.open(toGateway(5000), range, Manip.Destination) ?? '', /:8000$/);
  });

  test('to a shifted range: each port to its own (A:5000-5009/2000)', () => {
    const range = natRange(inside, [5000, 5009], { basePort: 2000 });
    for (const [asked, given] of [
      [2000, 5000],
      [2007, 5007],
      [2009, 5009],
    ] as const) {
      const text = new Flows().open(toGateway(40_000, asked), range, Manip.Destination);
      assert.match(text ?? '', new RegExp(`:${given}$`));
    }
  });

  test('to a shifted range that overlaps the asked ports: shifted all the same', () => {
    const range = natRange(inside, [2005, 2014], { basePort: 2000 });
    const text = new Flows().open(toGateway(40_000, 2006), range, Manip.Destination);
    assert.match(text ?? '', /:2011$/);
  });

  test('to a range of addresses', () => {
    const range = natRange(['192.168.1.20', '192.168.1.23']);
    const used = new Set<string>();
    for (let i = 1; i < 60; i++) {
      const ends = { ...toGateway(5000), src: `198.51.100.${i}` };
      used.add((new Flows().open(ends, range, Manip.Destination) ?? '').split('>')[1]!);
    }
    assert.deepEqual([...used].sort(), [
      '192.168.1.20:2121',
      '192.168.1.21:2121',
      '192.168.1.22:2121',
      '192.168.1.23:2121',
    ]);
  });

  test('a protocol without ports: two ways may meet, and the source side tells them apart', () => {
    const flows = new Flows();
    const gre = (dst: string) => ({ src: '198.51.100.9', dst, sport: 0, dport: 0, protocol: 47 });
    flows.open(gre('203.0.113.1'), natRange(inside), Manip.Destination);
    const row = flows.start(gre('203.0.113.2'));
    flows.nat.bind(row, natRange(inside), Manip.Destination);
    flows.nat.bind(row, natRange(outside), Manip.Source);
    assert.ok(flows.table.insert(row));
    assert.match(flows.translated(row), /^203\.0\.113\.1:0>192\.168\.1\.20:0$/);
  });

  test('two ways to one server port from one client port: the source side gives way', () => {
    const flows = new Flows();
    flows.open(toGateway(5000, 21), natRange(inside, [21, 21]), Manip.Destination);
    const row = flows.start(toGateway(5000, 2121));
    flows.nat.bind(row, natRange(inside, [21, 21]), Manip.Destination);
    flows.nat.bindNothing(row, Manip.Source);
    assert.ok(flows.table.insert(row));
    assert.match(flows.translated(row), /^198\.51\.100\.9:(?!5000>)\d+>192\.168\.1\.20:21$/);
  });
});
