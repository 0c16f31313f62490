import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  CtStateBit,
  Direction,
  ExpectResult,
  Field,
  Template,
  Tuple,
} from '../../src/conntrack/index.ts';
import { buildIcmp, buildUdp, loadPacket } from '../support/packets.ts';
import { draft } from './draft.ts';
import { Bench, ends4, ends6 } from './script.ts';

const query = buildUdp({ ...ends4, sport: 1000, dport: 53 });
const answer = buildUdp({ src: ends4.dst, dst: ends4.src, sport: 53, dport: 1000 });

function zones(original: number, reply = original): Template {
  const template = new Template();
  template.originalZone = original;
  template.replyZone = reply;
  return template;
}

/** Tracks a frame in a zone and confirms what is new; returns its row. */
function sent(bench: Bench, frame: Uint8Array, template: Template): number {
  const { conntrack } = bench;
  conntrack.track(loadPacket(frame), template);
  const { row } = conntrack;
  if (row >= 0 && !bench.isConfirmed(row)) assert.ok(conntrack.confirm(row), 'no clash');
  return row;
}

describe('the same tuple in two zones', () => {
  for (const [name, ends] of [
    ['IPv4', ends4],
    ['IPv6', ends6],
  ] as const) {
    test(`is two connections (${name})`, () => {
      const bench = new Bench();
      const frame = buildUdp({ ...ends, sport: 7, dport: 53 });
      const back = buildUdp({ src: ends.dst, dst: ends.src, sport: 53, dport: 7 });
      const rows = [0, 1, 65_535].map((zone) => sent(bench, frame, zones(zone)));
      assert.equal(new Set(rows).size, 3);
      assert.deepEqual(
        rows.map((row) => bench.conntrack.zoneOf(row)),
        [0, 1, 65_535],
      );
      assert.equal(sent(bench, back, zones(1)), rows[1]);
      assert.equal(bench.conntrack.direction, Direction.Reply);
      assert.equal(bench.conntrack.state, CtStateBit.Established);
      assert.equal(sent(bench, back, zones(65_535)), rows[2]);
    });
  }

  test('an answer in another zone starts a connection of its own', () => {
    const bench = new Bench();
    const row = sent(bench, query, zones(5));
    assert.notEqual(sent(bench, answer, zones(0)), row);
    assert.equal(bench.conntrack.state, CtStateBit.New);
  });

  test('ICMP: the id and the answering type are found in the zone', () => {
    const bench = new Bench();
    const echo = buildIcmp({ ...ends4, type: 8, code: 0, id: 9 });
    const reply = buildIcmp({ src: ends4.dst, dst: ends4.src, type: 0, code: 0, id: 9 });
    const row = sent(bench, echo, zones(300));
    assert.equal(sent(bench, reply, zones(300)), row);
  });

  test('one ends, the other stays', () => {
    const bench = new Bench();
    const [a, b] = [sent(bench, query, zones(1)), sent(bench, query, zones(2))];
    bench.conntrack.destroy(a);
    assert.equal(sent(bench, query, zones(2)), b);
    assert.equal(bench.table.count, 1);
  });
});

describe('a zone of one direction', () => {
  test('--zone-orig: the answers are found in zone 0', () => {
    const bench = new Bench();
    const row = sent(bench, query, zones(5, 0));
    assert.equal(bench.table.zone(row, Direction.Original), 5);
    assert.equal(bench.table.zone(row, Direction.Reply), 0);
    assert.equal(sent(bench, answer, zones(0)), row);
    assert.equal(sent(bench, query, zones(5, 0)), row);
    assert.equal(bench.conntrack.direction, Direction.Original);
  });

  test('--zone-orig: the original tuple itself is not found in zone 0', () => {
    const bench = new Bench();
    const row = sent(bench, query, zones(5, 0));
    bench.conntrack.track(loadPacket(query), zones(0));
    assert.notEqual(bench.conntrack.row, row);
    // Its answers would be the other one's answers: it cannot enter the table.
    assert.equal(bench.conntrack.confirm(bench.conntrack.row), false);
    bench.conntrack.discard(bench.conntrack.row);
  });

  test('--zone-reply: the answers carry the zone, the questions none', () => {
    const bench = new Bench();
    const row = sent(bench, query, zones(0, 9));
    assert.equal(sent(bench, answer, zones(9)), row);
    assert.equal(bench.conntrack.direction, Direction.Reply);
    assert.equal(sent(bench, query, zones(0)), row);
    assert.equal(bench.conntrack.zoneOf(row), 9);
  });
});

test('an expectation comes true in the zone of its master only', () => {
  const bench = new Bench();
  const master = sent(bench, query, zones(4));
  const { conntrack, table } = bench;
  const announced = draft({
    src: ends4.dst,
    dst: ends4.src,
    dport: 6000,
    master: { row: master, id: table.get(master, Field.Id) },
  });
  assert.equal(conntrack.expectations.add(announced, bench.clock.ms, 300), ExpectResult.Ok);
  const opening = buildUdp({ src: ends4.dst, dst: ends4.src, sport: 20, dport: 6000 });
  const tuple = new Tuple();
  tuple.fromPacket(loadPacket(opening));
  tuple.meta = (tuple.meta & ~0xff) | 6;
  assert.equal(conntrack.expectations.match(tuple, bench.clock.ms, 0), null);
  assert.equal(conntrack.expectations.match(tuple, bench.clock.ms, 4)?.dport, 6000);
});

test('a tuple keeps family, protocol and zone apart', () => {
  const tuple = new Tuple();
  tuple.meta = (6 << 8) | 17;
  tuple.zone = 0xffff;
  assert.deepEqual([tuple.family, tuple.protocol, tuple.zone], [6, 17, 0xffff]);
  const inverse = new Tuple();
  inverse.invertFrom(tuple);
  assert.equal(inverse.zone, 0xffff);
  tuple.zone = 0;
  assert.deepEqual([tuple.family, tuple.protocol, tuple.zone], [6, 17, 0]);
});
