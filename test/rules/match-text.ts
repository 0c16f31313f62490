/**
 * Tables of rules and what they become. A line `@4 filter INPUT` says for which family, table and
 * chain the rules below it are. Fields stand apart by ` ;; `:
 *
 *   rule ;; its saved form, or = for itself ;; words of -L ;; words of -L -n where they differ
 *   rule ;; exit code ;; message
 *
 * A `^` stands for the backquote of messages, `EINVAL` for the refusal that gives no reason.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { INVALID_ARGUMENT } from '../../src/rules/errors.ts';
import { type Family, type Rule, ruleSpec, type TableName } from '../../src/rules/index.ts';
import { block, errorOf, ruleSetOf, services } from './support.ts';

interface Line {
  readonly family: Family;
  readonly table: TableName;
  readonly chain: string;
  readonly fields: readonly string[];
}

function linesOf(text: string): Line[] {
  let place: Omit<Line, 'fields'> = { family: 4, table: 'filter', chain: 'INPUT' };
  return text
    .split('\n')
    .filter((line) => line !== '')
    .flatMap((line) => {
      const head = /^@([46]) (\w+) (\w+)$/.exec(line);
      if (head === null) return [{ ...place, fields: line.split(/ ;;(?: |$)/) }];
      place = {
        family: Number(head[1]) as Family,
        table: head[2] as TableName,
        chain: head[3] ?? '',
      };
      return [];
    });
}

function ruleOf({ family, table, chain }: Line, rule: string): Rule {
  const ruleSet = ruleSetOf(block(table, `-A ${chain} ${rule}`), { family });
  const found = ruleSet.allTables()[0]?.chains.get(chain)?.rules[0];
  assert.ok(found, rule);
  return found;
}

/** Checks saved forms and the words of -L, and that a saved form is read as it was written. */
export function testForms(table: string): void {
  test('saved and listed forms', () => {
    for (const line of linesOf(table)) {
      const [rule = '', saved = '', words = '', numericWords = words] = line.fields;
      const expected = saved === '=' ? rule : saved;
      const found = ruleOf(line, rule);
      assert.equal(ruleSpec(found).trim(), expected.trim(), rule);
      assert.equal(ruleSpec(ruleOf(line, expected)).trim(), expected.trim(), `again: ${rule}`);
      assert.equal(listed(found, false), words.trim(), `-L: ${rule}`);
      assert.equal(listed(found, true), numericWords.trim(), `-L -n: ${rule}`);
    }
  });
}

function listed(rule: Rule, numeric: boolean): string {
  const view = { numeric, services, family: rule.family };
  return rule.matches
    .map((match) => match.listText(view))
    .join('')
    .trim();
}

export function testRefusals(table: string): void {
  test('refusals', () => {
    for (const line of linesOf(table)) {
      const [rule = '', code = '', message = ''] = line.fields;
      const error = errorOf(block(line.table, `-A ${line.chain} ${rule}`), {
        family: line.family,
      });
      const words = message === 'EINVAL' ? INVALID_ARGUMENT : message.replaceAll('^', '`');
      assert.equal(error.message, words, rule);
      assert.equal(error.exitCode, Number(code), rule);
    }
  });
}
