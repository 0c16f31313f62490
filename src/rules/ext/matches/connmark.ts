import type { RuleContext } from '../../context.ts';
import { defineMatch, type MatchEvaluator } from '../../extension.ts';
import { hex } from '../../numbers.ts';
import { shown } from '../../options.ts';
import { readMasked } from '../parts/option-values.ts';

/** `-m connmark --mark VALUE[/MASK]`: the mark of the packet's connection. */

interface ConnmarkValues {
  value: number;
  mask: number;
  negated: boolean;
}

const format = ({ value, mask }: ConnmarkValues) =>
  mask === -1 ? hex(value) : `${hex(value)}/${hex(mask)}`;

class ConnmarkEvaluator implements MatchEvaluator {
  private readonly value: number;
  private readonly mask: number;
  private readonly negated: boolean;

  constructor(values: ConnmarkValues) {
    this.value = values.value;
    this.mask = values.mask;
    this.negated = values.negated;
  }

  matches(ctx: RuleContext): boolean {
    const { connection } = ctx;
    // xt_connmark: without a connection there is nothing to compare, negated or not.
    if (!connection.exists) return false;
    return ((connection.mark & this.mask) === this.value) !== this.negated;
  }
}

export const connmark = defineMatch<ConnmarkValues>({
  name: 'connmark',
  options: [
    {
      name: 'mark',
      args: 1,
      argument: 'VALUE[/MASK]',
      help: 'mark of the connection, under the mask',
      negatable: true,
      required: true,
      set: (value, [text = ''], negated) => {
        Object.assign(value, readMasked('connmark', 'mark', text), { negated });
      },
      save: (value) => shown(format(value), value.negated),
    },
  ],
  initial: () => ({ value: 0, mask: -1, negated: false }),
  list: (value) => `connmark match ${value.negated ? '!' : ''} ${format(value)}`,
  // Marks of connections come from walks of the connection itself or from a command.
  steady: true,
  evaluator: (value) => new ConnmarkEvaluator(value),
});
