/**
 * A whole table against its Map twin, over thousands of random steps: packets of many connections,
 * ends, expiry, sweeps, early drop, and maximum and buckets changed in between. What goes in an early
 * drop depends on the hash, so the twin is told by the events; that it could go is checked.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Arena, Clock, Prng } from '../../src/base/index.ts';
import {
  Conntrack,
  ConntrackTable,
  defaultConntrackSettings,
  Field,
  Status,
  TrackReason,
  Tuple,
} from '../../src/conntrack/index.ts';
import type { Packet } from '../../src/wire/index.ts';
import { MapTable } from '../support/map-table.ts';
import { buildUdp, loadPacket } from '../support/packets.ts';
import { ends4, ends6 } from './script.ts';

const STEPS = 6000;
/** Different connections that come up in a run. */
const POOL = 900;

/** The tracker and its twin, side by side. */
class Churn {
  readonly clock = new Clock();
  readonly conntrack: Conntrack;
  readonly twin = new MapTable(Number.POSITIVE_INFINITY);
  private readonly random: Prng;
  private readonly packets: readonly Packet[];
  private readonly tuple = new Tuple();
  /** Rows that ended during a step, by their events. */
  private ended: number[] = [];
  /** When the rows that were in use before the step expire: some are used again within it. */
  private expiries = new Map<number, number>();

  constructor(seed: number) {
    this.random = new Prng(seed);
    const settings = { ...defaultConntrackSettings(), maximum: 20 };
    this.conntrack = new Conntrack(this.clock, settings, seed);
    this.clock.set(1000, 0);
    this.packets = [ends4, ends6].map((ends) =>
      loadPacket(buildUdp({ ...ends, sport: 1, dport: 2 })),
    );
    const nothing = () => {};
    this.conntrack.listen({
      connectionNew: nothing,
      connectionUpdate: nothing,
      connectionDestroy: (row) => this.ended.push(row),
      tableFull: nothing,
      expectationNew: nothing,
      expectationDestroy: nothing,
    });
  }

  step(): void {
    const { conntrack, random } = this;
    this.noteExpiries();
    const what = random.below(100);
    if (what < 70) this.packet(random.below(POOL));
    else if (what < 78) this.end();
    else if (what < 84) this.assure();
    else if (what < 90) this.clock.set(this.clock.sec + random.below(8), 0);
    else if (what < 96) this.sweep();
    else if (what < 98) conntrack.setMaximum(1 + random.below(600));
    else if (what < 99) conntrack.setBuckets(1 + random.below(4000));
    else conntrack.table.growOn(random.below(64));
    assert.equal(conntrack.table.count, this.twin.count);
  }

  /** Every connection there can be is found where the twin has it, and nowhere else. */
  sameEverywhere(): void {
    const { tuple, twin } = this;
    for (let n = 0; n < POOL; n++) {
      tuple.fromPacket(this.packetOf(n));
      assert.equal(this.conntrack.table.lookup(tuple), twin.lookup(tuple), `connection ${n}`);
    }
  }

  private packetOf(n: number): Packet {
    const packet = this.packets[n & 1]!;
    packet.srcPortOrIcmpId = 1000 + (n >> 1);
    return packet;
  }

  /** A packet of one connection, which begins with it where it does not live. */
  private packet(n: number): void {
    const { conntrack, tuple, twin } = this;
    const { table, stats, settings } = conntrack;
    const packet = this.packetOf(n);
    tuple.fromPacket(packet);
    const known = twin.lookup(tuple) >> 1;
    const lives = known >= 0 && !table.isOver(known, this.clock);
    const { drop, earlyDrop } = stats;
    const mayStay = this.assuredRows();
    conntrack.track(packet);
    if (lives) {
      assert.equal(conntrack.row, known);
      assert.deepEqual(this.ended, []);
      return;
    }
    const dropped = this.follow(mayStay);
    assert.equal(stats.earlyDrop - earlyDrop, dropped);
    const refused = conntrack.row < 0;
    assert.equal(stats.drop - drop, refused ? 1 : 0);
    assert.equal(conntrack.reason === TrackReason.TableFull, refused);
    assert.equal(conntrack.mustDrop, refused);
    if (dropped > 0 || refused) assert.ok(table.count >= settings.maximum - dropped);
    if (refused) return;
    assert.ok(!twin.has(conntrack.row), 'a row that nobody has');
    const reply = new Tuple();
    reply.invertFrom(tuple);
    twin.allocated(conntrack.row, tuple, reply);
    assert.equal(conntrack.confirm(conntrack.row), twin.insert(conntrack.row));
  }

  /** Rows that are assured and whose time is not over. */
  private assuredRows(): Set<number> {
    const { table } = this.conntrack;
    const rows = this.twin.rowNumbers().filter((row) => table.hasStatus(row, Status.Assured));
    return new Set(rows.filter((row) => !table.isOver(row, this.clock)));
  }

  /** The twin learns what ended. Returns how many did though their time was not over. */
  private follow(mayStay: ReadonlySet<number>): number {
    let early = 0;
    for (const row of this.ended) {
      assert.ok(!mayStay.has(row), 'an assured connection is not dropped');
      if (((this.expiries.get(row)! - this.clock.ms) | 0) > 0) early++;
      this.twin.unlink(row);
      this.twin.release(row);
    }
    this.ended = [];
    return early;
  }

