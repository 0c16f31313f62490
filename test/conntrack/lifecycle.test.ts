import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Direction, Field, Status, TrackReason, Tuple } from '../../src/conntrack/index.ts';
import { buildTcp, buildUdp, loadPacket } from '../support/packets.ts';
import { Bench, ends4, ends6, play, tcp, udp } from './script.ts';

const back4 = { src: ends4.dst, dst: ends4.src };

function query(client: number): Uint8Array {
  return buildUdp({ ...ends4, sport: client, dport: 53 });
}

function answer(client: number): Uint8Array {
  return buildUdp({ ...back4, sport: 53, dport: client });
}

function lookupOf(bench: Bench, row: number, direction: 0 | 1): number {
  const tuple = new Tuple();
  bench.table.readTuple(row, direction, tuple);
  return bench.table.lookup(tuple);
}

/** What source NAT does to a connection before it is confirmed: the answer comes to another port. */
function answerTo(bench: Bench, row: number, port: number): void {
  const reply = new Tuple();
  bench.table.readTuple(row, Direction.Reply, reply);
  reply.setPorts(reply.srcPort, port);
  bench.table.writeTuple(row, Direction.Reply, reply);
}

describe('confirm and discard', () => {
  test('a new connection stands in the index only once it is confirmed', () => {
    const bench = new Bench();
    const row = bench.track(query(1000));
    assert.ok(row >= 0);
    assert.deepEqual([bench.stateName(), bench.conntrack.direction], ['NEW', Direction.Original]);
    assert.equal(bench.table.count, 1);
    assert.equal(lookupOf(bench, row, Direction.Original), -1);
    assert.deepEqual(bench.takeEvents(), []);
    assert.ok(bench.conntrack.confirm(row));
    assert.equal(lookupOf(bench, row, Direction.Original), row << 1);
    assert.equal(lookupOf(bench, row, Direction.Reply), (row << 1) | 1);
    assert.deepEqual(bench.takeEvents(), ['[NEW]']);
    assert.deepEqual([bench.conntrack.stats.drop, bench.conntrack.stats.insertFailed], [0, 0]);
  });

  test('a dropped first packet leaves no row, however often it comes', () => {
    const bench = new Bench({ maximum: 1 });
    for (let n = 0; n < 100; n++) assert.equal(bench.sendDropped(query(1000 + n)), 0);
    assert.deepEqual([bench.table.count, bench.conntrack.stats.drop], [0, 0]);
    assert.deepEqual(bench.takeEvents(), []);
    bench.send(answer(1000));
    assert.equal(bench.stateName(), 'NEW', 'no trace of the dropped one');
  });

  test('a dropped later packet leaves the connection in place', () => {
    const bench = new Bench();
    bench.send(query(1000));
    bench.sendDropped(query(1000));
    bench.send(answer(1000));
    assert.equal(bench.stateName(), 'ESTABLISHED');
  });

  test('a translated connection is found by the answer to its new tuple only', () => {
    const bench = new Bench();
    const row = bench.track(query(1000));
    answerTo(bench, row, 62000);
    assert.ok(bench.conntrack.confirm(row));
    assert.equal(bench.track(answer(62000)), row);
    assert.deepEqual(
      [bench.stateName(), bench.conntrack.direction],
      ['ESTABLISHED', Direction.Reply],
    );
    bench.sendDropped(answer(1000));
    assert.equal(bench.stateName(), 'NEW');
  });

  test('a clash of answers refuses the later connection, which can be given back', () => {
    const bench = new Bench();
    for (const client of [1000, 1001]) {
      const row = bench.track(query(client));
      answerTo(bench, row, 62000);
      const confirmed = bench.conntrack.confirm(row);
      assert.equal(confirmed, client === 1000);
      if (!confirmed) bench.conntrack.discard(row);
    }
    assert.deepEqual([bench.conntrack.stats.drop, bench.conntrack.stats.insertFailed], [1, 1]);
    assert.equal(bench.table.count, 1);
    assert.deepEqual(bench.takeEvents(), ['[NEW]']);
  });

  test('a connection whose time is over does not clash: it goes first', () => {
    const bench = new Bench();
    const old = bench.track(query(1000));
    answerTo(bench, old, 62000);
    assert.ok(bench.conntrack.confirm(old));
    bench.at(30);
    const row = bench.track(query(1001));
    answerTo(bench, row, 62000);
    assert.ok(bench.conntrack.confirm(row));
    assert.deepEqual(bench.takeEvents(), ['[NEW]', '[DESTROY]', '[NEW]']);
    assert.equal(bench.track(answer(62000)), row);
    assert.equal(bench.conntrack.stats.insertFailed, 0);
  });
});

