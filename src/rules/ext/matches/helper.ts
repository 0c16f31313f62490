import type { RuleContext } from '../../context.ts';
import { defineMatch, type MatchEvaluator } from '../../extension.ts';
import { quoteWord, shown } from '../../options.ts';
import { cutText } from '../parts/option-values.ts';

/** `-m helper`: packets of connections whose master has the named helper. */

interface HelperValues {
  name: string;
  negated: boolean;
}

/** Space of the name in xt_helper_info, less the closing NUL: longer ones are cut. */
const MAX_NAME_BYTES = 29;

class HelperEvaluator implements MatchEvaluator {
  private readonly name: string;
  private readonly negated: boolean;

  constructor(values: HelperValues) {
    this.name = values.name;
    this.negated = values.negated;
  }

  matches(ctx: RuleContext): boolean {
    const { masterHelper } = ctx;
    if (masterHelper === '') return this.negated;
    // xt_helper compares as many bytes as the helper's name has ("ftp-2121" asks for "ftp"); an
    // empty name asks for any helper.
    const hit = this.name === '' || this.name.startsWith(masterHelper);
    return hit !== this.negated;
  }
}

export const helper = defineMatch<HelperValues>({
  name: 'helper',
  options: [
    {
      name: 'helper',
      args: 1,
      argument: 'NAME',
      help: 'helper of the connection that made this one expected',
      negatable: true,
      required: true,
      set: (value, [text = ''], negated) => {
        value.name = cutText(text, MAX_NAME_BYTES);
        value.negated = negated;
      },
      save: (value) => shown(quoteWord(value.name), value.negated),
    },
  ],
  initial: () => ({ name: '', negated: false }),
  list: (value) => `helper match ${value.negated ? '! ' : ''}"${value.name}"`,
  // The name stays with the connection, whatever becomes of its master.
  steady: true,
  evaluator: (value) => new HelperEvaluator(value),
});
