import { completeL4Checksum, hasPartialChecksum } from '../../../wire/index.ts';
import { type RuleContext, Verdict, type VerdictCode } from '../../context.ts';
import { defineTarget, type TargetEvaluator } from '../../extension.ts';
import { shown } from '../../options.ts';

/** `-j CHECKSUM --checksum-fill`: completes a transport checksum that was left to a network card. */

class ChecksumEvaluator implements TargetEvaluator {
  apply(ctx: RuleContext): VerdictCode {
    const { packet } = ctx;
    // checksum_tg works on CHECKSUM_PARTIAL only: a wrong checksum stays wrong.
    if (hasPartialChecksum(packet)) {
      completeL4Checksum(packet);
      packet.checksumIsOurs = true;
      ctx.changed = true;
    }
    return Verdict.Continue;
  }
}

export const checksumTarget = defineTarget<Record<string, never>>({
  name: 'CHECKSUM',
  tables: ['mangle'],
  options: [
    {
      name: 'checksum-fill',
      args: 0,
      help: 'compute and fill in the checksum where it is missing',
      required: true,
      set: () => undefined,
      save: () => shown(''),
    },
  ],
  initial: () => ({}),
  list: () => 'CHECKSUM fill',
  evaluator: () => new ChecksumEvaluator(),
});
