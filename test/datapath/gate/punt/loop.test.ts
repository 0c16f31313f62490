import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Clock } from '../../../../src/base/index.ts';
import {
  newPuntStats,
  PuntLoop,
  RingReader,
  type RingWatcher,
} from '../../../../src/datapath/gate/punt/index.ts';
import { IpFragmenter, Outcome } from '../../../../src/engine/index.ts';
import { MemoryBatch, RingTwin } from './fakes.ts';

const KNOWN = 1;
const OTHER = 2;

/** A loop over two rings whose frames are numbers; a packet takes `packetMs` of a clock set by hand. */
class LoopBench {
  readonly known = new RingTwin(65_536);
  readonly other = new RingTwin(65_536);
  readonly batch = new MemoryBatch();
  readonly stats = newPuntStats();
  readonly sender = { nowSec: 0 };
  readonly clock = new Clock();
  readonly log: string[] = [];
  /** Rings of the packets taken, in order. */
  readonly taken: number[] = [];
  /** Clocks are read so often. */
  reads = 0;
  sweeps = 0;
  steadyMs = 0;
  packetMs = 0;
  whenTaken: () => void = () => undefined;
  whenSwept: () => void = () => undefined;
  watching: (() => void) | null = null;
  readonly loop: PuntLoop;

  constructor() {
    const watcher: RingWatcher = {
      watch: (turn) => {
        this.watching = turn;
        return {
          close: () => {
            this.watching = null;
          },
        };
      },
    };
    const engine = {
      clock: this.clock,
      outIf: -1,
      flight: { rerouted: false },
      context: { mark: 0 },
      assembly: { fragmenter: new IpFragmenter() },
      process: () => Outcome.Drop,
      processOutput: () => Outcome.Drop,
      sweep: (rows: number) => {
        this.sweeps += rows;
        this.whenSwept();
      },
    };
    const path = {
      take: (words: Int32Array) => {
        this.taken.push(words === this.known.words ? KNOWN : OTHER);
        this.steadyMs += this.packetMs;
        this.whenTaken();
      },
    };
    this.loop = new PuntLoop({
      engine,
      path,
      sender: this.sender,
      known: new RingReader(this.known),
      other: new RingReader(this.other),
      batch: this.batch,
      watcher,
      stats: this.stats,
      log: (line) => this.log.push(line),
      epochMs: () => {
        this.reads++;
        return 5000;
      },
      steadyMs: () => this.steadyMs,
    });
  }

  fill(known: number, other: number): void {
    for (let n = 0; n < known; n++) assert.ok(this.known.push(new Uint8Array(40)));
    for (let n = 0; n < other; n++) assert.ok(this.other.push(new Uint8Array(40)));
  }

  /** What the event loop does: one turn where a ring holds something. */
  turn(): boolean {
    const holds = [this.known, this.other].some((ring) => ring.consumed !== produced(ring));
    if (!holds || this.watching === null) return false;
    this.watching();
    return true;
  }

  count(kind: number, first = this.taken.length): number {
    return this.taken.slice(0, first).filter((taken) => taken === kind).length;
  }
}

function produced(ring: RingTwin): bigint {
  const [low, high] = ring.producer;
  return (BigInt(high! >>> 0) << 32n) | BigInt(low! >>> 0);
}

