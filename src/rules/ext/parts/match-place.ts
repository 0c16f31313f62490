import type { HookCode } from '../../context.ts';
import { INVALID_ARGUMENT, RuleFault } from '../../errors.ts';
import type { CheckPlace } from '../../extension.ts';
import type { Rule, TableName } from '../../model.ts';

/** Where the kernel lets a match or a target stand: hooks, tables and protocols. */

/** Refuses a rule that can be reached from a hook that is not among `hooks`. */
export function requireHooks(
  place: CheckPlace,
  match: string,
  ...hooks: readonly HookCode[]
): void {
  const allowed = hooks.reduce((mask: number, hook) => mask | (1 << hook), 0);
  if ((place.hookMask & ~allowed) === 0) return;
  throw refused(`${match} cannot be asked at this hook`);
}

/** Refuses a rule that can be reached from one of `hooks`. */
export function forbidHooks(place: CheckPlace, what: string, ...hooks: readonly HookCode[]): void {
  if (!hooks.some((hook) => (place.hookMask & (1 << hook)) !== 0)) return;
  throw refused(`${what} cannot be asked at this hook`);
}

export function requireTables(
  place: CheckPlace,
  match: string,
  ...tables: readonly TableName[]
): void {
  if (tables.includes(place.table)) return;
  throw refused(`${match}: only in table ${tables.join(', ')}`);
}

/** Refuses a rule whose `-p` is none of `protocols`, or negated, or absent. */
export function requireProtocol(rule: Rule, what: string, ...protocols: readonly number[]): void {
  const { protocol } = rule;
  if (protocol !== null && !protocol.negated && protocols.includes(protocol.number)) return;
  throw refused(`${what} needs its -p`);
}

/** The refusal of the kernel, which names no reason; ours stands in the detail. */
export function refused(detail: string): RuleFault {
  return new RuleFault('invalid-rule', INVALID_ARGUMENT, detail);
}
