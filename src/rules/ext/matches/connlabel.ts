import { RuleFault } from '../../errors.ts';
import { defineMatch } from '../../extension.ts';
import { parseUnsigned } from '../../numbers.ts';
import { shown } from '../../options.ts';
import { FixedAnswer } from '../parts/fixed-answer.ts';
import { MAX_UINT16 } from '../parts/option-values.ts';

/** `-m connlabel`: labels of connections. There are none here: no connection has one. */

interface ConnlabelValues {
  label: number;
  negated: boolean;
  set: boolean;
}

/** XT_CONNLABEL_MAXBIT. */
const MAX_LABEL = 127;

export const connlabel = defineMatch<ConnlabelValues>({
  name: 'connlabel',
  options: [
    {
      name: 'label',
      args: 1,
      argument: 'NUMBER',
      help: 'the connection has the label, 0 to 127',
      negatable: true,
      required: true,
      set: (value, [text = ''], negated) => {
        const label = parseUnsigned(text, MAX_UINT16);
        if (label === null) {
          const words = `label '${text}' not found or invalid value`;
          throw new RuleFault('bad-value', words);
        }
        Object.assign(value, { label, negated });
      },
      save: ({ label, negated }) => shown(`"${label}"`, negated),
    },
    {
      name: 'set',
      args: 0,
      help: 'give the connection the label',
      set: (value) => {
        value.set = true;
      },
      save: ({ set }) => (set ? shown('') : null),
    },
  ],
  initial: () => ({ label: 0, negated: false, set: false }),
  check: ({ label }) => {
    if (label <= MAX_LABEL) return;
    const words = 'Numerical result out of range.';
    throw new RuleFault('out-of-range', words, `connlabel: labels end at ${MAX_LABEL}`);
  },
  list: ({ label, negated, set }) => `connlabel ${negated ? '! ' : ''}${label}${set ? ' set' : ''}`,
  unenforced: () => 'connections have no labels here: none is found and none is set',
  evaluator: ({ negated }) => new FixedAnswer(negated),
});
