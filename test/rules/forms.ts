/** Tables of rules with what iptables-legacy 1.8.9 made of them, for the tests of targets. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TargetInstance } from '../../src/rules/extension.ts';
import type { Family, Rule, TableName } from '../../src/rules/model.ts';
import { tableCode } from '../../src/rules/model.ts';
import { ruleSpec } from '../../src/rules/print/spec.ts';
import { block, errorOf, ruleSetOf, services } from './support.ts';

/**
 * Declares a test for each section of a text. A section begins with `# FAMILY TABLE CHAIN`; then one
 * rule a line: `RULE ; SAVED ; WORDS [; WORDS WITH -n]`, where SAVED is `=` for the rule as it
 * stands, or `RULE ; ! MESSAGE` where it is refused. `^` stands for a backquote.
 */
export function testForms(text: string): void {
  for (const section of text.replaceAll('^', '`').split(/^# /m).slice(1)) {
    const [head = '', ...lines] = section.trimEnd().split('\n');
    const [family, table, chain] = head.split(' ') as [string, TableName, string];
    test(`IPv${family}, ${table} ${chain}: ${lines.length} rules`, () => {
      for (const line of lines) checkForm(Number(family) as Family, table, chain, line);
    });
  }
}

function checkForm(family: Family, table: TableName, chain: string, line: string): void {
  const [rule = '', saved = '', words = '', numericWords = words] = line.split(' ; ');
  const text = block(table, `-A ${chain} ${rule}`);
  if (saved.startsWith('! ')) {
    assert.equal(errorOf(text, { family }).message, saved.slice(2), rule);
    return;
  }
  const { chains } = ruleSetOf(text, { family }).table(family, tableCode(table)!)!;
  const read: Rule = chains.get(chain)!.rules[0]!;
  assert.equal(ruleSpec(read), ` ${saved === '=' ? rule : saved}`, rule);
  assert.ok(read.jump.kind === 'target', rule);
  const { target } = read.jump;
  assert.equal(wordsOf(target, false, family), words.trimEnd(), rule);
  assert.equal(wordsOf(target, true, family), numericWords.trimEnd(), rule);
}

/** Without the blanks around them, which print.test.ts looks at. */
function wordsOf(target: TargetInstance, numeric: boolean, family: Family): string {
  return target.listText({ numeric, services, family }).slice(1).trimEnd();
}
