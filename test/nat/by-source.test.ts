import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Manip } from '../../src/nat/index.ts';
import { Proto } from '../../src/wire/index.ts';
import { type Ends, Flows, natRange } from './flows.ts';

const pool = natRange(['203.0.113.8', '203.0.113.11']);
const first = natRange(['203.0.113.8', '203.0.113.8']);
const second = natRange(['203.0.113.9', '203.0.113.9']);

/** What kernel 6.18 was seen to do with the same connections. */
function to(server: number, more: Partial<Ends> = {}): Ends {
  const ends = { src: '10.0.0.1', dst: `198.51.100.${server}`, sport: 4000, dport: 53 };
  return { ...ends, protocol: Proto.Udp, ...more };
}

function sourceOf(text: string | null): string {
  return (text ?? '').split('>')[0]!;
}

describe('connections of one source', () => {
  test('keep one translation to all servers', () => {
    for (let client = 1; client <= 60; client++) {
      const flows = new Flows(client);
      const sources = new Set<string>();
      for (let server = 1; server <= 5; server++) {
        sources.add(sourceOf(flows.open(to(server, { src: `10.0.1.${client}` }), pool)));
      }
      assert.equal(sources.size, 1);
      assert.match([...sources][0]!, /:4000$/);
    }
  });

  test('a port that was changed once stays changed towards other servers', () => {
    const flows = new Flows();
    flows.open(to(1), first);
    const moved = sourceOf(flows.open(to(1, { src: '10.0.0.2' }), first));
    assert.notEqual(moved, '203.0.113.8:4000');
    assert.equal(sourceOf(flows.open(to(2, { src: '10.0.0.2' }), first)), moved);
  });

  for (const [order, expected] of [
    [[1, 2], '203.0.113.9:4000'],
    [[2, 1], '203.0.113.8:4000'],
  ] as const) {
    test(`of several translations the newest is taken (${order})`, () => {
      for (let client = 1; client <= 20; client++) {
        const flows = new Flows(client);
        const src = `10.0.2.${client}`;
        for (const n of order) flows.open(to(n, { src }), n === 1 ? first : second);
        assert.equal(sourceOf(flows.open(to(7 + client, { src }), pool)), expected);
      }
    });
  }

  test('the newest that fits: one outside the range is passed over', () => {
    const flows = new Flows();
    flows.open(to(2), second);
    flows.open(to(1), natRange(['192.0.2.1', '192.0.2.1']));
    flows.nat.bindNothing(flows.start(to(4)), Manip.Source);
    assert.equal(sourceOf(flows.open(to(3), pool)), '203.0.113.9:4000');
  });

  test('one that has ended counts no more, an older one does', () => {
    const flows = new Flows();
    flows.open(to(1), first);
    const newer = flows.start(to(2));
    flows.nat.bind(newer, second, Manip.Source);
    assert.ok(flows.confirm(newer));
    flows.conntrack.destroy(newer);
    assert.equal(sourceOf(flows.open(to(3), pool)), '203.0.113.8:4000');
  });

  test('one that is not confirmed yet counts; given back, no more', () => {
    const flows = new Flows();
    const waiting = flows.start(to(1));
    flows.nat.bind(waiting, second, Manip.Source);
    assert.equal(sourceOf(flows.open(to(2), pool)), '203.0.113.9:4000');
    const other = new Flows();
    const dropped = other.start(to(1));
    other.nat.bind(dropped, second, Manip.Source);
    other.conntrack.discard(dropped);
    const fresh = new Flows().open(to(2), pool);
    assert.equal(other.open(to(2), pool), fresh);
  });

  test('where the translation is taken towards a server, another is found', () => {
    const flows = new Flows();
    flows.open(to(1), first);
    // Somebody else holds 203.0.113.8:4000 towards server 2.
    flows.open(to(2, { src: '10.9.9.9' }), first);
    const found = sourceOf(flows.open(to(2), first));
    assert.match(found, /^203\.0\.113\.8:/);
    assert.notEqual(found, '203.0.113.8:4000');
  });

  test('a range that names ports is kept to', () => {
    const flows = new Flows();
    flows.open(to(1), first);
    const ports = natRange(['203.0.113.8', '203.0.113.8'], [7000, 7009]);
    const inPorts = sourceOf(flows.open(to(2), ports));
    assert.match(inPorts, /:700\d$/);
    assert.equal(sourceOf(flows.open(to(3), ports)), inPorts);
  });

  for (const flag of ['random', 'randomFully'] as const) {
    test(`${flag}: no connection keeps anything of another`, () => {
      const flows = new Flows();
      const range = natRange(['203.0.113.8', '203.0.113.8'], [0, 0], { [flag]: true });
      const sources = new Set<string>();
      for (let server = 1; server <= 20; server++)
        sources.add(sourceOf(flows.open(to(server), range)));
      assert.ok(sources.size > 15);
      assert.ok(!sources.has('203.0.113.8:4000'));
    });
  }

  test('ICMP: queries of one id, whatever they ask', () => {
    const flows = new Flows();
    const query = (server: number, type: number) =>
      flows.open(to(server, { sport: 77, dport: type << 8, protocol: Proto.Icmp }), pool);
    const echo = sourceOf(query(1, 8));
    for (let server = 2; server < 12; server++) {
      assert.equal(sourceOf(query(server, 13)), echo);
    }
  });
});

