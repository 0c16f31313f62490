/** Recorded lines of iptables against what is read, printed, listed and refused here. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadRuleFiles, ruleSpec, TableId } from '../../src/rules/index.ts';
import { services } from './support.ts';

/**
 * One test for each extension and case, from lines of two kinds (a 6 in front is ip6tables):
 *
 *   LINE => what iptables-save prints, or `=` for LINE itself => words of -L
 *   LINE =!> exit code and message, with ¬ for the quote that would end the text here
 */
export function checkForms(recorded: string): void {
  for (const line of recorded.split('\n')) {
    if (line === '') continue;
    test(line, () => {
      const family = line.startsWith('6 ') ? 6 : 4;
      const text = family === 6 ? line.slice(2) : line;
      const [rule = '', refusal] = text.split(' =!> ');
      if (refusal !== undefined)
        return assert.equal(outcome(rule, family), refusal.replaceAll('¬', '`'));
      const [given = '', saved, listed] = text.split(' => ');
      const wanted = saved === '=' ? given : saved;
      assert.equal(outcome(given, family), `${wanted} => ${listed}`);
    });
  }
}

function outcome(rule: string, family: 4 | 6): string {
  const file = `*filter\n:T - [0:0]\n-A T ${rule}\nCOMMIT\n`;
  const { ruleSet, errors } = loadRuleFiles(['test.rules'], () => file, { services, family });
  if (ruleSet === null) return `${errors[0]?.exitCode} ${errors[0]?.message}`;
  const made = ruleSet.table(family, TableId.Filter)!.chains.get('T')!.rules[0]!;
  const listed = made.matches.map((m) => m.listText({ numeric: true, services, family }));
  return `${ruleSpec(made)
    .replace(/^-A T /, '')
    .trim()} => ${listed.join('').trimStart()}`;
}
