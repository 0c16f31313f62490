import { type RuleContext, Verdict, type VerdictCode } from '../../context.ts';
import { RuleFault } from '../../errors.ts';
import { defineTarget, type TargetEvaluator } from '../../extension.ts';
import type { Family } from '../../model.ts';
import { type OptionSpec, shown } from '../../options.ts';
import { readNumber } from '../parts/option-values.ts';
import { writeTtl } from '../parts/packet-edit.ts';

/** `-j TTL` and `-j HL`: sets, raises or lowers the time to live, or the hop limit. */

type Mode = 'set' | 'dec' | 'inc';

interface TtlValues {
  mode: Mode | null;
  value: number;
}

class TtlEvaluator implements TargetEvaluator {
  /** Factor of the old value and what is added to it. */
  private readonly factor: number;
  private readonly offset: number;

  constructor({ mode, value }: TtlValues) {
    this.factor = mode === 'set' ? 0 : 1;
    this.offset = mode === 'dec' ? -value : value;
  }

  apply(ctx: RuleContext): VerdictCode {
    const { packet } = ctx;
    const ttl = packet.ttl * this.factor + this.offset;
    const bounded = Math.max(0, Math.min(255, ttl));
    if (bounded !== packet.ttl) {
      writeTtl(packet, bounded);
      ctx.changed = true;
    }
    return Verdict.Continue;
  }
}

const modes: readonly Mode[] = ['set', 'dec', 'inc'];
const words = { set: 'set to', dec: 'decrement by', inc: 'increment by' } as const;

function ttlTarget(name: 'TTL' | 'HL', family: Family, what: string) {
  const prefix = name.toLowerCase();
  const options = modes.map((mode): OptionSpec<TtlValues> => {
    const option = `${prefix}-${mode}`;
    return {
      name: option,
      args: 1,
      argument: 'VALUE',
      help: `${words[mode].replace(' ', ` the ${what} `)} this`,
      excludes: modes.map((other) => `${prefix}-${other}`).filter((other) => other !== option),
      set: (values, [text = '']) => {
        values.value = readNumber(name, option, text, 255, mode === 'set' ? 0 : 1);
        values.mode = mode;
      },
      save: (values) => (values.mode === mode ? shown(String(values.value)) : null),
    };
  });
  return defineTarget<TtlValues>({
    name,
    families: [family],
    tables: ['mangle'],
    options,
    initial: () => ({ mode: null, value: 0 }),
    finish: ({ mode }) => {
      if (mode !== null) return;
      throw new RuleFault('missing-option', `${name}: You must specify an action`);
    },
    list: ({ mode, value }) => `${name} ${words[mode ?? 'set']} ${value}`,
    evaluator: (values) => new TtlEvaluator(values),
  });
}

export const ttlTarget4 = ttlTarget('TTL', 4, 'time to live');
export const hlTarget6 = ttlTarget('HL', 6, 'hop limit');
