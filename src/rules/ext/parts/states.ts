import { CtStateBit } from '../../../conntrack/index.ts';
import type { RuleContext } from '../../context.ts';
import { RuleFault } from '../../errors.ts';
import type { MatchEvaluator } from '../../extension.ts';

/** What the matches state and conntrack have in common: a set of connection states. */

export interface StateValues {
  mask: number;
  negated: boolean;
}

/** In the order in which iptables prints them. */
const stateBits: readonly (readonly [string, number])[] = [
  ['INVALID', CtStateBit.Invalid],
  ['NEW', CtStateBit.New],
  ['RELATED', CtStateBit.Related],
  ['ESTABLISHED', CtStateBit.Established],
  ['UNTRACKED', CtStateBit.Untracked],
  ['SNAT', CtStateBit.Snat],
  ['DNAT', CtStateBit.Dnat],
];
const NAT_BITS = CtStateBit.Snat | CtStateBit.Dnat;

/** Reads `NEW,RELATED`; a beginning of a name will do, as in iptables. `what` is for messages. */
export function parseStates(text: string, what: 'state' | 'ctstate'): number {
  const withNat = what === 'ctstate';
  let mask = 0;
  let rest = text;
  for (const name of text.split(',')) {
    const upper = name.toUpperCase();
    const found = stateBits.find(
      ([state, bit]) => name !== '' && state.startsWith(upper) && (withNat || !(bit & NAT_BITS)),
    );
    if (rest === '' && what === 'state') {
      const words = `"--state" requires a list of states with no spaces, e.g. ESTABLISHED,RELATED`;
      throw new RuleFault('bad-value', words);
    }
    if (found === undefined) throw new RuleFault('bad-value', `Bad ${what} "${rest}"`);
    mask |= found[1];
    rest = rest.slice(name.length + 1);
  }
  return mask;
}

export function formatStates(mask: number): string {
  return stateBits
    .filter(([, bit]) => (mask & bit) !== 0)
    .map(([name]) => name)
    .join(',');
}

/** The answer for the packets of established connections; null where translation decides. */
export function plainStateAnswer({ mask, negated }: Readonly<StateValues>): boolean | null {
  if ((mask & CtStateBit.Established) !== 0) return !negated;
  return (mask & NAT_BITS) === 0 ? negated : null;
}

export class StateEvaluator implements MatchEvaluator {
  private readonly mask: number;
  private readonly negated: boolean;

  constructor(values: StateValues) {
    this.mask = values.mask;
    this.negated = values.negated;
  }

  matches(ctx: RuleContext): boolean {
    return ((ctx.ctState & this.mask) !== 0) !== this.negated;
  }
}
