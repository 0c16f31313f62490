import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ExpectationTable, ExpectResult, Tuple } from '../../src/conntrack/index.ts';
import { addressWords, draft } from './draft.ts';

const server = '192.0.2.2';
const client = '10.0.1.2';
const master = { row: 3, id: 70 };
const other = { row: 4, id: 71 };
const LIFETIME_SEC = 300;
const NOW = 5_000_000;
const SEC = 1000;

interface Table {
  readonly table: ExpectationTable;
  readonly events: string[];
}

function newTable(maximum = 4, perMaster = 1): Table {
  const table = new ExpectationTable(99, maximum, perMaster);
  const events: string[] = [];
  table.listener = {
    expectationNew: (e) => events.push(`new ${e.dport}`),
    expectationDestroy: (e) => events.push(`destroy ${e.dport}`),
  };
  return { table, events };
}

function expecting(dport: number, of = master, src = server, dst = client) {
  return draft({ src, dst, dport, master: of });
}

/** The first packet of a TCP connection as the table is asked about it. */
function opening(dport: number, sport = 20, src = server, dst = client): Tuple {
  const tuple = new Tuple();
  tuple.meta = ((src.includes(':') ? 6 : 4) << 8) | 6;
  [tuple.s0, tuple.s1, tuple.s2, tuple.s3] = addressWords(src);
  [tuple.d0, tuple.d1, tuple.d2, tuple.d3] = addressWords(dst);
  tuple.setPorts(sport, dport);
  return tuple;
}

function ports(table: ExpectationTable): number[] {
  return table.all().map((e) => e.dport);
}

describe('matching an expectation', () => {
  test('source exact, any source port, destination exact; looking does not consume', () => {
    const { table } = newTable();
    assert.equal(table.add(expecting(51210), NOW, LIFETIME_SEC), ExpectResult.Ok);
    for (const sport of [0, 20, 1024, 65535]) {
      assert.equal(table.match(opening(51210, sport), NOW)?.dport, 51210);
    }
    assert.equal(table.match(opening(51211), NOW), null);
    assert.equal(table.match(opening(51210, 20, '192.0.2.3'), NOW), null);
    assert.equal(table.match(opening(51210, 20, server, '10.0.1.3'), NOW), null);
    assert.equal(table.match(opening(51210, 20, client, server), NOW), null);
    const overUdp = opening(51210);
    overUdp.meta = (4 << 8) | 17;
    assert.equal(table.match(overUdp, NOW), null);
    assert.equal(table.count, 1);
  });

  test('IPv6: every word of both addresses counts', () => {
    const src = '2001:db8:1:2:3:4:5:6';
    const dst = '2001:db8:a:b:c:d:e:f';
    const { table } = newTable();
    table.add(expecting(51210, master, src, dst), NOW, LIFETIME_SEC);
    assert.equal(table.match(opening(51210, 20, src, dst), NOW)?.dport, 51210);
    for (const word of ['s0', 's1', 's2', 's3', 'd0', 'd1', 'd2', 'd3', 'meta'] as const) {
      const tuple = opening(51210, 20, src, dst);
      tuple[word] ^= 1;
      assert.equal(table.match(tuple, NOW), null, word);
    }
  });

  test('IPv4 and IPv6 of the same first words are not the same', () => {
    const { table } = newTable();
    table.add(expecting(51210), NOW, LIFETIME_SEC);
    const tuple = opening(51210);
    tuple.meta = (6 << 8) | 6;
    assert.equal(table.match(tuple, NOW), null);
  });

  test('lasts until its time is over, not a second longer', () => {
    const { table, events } = newTable();
    table.add(expecting(51210), NOW, LIFETIME_SEC);
    assert.notEqual(table.match(opening(51210), NOW + 299 * SEC), null);
    table.sweep(NOW + 299 * SEC);
    assert.equal(table.count, 1);
    assert.equal(table.match(opening(51210), NOW + 300 * SEC), null);
    table.sweep(NOW + 300 * SEC);
    assert.equal(table.count, 0);
    assert.deepEqual(events, ['new 51210', 'destroy 51210']);
  });
});