describe('expiry', () => {
  test('by lookup: in the last second found, after it not', () => {
    const bench = new Bench();
    const row = bench.send(query(1000));
    const id = bench.table.get(row, Field.Id);
    bench.at(29);
    assert.equal(bench.sendDropped(answer(1000)), row);
    bench.at(59);
    bench.takeEvents();
    bench.track(query(1000));
    assert.equal(bench.stateName(), 'NEW');
    assert.notEqual(bench.table.get(bench.conntrack.row, Field.Id), id);
    assert.deepEqual(bench.takeEvents(), ['[DESTROY]']);
  });

  test('by sweep, no more rows at a time than its budget, round and round', () => {
    const bench = new Bench();
    for (let n = 0; n < 10; n++) bench.send(query(1000 + n));
    assert.equal(bench.conntrack.sweep(100), 0, 'none too early');
    bench.at(29);
    assert.equal(bench.conntrack.sweep(100), 0);
    bench.send(query(1005));
    bench.at(30).takeEvents();
    const removed = [4, 4, 4, 4].map((budget) => bench.conntrack.sweep(budget));
    assert.deepEqual(removed, [4, 3, 2, 0], 'the fifth was used again');
    assert.deepEqual(bench.takeEvents(), new Array(9).fill('[DESTROY]'));
    assert.equal(bench.table.count, 1);
    bench.at(59);
    let calls = 0;
    while (bench.table.count > 0 && calls < 10) {
      bench.conntrack.sweep(1);
      calls++;
    }
    assert.ok(calls <= 10, 'every row is reached within one round');
    assert.equal(bench.table.count, 0);
  });

  test('sweeping nothing, and with a budget of nothing', () => {
    const bench = new Bench();
    assert.equal(bench.conntrack.sweep(10), 0);
    bench.send(query(1000));
    bench.at(30);
    assert.equal(bench.conntrack.sweep(0), 0);
    assert.equal(bench.table.count, 1);
  });

  test('a row that waits for its confirmation is not swept', () => {
    const bench = new Bench();
    const row = bench.track(query(1000));
    bench.at(1000);
    assert.equal(bench.conntrack.sweep(10), 0);
    assert.ok(bench.conntrack.confirm(row));
  });

  test('handshakes in their turn: 120 s, 60 s', () => {
    const bench = play(
      tcp,
      '0 > S | NEW SYN_SENT 120 [NEW]\n 119 < SA | ESTABLISHED SYN_RECV 60 [UPDATE]',
    );
    assert.equal(bench.at(178).conntrack.sweep(10), 0);
    assert.equal(bench.at(179).conntrack.sweep(10), 1);
  });
});

describe('counters', () => {
  for (const [name, ends, headers] of [
    ['IPv4', ends4, 20 + 20],
    ['IPv6', ends6, 40 + 20],
  ] as const) {
    test(`packets and bytes of the IP datagram, per direction, over ${name}`, () => {
      const bench = play(
        tcp,
        `
          0 > S            | NEW SYN_SENT 120 [NEW]
          0 < SA           | ESTABLISHED SYN_RECV 60 [UPDATE]
          0 > A            | ESTABLISHED ESTABLISHED 432000 [UPDATE]ASSURED
          1 > PA len=100   | ESTABLISHED ESTABLISHED 300
          2 < PA len=1000  | ESTABLISHED ESTABLISHED 300
          3 < FS           | INVALID invalid-tcp-flags
          3 < S            | INVALID invalid-tcp-state`,
        new Bench(),
        ends,
      );
      const { table } = bench;
      assert.deepEqual([table.packets(0, 0), table.bytes(0, 0)], [3, 3 * headers + 100]);
      assert.deepEqual([table.packets(0, 1), table.bytes(0, 1)], [2, 2 * headers + 1000]);
      assert.equal(bench.conntrack.stats.invalid, 2);
    });
  }

  test('padding of the frame is not counted', () => {
    const bench = new Bench();
    const row = bench.send(buildUdp({ ...ends4, sport: 1, dport: 2, payload: 'x', padTo: 60 }));
    assert.equal(bench.table.bytes(row, Direction.Original), 29);
  });
});

