import { Proto, TcpFlag } from '../../../wire/index.ts';
import { type RuleContext, Verdict, type VerdictCode } from '../../context.ts';
import { RuleFault } from '../../errors.ts';
import { defineTarget, type TargetEvaluator } from '../../extension.ts';
import { type OptionSpec, shown } from '../../options.ts';
import { requireProtocol } from '../parts/match-place.ts';
import { readNumber } from '../parts/option-values.ts';
import { hasTcpHeader, writeTcpFlagWord, writeTos } from '../parts/packet-edit.ts';

/** `-j ECN`: takes congestion notification (RFC 3168) out of TCP, or sets its bits. IPv4 only. */

/** Null parts are left alone. */
interface EcnValues {
  ece: number | null;
  cwr: number | null;
  codepoint: number | null;
}

class EcnEvaluator implements TargetEvaluator {
  /** Flags of byte 13 that are changed, and what they become. */
  private readonly flagMask: number;
  private readonly flags: number;
  /** -1: left alone. */
  private readonly codepoint: number;

  constructor({ ece, cwr, codepoint }: EcnValues) {
    this.flagMask = (ece === null ? 0 : TcpFlag.Ece) | (cwr === null ? 0 : TcpFlag.Cwr);
    this.flags = (ece === 1 ? TcpFlag.Ece : 0) | (cwr === 1 ? TcpFlag.Cwr : 0);
    this.codepoint = codepoint ?? -1;
  }

  apply(ctx: RuleContext): VerdictCode {
    const { packet } = ctx;
    if (this.codepoint >= 0 && (packet.tos & 3) !== this.codepoint) {
      writeTos(packet, (packet.tos & 0xfc) | this.codepoint);
      ctx.changed = true;
    }
    if (this.flagMask === 0 || packet.protocol !== Proto.Tcp || !hasTcpHeader(packet)) {
      return Verdict.Continue;
    }
    if ((packet.tcpFlags & this.flagMask) !== this.flags) {
      const word = packet.view.getUint16(packet.l4Offset + 12);
      writeTcpFlagWord(packet, (word & ~this.flagMask) | this.flags);
      ctx.changed = true;
    }
    return Verdict.Continue;
  }
}

/** Setting both to 0 is --ecn-tcp-remove; that form is printed where nothing else is set. */
const printsRemove = ({ ece, cwr, codepoint }: EcnValues) =>
  ece === 0 && cwr === 0 && codepoint === null;

function valueOption(
  name: string,
  field: keyof EcnValues,
  max: number,
  help: string,
): OptionSpec<EcnValues> {
  return {
    name,
    args: 1,
    argument: `0-${max}`,
    help,
    set: (values, [text = '']) => {
      values[field] = readNumber('ECN', name, text, max);
    },
    save: (values) =>
      values[field] === null || printsRemove(values) ? null : shown(String(values[field])),
  };
}

export const ecnTarget = defineTarget<EcnValues>({
  name: 'ECN',
  families: [4],
  tables: ['mangle'],
  options: [
    {
      name: 'ecn-tcp-remove',
      args: 0,
      help: 'clear the ECE and CWR bits of the TCP header',
      excludes: ['ecn-tcp-cwr', 'ecn-tcp-ece'],
      set: (values) => {
        Object.assign(values, { ece: 0, cwr: 0 });
      },
      save: (values) => (printsRemove(values) ? shown('') : null),
    },
    valueOption('ecn-tcp-ece', 'ece', 1, 'set the ECE bit of the TCP header'),
    valueOption('ecn-tcp-cwr', 'cwr', 1, 'set the CWR bit of the TCP header'),
    valueOption('ecn-ip-ect', 'codepoint', 3, 'set the codepoint of the IP header'),
  ],
  initial: () => ({ ece: null, cwr: null, codepoint: null }),
  finish: ({ ece, cwr, codepoint }) => {
    if (ece !== null || cwr !== null || codepoint !== null) return;
    throw new RuleFault('missing-option', 'ECN target: An operation is required');
  },
  check: ({ ece, cwr }, rule) => {
    if (ece !== null || cwr !== null) requireProtocol(rule, 'ECN', Proto.Tcp);
  },
  list: (values) => {
    if (printsRemove(values)) return 'ECN TCP remove';
    const { ece, cwr, codepoint } = values;
    let text = 'ECN';
    if (ece !== null) text += ` ECE=${ece}`;
    if (cwr !== null) text += ` CWR=${cwr}`;
    return codepoint === null ? text : `${text} ECT codepoint=${codepoint}`;
  },
  evaluator: (values) => new EcnEvaluator(values),
});
