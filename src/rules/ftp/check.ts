import { commentOf } from '../comment.ts';
import type { RuleWarning } from '../errors.ts';
import { type Rule, type RuleSet, TableId } from '../model.ts';
import type { FtpDirective } from './model.ts';

/** What directives say that comes to nothing, seen with the rules beside them. */
export function warnOfDirectives(ruleSet: RuleSet): RuleWarning[] {
  if (ruleSet.ftp.length === 0) return [];
  const comments = helperComments(ruleSet);
  return ruleSet.ftp.flatMap((directive) => {
    const { scope, settings } = directive;
    const found: RuleWarning[] = [];
    if (scope.kind === 'rule' && !comments.has(scope.comment)) {
      const message = `no rule with -j CT --helper ftp has the comment "${scope.comment}"`;
      found.push(warning(directive, message));
    }
    const both = settings.allow?.filter((verb) => settings.deny?.includes(verb)) ?? [];
    if (both.length > 0) {
      found.push(warning(directive, `allow= and deny= both name ${both.join(', ')}: deny= wins`));
    }
    const { passiveRange, minPort = 0 } = settings;
    if (passiveRange && passiveRange.first < minPort) {
      found.push(warning(directive, 'passive-range= begins below min-port=: those stay closed'));
    }
    return found;
  });
}

function warning({ file, line, text }: FtpDirective, message: string): RuleWarning {
  const place = { file, line, column: 1, sourceLine: text };
  return { ...place, message, code: 'doubtful-directive', help: '', rule: null };
}

function helperComments(ruleSet: RuleSet): ReadonlySet<string> {
  const found = new Set<string>();
  for (const family of [4, 6] as const) {
    for (const { rules } of ruleSet.table(family, TableId.Raw)?.chains.values() ?? []) {
      for (const rule of rules) if (bindsFtp(rule)) found.add(commentOf(rule));
    }
  }
  return found;
}

/** Whether a rule gives connections the FTP helper. */
export function bindsFtp({ jump }: Rule): boolean {
  return jump.kind === 'target' && / --helper "?ftp/.test(jump.target.saveText());
}
