import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { InterfaceTable } from '../../src/base/index.ts';
import { type CompiledRules, compileRuleSet, Hook, Verdict } from '../../src/rules/index.ts';
import type { Packet } from '../../src/wire/index.ts';
import { buildUdp, loadPacket } from '../support/packets.ts';
import { block, compile, contextOf, ruleSetOf, walk } from './support.ts';

/** What keeps state against slow and obvious twins, on random packets at random times. */

const runs = { seed: 20_261_121, numRuns: 150 };
const packets: readonly Packet[] = Array.from({ length: 130 }, (_, i) =>
  loadPacket(buildUdp({ src: `10.0.0.${i}`, dst: '10.1.0.1', sport: 1, dport: 9 })),
);

/** Walks one FORWARD rule per step: source address number and milliseconds that went by before. */
function walkSteps(rules: readonly string[], steps: readonly (readonly [number, number])[]) {
  const { compiled } = compile(block('filter', ...rules.map((rule) => `-A FORWARD ${rule}`)));
  const chain = compiled.ruleSet.allTables()[0]!.chains.get('FORWARD')!;
  let ms = 0;
  return steps.map(([source, wait]) => {
    ms += wait;
    const ctx = contextOf(packets[source]!);
    ctx.clock.set(Math.floor(ms / 1000), (ms % 1000) * 1000 + (ms % 7));
    const before = chain.rules.map((rule) => compiled.countersOf(rule).packets);
    walk(compiled, ctx);
    return chain.rules.map((rule, i) => compiled.countersOf(rule).packets - before[i]! === 1);
  });
}

const waits = fc.oneof(
  fc.constant(0),
  fc.integer({ min: 1, max: 900 }),
  fc.integer({ min: 1000, max: 90_000 }),
  fc.constant(40 * 86_400_000),
);
const stepsOf = (sources: number) =>
  fc.array(fc.tuple(fc.integer({ min: 0, max: sources - 1 }), waits), { maxLength: 60 });

describe('limit', () => {
  test('as a bucket that is counted in whole packets of time', () => {
    fc.assert(
      fc.property(stepsOf(1), fc.integer({ min: 1, max: 6 }), (steps, burst) => {
        const got = walkSteps([`-m limit --limit 2/s --limit-burst ${burst}`], steps);
        let credit = burst * 500;
        const wanted = steps.map(([, wait], i) => {
          if (i > 0) credit = Math.min(credit + wait, burst * 500);
          if (credit < 500) return [false];
          credit -= 500;
          return [true];
        });
        assert.deepEqual(got, wanted);
      }),
      runs,
    );
  });

  test('a year without packets fills the bucket once', () => {
    const steps = [
      [0, 0],
      [0, 0],
      [0, 31_536_000_000],
      [0, 0],
    ] as const;
    const got = walkSteps(['-m limit --limit 1/hour --limit-burst 1'], steps);
    assert.deepEqual(got.flat(), [true, false, true, false]);
  });
});

/** xt_recent with a Map, in its order of insertion, and plain arrays. */
class RecentModel {
  private readonly seen = new Map<number, number[]>();

  set(source: number, ms: number): boolean {
    const stamps = this.seen.get(source) ?? [];
    if (stamps.length === 0 && this.seen.size === 100) {
      this.seen.delete([...this.seen.keys()][0]!);
    }
    this.seen.delete(source);
    this.seen.set(source, [...stamps, ms].slice(-32));
    return true;
  }

  update(source: number, ms: number, seconds: number, hits: number, reap: boolean): boolean {
    const stamps = this.seen.get(source);
    if (stamps === undefined) return false;
    const fresh = stamps.filter((at) => ms - at <= seconds * 1000).length;
    const hit = fresh >= Math.max(1, hits);
    const [oldest] = this.seen.keys();
    const last = this.seen.get(oldest!)!.at(-1)!;
    if (reap && !(hit && oldest === source) && ms - last > seconds * 1000)
      this.seen.delete(oldest!);
    if (hit) this.set(source, ms);
    return hit;
  }

  remove(source: number): boolean {
    return this.seen.delete(source);
  }
}

describe('recent', () => {
  test('as a Map of addresses with their times', () => {
    const property = fc.property(
      stepsOf(5),
      fc.integer({ min: 0, max: 6 }),
      fc.boolean(),
      (steps, hits, reap) => {
        const update = `-m recent --update --seconds 5 --hitcount ${hits} ${reap ? '--reap' : ''}`;
        const set = '-s 10.0.0.0/30 -m recent --set';
        const got = walkSteps([update, set, '-s 10.0.0.3 -m recent --remove'], steps);
        const model = new RecentModel();
        let ms = 0;
        const wanted = steps.map(([source, wait]) => {
          ms += wait;
          return [
            model.update(source, ms, 5, hits, reap),
            source < 4 && model.set(source, ms),
            source === 3 && model.remove(source),
          ];
        });
        assert.deepEqual(got, wanted);
      },
    );
    fc.assert(property, runs);
  });

  test('the hundred and first address drives out the one that waited longest', () => {
    const steps = Array.from({ length: 101 }, (_, i) => [i, 1] as const);
    const set = '-m recent --set --name full';
    const check = '-m recent --rcheck --name full';
    const rest = [
      [0, 1],
      [1, 1],
      [1, 1],
    ] as const;
    const got = walkSteps([check, set], [...steps, [0, 1], ...rest]);
    assert.ok(got.slice(0, 101).every(([known]) => known === false));
    // 0 was driven out by 100, and driving 1 out let it in again.
    assert.deepEqual(got.slice(101), [
      [false, true],
      [true, true],
      [false, true],
      [true, true],
    ]);
  });

  test('the list outlives a reload and forgets its times where a rule needs more of them', () => {
    const load = (hits: number, previous?: CompiledRules) => {
      const update = `-A FORWARD -m recent --update --hitcount ${hits}`;
      const ruleSet = ruleSetOf(block('filter', update, '-A FORWARD -m recent --set'));
      return compileRuleSet(ruleSet, new InterfaceTable(), previous ? { previous } : {});
    };
    const first = load(2);
    const ctx = contextOf(packets[1]!);
    for (let i = 0; i < 3; i++) walk(first, ctx);
    const second = load(2, first);
    assert.equal(walkCount(second, ctx), 1, 'known from before');
    assert.equal(walkCount(load(40, second), ctx), 0, 'too little memory for forty');
  });

  test('--rttl compares the TTL that a forwarded packet came with', () => {
    const far = loadPacket(
      buildUdp({ src: '10.0.0.1', dst: '10.1.0.1', sport: 1, dport: 9, ttl: 63 }),
    );
    const { compiled } = compile(
      block('filter', '-A FORWARD -m recent --rcheck --rttl -j DROP', '-A INPUT -m recent --set'),
    );
    const near = loadPacket(
      buildUdp({ src: '10.0.0.1', dst: '10.1.0.1', sport: 1, dport: 9, ttl: 64 }),
    );
    walk(compiled, contextOf(near), 'filter', Hook.Input);
    assert.equal(walk(compiled, contextOf(far)), Verdict.Drop);
    assert.equal(walk(compiled, contextOf(near)), Verdict.Accept);
  });
});

/** How many packets the first rule of FORWARD takes from one walk. */
function walkCount(compiled: CompiledRules, ctx: ReturnType<typeof contextOf>): number {
  const rule = compiled.ruleSet.allTables()[0]!.chains.get('FORWARD')!.rules[0]!;
  const before = compiled.countersOf(rule).packets;
  walk(compiled, ctx);
  return compiled.countersOf(rule).packets - before;
}
