/** A connection under a helper lives as long as those that it announced, where that is asked for. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { defaultConntrackSettings, Field, Status, Tuple } from '../../src/conntrack/index.ts';
import { buildTcp } from '../support/packets.ts';
import { draft } from './draft.ts';
import { Bench, ends4 } from './script.ts';

const FTP = 1;
const EVERY_ROW = 1_000_000;

/** A control connection of 600 s, and what happens to it and its data connections. */
class Session {
  readonly bench: Bench;
  readonly row: number;

  constructor(keepsMasters = true, port = 40_000, bench = newBench()) {
    this.bench = bench;
    bench.conntrack.keepsMasters = keepsMasters;
    this.row = bench.send(this.control('S', port));
    const { src: dst, dst: src } = ends4;
    bench.send(buildTcp({ src, dst, sport: 21, dport: port, flags: 'SA' }));
    bench.send(this.control('A', port));
    bench.table.setHelper(this.row, FTP);
    assert.equal(bench.table.secondsLeft(this.row, bench.clock), 600);
  }

  control(flags: string, sport = 40_000): Uint8Array {
    return buildTcp({ ...ends4, sport, dport: 21, flags });
  }

  /** Announces a data connection to `dport` and opens it, ESTABLISHED. Returns its row. */
  transfer(dport: number): number {
    const row = this.opened(dport);
    const { src: dst, dst: src } = ends4;
    this.bench.send(buildTcp({ src, dst, sport: dport, dport: 50_000, flags: 'SA' }));
    this.data(dport);
    return row;
  }

  /** The same, of which the first packet is all that has been seen. */
  opened(dport: number): number {
    const { bench, row } = this;
    const id = bench.table.get(row, Field.Id);
    const announced = draft({ ...ends4, dport, master: { row, id } });
    bench.conntrack.expectations.add(announced, bench.clock.ms, 300);
    const child = this.data(dport, 'S');
    assert.equal(bench.conntrack.masterOf(child), row);
    return child;
  }

  data(dport: number, flags = 'A'): number {
    return this.bench.send(buildTcp({ ...ends4, sport: 50_000, dport, flags }));
  }

  get livesOn(): boolean {
    const { table } = this.bench;
    return table.hasStatus(this.row, Status.Confirmed);
  }

  /** Seconds that the control connection has left. */
  get left(): number {
    return this.bench.table.secondsLeft(this.row, this.bench.clock);
  }

  sweepAt(sec: number): number {
    return this.bench.at(sec).conntrack.sweep(EVERY_ROW);
  }
}

function newBench(): Bench {
  const { timeouts } = defaultConntrackSettings();
  timeouts.tcp = timeouts.tcp.map((sec) => (sec === 432_000 ? 600 : sec));
  return new Bench({ timeouts });
}

/** A session whose data connection has moved bytes until now, and the last word is long ago. */
function atWork(keepsMasters = true): Session {
  const session = new Session(keepsMasters);
  session.transfer(30_000);
  session.bench.at(500);
  session.data(30_000);
  return session;
}