describe('the sweep', () => {
  test('removes each in its second, in whatever order they were added', () => {
    const { table } = newTable();
    const lifetimes = [200, 100, 300, 101];
    for (const [n, lifetime] of lifetimes.entries()) {
      table.add(expecting(lifetime, { row: n, id: n + 1 }), NOW, lifetime);
    }
    for (let sec = 0; sec <= 300; sec++) {
      table.sweep(NOW + sec * SEC);
      const living = lifetimes.filter((lifetime) => lifetime > sec);
      assert.deepEqual(ports(table).sort(), living.sort(), `after ${sec} s`);
    }
    table.add(expecting(51210), NOW + 400 * SEC, LIFETIME_SEC);
    table.sweep(NOW + 700 * SEC);
    assert.equal(table.count, 0, 'and those that come after an empty table');
  });
});

describe('adding expectations', () => {
  test('one per master: another one evicts the oldest', () => {
    const { table, events } = newTable();
    table.add(expecting(51210), NOW, LIFETIME_SEC);
    assert.equal(table.add(expecting(51211), NOW, LIFETIME_SEC), ExpectResult.Ok);
    assert.deepEqual(ports(table), [51211]);
    assert.deepEqual(
      table.ofMaster(master.row).map((e) => e.dport),
      [51211],
    );
    assert.deepEqual(events, ['new 51210', 'destroy 51210', 'new 51211']);
  });

  test('several per master: the oldest goes, a renewed one counts as new', () => {
    const { table } = newTable(4, 2);
    for (const port of [1, 2, 1, 3]) table.add(expecting(port), NOW, LIFETIME_SEC);
    assert.deepEqual(
      table.ofMaster(master.row).map((e) => e.dport),
      [1, 3],
    );
  });

  test('the identical one restarts the timer, and is one', () => {
    const { table, events } = newTable(1);
    table.add(expecting(51210), NOW, LIFETIME_SEC);
    const first = table.all()[0]!;
    assert.equal(table.add(expecting(51210), NOW + 200 * SEC, LIFETIME_SEC), ExpectResult.Ok);
    assert.equal(table.count, 1);
    assert.equal(table.all()[0]!.expiresAt, NOW + 500 * SEC);
    assert.notEqual(table.all()[0]!.id, first.id);
    assert.notEqual(table.match(opening(51210), NOW + 499 * SEC), null);
    assert.deepEqual(events, ['new 51210', 'destroy 51210', 'new 51210']);
  });

  test('the same tuple for another master is Busy, and the first one keeps it', () => {
    const { table, events } = newTable();
    table.add(expecting(51210), NOW, LIFETIME_SEC);
    table.add(expecting(51300, other), NOW, LIFETIME_SEC);
    events.length = 0;
    assert.equal(table.add(expecting(51210, other), NOW, LIFETIME_SEC), ExpectResult.Busy);
    assert.equal(table.match(opening(51210), NOW)?.masterId, master.id);
    assert.deepEqual(
      table.ofMaster(other.row).map((e) => e.dport),
      [51300],
      'nothing evicted',
    );
    assert.deepEqual(events, []);
  });

  test('a master is its row and its id: the next user of the row is another one', () => {
    const { table } = newTable();
    table.add(expecting(51210), NOW, LIFETIME_SEC);
    const successor = { row: master.row, id: master.id + 1 };
    assert.equal(table.add(expecting(51210, successor), NOW, LIFETIME_SEC), ExpectResult.Busy);
  });

  test('the same port for another source or another destination is not Busy', () => {
    const { table } = newTable();
    table.add(expecting(51210), NOW, LIFETIME_SEC);
    const fromElsewhere = expecting(51210, other, '192.0.2.3');
    assert.equal(table.add(fromElsewhere, NOW, LIFETIME_SEC), ExpectResult.Ok);
    const third = { row: 5, id: 72 };
    const toElsewhere = expecting(51210, third, server, '10.0.1.3');
    assert.equal(table.add(toElsewhere, NOW, LIFETIME_SEC), ExpectResult.Ok);
    assert.equal(table.match(opening(51210, 20, '192.0.2.3'), NOW)?.masterId, other.id);
    assert.equal(table.match(opening(51210, 20, server, '10.0.1.3'), NOW)?.masterId, third.id);
    assert.equal(table.match(opening(51210), NOW)?.masterId, master.id);
  });

  test('an expectation whose time is over keeps nobody from its tuple', () => {
    const { table, events } = newTable();
    table.add(expecting(51210), NOW, LIFETIME_SEC);
    assert.equal(
      table.add(expecting(51210, other), NOW + 299 * SEC, LIFETIME_SEC),
      ExpectResult.Busy,
    );
    assert.equal(
      table.add(expecting(51210, other), NOW + 300 * SEC, LIFETIME_SEC),
      ExpectResult.Ok,
    );
    assert.equal(table.match(opening(51210), NOW + 300 * SEC)?.masterId, other.id);
    assert.deepEqual(events, ['new 51210', 'destroy 51210', 'new 51210']);
  });

  test('up to the maximum, and one more is Full', () => {
    const { table, events } = newTable(3);
    for (let n = 0; n < 3; n++) {
      const added = table.add(expecting(51210 + n, { row: n, id: n + 1 }), NOW, LIFETIME_SEC);
      assert.equal(added, ExpectResult.Ok);
    }
    const late = { row: 9, id: 10 };
    assert.equal(table.add(expecting(51300, late), NOW, LIFETIME_SEC), ExpectResult.Full);
    assert.deepEqual([table.count, events.length], [3, 3]);
    assert.equal(table.match(opening(51300), NOW), null);
    assert.deepEqual(table.ofMaster(late.row), []);
    const own = expecting(51301, { row: 1, id: 2 });
    assert.equal(table.add(own, NOW, LIFETIME_SEC), ExpectResult.Ok, 'in place of its own');
    assert.equal(table.count, 3);
  });

  test('Full does not count those whose time is over', () => {
    const { table } = newTable(2);
    table.add(expecting(1, { row: 1, id: 1 }), NOW, LIFETIME_SEC);
    table.add(expecting(2, { row: 2, id: 2 }), NOW + 10 * SEC, LIFETIME_SEC);
    const late = expecting(3, { row: 3, id: 3 });
    assert.equal(table.add(late, NOW + 299 * SEC, LIFETIME_SEC), ExpectResult.Full);
    assert.equal(table.add(late, NOW + 300 * SEC, LIFETIME_SEC), ExpectResult.Ok);
    assert.deepEqual(ports(table).sort(), [2, 3]);
  });
});

describe('removing expectations', () => {
  test('those of a master, and no others', () => {
    const { table, events } = newTable(8, 3);
    for (const port of [1, 2, 3]) table.add(expecting(port), NOW, LIFETIME_SEC);
    table.add(expecting(4, other), NOW, LIFETIME_SEC);
    events.length = 0;
    table.removeOfMaster(master.row);
    assert.deepEqual(ports(table), [4]);
    assert.deepEqual(events, ['destroy 1', 'destroy 2', 'destroy 3']);
    table.removeOfMaster(master.row);
    assert.equal(table.count, 1);
  });

  test('twice is once', () => {
    const { table, events } = newTable();
    table.add(expecting(51210), NOW, LIFETIME_SEC);
    const expectation = table.all()[0]!;
    table.remove(expectation);
    table.remove(expectation);
    assert.equal(table.count, 0);
    assert.deepEqual(events, ['new 51210', 'destroy 51210']);
    assert.deepEqual(table.ofMaster(master.row), []);
  });

  test('a dump is a copy', () => {
    const { table } = newTable();
    table.add(expecting(51210), NOW, LIFETIME_SEC);
    const dump = table.all();
    table.removeOfMaster(master.row);
    assert.equal(dump.length, 1);
  });
});
