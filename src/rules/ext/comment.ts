import { RuleFault } from '../errors.ts';
import { defineMatch, type MatchEvaluator } from '../extension.ts';
import { quoteWord, shown } from '../options.ts';

/** `-m comment`: says something, matches everything. */

/** XT_MAX_COMMENT_LEN less the closing NUL. */
const MAX_LENGTH_BYTES = 255;

const always: MatchEvaluator = { matches: () => true };

export const comment = defineMatch<{ text: string }>({
  name: 'comment',
  options: [
    {
      name: 'comment',
      args: 1,
      required: true,
      set: (value, [text = '']) => {
        if (Buffer.byteLength(text) > MAX_LENGTH_BYTES) {
          const words = `Argument must have a maximum length of ${MAX_LENGTH_BYTES} characters`;
          throw new RuleFault('bad-value', words);
        }
        value.text = text;
      },
      save: (value) => shown(quoteWord(value.text)),
    },
  ],
  initial: () => ({ text: '' }),
  list: (value) => `/* ${value.text} */`,
  evaluator: () => always,
});
