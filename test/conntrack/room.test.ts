import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  ConntrackSizeError,
  CtStateBit,
  Field,
  Status,
  TcpState,
  TrackReason,
} from '../../src/conntrack/index.ts';
import { Tracked } from '../../src/conntrack/tracked.ts';
import { Proto } from '../../src/wire/index.ts';
import { buildIcmp, buildTcp, buildUdp } from '../support/packets.ts';
import { Bench, ends4, play, tcp } from './script.ts';

function query(client: number): Uint8Array {
  return buildUdp({ ...ends4, sport: client, dport: 53 });
}

/** Begins connections from client ports 1000 on; returns their rows. */
function fill(bench: Bench, count: number, assured = false): number[] {
  const rows = Array.from({ length: count }, (_, n) => bench.send(query(1000 + n)));
  if (assured) for (const row of rows) bench.table.addStatus(row, Status.Assured);
  bench.takeEvents();
  return rows;
}

function statsOf(bench: Bench) {
  const { drop, earlyDrop, insertFailed, invalid, error } = bench.conntrack.stats;
  return { drop, earlyDrop, insertFailed, invalid, error };
}

const none = { drop: 0, earlyDrop: 0, insertFailed: 0, invalid: 0, error: 0 };

describe('a full table', () => {
  test('is full with the maximum, and not before', () => {
    const bench = new Bench({ maximum: 3 });
    fill(bench, 3, true);
    assert.deepEqual(statsOf(bench), none);
    assert.equal(bench.track(query(2000)), -1);
    assert.deepEqual(
      [bench.conntrack.state, bench.conntrack.reason, bench.conntrack.mustDrop],
      [CtStateBit.Invalid, TrackReason.TableFull, true],
    );
    assert.equal(bench.reasonName(), 'conntrack-table-full');
    // As the kernel counts: dropped for want of memory, not an invalid packet.
    assert.deepEqual(statsOf(bench), { ...none, drop: 1 });
    assert.deepEqual(bench.takeEvents(), ['[FULL 0]']);
    bench.send(buildUdp({ src: ends4.dst, dst: ends4.src, sport: 53, dport: 1001 }));
    assert.equal(bench.stateName(), 'ESTABLISHED', 'who is in, stays in');
    assert.equal(bench.conntrack.mustDrop, false);
  });

  test('says of bad flags what it always says', () => {
    const bench = new Bench({ maximum: 3 });
    fill(bench, 3, true);
    bench.track(buildTcp({ ...ends4, sport: 1, dport: 2, flags: 'SF' }));
    const { reason, mustDrop } = bench.conntrack;
    assert.deepEqual([reason, mustDrop], [TrackReason.BadTcpFlags, false]);
    assert.deepEqual(statsOf(bench), { ...none, invalid: 1 });
  });

  test('lets go of connections that are not assured, and tells', () => {
    const bench = new Bench({ maximum: 1 });
    fill(bench, 1);
    assert.ok(bench.send(query(2000)) >= 0);
    assert.deepEqual(bench.takeEvents(), ['[DESTROY]', '[NEW]']);
    assert.deepEqual(statsOf(bench), { ...none, earlyDrop: 1 });
    assert.equal(bench.table.count, 1);
  });

  test('never lets go of an assured one', () => {
    const bench = new Bench({ maximum: 64 });
    const assured = fill(bench, 32, true);
    fill(bench, 32);
    for (let n = 0; n < 500; n++) bench.sendDropped(query(3000 + n));
    for (const row of assured) assert.ok(bench.isConfirmed(row));
    assert.ok(bench.table.count <= 64);
  });

  test('looks no further than eight buckets: most of a wide table is out of reach', () => {
    const bench = new Bench({ maximum: 64, buckets: 65_536 });
    fill(bench, 64);
    let refused = 0;
    for (let n = 0; n < 100; n++) if (bench.track(query(3000 + n)) < 0) refused++;
    const { drop, earlyDrop } = bench.conntrack.stats;
    assert.ok(refused >= 90, `${refused} of 100 found no room`);
    assert.equal(drop, refused);
    assert.ok(earlyDrop <= 20);
  });

  test('refuses what could start no connection, too: room is asked for first', () => {
    const bench = new Bench({ maximum: 2 });
    fill(bench, 2, true);
    assert.equal(bench.sendDropped(buildIcmp({ ...ends4, type: 0, id16: 1 })), -1);
    assert.equal(bench.reasonName(), 'conntrack-table-full');
    assert.deepEqual(statsOf(bench), { ...none, drop: 1 });
  });

  test('has room where connections are over, without a sweep from outside', () => {
    const bench = new Bench({ maximum: 2 });
    fill(bench, 2);
    bench.at(1000);
    assert.ok(bench.send(query(2002)) >= 0);
    assert.deepEqual(statsOf(bench), none);
  });

  test('has room again after a sweep', () => {
    const bench = new Bench({ maximum: 2 });
    fill(bench, 2);
    bench.at(30);
    assert.equal(bench.conntrack.sweep(2), 2);
    fill(bench, 2, true);
    assert.equal(bench.track(query(2002)), -1);
  });

  test('needs no further row to open a connection again', () => {
    const bench = new Bench({ maximum: 1 });
    play(
      tcp,
      `
        0 > S | NEW SYN_SENT 120 [NEW]
        0 < SA | ESTABLISHED SYN_RECV 60 [UPDATE]
        0 > R seq=1 | ESTABLISHED CLOSE 10 [UPDATE]
        1 > S | NEW SYN_SENT 120 [DESTROY] [NEW]`,
      bench,
    );
    assert.deepEqual(statsOf(bench), none);
  });

  test('a row that waits for its confirmation counts', () => {
    const bench = new Bench({ maximum: 1 });
    const row = bench.track(query(1000));
    assert.equal(bench.track(query(1001)), -1);
    bench.conntrack.discard(row);
    assert.ok(bench.track(query(1001)) >= 0);
  });
});

