import { RuleFault } from '../errors.ts';
import { defineMatch } from '../extension.ts';
import { shown } from '../options.ts';
import { formatStates, parseStates, StateEvaluator, type StateValues } from './states.ts';

/** `-m conntrack --ctstate`. */
export const conntrack = defineMatch<StateValues>({
  name: 'conntrack',
  options: [
    {
      name: 'ctstate',
      args: 1,
      negatable: true,
      set: (value, [text = ''], negated) => {
        value.mask = parseStates(text, 'ctstate');
        value.negated = negated;
      },
      save: (value) => shown(formatStates(value.mask), value.negated),
    },
  ],
  initial: () => ({ mask: 0, negated: false }),
  finish: (value) => {
    if (value.mask === 0) {
      throw new RuleFault('missing-option', 'conntrack: At least one option is required');
    }
  },
  list: (value) => `${value.negated ? '! ' : ''}ctstate ${formatStates(value.mask)}`,
  evaluator: (value) => new StateEvaluator(value),
});
