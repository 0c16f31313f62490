import { INVALID_ARGUMENT, RuleFault } from '../errors.ts';
import type { Rule } from '../model.ts';

/** Refuses a rule whose `-p` is not one of `protocols`, or negated, as xt_check_target does. */
export function needsProtocol(rule: Rule, target: string, ...protocols: readonly number[]): void {
  const { protocol } = rule;
  if (protocol !== null && !protocol.negated && protocols.includes(protocol.number)) return;
  throw new RuleFault('invalid-rule', INVALID_ARGUMENT, `${target} needs its -p`);
}