describe('what is said of a full table', () => {
  test('ten times in five seconds, then how often it was not said', () => {
    const bench = new Bench({ maximum: 1 });
    fill(bench, 1, true);
    for (let n = 0; n < 25; n++) bench.track(query(2000 + n));
    assert.deepEqual(bench.takeEvents(), new Array(10).fill('[FULL 0]'));
    bench.at(5).track(query(3000));
    assert.deepEqual(bench.takeEvents(), [], 'the five seconds are not over');
    bench.at(6).track(query(3000));
    bench.track(query(3001));
    assert.deepEqual(bench.takeEvents(), ['[FULL 16]', '[FULL 0]']);
    assert.equal(bench.conntrack.stats.drop, 28, 'all of them are counted');
  });

  test('also after the clock has wrapped', () => {
    const bench = new Bench({ maximum: 1 });
    bench.clock.set(2_147_482, 0);
    const row = bench.send(query(1));
    bench.table.set(row, Field.ExpiresAt, (bench.clock.ms + 60_000) | 0);
    bench.table.addStatus(row, Status.Assured);
    bench.takeEvents();
    for (let n = 0; n < 11; n++) bench.track(query(2000));
    bench.clock.set(2_147_490, 0);
    bench.track(query(2000));
    assert.equal(bench.takeEvents().at(-1), '[FULL 1]');
  });
});