describe('other sources', () => {
  test('another port, address, protocol or family is another source', () => {
    const spread = new Set<string>();
    for (let server = 1; server <= 20; server++) {
      const flows = new Flows();
      for (const other of [
        { sport: 4001 },
        { src: '10.0.0.2' },
        { protocol: Proto.Tcp },
        { src: 'fd00::1', dst: '2001:db8::1' },
      ]) {
        const range = 'dst' in other ? natRange(['2001:db8:5::1', '2001:db8:5::1']) : second;
        flows.open(to(200, other), range);
      }
      const alone = new Flows().open(to(server), pool);
      assert.equal(flows.open(to(server), pool), alone);
      spread.add(sourceOf(alone));
    }
    assert.ok(spread.size > 1);
  });

  test('IPv6: all four words count', () => {
    const range6 = natRange(['2001:db8:5::8', '2001:db8:5::f']);
    const one = natRange(['2001:db8:5::8', '2001:db8:5::8']);
    for (const src of ['fd01::1', 'fd00:1::1', 'fd00::1:0:0:1', 'fd00::1:1']) {
      const flows = new Flows();
      flows.open({ src: 'fd00::1', dst: '2001:db8::1', sport: 4000, dport: 53 }, one);
      const ends = { src, dst: '2001:db8::2', sport: 4000, dport: 53 };
      assert.equal(flows.open(ends, range6), new Flows().open(ends, range6), src);
    }
    const flows = new Flows();
    flows.open({ src: 'fd00::1', dst: '2001:db8::1', sport: 4000, dport: 53 }, one);
    const same = flows.open({ src: 'fd00::1', dst: '2001:db8::2', sport: 4000, dport: 53 }, range6);
    assert.equal(same, '2001:db8:5::8:4000>2001:db8::2:53');
  });

  test('zones: a source is one within its zone only', () => {
    for (const [old, young, isSame] of [
      [[1, 1], [1, 1], true],
      [[1, 1], [2, 2], false],
      [[1, 1], [0, 0], false],
      [[5, 0], [5, 0], true],
      // A zone of one direction is no part of the hash: these two stand in different chains.
      [[5, 5], [5, 0], false],
      [[0, 9], [0, 0], true],
    ] as const) {
      let kept = 0;
      for (let server = 10; server < 30; server++) {
        const flows = new Flows(server);
        flows.open(to(1, { zones: old }), second);
        const found = flows.open(to(server, { zones: young }), pool);
        if (sourceOf(found) === '203.0.113.9:4000') kept++;
      }
      assert.equal(kept === 20, isSame, `${old} then ${young}`);
    }
  });
});
