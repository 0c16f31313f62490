/** Random lives of flows against a Map: what is found, or read, is what was installed, nothing else. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { DirectionCode, Tuple } from '../../../../src/conntrack/index.ts';
import { flowsOf } from '../../../../src/datapath/gate/flows/index.ts';
import { holds, keysOf, type Lab, newLab, offerOf, tupleOf } from './flow-lab.ts';
import { find, type PacketKey, pass } from './twin.ts';

const CONNECTIONS = 24;
/** Few enough that room runs out now and then. */
const UNITS = 20;

type Step =
  | { readonly kind: 'install'; readonly n: number; readonly direction: DirectionCode }
  | { readonly kind: 'withdraw' | 'traffic' | 'collect'; readonly n: number }
  | { readonly kind: 'withdrawAll' | 'collectSome' | 'tick' };

const connection = fc.integer({ min: 0, max: CONNECTIONS - 1 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant('install' as const),
      n: connection,
      direction: fc.constantFrom<DirectionCode>(0, 1),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constantFrom('withdraw' as const, 'traffic' as const, 'collect' as const),
      n: connection,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constantFrom('withdrawAll' as const, 'collectSome' as const, 'tick' as const),
    }),
  },
);

const familyOf = (n: number) => (n % 3 === 0 ? 6 : 4);

/** The flows, and a Map that knows what they are to be. */
class Pair {
  private readonly lab: Lab = newLab(UNITS);
  /** Directions of each connection that are installed, by their path. */
  private readonly model = new Map<number, Map<DirectionCode, number>>();
  private readonly expected = new Map<string, number>();
  private readonly settled = new Map<string, number>();
  private path = 0;
  private now = 0;

  step(one: Step): void {
    const { flows } = this.lab;
    if (one.kind === 'install') this.install(one.n, one.direction);
    else if (one.kind === 'traffic') this.traffic(one.n);
    else if (one.kind === 'collect') flows.collect(one.n);
    else if (one.kind === 'collectSome') flows.collectSome(5);
    else if (one.kind === 'tick') flows.setNow(++this.now);
    else if (one.kind === 'withdraw') {
      flows.withdraw(one.n);
      this.model.delete(one.n);
    } else {
      flows.withdrawAll();
      this.model.clear();
    }
  }

  /** Every key of every connection is found, or not, as the Map says; nothing counted is lost. */
  check(): void {
    const { flows, memory } = this.lab;
    for (let n = 0; n < CONNECTIONS; n++) {
      for (const direction of [0, 1] as const) {
        const keys = keysOf(n, familyOf(n));
        const found = find(memory, keys[direction], 1001 + direction);
        assert.equal(found !== null, this.model.get(n)?.has(direction) ?? false);
        assert.equal(found?.direction ?? direction, direction);
        if (found !== null) assert.deepEqual(found.newSource, keys[1 - direction]!.destination);
      }
      assert.equal(holds(flows, n), this.model.has(n));
    }
    const wide = [...this.model.keys()].filter((n) => familyOf(n) === 6).length;
    assert.deepEqual([flows.narrowFlows, flows.wideFlows], [this.model.size - wide, wide]);
    const slots = memory.buckets.filter((slot) => slot !== 0).length;
    const directions = [...this.model.values()].reduce((sum, one) => sum + one.size, 0);
    assert.equal(slots, directions);
    this.checkLeft();
  }

  checkCounts(): void {
    this.lab.flows.withdrawAll();
    this.note();
    assert.deepEqual(this.settled, this.expected);
  }

  private install(n: number, direction: DirectionCode): void {
    const offer = offerOf(n, direction, keysOf(n, familyOf(n)), { path: ++this.path });
    const fits = this.lab.flows.install(offer);
    if (!fits) {
      assert.ok(!this.model.has(n), 'a connection that has its unit has room');
      return;
    }
    const directions = this.model.get(n) ?? new Map<DirectionCode, number>();
    this.model.set(n, directions.set(direction, this.path));
  }

  private traffic(n: number): void {
    for (const [direction, path] of this.model.get(n) ?? []) {
      const key: PacketKey = keysOf(n, familyOf(n))[direction];
      pass(this.lab.memory, find(this.lab.memory, key)!, 100);
      const account = `${n} ${direction} ${path}`;
      this.expected.set(account, (this.expected.get(account) ?? 0) + 1);
    }
  }

  private note(): void {
    for (const { row, direction, path, packets, bytes } of this.lab.ledger.take()) {
      const account = `${row} ${direction} ${path}`;
      this.settled.set(account, (this.settled.get(account) ?? 0) + packets);
      assert.equal(bytes, 100 * packets);
    }
  }

  /** What another process would read. */
  private checkLeft(): void {
    const left = new Map<number, readonly boolean[]>();
    for (const flow of flowsOf(this.lab.memory)) {
      left.set(this.connectionOf(flow.original), flow.directions);
    }
    const expected = [...this.model].map(
      ([n, paths]) => [n, [paths.has(0), paths.has(1)]] as const,
    );
    assert.deepEqual(left, new Map(expected));
  }

  private connectionOf(original: Tuple): number {
    const all = [...this.model.keys()];
    return all.find((n) => tupleOf(keysOf(n, familyOf(n))[0]).equals(original)) ?? -1;
  }
}

test('installed, withdrawn, counted at random: found as the twin says', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 120 }), (steps) => {
      const pair = new Pair();
      for (const one of steps) {
        pair.step(one);
        pair.check();
      }
      pair.checkCounts();
    }),
    { seed: 20_260_721, numRuns: 60 },
  );
});
