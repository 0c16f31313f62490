import { defineMatch } from '../../extension.ts';
import { shown } from '../../options.ts';
import { FixedAnswer } from '../parts/fixed-answer.ts';
import { MAX_UINT32, readNumber } from '../parts/option-values.ts';

/** `-m cpu`: which processor handles the packet. One thread does all of it here: processor 0. */
export const cpu = defineMatch<{ number: number; negated: boolean }>({
  name: 'cpu',
  options: [
    {
      name: 'cpu',
      args: 1,
      argument: 'NUMBER',
      help: 'number of the processor, from 0',
      negatable: true,
      required: true,
      set: (value, [text = ''], negated) => {
        Object.assign(value, { number: readNumber('cpu', 'cpu', text, MAX_UINT32), negated });
      },
      save: ({ number, negated }) => shown(String(number), negated),
    },
  ],
  initial: () => ({ number: 0, negated: false }),
  list: ({ number, negated }) => `cpu ${negated ? '! ' : ''}${number}`,
  unenforced: () =>
    'one thread handles all packets here: every packet counts as one of processor 0',
  steady: true,
  evaluator: ({ number, negated }) => new FixedAnswer((number === 0) !== negated),
});
