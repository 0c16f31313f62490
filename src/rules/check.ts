import { RuleError, RuleFault, type RuleWarning, type WarningCode } from './errors.ts';
import type { CheckPlace } from './extension.ts';
import type { Chain, Rule, RuleSet, Table } from './model.ts';

/**
 * The checks of the kernel when a table is put in place: loops, and whether every match and target
 * may stand where it can be reached. Returns all errors, at most one per rule.
 */
export function checkRuleSet(ruleSet: RuleSet, helpers: readonly string[]): RuleError[] {
  return ruleSet.allTables().flatMap((table) => checkTable(table, helpers, ruleSet.timeouts));
}

/** The same for one table. */
export function checkTable(
  table: Table,
  helpers: readonly string[],
  timeouts: RuleSet['timeouts'],
): RuleError[] {
  const errors: RuleError[] = [];
  const reach = new Map<string, number>();
  for (const chain of table.chains.values()) {
    if (chain.hook >= 0) markReachable(table, chain, 1 << chain.hook, reach, errors);
  }
  const seen = new Set<string>();
  for (const chain of table.chains.values()) {
    const place: CheckPlace = {
      table: table.name,
      hookMask: reach.get(chain.name) ?? 0,
      helpers,
      timeouts,
    };
    for (const rule of chain.rules) {
      const error = checkRule(rule, place);
      // The rules of a comma list share their line; it is named once.
      if (error === null || seen.has(`${error.file}:${error.line}`)) continue;
      seen.add(`${error.file}:${error.line}`);
      errors.push(error);
    }
  }
  return errors;
}

/**
 * What is read and not carried out, one warning for each match or target of each rule. `holdsOutput`:
 * see `unenforcedParts`.
 */
export function warnOfUnenforced(ruleSet: RuleSet, holdsOutput = false): RuleWarning[] {
  const warnings: RuleWarning[] = [];
  const seen = new Set<string>();
  for (const table of ruleSet.allTables()) {
    for (const chain of table.chains.values()) {
      for (const rule of chain.rules) {
        for (const message of unenforcedParts(rule, holdsOutput)) {
          // The rules of a comma list share their line; it is named once.
          const key = `${rule.file}:${rule.line}:${message}`;
          if (seen.has(key)) continue;
          seen.add(key);
          warnings.push(ruleWarning(rule, 'not-enforced', message));
        }
      }
    }
  }
  return warnings;
}

/**
 * Sentences about what of a rule is not enforced; empty where all of it is. `holdsOutput`: whether the
 * datapath holds the host's own packets back (`LiveDatapath`).
 */
export function unenforcedParts(rule: Rule, holdsOutput = false): string[] {
  const parts = rule.jump.kind === 'target' ? [...rule.matches, rule.jump.target] : rule.matches;
  return parts.flatMap((part) => {
    const sentence = part.unenforced(holdsOutput);
    return sentence === null ? [] : [`${part.name}: not enforced: ${sentence}`];
  });
}

/** A warning that stands at a rule. */
export function ruleWarning(
  rule: Rule,
  code: WarningCode,
  message: string,
  help = '',
): RuleWarning {
  const { file, line, column, sourceLine } = rule;
  return { file, line, column, sourceLine, message, code, help, rule };
}

function checkRule(rule: Rule, place: CheckPlace): RuleError | null {
  try {
    for (const match of rule.matches) match.check(rule, place);
    if (rule.jump.kind === 'target') rule.jump.target.check(rule, place);
    return null;
  } catch (fault) {
    return asError(fault, rule);
  }
}

function asError(fault: unknown, rule: Rule): RuleError {
  if (!(fault instanceof RuleFault)) throw fault;
  return new RuleError(fault, rule.file, rule, rule.sourceLine, rule);
}

/**
 * Gives every chain that a built-in chain leads to the bit of that hook. A jump back to a chain that
 * is being walked is a loop. Iterative, for chains may be nested deeply.
 */
function markReachable(
  table: Table,
  root: Chain,
  bit: number,
  reach: Map<string, number>,
  errors: RuleError[],
): void {
  const path: { chain: Chain; next: number }[] = [{ chain: root, next: 0 }];
  const onPath = new Set([root.name]);
  reach.set(root.name, (reach.get(root.name) ?? 0) | bit);
  while (path.length > 0) {
    const top = path.at(-1)!;
    const rule = top.chain.rules[top.next++];
    if (rule === undefined) {
      path.pop();
      onPath.delete(top.chain.name);
      continue;
    }
    if (rule.jump.kind !== 'chain') continue;
    const chain = table.chains.get(rule.jump.chain);
    if (chain === undefined) continue;
    if (onPath.has(chain.name)) {
      const detail = `the chains ${[...onPath].join(', ')} lead back to ${chain.name}`;
      const words = 'Too many levels of symbolic links.';
      const error = asError(new RuleFault('loop', words, detail), rule);
      if (!errors.some((e) => e.file === error.file && e.line === error.line)) errors.push(error);
      continue;
    }
    const before = reach.get(chain.name) ?? 0;
    if ((before & bit) !== 0) continue;
    reach.set(chain.name, before | bit);
    path.push({ chain, next: 0 });
    onPath.add(chain.name);
  }
}
