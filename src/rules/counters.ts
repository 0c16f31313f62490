import type { CompiledRules } from './compile.ts';
import type { Chain, Rule } from './model.ts';
import { ruleSpec } from './print/spec.ts';

/**
 * Carries the counters of `before` over to `after` for policies and for rules that stand in the
 * same chain as before: the very same rule, else one with the same text; of several equal ones the
 * first takes the first's, and so on. Tables that `after` has taken over whole have theirs already.
 */
export function keepCounters(before: CompiledRules, after: CompiledRules): void {
  for (const table of after.ruleSet.allTables()) {
    const old = before.ruleSet.table(table.family, table.code);
    if (after.tookOver(table, before)) continue;
    for (const chain of table.chains.values()) {
      const oldChain = old?.chains.get(chain.name);
      if (oldChain === undefined) continue;
      if (chain.hook >= 0) after.setCounters(chain, before.countersOf(oldChain));
      for (const [rule, same] of pairs(oldChain, chain)) {
        after.setCounters(rule, before.countersOf(same));
      }
    }
  }
}

/** Rules of `chain`, each with the one of `before` whose counters it takes. */
function* pairs(before: Chain, chain: Chain): Generator<readonly [Rule, Rule]> {
  const remaining = new Set(before.rules);
  const changed: Rule[] = [];
  for (const rule of chain.rules) {
    if (remaining.delete(rule)) yield [rule, rule];
    else changed.push(rule);
  }
  if (changed.length === 0 || remaining.size === 0) return;
  const byText = new Map<string, Rule[]>();
  // The last one first, so that the first is at the end, where it is cheap to take.
  for (const rule of [...remaining].reverse()) {
    const text = ruleSpec(rule);
    const same = byText.get(text);
    if (same === undefined) byText.set(text, [rule]);
    else same.push(rule);
  }
  for (const rule of changed) {
    const same = byText.get(ruleSpec(rule))?.pop();
    if (same !== undefined) yield [rule, same];
  }
}