describe('the state of the last packet', () => {
  test('is forgotten by the next one, whatever that is', () => {
    const bench = play(udp, '0 > q | NEW - 30 [NEW]\n 0 < a | ESTABLISHED - 30 [UPDATE]');
    const { conntrack } = bench;
    assert.equal(conntrack.direction, Direction.Reply);
    conntrack.untrack();
    const fresh = { row: -1, direction: Direction.Original, reason: TrackReason.None };
    const { row, direction, reason } = conntrack;
    assert.deepEqual({ row, direction, reason }, fresh);
    assert.equal(bench.stateName(), 'UNTRACKED');
  });

  test('invalidate: for reasons found before tracking; counted', () => {
    const bench = play(udp, '0 > q | NEW - 30 [NEW]\n 0 < a | ESTABLISHED - 30 [UPDATE]');
    const { conntrack } = bench;
    conntrack.invalidate(TrackReason.Malformed, loadPacket(query(1)));
    assert.deepEqual([conntrack.row, conntrack.direction], [-1, Direction.Original]);
    assert.deepEqual([bench.stateName(), bench.reasonName()], ['INVALID', 'invalid-malformed']);
    assert.equal(conntrack.stats.invalid, 1);
    bench.send(answer(40000));
    assert.deepEqual([bench.stateName(), bench.reasonName()], ['ESTABLISHED', '']);
  });

  test('an invalid packet after a good one has no connection', () => {
    const bench = play(udp, '0 > q | NEW - 30 [NEW]');
    assert.equal(bench.track(buildTcp({ ...ends4, sport: 1, dport: 2, flags: 'SF' })), -1);
  });
});

describe('destroy and flush', () => {
  test('destroy takes both directions out and tells once', () => {
    const bench = new Bench();
    const row = bench.send(query(1000));
    bench.takeEvents();
    bench.conntrack.destroy(row);
    assert.deepEqual(bench.takeEvents(), ['[DESTROY]']);
    assert.deepEqual([bench.table.count, bench.table.inUse(row)], [0, false]);
    bench.sendDropped(answer(1000));
    assert.equal(bench.stateName(), 'NEW');
  });

  test('flush removes every connection and says how many', () => {
    const bench = new Bench();
    assert.equal(bench.conntrack.flush(), 0);
    for (let n = 0; n < 10; n++) bench.send(query(1000 + n));
    bench.conntrack.destroy(4);
    bench.takeEvents();
    assert.equal(bench.conntrack.flush(), 9);
    assert.deepEqual(bench.takeEvents(), new Array(9).fill('[DESTROY]'));
    assert.equal(bench.table.count, 0);
    bench.send(query(1000));
    assert.equal(bench.stateName(), 'NEW');
  });

  test('flush of one family leaves the other', () => {
    const bench = new Bench();
    bench.send(query(1000));
    bench.send(buildUdp({ ...ends6, family: 6, sport: 1000, dport: 53 }));
    assert.equal(bench.conntrack.flush(6), 1);
    assert.equal(bench.table.count, 1);
    bench.send(answer(1000));
    assert.equal(bench.stateName(), 'ESTABLISHED', 'the IPv4 connection lives');
  });

  test('without a listener everything works the same', () => {
    const bench = new Bench();
    bench.conntrack.listen(null);
    const row = bench.send(query(1000));
    bench.send(answer(1000));
    assert.ok(bench.table.hasStatus(row, Status.SeenReply));
    assert.equal(bench.conntrack.flush(), 1);
    assert.deepEqual(bench.takeEvents(), []);
  });

  test('times are those of the clock', () => {
    const bench = new Bench();
    bench.at(7);
    const row = bench.send(query(1000));
    assert.equal(bench.table.get(row, Field.StartSec), bench.clock.sec);
  });
});
