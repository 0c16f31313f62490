import { type RuleContext, Verdict, type VerdictCode } from '../../context.ts';
import { RuleFault } from '../../errors.ts';
import { defineTarget, type TargetEvaluator } from '../../extension.ts';
import { shown } from '../../options.ts';
import { dscpOfClass } from '../parts/dscp-classes.ts';
import { hexDigits, readNumber } from '../parts/option-values.ts';
import { writeTos } from '../parts/packet-edit.ts';

/** `-j DSCP`: sets the six upper bits of the type of service or traffic class (RFC 2474). */

interface DscpValues {
  dscp: number | null;
}

class DscpEvaluator implements TargetEvaluator {
  private readonly bits: number;

  constructor(dscp: number) {
    this.bits = dscp << 2;
  }

  apply(ctx: RuleContext): VerdictCode {
    const { packet } = ctx;
    if ((packet.tos & 0xfc) !== this.bits) {
      writeTos(packet, this.bits | (packet.tos & 3));
      ctx.changed = true;
    }
    return Verdict.Continue;
  }
}

export const dscpTarget = defineTarget<DscpValues>({
  name: 'DSCP',
  tables: ['mangle'],
  options: [
    {
      name: 'set-dscp',
      args: 1,
      argument: 'VALUE',
      help: 'set the DSCP field to this number (0-63)',
      excludes: ['set-dscp-class'],
      set: (value, [text = '']) => {
        value.dscp = readNumber('DSCP', 'set-dscp', text, 63);
      },
      save: ({ dscp }) => shown(hexDigits(dscp ?? 0, 2)),
    },
    {
      name: 'set-dscp-class',
      args: 1,
      argument: 'CLASS',
      help: 'set the DSCP field to this class (BE, EF, CS0-CS7, AF11-AF43)',
      excludes: ['set-dscp'],
      set: (value, [text = '']) => {
        value.dscp = dscpOfClass(text);
        if (value.dscp === null) {
          throw new RuleFault('bad-value', `Invalid DSCP value \`${text}'`);
        }
      },
    },
  ],
  initial: () => ({ dscp: null }),
  finish: ({ dscp }) => {
    if (dscp !== null) return;
    throw new RuleFault('missing-option', 'DSCP target: Parameter --set-dscp is required');
  },
  list: ({ dscp }) => `DSCP set ${hexDigits(dscp ?? 0, 2)}`,
  evaluator: ({ dscp }) => new DscpEvaluator(dscp ?? 0),
});
