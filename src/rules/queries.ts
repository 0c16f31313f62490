import {
  type Chain,
  type Rule,
  type RulePlace,
  type RuleSet,
  type Table,
  tableNames,
} from './model.ts';

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
 * What a datapath that never sees the host's own packets cannot enforce: rules of OUTPUT chains, DROP
 * policies there, and REDIRECT, whose answers this host sends. Empty where there is none of these.
 */
export function needsOutputHook(ruleSet: RuleSet): OutputDemand[] {
  return ruleSet
    .allTables()
    .flatMap((table) => [
      ...outputDemands(table),
      ...[...table.chains.values()].flatMap((chain) => redirectDemands(table, chain)),
    ]);
}

function outputDemands(table: Table): OutputDemand[] {
  const chain = table.chains.get('OUTPUT');
  if (chain === undefined) return [];
  const where = placeOf(table, chain);
  const rules = chain.rules.map(({ file, line }, i) => ({
    file,
    line,
    what: `${where} rule ${i + 1}`,
  }));
  if (chain.policy !== 'DROP') return rules;
  return [
    { file: chain.policyFile, line: chain.policyLine, what: `${where} policy DROP` },
    ...rules,
  ];
}

function redirectDemands(table: Table, chain: Chain): OutputDemand[] {
  if (chain.name === 'OUTPUT') return [];
  return chain.rules.flatMap(({ file, line, jump }, i) =>
    jump.kind === 'target' && jump.target.name === 'REDIRECT'
      ? [{ file, line, what: `${placeOf(table, chain)} rule ${i + 1}, REDIRECT: its answers` }]
      : [],
  );
}

function placeOf(table: Table, chain: Chain): string {
  return `${table.family === 6 ? 'IPv6 ' : ''}${table.name} ${chain.name}`;
}
