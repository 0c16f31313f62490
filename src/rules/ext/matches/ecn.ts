import { Proto, TcpFlag } from '../../../wire/index.ts';
import type { RuleContext } from '../../context.ts';
import { RuleFault } from '../../errors.ts';
import { defineMatch, type MatchEvaluator } from '../../extension.ts';
import { type OptionSpec, shown } from '../../options.ts';
import { requireProtocol } from '../parts/match-place.ts';
import { readNumber } from '../parts/option-values.ts';

/** `-m ecn`: explicit congestion notification in the TCP and the IP header (RFC 3168). */

interface EcnValues {
  ece: Asked | null;
  cwr: Asked | null;
  ect: (Asked & { readonly codepoint: number }) | null;
}

interface Asked {
  readonly negated: boolean;
}

const MAX_CODEPOINT = 3;

function flagOption(name: string, field: 'ece' | 'cwr', help: string): OptionSpec<EcnValues> {
  return {
    name,
    args: 0,
    help,
    negatable: true,
    set: (value, _args, negated) => {
      value[field] = { negated };
    },
    save: (value) => {
      const asked = value[field];
      return asked === null ? null : shown('', asked.negated);
    },
  };
}

class EcnEvaluator implements MatchEvaluator {
  private readonly asksTcp: boolean;
  /** TCP flags that are asked for, and what they must be. */
  private readonly flagMask: number;
  private readonly flags: number;
  /** -1: the IP header is not asked. */
  private readonly codepoint: number;
  private readonly codepointNegated: boolean;

  constructor({ ece, cwr, ect }: EcnValues) {
    this.asksTcp = ece !== null || cwr !== null;
    this.flagMask = (ece === null ? 0 : TcpFlag.Ece) | (cwr === null ? 0 : TcpFlag.Cwr);
    this.flags =
      (ece === null || ece.negated ? 0 : TcpFlag.Ece) |
      (cwr === null || cwr.negated ? 0 : TcpFlag.Cwr);
    this.codepoint = ect?.codepoint ?? -1;
    this.codepointNegated = ect?.negated ?? false;
  }

  matches(ctx: RuleContext): boolean {
    const { packet } = ctx;
    if (this.codepoint >= 0) {
      const same = (packet.tos & MAX_CODEPOINT) === this.codepoint;
      if (same === this.codepointNegated) return false;
    }
    if (!this.asksTcp) return true;
    // Later fragments have no TCP header.
    return packet.fragmentOffset === 0 && (packet.tcpFlags & this.flagMask) === this.flags;
  }
}

export const ecn = defineMatch<EcnValues>({
  name: 'ecn',
  options: [
    flagOption('ecn-tcp-ece', 'ece', 'the ECE bit of the TCP header is set'),
    flagOption('ecn-tcp-cwr', 'cwr', 'the CWR bit of the TCP header is set'),
    {
      name: 'ecn-ip-ect',
      args: 1,
      argument: '0..3',
      help: 'the codepoint of the IP header',
      negatable: true,
      set: (value, [text = ''], negated) => {
        const codepoint = readNumber('ecn', 'ecn-ip-ect', text, MAX_CODEPOINT);
        value.ect = { codepoint, negated };
      },
      save: ({ ect }) => (ect === null ? null : shown(String(ect.codepoint), ect.negated)),
    },
  ],
  initial: () => ({ ece: null, cwr: null, ect: null }),
  finish: ({ ece, cwr, ect }) => {
    if (ece !== null || cwr !== null || ect !== null) return;
    throw new RuleFault('missing-option', 'ECN match: some option required');
  },
  check: ({ ece, cwr }, rule) => {
    if (ece !== null || cwr !== null) requireProtocol(rule, 'ecn --ecn-tcp-*', Proto.Tcp);
  },
  list: ({ ece, cwr, ect }) => {
    const show = (word: string, asked: Asked | null) =>
      asked === null ? '' : ` ${asked.negated ? '!' : ''}${word}`;
    return `ECN match${show('ECE', ece)}${show('CWR', cwr)}${show(`ECT=${ect?.codepoint}`, ect)}`;
  },
  evaluator: (value) => new EcnEvaluator(value),
});