describe('after the table was full', () => {
  /** 200 places, 195 taken: `expendable` of them by connections that may go. */
  function pressed(expendable: (bench: Bench, row: number) => void, count: number): Bench {
    const bench = new Bench({ maximum: 200, buckets: 65_536 });
    const rows = fill(bench, 200, true);
    assert.equal(bench.track(query(9000)), -1);
    for (const row of rows.slice(0, count)) expendable(bench, row);
    bench.takeEvents();
    return bench;
  }

  const unassured = (bench: Bench, row: number) => bench.table.removeStatus(row, Status.Assured);

  test('the sweep drops unassured connections, down to 95 %', () => {
    const bench = pressed(unassured, 30);
    assert.equal(bench.conntrack.sweep(1000), 11);
    assert.equal(bench.table.count, 189, 'below 190 of 200 it stops');
    assert.equal(bench.conntrack.stats.earlyDrop, 0, 'gc_worker does not count them');
  });

  test('for one round only, until the table is full again', () => {
    const bench = pressed(unassured, 5);
    assert.equal(bench.conntrack.sweep(1000), 5);
    unassured(bench, 100);
    assert.equal(bench.conntrack.sweep(1000), 0);
    for (let n = 0; n < 5; n++) bench.send(query(7000 + n));
    assert.equal(bench.conntrack.sweep(1000), 0, 'tight, but nobody was refused since');
    bench.track(query(8000));
    assert.ok(bench.conntrack.sweep(1000) > 0);
  });

  test('assured TCP connections go where they are closing', () => {
    const closing: number[] = [
      TcpState.FinWait,
      TcpState.CloseWait,
      TcpState.LastAck,
      TcpState.TimeWait,
      TcpState.Close,
    ];
    for (let state = TcpState.None; state <= TcpState.SynSent2; state++) {
      const bench = new Bench({ maximum: 100, buckets: 65_536 });
      for (let n = 0; n < 100; n++) {
        const row = bench.send(buildTcp({ ...ends4, sport: 1000 + n, dport: 80, flags: 'S' }));
        bench.table.addStatus(row, Status.Assured);
        bench.table.set(row, Field.State, state);
      }
      assert.equal(bench.track(query(9000)), -1);
      assert.equal(bench.conntrack.sweep(1000), closing.includes(state) ? 6 : 0, `state ${state}`);
    }
  });

  test('below a maximum of a hundred nothing is tight, as the kernel reckons', () => {
    const bench = new Bench({ maximum: 99, buckets: 65_536 });
    const rows = fill(bench, 99, true);
    assert.equal(bench.track(query(9000)), -1);
    for (const row of rows) unassured(bench, row);
    assert.equal(bench.conntrack.sweep(1000), 0);
  });
});

describe('the sweep', () => {
  test('stops sooner where there is much to remove, and goes on from there', () => {
    const bench = new Bench({ maximum: 4096 });
    fill(bench, 4000);
    bench.at(30);
    const first = bench.conntrack.sweep(4096);
    assert.ok(first >= 64 && first < 400, `${first} removed at once`);
    for (let calls = 0; calls < 40 && bench.table.count > 0; calls++) bench.conntrack.sweep(4096);
    assert.equal(bench.table.count, 0);
  });

  test('with a budget beyond all measure removes everything', () => {
    const bench = new Bench({ maximum: 4096 });
    fill(bench, 4000);
    bench.at(30);
    assert.equal(bench.conntrack.sweep(Number.MAX_SAFE_INTEGER), 4000);
  });
});

