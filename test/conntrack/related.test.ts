import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ExpectResult, Field, Status } from '../../src/conntrack/index.ts';
import { buildTcp, buildUdp } from '../support/packets.ts';
import { draft } from './draft.ts';
import { Bench, type Ends, ends4, ends6 } from './script.ts';

const DATA_PORT = 51210;
const LIFETIME_SEC = 300;

/** A control connection that is established, and what may happen around it. */
class Session {
  readonly bench: Bench;
  readonly ends: Ends;
  readonly port: number;
  readonly row: number;
  readonly id: number;

  constructor(bench = new Bench(), ends = ends4, port = 50940) {
    this.bench = bench;
    this.ends = ends;
    this.port = port;
    this.row = this.fromClient('S');
    this.fromServer('SA');
    this.fromClient('A');
    this.id = bench.table.get(this.row, Field.Id);
    bench.takeEvents();
  }

  fromClient(flags: string): number {
    return this.bench.send(buildTcp({ ...this.ends, sport: this.port, dport: 21, flags }));
  }

  fromServer(flags: string): number {
    const { src, dst } = this.ends;
    return this.bench.send(buildTcp({ src: dst, dst: src, sport: 21, dport: this.port, flags }));
  }

  /** After a PORT: the server will connect to the client. */
  expect(dport = DATA_PORT): number {
    const { src: dst, dst: src } = this.ends;
    const { expectations } = this.bench.conntrack;
    const announced = draft({ src, dst, dport, master: this });
    return expectations.add(announced, this.bench.clock.ms, LIFETIME_SEC);
  }

  /** A segment of the data connection from the server. */
  data(options: { flags?: string; sport?: number; dport?: number; src?: string } = {}): Uint8Array {
    const { src: dst, dst: src } = this.ends;
    return buildTcp({ src, dst, sport: 20, dport: DATA_PORT, flags: 'S', ...options });
  }

  /** A segment of the data connection from the client. */
  dataBack(flags: string, sport = 20): Uint8Array {
    return buildTcp({ ...this.ends, sport: DATA_PORT, dport: sport, flags });
  }

  children(): number {
    return this.bench.table.get(this.row, Field.Children);
  }
}

describe('an announced connection', () => {
  for (const [name, ends] of [
    ['IPv4', ends4],
    ['IPv6', ends6],
  ] as const) {
    test(`is RELATED, then ESTABLISHED, and knows its master, over ${name}`, () => {
      const session = new Session(new Bench(), ends);
      const { bench } = session;
      const { conntrack, table } = bench;
      table.set(session.row, Field.Mark, 0x1234);
      assert.equal(session.expect(), ExpectResult.Ok);
      const row = bench.send(session.data({ sport: 61000 }));
      assert.equal(bench.stateName(), 'RELATED');
      assert.equal(conntrack.fulfilled?.dport, DATA_PORT);
      assert.deepEqual(bench.takeEvents(), ['[EXP NEW 51210]', '[EXP DESTROY 51210]', '[NEW]']);
      assert.ok(table.hasStatus(row, Status.Expected));
      assert.deepEqual([table.get(row, Field.Mark), table.masterHelper(row)], [0x1234, 1]);
      assert.equal(conntrack.masterOf(row), session.row);
      bench.send(session.data({ sport: 61000 }));
      assert.equal(bench.stateName(), 'RELATED', 'the SYN once more');
      assert.equal(conntrack.fulfilled, null);
      bench.send(session.dataBack('SA', 61000));
      assert.equal(bench.stateName(), 'ESTABLISHED');
      bench.send(session.data({ flags: 'A', sport: 61000 }));
      assert.equal(bench.stateName(), 'ESTABLISHED');
    });
  }

  test('is announced once: a second one to the same port is NEW', () => {
    const session = new Session();
    session.expect();
    session.bench.send(session.data({ sport: 20 }));
    session.bench.send(session.data({ sport: 21000 }));
    assert.equal(session.bench.stateName(), 'NEW');
    assert.equal(session.bench.conntrack.fulfilled, null);
  });

  test('uses the announcement up even where its first packet is dropped', () => {
    const session = new Session();
    session.expect();
    session.bench.sendDropped(session.data());
    assert.equal(session.bench.stateName(), 'RELATED');
    assert.equal(session.children(), 0);
    session.bench.sendDropped(session.data());
    assert.equal(session.bench.stateName(), 'NEW');
  });

  test('comes from the announced host, to the announced port, over TCP', () => {
    const session = new Session();
    const { bench } = session;
    session.expect();
    bench.sendDropped(session.data({ src: '192.0.2.3' }));
    assert.equal(bench.stateName(), 'NEW', 'another host');
    bench.sendDropped(session.data({ dport: DATA_PORT + 1 }));
    assert.equal(bench.stateName(), 'NEW', 'another port');
    const { src, dst } = ends4;
    bench.sendDropped(buildUdp({ src: dst, dst: src, sport: 20, dport: DATA_PORT }));
    assert.equal(bench.stateName(), 'NEW', 'another protocol');
    bench.sendDropped(session.data({ flags: 'SA' }));
    assert.equal(bench.stateName(), 'INVALID', 'not the start of a connection');
    bench.send(session.data());
    assert.equal(bench.stateName(), 'RELATED');
  });

  test('comes within 300 s', () => {
    const session = new Session();
    session.expect();
    session.bench.at(299).sendDropped(session.data());
    assert.equal(session.bench.stateName(), 'RELATED');
    session.expect();
    session.bench.at(599).sendDropped(session.data());
    assert.equal(session.bench.stateName(), 'NEW');
  });

  test('is told from a late announcement, which the sweep removes', () => {
    const session = new Session();
    session.expect();
    session.bench.at(300).conntrack.sweep(1);
    assert.deepEqual(session.bench.takeEvents(), ['[EXP NEW 51210]', '[EXP DESTROY 51210]']);
    assert.equal(session.bench.conntrack.expectations.count, 0);
  });
});

