/** What the kernel's table of expectations does not have: ranges of ports, and a client's share. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  type ExpectationDraft,
  ExpectationTable,
  ExpectFlag,
  ExpectResult,
  isSpan,
  Tuple,
} from '../../src/conntrack/index.ts';
import { addressWords, draft } from './draft.ts';

const server = '192.0.2.2';
const client = '10.0.1.2';
const master = { row: 3, id: 70 };
const other = { row: 4, id: 71 };
const NOW = 5_000_000;
const SEC = 1000;

/** The client of `master` may come to any of these ports of the server. */
function span(first: number, last: number, of = master): ExpectationDraft {
  return { ...draft({ src: client, dst: server, dport: first, master: of }), dportLast: last };
}

function exact(dport: number, of = master, src = client): ExpectationDraft {
  return draft({ src, dst: server, dport, master: of });
}

function opening(dport: number, src = client, dst = server): Tuple {
  const tuple = new Tuple();
  tuple.meta = ((src.includes(':') ? 6 : 4) << 8) | 6;
  [tuple.s0, tuple.s1, tuple.s2, tuple.s3] = addressWords(src);
  [tuple.d0, tuple.d1, tuple.d2, tuple.d3] = addressWords(dst);
  tuple.setPorts(40_000, dport);
  return tuple;
}

function newTable(maximum = 8, perMaster = 1) {
  const table = new ExpectationTable(99, maximum, perMaster);
  const add = (wanted: ExpectationDraft, sec = 300, atMost?: number) =>
    table.add(wanted, NOW, sec, atMost);
  return { table, add };
}

describe('an expectation of a range of ports', () => {
  test('leads to each of its ports, at its address, from its client', () => {
    const { table, add } = newTable();
    assert.equal(add(span(30_000, 30_009)), ExpectResult.Ok);
    for (const port of [30_000, 30_005, 30_009]) {
      assert.equal(table.match(opening(port), NOW)?.dport, 30_000, String(port));
    }
    for (const port of [0, 29_999, 30_010, 65_535]) {
      assert.equal(table.match(opening(port), NOW), null, String(port));
    }
    assert.equal(table.match(opening(30_000, '10.0.1.3'), NOW), null);
    assert.equal(table.match(opening(30_000, client, '192.0.2.3'), NOW), null);
    assert.equal(table.match(opening(30_000), NOW, 7), null, 'another zone');
    const overUdp = opening(30_000);
    overUdp.meta = (4 << 8) | 17;
    assert.equal(table.match(overUdp, NOW), null);
  });

  test('over IPv6, where other addresses share its place', () => {
    const { table, add } = newTable();
    const dst = '2001:db8::1:0:0:5';
    const sharing = '2001:db8:0:1::5';
    const src = '2001:db8:1::2';
    add({ ...draft({ src, dst, dport: 30_000, master }), dportLast: 30_009 });
    assert.equal(table.match(opening(30_001, src, dst), NOW)?.dport, 30_000);
    assert.equal(table.match(opening(30_001, src, sharing), NOW), null);
  });

  test('is permanent: connections do not use it up, time does', () => {
    const { table, add } = newTable();
    add(span(30_000, 30_009), 10);
    const found = table.match(opening(30_001), NOW)!;
    assert.equal(found.flags, ExpectFlag.Permanent);
    table.take(found);
    assert.deepEqual([table.count, table.fulfilled], [1, 1]);
    assert.equal(table.match(opening(30_001), NOW + 10 * SEC), null);
    table.sweep(NOW + 10 * SEC);
    assert.deepEqual([table.count, table.deleted], [0, 1]);
    assert.deepEqual(table.all(), []);
  });

  test('of one port is an expectation like others', () => {
    const { table, add } = newTable();
    add(span(30_000, 30_000));
    const [one] = table.all();
    assert.deepEqual([isSpan(one!), one!.flags, one!.dportLast], [false, 0, 30_000]);
    table.take(one!);
    assert.equal(table.count, 0);
  });

  test('comes after the announced port within it, and is in no way of that', () => {
    const { table, add } = newTable();
    add(span(30_000, 30_009));
    assert.equal(add(exact(30_004)), ExpectResult.Ok);
    assert.equal(add(exact(30_005, other)), ExpectResult.Ok);
    assert.equal(table.match(opening(30_004), NOW)?.dport, 30_004);
    assert.equal(table.match(opening(30_005), NOW)?.masterRow, other.row);
    assert.equal(table.match(opening(30_006), NOW)?.dport, 30_000);
    assert.deepEqual(
      table
        .all()
        .map(({ dport, dportLast }) => [dport, dportLast])
        .sort(),
      [
        [30_000, 30_009],
        [30_004, 30_004],
        [30_005, 30_005],
      ],
    );
    assert.ok(isSpan(table.all().at(-1)!), 'listed last');
  });

  test('is shared by masters, and goes with each of them', () => {
    const { table, add } = newTable();
    assert.equal(add(span(30_000, 30_009)), ExpectResult.Ok);
    assert.equal(add(span(30_000, 30_009, other)), ExpectResult.Ok);
    assert.equal(table.match(opening(30_001), NOW)?.masterRow, master.row);
    table.removeOfMaster(master.row);
    assert.equal(table.match(opening(30_001), NOW)?.masterRow, other.row);
    table.removeOfMaster(other.row);
    assert.equal(table.match(opening(30_001), NOW), null);
    assert.equal(table.count, 0);
  });

  test('once more from the same master begins its time again', () => {
    const { table, add } = newTable();
    add(span(30_000, 30_009), 10);
    add(span(30_000, 30_009), 20);
    add(span(30_000, 30_010), 20);
    assert.equal(table.count, 2);
    assert.ok(table.match(opening(30_001), NOW + 15 * SEC));
  });

  test('is not counted among what its master may have at once', () => {
    const { table, add } = newTable();
    add(span(30_000, 30_009));
    add(exact(50_000));
    add(exact(50_001));
    const ports = () =>
      table
        .all()
        .map(({ dport }) => dport)
        .sort();
    assert.deepEqual(ports(), [30_000, 50_001]);
    add(span(31_000, 31_009));
    assert.deepEqual(ports(), [30_000, 31_000, 50_001]);
    assert.equal(table.ofMaster(master.row).length, 3);
  });

  test('one more than the table holds', () => {
    const { table, add } = newTable(2);
    assert.equal(add(span(1, 2)), ExpectResult.Ok);
    assert.equal(add(exact(3)), ExpectResult.Ok);
    assert.equal(add(span(4, 5)), ExpectResult.Full);
    assert.equal(table.count, 2);
  });

  test('listeners hear of it', () => {
    const { table, add } = newTable();
    const events: string[] = [];
    table.listener = {
      expectationNew: (e) => events.push(`new ${e.dport}-${e.dportLast}`),
      expectationDestroy: (e) => events.push(`destroy ${e.dport}-${e.dportLast}`),
    };
    add(span(30_000, 30_009));
    const [made] = table.all();
    table.remove(made!);
    table.remove(made!);
    assert.deepEqual(events, ['new 30000-30009', 'destroy 30000-30009']);
    assert.equal(table.count, 0);
  });
});

