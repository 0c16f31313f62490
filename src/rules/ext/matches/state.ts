import { defineMatch } from '../../extension.ts';
import { shown } from '../../options.ts';
import {
  formatStates,
  parseStates,
  plainStateAnswer,
  StateEvaluator,
  type StateValues,
} from '../parts/states.ts';

/** `-m state`. */
export const state = defineMatch<StateValues>({
  name: 'state',
  options: [
    {
      name: 'state',
      args: 1,
      argument: 'STATE[,STATE…]',
      help: 'INVALID, NEW, RELATED, ESTABLISHED or UNTRACKED',
      negatable: true,
      required: true,
      set: (value, [text = ''], negated) => {
        value.mask = parseStates(text, 'state');
        value.negated = negated;
      },
      save: (value) => shown(formatStates(value.mask), value.negated),
    },
  ],
  initial: () => ({ mask: 0, negated: false }),
  list: (value) => `${value.negated ? '! ' : ''}state ${formatStates(value.mask)}`,
  steady: true,
  plainAnswer: plainStateAnswer,
  evaluator: (value) => new StateEvaluator(value),
});
