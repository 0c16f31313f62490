import { defineMatch, type MatchEvaluator } from '../../extension.ts';
import { quoteWord, shown } from '../../options.ts';
import { cutText } from '../parts/option-values.ts';

/** `-m comment`: says something, matches everything. */

/** XT_MAX_COMMENT_LEN less the closing NUL: longer ones are cut, as iptables does. */
const MAX_LENGTH_BYTES = 255;

const always: MatchEvaluator = { matches: () => true };

export const comment = defineMatch<{ text: string }>({
  name: 'comment',
  options: [
    {
      name: 'comment',
      args: 1,
      argument: 'TEXT',
      help: 'anything, up to 255 bytes',
      required: true,
      set: (value, [text = '']) => {
        value.text = cutText(text, MAX_LENGTH_BYTES);
      },
      save: (value) => shown(quoteWord(value.text)),
    },
  ],
  initial: () => ({ text: '' }),
  list: (value) => `/* ${value.text} */`,
  steady: true,
  plainAnswer: () => true,
  evaluator: () => always,
});