describe('how many a master may have at once, as the caller says', () => {
  test('one more takes the place of the oldest', () => {
    const { table, add } = newTable(8, 1);
    for (const port of [1, 2, 3, 4]) add(exact(port), 300, 3);
    assert.deepEqual(
      table.ofMaster(master.row).map(({ dport }) => dport),
      [2, 3, 4],
    );
  });

  test('fewer than there are: the oldest go until it fits', () => {
    const { table, add } = newTable(8, 4);
    for (const port of [1, 2, 3, 4]) add(exact(port));
    add(exact(5), 300, 2);
    assert.deepEqual(
      table.ofMaster(master.row).map(({ dport }) => dport),
      [4, 5],
    );
  });

  test('not said: what the table was made with', () => {
    const { table, add } = newTable(8, 2);
    for (const port of [1, 2, 3]) add(exact(port));
    assert.deepEqual(
      table.ofMaster(master.row).map(({ dport }) => dport),
      [2, 3],
    );
  });
});

describe('the expectations of a client', () => {
  const mine = opening(21);
  const theirs = opening(21, '10.0.1.3');

  function counted(dport: number, of = master, by = mine): ExpectationDraft {
    return { ...exact(dport, of), client: by };
  }

  test('of all its masters, and of no other client', () => {
    const { table, add } = newTable(8, 8);
    add(counted(1));
    add(counted(2, other));
    add(counted(3, { row: 9, id: 9 }, theirs));
    add({ ...span(30_000, 30_009), client: mine });
    add(exact(4));
    assert.equal(table.countOfClient(mine, NOW), 3);
    assert.equal(table.countOfClient(theirs, NOW), 1);
    assert.equal(table.countOfClient(opening(21, '10.0.1.4'), NOW), 0);
  });

  test('the tuple may be a reused one, and is not kept', () => {
    const { table, add } = newTable();
    const reused = opening(21);
    add(counted(1, master, reused));
    reused.s0 ^= 1;
    assert.equal(table.countOfClient(mine, NOW), 1);
    assert.equal(typeof table.all()[0]!.client, 'string');
  });

  test('those that are fulfilled, replaced, evicted, removed or over are not counted', () => {
    const { table, add } = newTable(8, 1);
    add(counted(1));
    add(counted(1));
    assert.equal(table.countOfClient(mine, NOW), 1, 'replaced');
    add(counted(2));
    assert.equal(table.countOfClient(mine, NOW), 1, 'evicted');
    table.take(table.all()[0]!);
    assert.equal(table.countOfClient(mine, NOW), 0, 'fulfilled');
    add(counted(3), 10);
    assert.equal(table.countOfClient(mine, NOW + 9 * SEC), 1);
    assert.equal(table.countOfClient(mine, NOW + 10 * SEC), 0, 'over');
    add(counted(4));
    table.removeOfMaster(master.row);
    assert.equal(table.countOfClient(mine, NOW), 0, 'its master has ended');
  });

  test('a refused one is not counted', () => {
    const { table, add } = newTable(8, 8);
    add(counted(1));
    assert.equal(add(counted(1, other)), ExpectResult.Busy);
    assert.equal(table.countOfClient(mine, NOW), 1);
  });

  test('IPv6: every word counts; so does the zone', () => {
    const { table, add } = newTable(8, 8);
    const six = opening(21, '2001:db8:1:2:3:4:5:6', '2001:db8::1');
    add(counted(1, master, six));
    for (const word of ['s0', 's1', 's2', 's3'] as const) {
      const tuple = new Tuple();
      tuple.copyFrom(six);
      tuple[word] ^= 1;
      assert.equal(table.countOfClient(tuple, NOW), 0, word);
    }
    assert.equal(table.countOfClient(six, NOW), 1);
    const elsewhere = new Tuple();
    elsewhere.copyFrom(six);
    elsewhere.zone = 5;
    assert.equal(table.countOfClient(elsewhere, NOW), 0);
  });
});
