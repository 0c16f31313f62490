import { type RuleContext, Verdict, type VerdictCode } from '../../context.ts';
import { RuleFault } from '../../errors.ts';
import { defineTarget, type TargetEvaluator } from '../../extension.ts';
import { type OptionSpec, shown } from '../../options.ts';
import {
  formatMarkChange,
  listMarkChange,
  type MarkChange,
  type MarkOperation,
  markHelp,
  markOperations,
  markOptionNames,
  parseMarkChange,
} from '../parts/mark-values.ts';

/** `-j MARK`: sets the mark of the packet. */

class MarkEvaluator implements TargetEvaluator {
  private readonly value: number;
  private readonly keep: number;

  constructor({ value, mask }: MarkChange) {
    this.value = value;
    this.keep = ~mask;
  }

  apply(ctx: RuleContext): VerdictCode {
    ctx.mark = (ctx.mark & this.keep) ^ this.value;
    return Verdict.Continue;
  }
}

function option(operation: MarkOperation): OptionSpec<MarkChange> {
  const name = markOptionNames[operation];
  return {
    name,
    args: 1,
    argument: operation === 'xmark' || operation === 'mark' ? 'VALUE[/MASK]' : 'BITS',
    help: markHelp[operation],
    excludes: markOperations.map((op) => markOptionNames[op]).filter((other) => other !== name),
    set: (value, [text = '']) => {
      Object.assign(value, parseMarkChange('MARK', operation, text));
    },
    ...(operation === 'xmark' && {
      save: (value: MarkChange) => shown(formatMarkChange(value)),
    }),
  };
}

export const markTarget = defineTarget<MarkChange>({
  name: 'MARK',
  options: markOperations.map(option),
  initial: () => ({ value: 0, mask: 0 }),
  finish: (_value, _scope, given) => {
    if (given.size > 0) return;
    const words = 'MARK: One of the --set-xmark, --{and,or,xor,set}-mark options is required';
    throw new RuleFault('missing-option', words);
  },
  list: (value) => `MARK ${listMarkChange(value)}`,
  steady: true,
  evaluator: (value) => new MarkEvaluator(value),
});
