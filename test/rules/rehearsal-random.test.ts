/** Random rules: what rehearsals say of plain packets, and how these fare. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InterfaceTable, Prng } from '../../src/base/index.ts';
import { CtStateBit } from '../../src/conntrack/index.ts';
import {
  type CompiledRules,
  compileRuleSet,
  Hook,
  RuleTrail,
  TableId,
  Verdict,
} from '../../src/rules/index.ts';
import type { Packet } from '../../src/wire/index.ts';
import { buildTcp, loadPacket } from '../support/packets.ts';
import { links } from './classify-random.ts';
import { bytesOf, openConnection, rowsOf, seenOf } from './rehearsal-support.ts';
import { loadBoth } from './sets-support.ts';
import { changesOf, dumpOf } from './state-dump.ts';
import { one, pick, sets as randomSets, randomText } from './steady-rules.ts';
import { contextOf, type TestContext } from './support.ts';

const SEED = 0x4ea4;
const SETS = 40;

/** One random rule set; the trail of a rehearsal against those of plain packets that come after it. */
class Comparison {
  /** Rehearsals, those that were steady, and packets that fared as these had said. */
  rehearsals = 0;
  steady = 0;
  private readonly name: string;
  private readonly family: 4 | 6;
  private readonly compiled: CompiledRules;
  private readonly ids: number[];
  private readonly random: Prng;

  constructor(family: 4 | 6, seed: number) {
    this.family = family;
    this.random = new Prng(seed);
    this.name = `seed ${seed}`;
    const text = randomText(family, this.random);
    const { ruleSet, errors } = loadBoth(randomSets(family), text, { family });
    assert.ok(ruleSet, errors[0]?.format());
    const interfaces = new InterfaceTable();
    this.ids = links.map((name) => interfaces.id(name));
    const classify = one(this.random, 2) ? 'never' : 'always';
    this.compiled = compileRuleSet(ruleSet, interfaces, { seed, classify });
  }

  run(): void {
    for (let n = 0; n < 5; n++) this.runFlow();
  }

  private runFlow(): void {
    const { compiled, family, random } = this;
    const network = () => pick(random, family === 4 ? ['10.0.1.', '192.168.2.'] : ['2001:db8::2:']);
    const ends = {
      src: `${network()}${random.below(9)}`,
      dst: `${network()}${random.below(9)}`,
      sport: pick(random, [80, 5000, 65_535]),
      dport: pick(random, [80, 81, 443]),
    };
    const ctx = contextOf(loadPacket(buildTcp({ ...ends, flags: 'A' })), {
      inIf: pick(random, this.ids),
      outIf: pick(random, this.ids),
      ctState: CtStateBit.Established,
      connection: openConnection(),
    });
    ctx.connection.mark = random.below(3);
    for (let n = 0; n < 4; n++) {
      const before = n === 0 ? dumpOf(compiled, /\.index$/) : [];
      const seen = seenOf(ctx);
      const trail = new RuleTrail(true);
      const verdict = this.walk(ctx, trail);
      const after = n === 0 ? dumpOf(compiled, /\.index$/) : [];
      assert.deepEqual(changesOf(before, after), [], this.name);
      assert.equal(seenOf(ctx), seen, this.name);
      assert.deepEqual(ctx.actions.calls, [], this.name);
      this.rehearsals++;
      const imagined = ctx.packet;
      const real = this.packet(ends);
      ctx.packet = real;
      const found = new RuleTrail();
      const bytes = bytesOf(real);
      const foundVerdict = this.walk(ctx, found);
      assert.equal(trail.steady, found.steady, this.name);
      if (trail.steady) {
        this.steady++;
        assert.equal(foundVerdict, verdict, this.name);
        assert.deepEqual(rowsOf(found), rowsOf(trail), this.name);
        assert.deepEqual(ctx.actions.calls, [], this.name);
        assert.equal(bytesOf(real), bytes, this.name);
        assert.equal(compiled.pathOf(found), compiled.pathOf(trail));
      }
      ctx.actions.calls.length = 0;
      ctx.packet = imagined;
      ctx.clock.set(ctx.clock.sec + random.below(2), 0);
    }
  }

  /** Any plain packet of the same flow. */
  private packet(ends: { src: string; dst: string; sport: number; dport: number }): Packet {
    const { random } = this;
    return loadPacket(
      buildTcp({
        ...ends,
        flags: pick(random, ['A', 'PA', 'AEC']),
        tos: random.below(256),
        ttl: 2 + random.below(250),
        seq: random.below(2 ** 31),
        srcMac: `02:00:00:00:00:0${random.below(3)}`,
        payload: pick(random, ['', 'abc', 'x'.repeat(random.below(120))]),
        options: pick(random, [
          new Uint8Array(),
          Uint8Array.of(1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8),
        ]),
      }),
    );
  }

  private walk(ctx: TestContext, trail: RuleTrail): number {
    Object.assign(ctx, { mark: 0, changed: false, templated: false, traced: false, trail });
    trail.begin();
    const passes = [TableId.Mangle, TableId.Filter].every(
      (table) => this.compiled.walk(this.family, table, Hook.Forward, ctx) === Verdict.Accept,
    );
    return passes ? Verdict.Accept : Verdict.Drop;
  }
}

for (const family of [4, 6] as const) {
  test(`IPv${family}: ${SETS} random rule sets, rehearsed and walked`, () => {
    let [rehearsals, steady] = [0, 0];
    for (let n = 0; n < SETS; n++) {
      const comparison = new Comparison(family, SEED + n * 2 + family);
      comparison.run();
      rehearsals += comparison.rehearsals;
      steady += comparison.steady;
    }
    const share = steady / rehearsals;
    assert.ok(share > 0.1 && share < 0.9, `${steady} of ${rehearsals} steady`);
  });
}
