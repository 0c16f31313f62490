import type { RuleContext } from '../../context.ts';
import { defineMatch, type MatchEvaluator } from '../../extension.ts';
import { shown } from '../../options.ts';
import { leadingUint64, MAX_UINT64 } from '../parts/c-text.ts';
import { outOfRange } from '../parts/option-values.ts';

/** `-m quota --quota BYTES`: matches until that many bytes have passed. */

interface QuotaValues {
  quota: bigint;
  negated: boolean;
}

class QuotaEvaluator implements MatchEvaluator {
  private readonly negated: boolean;
  /** Bytes left. A double is exact up to 9 PB, and a quota beyond that is not used up. */
  private readonly left: Float64Array;

  constructor(values: QuotaValues) {
    this.negated = values.negated;
    this.left = Float64Array.of(Number(values.quota));
  }

  matches(ctx: RuleContext): boolean {
    const length = ctx.packet.l3End - ctx.packet.l3Offset;
    if (this.left[0]! >= length) {
      this.left[0] = this.left[0]! - length;
      return !this.negated;
    }
    // From the first packet that is too big on, not even small ones pass (xt_quota.c).
    this.left[0] = 0;
    return this.negated;
  }
}

export const quota = defineMatch<QuotaValues>({
  name: 'quota',
  stateful: true,
  options: [
    {
      name: 'quota',
      args: 1,
      argument: 'BYTES',
      help: 'how many bytes match before the rule stops matching',
      negatable: true,
      required: true,
      set: (value, [text = ''], negated) => {
        const parsed = leadingUint64(text);
        if (parsed === null || parsed.rest !== '')
          throw outOfRange('quota', 'quota', 0, MAX_UINT64);
        Object.assign(value, { quota: parsed.value, negated });
      },
      save: (value) => shown(String(value.quota), value.negated),
    },
  ],
  initial: () => ({ quota: 0n, negated: false }),
  list: (value) => `quota: ${value.quota} bytes`,
  evaluator: (values) => new QuotaEvaluator(values),
});
