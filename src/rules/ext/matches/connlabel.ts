import type { RuleContext } from '../../context.ts';
import { RuleFault } from '../../errors.ts';
import { defineMatch, type MatchEvaluator } from '../../extension.ts';
import { parseUnsigned } from '../../numbers.ts';
import { shown } from '../../options.ts';
import { MAX_UINT16 } from '../parts/option-values.ts';

/** `-m connlabel`: labels of connections, which `--set` gives them. */

interface ConnlabelValues {
  label: number;
  negated: boolean;
  set: boolean;
}

/** XT_CONNLABEL_MAXBIT. */
const MAX_LABEL = 127;

/** connlabel_mt of xt_connlabel.c: without a connection only the negated rule matches. */
class ConnlabelEvaluator implements MatchEvaluator {
  private readonly label: number;
  private readonly negated: boolean;
  private readonly set: boolean;

  constructor({ label, negated, set }: ConnlabelValues) {
    this.label = label;
    this.negated = negated;
    this.set = set;
  }

  matches({ connection, trail }: RuleContext): boolean {
    if (!connection.exists) return this.negated;
    if (connection.hasLabel(this.label)) return !this.negated;
    if (!this.set) return this.negated;
    // Rules before this one may answer the next packet otherwise.
    if (trail !== null) trail.disturb();
    if (!trail?.isRehearsal) connection.addLabel(this.label);
    return !this.negated;
  }
}

export const connlabel = defineMatch<ConnlabelValues>({
  name: 'connlabel',
  stateful: ({ set }) => set,
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
  // Labels come from walks of the connection itself or from a command.
  steady: true,
  evaluator: (values) => new ConnlabelEvaluator(values),
});
