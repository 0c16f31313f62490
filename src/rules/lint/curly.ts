import { ruleWarning } from '../check.ts';
import { RuleError, RuleFault, type RuleWarning } from '../errors.ts';
import type { RuleSet } from '../model.ts';

/** Dashes and quotes that word processors and web pages put in place of `-` and `"`. */
const curly = /[\u2010-\u2015\u2212\u2018-\u201f\u00ab\u00bb]/;

/** Where a line has the first of them, from 1; 0 for nowhere. */
function curlyColumn(text: string): number {
  const match = curly.exec(text);
  return match === null ? 0 : match.index + 1;
}

/** Gives errors on lines with such characters the reason, where none is given yet. */
export function explainCurlyCharacters(errors: readonly RuleError[]): RuleError[] {
  return errors.map((error) => {
    const at = curlyColumn(error.sourceLine);
    if (at === 0 || error.detail !== '') return error;
    const character = error.sourceLine[at - 1]!;
    const detail = `column ${at} has \`${character}', a typographic character, not - or "`;
    const fault = new RuleFault(error.code, error.message, detail);
    return new RuleError(fault, error.file, error, error.sourceLine, error.rule);
  });
}

/** Typographic quotes where a quoted word would begin: they quote nothing. */
const openingQuote = /(?:^|[\s=])([\u201c-\u201f\u00ab])/;

/** A line that was read, and has quotes in it that quote nothing. */
export function lintCurly(ruleSet: RuleSet): RuleWarning[] {
  return ruleSet.allTables().flatMap((table) =>
    [...table.chains.values()].flatMap((chain) =>
      chain.rules.flatMap((rule) => {
        const at = openingQuote.exec(rule.sourceLine.replace(/\s#.*$/, ''));
        if (at === null) return [];
        const message = `typographic quote \`${at[1]}': it quotes nothing, and is part of the text`;
        const column = at.index + at[0].length;
        return [{ ...ruleWarning(rule, 'curly-characters', message), column }];
      }),
    ),
  );
}
