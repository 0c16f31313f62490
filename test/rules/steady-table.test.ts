/** Every match and target there is, and whether it lets a flow go without the rules. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { MatchInstance, TargetInstance } from '../../src/rules/extension.ts';
import type { Family, Rule } from '../../src/rules/model.ts';
import { matches, targets } from '../../src/rules/registry.ts';
import { all, loaded } from './steady-decisions.ts';

function partOf(rule: Rule, name: string): MatchInstance | TargetInstance {
  const { jump } = rule;
  const found = rule.matches.find((match) => match.name === name);
  if (found !== undefined) return found;
  assert.ok(jump.kind === 'target' && jump.target.name === name, `${name} in ${rule.sourceLine}`);
  return jump.target;
}

describe('what lets flows go without the rules', () => {
  for (const decision of all) {
    const { family, name, rule, steady } = decision;
    test(`IPv${family} ${rule}: ${steady ? 'steady' : 'not steady'}`, () => {
      assert.equal(partOf(loaded(decision), name).steady, steady);
    });
  }

  test('nothing in the registry is without a decision', () => {
    const both = new Set(all.map(({ name, family }) => `${name} ${family}`));
    const isDecided = (name: string, families: readonly Family[]) =>
      families.some((family) => both.has(`${name} ${family}`));
    for (const { name, families } of [...matches, ...targets]) {
      assert.ok(isDecided(name, families), `${name}: say in the table above what holds for it`);
    }
  });
});