describe('PuntLoop', () => {
  test('takes all there is, gives the room back, and sets the clocks', () => {
    const bench = new LoopBench();
    bench.loop.start();
    bench.fill(3, 5);
    assert.ok(bench.turn());
    assert.equal(bench.taken.length, 8);
    assert.ok(!bench.turn(), 'nothing is left that would call again');
    assert.deepEqual([bench.clock.sec, bench.sender.nowSec], [5, 5]);
    assert.ok(bench.sweeps > 0);
  });

  test('a turn ends after 256 packets, and goes on with the next', () => {
    const bench = new LoopBench();
    bench.loop.start();
    bench.fill(0, 600);
    const sizes: number[] = [];
    for (let before = 0; bench.turn(); before = bench.taken.length) {
      sizes.push(bench.taken.length - before);
    }
    assert.deepEqual(sizes, [256, 256, 88]);
  });

  test('a turn of slow packets ends after 2 ms, at the end of a batch', () => {
    const bench = new LoopBench();
    bench.loop.start();
    bench.packetMs = 0.05;
    bench.fill(0, 600);
    bench.turn();
    assert.equal(bench.taken.length, 64);
    bench.packetMs = 1;
    bench.turn();
    assert.equal(bench.taken.length, 96);
  });

  test('known connections go first; strangers have a quarter, and whatever is left', () => {
    const bench = new LoopBench();
    bench.loop.start();
    bench.fill(500, 500);
    bench.turn();
    assert.deepEqual([bench.count(KNOWN), bench.count(OTHER)], [192, 64]);
    assert.ok(bench.taken.slice(0, 24).every((ring) => ring === KNOWN));
    const few = new LoopBench();
    few.loop.start();
    few.fill(5, 100);
    few.turn();
    assert.ok(few.taken.slice(0, 5).every((ring) => ring === KNOWN));
    assert.equal(few.count(OTHER, 32), 27);
    assert.equal(few.taken.length, 105);
  });

  test('without a flood a known packet does not overtake the strangers before it', () => {
    const bench = new LoopBench();
    bench.loop.start();
    bench.fill(3, 6);
    bench.turn();
    assert.deepEqual(bench.taken, [...Array(6).fill(OTHER), ...Array(3).fill(KNOWN)]);
    // A stranger that comes while strangers are taken, and a known packet behind it.
    bench.taken.length = 0;
    bench.whenTaken = () => {
      if (bench.taken.length === 1) bench.fill(1, 1);
    };
    bench.fill(1, 1);
    bench.turn();
    assert.deepEqual(bench.taken, [OTHER, KNOWN, OTHER, KNOWN]);
  });

  test('strangers that never end, few at a time, do not hold up a known packet', () => {
    const bench = new LoopBench();
    bench.loop.start();
    bench.whenTaken = () => bench.fill(0, 1);
    bench.fill(1, 5);
    bench.turn();
    assert.equal(bench.taken.indexOf(KNOWN), 5);
  });

  test('under a flood of strangers a known packet waits for one batch at most', () => {
    const bench = new LoopBench();
    bench.loop.start();
    bench.fill(0, 600);
    let waited = -1;
    bench.whenTaken = () => {
      if (bench.taken.length === 40) bench.fill(1, 0);
      if (bench.taken.at(-1) === KNOWN) waited = bench.taken.length - 40;
    };
    bench.turn();
    assert.ok(waited > 0 && waited <= 32, `${waited} packets`);
  });

  test('expiry goes on under any flood, clocks are read once a batch', () => {
    const bench = new LoopBench();
    bench.loop.start();
    bench.fill(0, 256);
    bench.reads = 0;
    bench.turn();
    assert.equal(bench.reads, 8);
    assert.equal(bench.sweeps, 8 * 16);
  });

  test('what was queued is sent at the end of each batch', () => {
    const bench = new LoopBench();
    bench.loop.start();
    bench.fill(0, 40);
    bench.whenTaken = () => {
      if (bench.batch.queued < bench.batch.slots) bench.batch.queue(bench.batch.queued, 0, 60, 1);
    };
    bench.turn();
    assert.equal(bench.batch.flushes, 2);
    assert.equal(bench.batch.queued, 0);
  });

  test('stop, from within a packet: no further one, and what was taken is given back', () => {
    const bench = new LoopBench();
    bench.loop.start();
    bench.fill(10, 10);
    bench.whenTaken = () => {
      bench.batch.queue(bench.batch.queued, 0, 60, 1);
      if (bench.taken.length === 3) bench.loop.stop();
    };
    bench.turn();
    assert.equal(bench.taken.length, 3);
    assert.equal(bench.batch.sent.length, 3);
    assert.equal(bench.other.consumed, 3n * 48n);
    assert.ok(!bench.turn());
    bench.whenTaken = () => undefined;
    bench.loop.start();
    bench.loop.start();
    assert.ok(bench.turn());
    assert.equal(bench.taken.length, 20);
    bench.loop.stop();
    bench.loop.stop();
  });

  test('a fault of the sweep ends the turn, not the process', () => {
    const bench = new LoopBench();
    bench.loop.start();
    bench.steadyMs = 20_000;
    bench.whenSwept = () => {
      throw new Error('broken');
    };
    bench.fill(0, 100);
    while (bench.turn());
    assert.equal(bench.taken.length, 100);
    assert.equal(bench.stats.faults, 4);
    assert.equal(bench.log.length, 1);
  });
});
