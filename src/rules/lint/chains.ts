import { ruleWarning } from '../check.ts';
import type { RuleWarning } from '../errors.ts';
import type { TableFacts } from './facts.ts';

/** Chains with rules that no packet can get to: nothing that is reached jumps to them. */
export function lintChains(facts: TableFacts): RuleWarning[] {
  const { table } = facts;
  const reached = new Set([...table.chains.values()].filter((c) => c.hook >= 0).map((c) => c.name));
  for (const name of reached) {
    for (const { rule } of facts.chains.get(name) ?? []) {
      if (rule.jump.kind === 'chain') reached.add(rule.jump.chain);
    }
  }
  return [...table.chains.values()].flatMap((chain) => {
    const [first] = chain.rules;
    if (first === undefined || reached.has(chain.name)) return [];
    const message = `nothing leads to chain ${chain.name}: its rules see no packet`;
    return [ruleWarning(first, 'unused-chain', message)];
  });
}
