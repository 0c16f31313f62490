/** The walk by the index compared with the walk rule by rule, on random rules and packets. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { InterfaceTable, Prng } from '../../src/base/index.ts';
import {
  type Chain,
  type CompiledRules,
  compileRuleSet,
  Hook,
  type Rule,
  type RuleSet,
  TableId,
} from '../../src/rules/index.ts';
import {
  denseFrame,
  denseRule,
  links,
  loadAny,
  randomFrame,
  randomRule,
  userChains,
} from './classify-random.ts';
import { contextOf, ruleSetOf } from './support.ts';

const SEED = 0xc1a55;
const SETS = 50;
const PACKETS = 220;

function textOf(rules: readonly string[]): string {
  const chains = userChains.map((name) => `:${name} - [0:0]`);
  return ['*mangle', ':FORWARD DROP [0:0]', ...chains, ...rules, 'COMMIT', ''].join('\n');
}

function randomRules(family: 4 | 6, random: Prng): string[] {
  const rules: string[] = [];
  for (let chain = -1; chain < userChains.length; chain++) {
    // Some chains are too short to be indexed.
    const count = chain % 2 === 0 ? 4 + random.below(10) : 20 + random.below(120);
    for (let n = 0; n < count; n++) rules.push(randomRule(family, chain, random));
  }
  return rules;
}

const owners = (set: RuleSet, family: 4 | 6): (Rule | Chain)[] =>
  [...set.table(family, TableId.Mangle)!.chains.values()].flatMap((chain) => [
    chain,
    ...chain.rules,
  ]);

/** Walks packets through one set in three ways; says where they differ, or null. */
function disagreement(
  rules: readonly string[],
  family: 4 | 6,
  seed: number,
  makeFrame: (family: 4 | 6, random: Prng) => Uint8Array,
): string | null {
  const set = ruleSetOf(textOf(rules), { family });
  const interfaces = new InterfaceTable();
  const ids = [-1, ...links.map((name) => interfaces.id(name))];
  const indexed = compileRuleSet(set, interfaces, { seed, classify: 'always' });
  const linear = compileRuleSet(set, interfaces, { seed, classify: 'never' });
  const traced = compileRuleSet(set, interfaces, { seed, classify: 'always' });
  assert.ok(indexed.indexBytes > 0, 'there is an index to compare with');
  const random = new Prng(seed);
  for (let n = 0; n < PACKETS; n++) {
    const frame = makeFrame(family, random);
    const inIf = ids[random.below(ids.length)]!;
    const outIf = ids[random.below(ids.length)]!;
    const run = (compiled: CompiledRules, isTraced: boolean) => {
      const ctx = contextOf(loadAny(frame), { inIf, outIf, traced: isTraced });
      ctx.clock.set(1000 + (n >> 3), (n & 7) * 125_000);
      const verdict = compiled.walk(family, TableId.Mangle, Hook.Forward, ctx);
      const rule = compiled.decidedBy;
      const calls = ctx.actions.calls.filter((call) => !call.startsWith('trace')).join(' ');
      return `${verdict} by ${rule?.sourceLine ?? 'policy'}; mark ${ctx.mark}; ${calls}`;
    };
    const wanted = run(linear, false);
    const found = run(indexed, false);
    if (found !== wanted) return `packet ${n}: ${found} instead of ${wanted}`;
    const alike = run(traced, true);
    if (alike !== wanted) return `packet ${n}, traced: ${alike} instead of ${wanted}`;
  }
  for (const owner of owners(set, family)) {
    const wanted = JSON.stringify(linear.countersOf(owner));
    for (const compiled of [indexed, traced]) {
      const found = JSON.stringify(compiled.countersOf(owner));
      const name = 'sourceLine' in owner ? owner.sourceLine : owner.name;
      if (found !== wanted) return `counters of ${name}: ${found} instead of ${wanted}`;
    }
  }
  return null;
}

/** Fewer rules that still disagree: leaves out halves, quarters and so on down to single ones. */
function shrink(rules: readonly string[], fails: (rules: readonly string[]) => boolean): string[] {
  let left = [...rules];
  for (let size = left.length >> 1; size > 0; size >>= 1) {
    for (let from = 0; from < left.length && left.length > size; ) {
      const fewer = [...left.slice(0, from), ...left.slice(from + size)];
      if (fails(fewer)) left = fewer;
      else from += size;
    }
  }
  return left;
}

function compare(
  family: 4 | 6,
  sets: number,
  makeRules: (random: Prng) => string[],
  makeFrame: (family: 4 | 6, random: Prng) => Uint8Array,
): void {
  for (let n = 0; n < sets; n++) {
    const seed = SEED + n * 2 + family;
    const rules = makeRules(new Prng(seed));
    const differs = (fewer: readonly string[]) => disagreement(fewer, family, seed, makeFrame);
    if (differs(rules) === null) continue;
    const fewest = shrink(rules, (fewer) => differs(fewer) !== null);
    assert.fail(`seed ${seed}: ${differs(fewest)}\n${fewest.join('\n')}`);
  }
}

describe('the index gives what a walk rule by rule gives', () => {
  for (const family of [4, 6] as const) {
    test(`IPv${family}: rules and packets of all kinds (${SETS * PACKETS} packets)`, () => {
      compare(family, SETS, (random) => randomRules(family, random), randomFrame);
    });

    test(`IPv${family}: many rules side by side`, () => {
      const rules = (random: Prng) => Array.from({ length: 700 }, () => denseRule(family, random));
      compare(family, 8, rules, denseFrame);
    });
  }
});
