import { type Rule, type RulePlace, type RuleSet, tableNames } from './model.ts';

/** Where a rule stands, for messages and reports. */
export function describeRule(ruleSet: RuleSet, rule: Rule): RulePlace {
  const chain = ruleSet.table(rule.family, rule.table)?.chains.get(rule.chain);
  return {
    file: rule.file,
    line: rule.line,
    table: tableNames[rule.table],
    chain: rule.chain,
    number: (chain?.rules.indexOf(rule) ?? -1) + 1,
  };
}

/** Something that only a hook for locally made packets could enforce. */
export interface OutputDemand {
  readonly file: string;
  readonly line: number;
  /** `filter OUTPUT policy DROP`, `nat OUTPUT rule 1`. */
  readonly what: string;
}

/**
 * The rules of OUTPUT chains and DROP policies there: what a datapath that never sees the host's
 * own packets cannot enforce. Empty where there is none.
 */
export function needsOutputHook(ruleSet: RuleSet): OutputDemand[] {
  const demands: OutputDemand[] = [];
  for (const table of ruleSet.allTables()) {
    const chain = table.chains.get('OUTPUT');
    if (chain === undefined) continue;
    const where = `${table.family === 6 ? 'IPv6 ' : ''}${table.name} OUTPUT`;
    if (chain.policy === 'DROP') {
      const { policyFile: file, policyLine: line } = chain;
      demands.push({ file, line, what: `${where} policy DROP` });
    }
    chain.rules.forEach(({ file, line }, i) => {
      demands.push({ file, line, what: `${where} rule ${i + 1}` });
    });
  }
  return demands;
}
