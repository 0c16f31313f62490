import type { RuleWarning } from '../errors.ts';
import type { RuleSet } from '../model.ts';
import { lintAccess, lintNat } from './access.ts';
import { lintChains } from './chains.ts';
import { lintCurly } from './curly.ts';
import { tableFacts } from './facts.ts';
import { lintFtp } from './ftp.ts';
import { lintOrder } from './order.ts';
import { lintSets } from './sets.ts';

/**
 * Looks for what a rule set says and surely does not mean. Says nothing where it cannot prove it.
 * In the order of files and lines; a line is named once for each code. Cold; time grows as the
 * number of rules does.
 */
export function lintRuleSet(ruleSet: RuleSet): RuleWarning[] {
  const all = ruleSet.allTables().map(tableFacts);
  const found = [
    ...all.flatMap(lintOrder),
    ...all.flatMap(lintChains),
    ...all.flatMap(lintAccess),
    ...lintNat(ruleSet),
    ...lintFtp(ruleSet, all),
    ...lintSets(ruleSet),
    ...lintCurly(ruleSet),
  ];
  const seen = new Set<string>();
  const once = found.filter(({ file, line, code }) => {
    const key = `${file}:${line}:${code}`;
    return !seen.has(key) && seen.add(key);
  });
  const order = new Map<string, number>();
  for (const { file } of once) if (!order.has(file)) order.set(file, order.size);
  return once.sort((a, b) => order.get(a.file)! - order.get(b.file)! || a.line - b.line);
}
