import { ruleWarning } from '../check.ts';
import type { RuleWarning } from '../errors.ts';
import type { RuleSet } from '../model.ts';

/** Rules that ask a set with fewer `src,dst` flags than its elements have parts: none matches. */
export function lintSets(ruleSet: RuleSet): RuleWarning[] {
  return ruleSet.allTables().flatMap((table) =>
    [...table.chains.values()].flatMap((chain) =>
      chain.rules.flatMap((rule) => {
        const { jump } = rule;
        const parts = jump.kind === 'target' ? [...rule.matches, jump.target] : rule.matches;
        const texts = parts
          .filter(({ name }) => /^set$/i.test(name))
          .map((part) => part.saveText());
        return texts.flatMap((text) => {
          const found = /-set (\S+) (\S+)/.exec(text);
          const set = found === null ? null : ruleSet.sets.find(found[1]!);
          if (set === null || found === null) return [];
          const { name, dimension } = set.body.type;
          const given = found[2]!.split(',').length;
          if (given >= dimension) return [];
          const message = `set ${set.name} of type ${name} needs ${dimension} of src and dst, not ${given}: it never matches`;
          return [ruleWarning(rule, 'set-dimension', message)];
        });
      }),
    ),
  );
}