describe('the master of a connection', () => {
  test('counts its children, confirmed ones only, and forgets those that end', () => {
    const session = new Session();
    const { bench } = session;
    const rows = [1, 2].map((n) => {
      session.expect(DATA_PORT + n);
      const row = bench.track(session.data({ dport: DATA_PORT + n }));
      assert.equal(session.children(), n - 1, 'not before it is confirmed');
      assert.ok(bench.conntrack.confirm(row));
      assert.equal(session.children(), n);
      return row;
    });
    bench.conntrack.destroy(rows[0]!);
    assert.equal(session.children(), 1);
    bench.at(120);
    bench.conntrack.sweep(64);
    assert.equal(session.children(), 0);
  });

  test('takes its announcements with it when it ends', () => {
    const session = new Session();
    const { bench } = session;
    session.expect();
    bench.takeEvents();
    bench.conntrack.destroy(session.row);
    assert.deepEqual(bench.takeEvents(), ['[EXP DESTROY 51210]', '[DESTROY]']);
    bench.send(session.data());
    assert.equal(bench.stateName(), 'NEW');
  });

  test('keeps them through its close, and takes them when TIME_WAIT is over', () => {
    const session = new Session();
    const { bench } = session;
    session.fromClient('FA');
    session.expect();
    session.fromServer('FA');
    session.fromClient('A');
    bench.at(119).sendDropped(session.data());
    assert.equal(bench.stateName(), 'RELATED');
    session.expect();
    bench.at(120).sendDropped(session.data());
    assert.equal(bench.stateName(), 'NEW', 'though no sweep has been by');
  });

  test('keeps them for 10 s after a reset', () => {
    const session = new Session();
    session.fromServer('R');
    session.expect();
    session.bench.at(10).sendDropped(session.data());
    assert.equal(session.bench.stateName(), 'NEW');
  });

  test('ends before its child, which lives on by itself', () => {
    const session = new Session();
    const { bench } = session;
    session.expect();
    const row = bench.send(session.data());
    bench.conntrack.destroy(session.row);
    assert.equal(bench.conntrack.masterOf(row), -1);
    assert.equal(bench.table.masterHelper(row), 1, 'the helper is still known');
    bench.send(session.dataBack('SA'));
    assert.equal(bench.stateName(), 'ESTABLISHED');
  });

  test('is not mistaken for the next connection in its row', () => {
    const session = new Session();
    const { bench } = session;
    session.expect();
    const child = bench.send(session.data());
    bench.conntrack.destroy(session.row);
    const next = new Session(bench, ends4, 50999);
    assert.equal(next.row, session.row, 'the row is used again');
    assert.equal(bench.conntrack.masterOf(child), -1);
    bench.conntrack.destroy(child);
    assert.equal(next.children(), 0);
    // An announcement that outlives its master would open a hole in the name of a stranger.
    session.expect(DATA_PORT + 1);
    bench.sendDropped(session.data({ dport: DATA_PORT + 1 }));
    assert.equal(bench.stateName(), 'NEW');
    assert.equal(bench.conntrack.fulfilled, null);
  });

  test('reopened, has no announcements from before', () => {
    const session = new Session();
    const { bench } = session;
    session.fromClient('R');
    session.expect();
    session.fromClient('S');
    assert.equal(bench.conntrack.expectations.count, 0);
    bench.send(session.data());
    assert.equal(bench.stateName(), 'NEW');
  });

  test('a stray packet that may start nothing is INVALID, and the announcement stays', () => {
    const session = new Session();
    const { bench } = session;
    const { expectations } = bench.conntrack;
    session.expect();
    for (const flags of ['R', 'SA', 'RA']) {
      assert.equal(bench.track(session.data({ flags })), -1, flags);
      assert.deepEqual([bench.stateName(), expectations.count], ['INVALID', 1], flags);
    }
    bench.send(session.data());
    assert.deepEqual([bench.stateName(), expectations.count], ['RELATED', 0]);
  });

  test('flush ends masters, children and announcements alike', () => {
    const session = new Session();
    const { bench } = session;
    session.expect();
    bench.send(session.data());
    session.expect(DATA_PORT + 1);
    assert.equal(bench.conntrack.flush(), 2);
    assert.deepEqual([bench.table.count, bench.conntrack.expectations.count], [0, 0]);
  });

  test('two control connections: the same announcement is Busy for the second', () => {
    const bench = new Bench();
    const [first, second] = [new Session(bench), new Session(bench, ends4, 50941)];
    assert.equal(first.expect(), ExpectResult.Ok);
    assert.equal(second.expect(), ExpectResult.Busy);
    bench.conntrack.destroy(first.row);
    assert.equal(second.expect(), ExpectResult.Ok, 'free again with the end of the first');
    bench.send(second.data());
    assert.equal(bench.conntrack.masterOf(bench.conntrack.row), second.row);
  });

  test('the setting for the maximum holds', () => {
    const bench = new Bench({ expectMaximum: 2 });
    const sessions = [0, 1, 2].map((n) => new Session(bench, ends4, 50940 + n));
    const results = sessions.map((session, n) => session.expect(DATA_PORT + n));
    assert.deepEqual(results, [ExpectResult.Ok, ExpectResult.Ok, ExpectResult.Full]);
  });
});