describe('the maximum and the buckets', () => {
  test('may be changed while connections live', () => {
    const bench = new Bench({ maximum: 2 });
    const { conntrack } = bench;
    fill(bench, 2, true);
    assert.equal(bench.track(query(2000)), -1);
    conntrack.setMaximum(3000);
    assert.equal(conntrack.settings.maximum, 3000);
    for (let n = 2; n < 3000; n++) assert.ok(bench.send(query(1000 + n)) >= 0);
    for (let n = 0; n < 3000; n++) {
      bench.track(query(1000 + n));
      assert.ok(bench.isConfirmed(conntrack.row), `connection ${n} was found`);
    }
  });

  test('lowered below what is there, every newcomer costs another its place', () => {
    const bench = new Bench({ maximum: 10 });
    fill(bench, 10);
    bench.conntrack.setMaximum(2);
    assert.equal(bench.table.count, 10, 'nobody is put out by the change itself');
    bench.send(query(2000));
    const events = bench.takeEvents();
    assert.equal(events.at(-1), '[NEW]');
    assert.ok(events.length >= 2 && events.slice(0, -1).every((event) => event === '[DESTROY]'));
    for (let n = 0; n < 50; n++) bench.sendDropped(query(3000 + n));
    assert.ok(bench.table.count <= 10);
  });

  test('a maximum of zero is no limit, as in Linux 6.18', () => {
    const bench = new Bench({ maximum: 1 });
    bench.conntrack.setMaximum(0);
    for (let n = 0; n < 2000; n++) assert.ok(bench.send(query(1000 + n)) >= 0);
    assert.equal(bench.conntrack.settings.maximum, 0);
    assert.deepEqual(statsOf(bench), none);
  });

  test('the largest maximum is taken, whatever memory there is', () => {
    const bench = new Bench();
    bench.conntrack.setMaximum(0x7fff_ffff);
    assert.equal(bench.conntrack.settings.maximum, 0x7fff_ffff);
    assert.ok(bench.send(query(1)) >= 0);
  });

  test('buckets are whole pages; not given, there is one for each connection', () => {
    const bench = new Bench({ maximum: 64 });
    assert.equal(bench.conntrack.settings.buckets, 64);
    for (const [asked, got] of [
      [1, 512],
      [512, 512],
      [262_145, 262_656],
    ] as const) {
      bench.conntrack.setBuckets(asked);
      assert.equal(bench.conntrack.settings.buckets, got);
    }
    assert.equal(new Bench({ buckets: 513 }).conntrack.settings.buckets, 1024);
  });

  for (const [name, set] of [
    ['-1 as maximum', (bench: Bench) => bench.conntrack.setMaximum(-1)],
    ['2147483648 as maximum', (bench: Bench) => bench.conntrack.setMaximum(0x8000_0000)],
    ['1.5 as maximum', (bench: Bench) => bench.conntrack.setMaximum(1.5)],
    ['0 buckets', (bench: Bench) => bench.conntrack.setBuckets(0)],
  ] as const) {
    test(`${name} is refused, and nothing changed`, () => {
      const bench = new Bench({ maximum: 7 });
      assert.throws(
        () => set(bench),
        (error) => error instanceof ConntrackSizeError && error.code === 'CONNTRACK_SIZE',
      );
      assert.deepEqual(
        [bench.conntrack.settings.maximum, bench.conntrack.settings.buckets],
        [7, 7],
      );
    });
  }
});

describe('what is counted', () => {
  test('a packet that the tracker of its protocol wants lost: invalid and dropped', () => {
    const bench = new Bench();
    const [row] = fill(bench, 1);
    bench.conntrack.trackers.of(Proto.Udp).follow = () => Tracked.Drop;
    assert.equal(bench.track(query(1000)), -1);
    assert.deepEqual([bench.stateName(), bench.conntrack.mustDrop], ['INVALID', true]);
    assert.ok(bench.isConfirmed(row!), 'its connection stays');
    assert.equal(bench.track(query(2000)), -1);
    assert.equal(bench.table.count, 1, 'one that would begin with it does not');
    assert.deepEqual(statsOf(bench), { ...none, invalid: 2, drop: 2 });
    bench.send(buildTcp({ ...ends4, sport: 1, dport: 2, flags: 'S' }));
    assert.equal(bench.conntrack.mustDrop, false);
  });

  test('invalid packets, ICMP errors that belong to nothing, clashes', () => {
    const bench = new Bench();
    bench.sendDropped(buildTcp({ ...ends4, sport: 1, dport: 2, flags: 'SF' }));
    bench.sendDropped(buildTcp({ ...ends4, sport: 1, dport: 2, flags: 'R' }));
    bench.sendDropped(buildIcmp({ ...ends4, type: 0, id16: 1 }));
    assert.deepEqual(statsOf(bench), { ...none, invalid: 3 });
    // Linux 6.18, `conntrack -S`: an unreachable without its datagram, and a type beyond 18.
    bench.sendDropped(buildIcmp({ ...ends4, type: 3, id16: 1 }));
    bench.sendDropped(buildIcmp({ ...ends4, type: 50, id16: 1 }));
    assert.deepEqual(statsOf(bench), { ...none, invalid: 3, error: 2 });
  });
});