  private noteExpiries(): void {
    const { table } = this.conntrack;
    this.expiries = new Map(
      this.twin.rowNumbers().map((row) => [row, table.get(row, Field.ExpiresAt)]),
    );
  }

  private end(): void {
    const rows = this.twin.rowNumbers();
    if (rows.length === 0) return;
    const row = rows[this.random.below(rows.length)]!;
    this.conntrack.destroy(row);
    assert.deepEqual(this.ended, [row]);
    this.ended = [];
    this.twin.unlink(row);
    this.twin.release(row);
  }

  private assure(): void {
    const rows = this.twin.rowNumbers();
    if (rows.length === 0) return;
    this.conntrack.table.addStatus(rows[this.random.below(rows.length)]!, Status.Assured);
  }

  private sweep(): void {
    const mayStay = this.assuredRows();
    const removed = this.conntrack.sweep(this.random.below(300));
    assert.equal(removed, this.ended.length);
    this.follow(mayStay);
  }
}

describe('the whole table against its Map twin', () => {
  for (const seed of [1, 20_260_801, 77_777]) {
    test(`seed ${seed}: ${STEPS} steps`, () => {
      const churn = new Churn(seed);
      for (let n = 0; n < STEPS; n++) {
        churn.step();
        if (n % 50 === 0) churn.sameEverywhere();
      }
      churn.sameEverywhere();
      const { drop, earlyDrop, insertFailed } = churn.conntrack.stats;
      assert.ok(drop > 100 && earlyDrop > 100, `refused ${drop}, dropped early ${earlyDrop}`);
      assert.equal(insertFailed, 0);
    });
  }
});

describe('the index while it grows', () => {
  function tupleNumber(n: number): Tuple {
    const tuple = new Tuple();
    tuple.meta = (4 << 8) | 17;
    tuple.ports = n;
    return tuple;
  }

  for (const seed of [3, 5, 8]) {
    test(`seed ${seed}: every connection is found at every step, from 16 slots on`, () => {
      const random = new Prng(seed);
      const table = new ConntrackTable(new Arena(), 3000, seed, 16);
      const twin = new MapTable(3000);
      for (let n = 0; n < 3000; n++) {
        const row = table.allocate();
        const [original, reply] = [tupleNumber(n * 2), tupleNumber(n * 2 + 1)];
        table.writeTuple(row, 0, original);
        table.writeTuple(row, 1, reply);
        twin.allocated(row, original, reply);
        assert.equal(table.insert(row), twin.insert(row));
        if (random.below(3) === 0) {
          const rows = twin.rowNumbers();
          const gone = rows[random.below(rows.length)]!;
          table.unlink(gone);
          table.release(gone);
          twin.unlink(gone);
          twin.release(gone);
        }
        // Few are asked at each step, all of them in the end.
        for (let i = 0; i < 20; i++) {
          const asked = tupleNumber(random.below(n * 2 + 4));
          assert.equal(table.lookup(asked), twin.lookup(asked));
        }
      }
      for (let n = 0; n < 6000; n++) {
        assert.equal(table.lookup(tupleNumber(n)), twin.lookup(tupleNumber(n)));
      }
    });
  }

  test('a table that memory is refused for keeps what it has', () => {
    const arena = new Arena();
    const table = new ConntrackTable(arena, 100, 1, 16);
    arena.int32 = () => {
      throw new RangeError('Array buffer allocation failed');
    };
    assert.equal(table.reserve(1000), false);
    assert.equal(table.capacity, 100);
    let rows = 0;
    while (table.count < table.rowLimit) {
      const row = table.allocate();
      table.writeTuple(row, 0, tupleNumber(rows * 2));
      table.writeTuple(row, 1, tupleNumber(rows * 2 + 1));
      assert.ok(table.insert(row));
      rows++;
    }
    assert.equal(rows, 6, 'three quarters of the 16 slots');
    for (let n = 0; n < rows * 2; n++) assert.equal(table.lookup(tupleNumber(n)), n);
    assert.equal(table.lookup(tupleNumber(99)), -1);
  });

  test('more buckets than memory is there for are no reason to refuse a row', () => {
    const arena = new Arena();
    const table = new ConntrackTable(arena, 1000, 1, 16);
    const take = arena.int32.bind(arena);
    arena.int32 = (length) => {
      if (length > 100_000) throw new RangeError('Array buffer allocation failed');
      return take(length);
    };
    table.wantSlots(1_000_000);
    for (let n = 0; n < 1000; n++) {
      const row = table.allocate();
      table.writeTuple(row, 0, tupleNumber(n * 2));
      table.writeTuple(row, 1, tupleNumber(n * 2 + 1));
      assert.ok(table.insert(row));
    }
    assert.equal(table.rowLimit, 1000);
    for (let n = 0; n < 2000; n++) assert.equal(table.lookup(tupleNumber(n)), n);
  });

  test('rows keep their numbers and words when more are reserved', () => {
    const table = new ConntrackTable(new Arena(), 2, 1);
    const row = table.allocate();
    table.set(row, Field.Mark, 0x1234);
    table.countPacket(row, 1, 1500);
    assert.ok(table.reserve(5000));
    assert.deepEqual([table.get(row, Field.Mark), table.bytes(row, 1)], [0x1234, 1500]);
    assert.equal(table.capacity, 5000);
    assert.ok(table.reserve(10), 'less is no reason to give anything back');
    assert.equal(table.capacity, 5000);
  });
});