describe('a master whose time is over', () => {
  test('is kept by the sweep, as long as its data connection has left', () => {
    const session = atWork();
    assert.equal(session.sweepAt(601), 0);
    assert.equal(session.left, 499);
    session.bench.at(1000);
    session.data(30_000);
    assert.equal(session.sweepAt(1101), 0);
    assert.equal(session.left, 499);
    assert.equal(session.sweepAt(1601), 2, 'both are over');
    assert.equal(session.livesOn, false);
  });

  test('is kept where it is looked up', () => {
    const session = atWork();
    session.bench.at(601);
    const tuple = new Tuple();
    session.bench.table.readTuple(session.row, 0, tuple);
    assert.equal(session.bench.conntrack.lookup(tuple), session.row << 1);
    assert.equal(session.left, 499);
    assert.equal(session.bench.send(session.control('A')), session.row);
    assert.equal(session.left, 600, 'a packet goes on as ever');
  });

  test('is kept where another of its data connections comes', () => {
    const session = atWork();
    const { bench, row } = session;
    const id = bench.table.get(row, Field.Id);
    const announced = draft({ ...ends4, dport: 30_001, master: { row, id } });
    bench.conntrack.expectations.add(announced, bench.clock.ms, 300);
    bench.at(601);
    const child = session.data(30_001, 'S');
    assert.equal(bench.conntrack.masterOf(child), row);
    assert.equal(bench.table.get(row, Field.Children), 2);
  });

  test('is kept where room is made', () => {
    const session = atWork();
    const { bench } = session;
    bench.at(601);
    bench.conntrack.setMaximum(bench.table.count);
    bench.table.addStatus(session.row, Status.Assured);
    for (let port = 1; port <= 200; port++) {
      bench.track(buildTcp({ ...ends4, sport: port, dport: 80, flags: 'S' }));
    }
    assert.ok(session.livesOn);
  });

  test('has the time of the data connection that has most left', () => {
    const session = new Session();
    for (const [at, port] of [
      [100, 30_000],
      [300, 30_001],
      [200, 30_002],
    ] as const) {
      session.bench.at(at);
      session.transfer(port);
    }
    assert.equal(session.sweepAt(601), 0);
    assert.equal(session.left, 299);
  });

  test('is not kept by data connections that are over, swept or not', () => {
    const session = new Session();
    session.opened(30_000);
    assert.equal(session.bench.table.get(session.row, Field.Children), 1);
    assert.equal(session.sweepAt(601), 2);
    assert.equal(session.livesOn, false);
  });

  test('is not kept by one that has ended', () => {
    const session = atWork();
    session.bench.conntrack.destroy(session.transfer(30_001));
    session.bench.conntrack.destroy(session.data(30_000));
    assert.equal(session.sweepAt(601), 1);
  });

  test('is not kept in the kernel way, nor without a helper', () => {
    const kernel = atWork(false);
    assert.equal(kernel.sweepAt(601), 1);
    assert.equal(kernel.livesOn, false);
    const plain = atWork();
    plain.bench.table.setHelper(plain.row, 0);
    assert.equal(plain.sweepAt(601), 1);
  });

  test('is not kept with a fixed timeout', () => {
    const session = atWork();
    session.bench.table.addStatus(session.row, Status.FixedTimeout);
    assert.equal(session.sweepAt(601), 1);
  });

  test('is not kept once both ends have closed it', () => {
    for (const flags of ['R', 'FA']) {
      const session = atWork();
      const { src: dst, dst: src } = ends4;
      session.bench.send(session.control(flags, 40_000));
      if (flags === 'FA') {
        const back = { src, dst, sport: 21, dport: 40_000 };
        session.bench.send(buildTcp({ ...back, flags: 'FA' }));
        session.bench.send(session.control('A', 40_000));
      }
      assert.equal(session.sweepAt(700), 1, flags);
      assert.equal(session.livesOn, false);
    }
  });

  test('half closed it is kept: the answer to the transfer may follow', () => {
    const session = atWork();
    session.bench.send(session.control('FA', 40_000));
    assert.equal(session.sweepAt(800), 0);
    assert.ok(session.livesOn);
  });
});

describe('the connections that a master has announced', () => {
  test('are not those of the next user of its row', () => {
    const session = atWork();
    const { bench } = session;
    bench.conntrack.destroy(session.row);
    const next = new Session(true, 41_000, bench);
    assert.equal(next.row, session.row);
    assert.equal(bench.conntrack.livingChildrenBytes(next.row), 0);
    const child = next.transfer(31_000);
    bench.conntrack.destroy(session.data(30_000));
    assert.equal(bench.table.get(next.row, Field.Children), 1);
    bench.conntrack.destroy(child);
    assert.equal(bench.table.get(next.row, Field.Children), 0);
  });

  test('their bytes, of those that live', () => {
    const session = new Session();
    const { bench } = session;
    session.transfer(30_000);
    const second = session.transfer(30_001);
    const each = 3 * 40;
    assert.equal(bench.conntrack.livingChildrenBytes(session.row), 2 * each);
    bench.conntrack.destroy(second);
    assert.equal(bench.conntrack.livingChildrenBytes(session.row), each);
    bench.at(601);
    assert.equal(bench.conntrack.livingChildrenBytes(session.row), 0);
    assert.equal(bench.conntrack.livingChildrenBytes(second), 0);
  });
});

test('a span that two masters share outlives the one that found it first', () => {
  const bench = newBench();
  const [first, second] = [new Session(false, 40_000, bench), new Session(false, 40_001, bench)];
  for (const { row } of [first!, second!]) {
    const id = bench.table.get(row, Field.Id);
    const span = { ...draft({ ...ends4, dport: 30_000, master: { row, id } }), dportLast: 30_009 };
    bench.conntrack.expectations.add(span, bench.clock.ms, 3000);
  }
  bench.at(300);
  bench.send(second!.control('A', 40_001));
  bench.at(601);
  const child = first!.data(30_003, 'S');
  assert.equal(bench.conntrack.masterOf(child), second!.row);
  assert.equal(first!.livesOn, false, 'looked at, and found to be over');
  assert.equal(bench.conntrack.expectations.count, 1);
});
