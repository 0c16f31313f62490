import { defineMatch } from '../../extension.ts';
import { quoteWord, shown } from '../../options.ts';
import { FixedAnswer } from '../parts/fixed-answer.ts';
import { cutText } from '../parts/option-values.ts';

/** `-m nfacct`: counts under a name and matches everything. Nothing is counted here. */

const MAX_NAME_BYTES = 31;

export const nfacct = defineMatch<{ name: string }>({
  name: 'nfacct',
  options: [
    {
      name: 'nfacct-name',
      args: 1,
      argument: 'NAME',
      help: 'name of the counter',
      required: true,
      set: (value, [text = '']) => {
        value.name = cutText(text, MAX_NAME_BYTES);
      },
      save: ({ name }) => shown(quoteWord(name)),
    },
  ],
  initial: () => ({ name: '' }),
  list: ({ name }) => `nfacct-name  ${name}`,
  unenforced: () => 'named counters are not kept here: every packet matches and nothing is counted',
  steady: true,
  evaluator: () => new FixedAnswer(true),
});
