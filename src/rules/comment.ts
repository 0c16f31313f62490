import type { Rule } from './model.ts';
import { splitSaveLine } from './parse/words.ts';

/** The text of a rule's `-m comment --comment`, of the first if there are several; '' without. */
export function commentOf({ matches }: Pick<Rule, 'matches'>): string {
  const match = matches.find(({ name }) => name === 'comment');
  if (match === undefined) return '';
  return splitSaveLine(match.saveText(), 0)[1]?.text ?? '';
}
