import { RuleFault } from '../errors.ts';

/**
 * Refuses options that exclude each other, as xtables_options_fcheck does: after the whole line, and
 * in the order of the extension's own list, whatever order they were written in. `pairs` are
 * [option, one it excludes].
 */
export function refuseTogether(
  owner: string,
  used: readonly string[],
  pairs: readonly (readonly [string, string])[],
): void {
  const clash = pairs.find(([first, second]) => used.includes(first) && used.includes(second));
  if (clash === undefined) return;
  const words = `${owner}: option "--${clash[0]}" cannot be used together with "--${clash[1]}".`;
  throw new RuleFault('option-conflict', words);
}

/** Refuses an option whose companion is missing; `pairs` are [option, one it needs]. */
export function requireCompanion(
  owner: string,
  used: readonly string[],
  pairs: readonly (readonly [string, string])[],
): void {
  const alone = pairs.find(([first, second]) => used.includes(first) && !used.includes(second));
  if (alone === undefined) return;
  const words = `${owner}: option "--${alone[0]}" also requires "--${alone[1]}".`;
  throw new RuleFault('missing-option', words);
}

/**
 * Refuses a line without an option that must be there. For extensions whose own checks come before
 * this one; the others say `required` in their table.
 */
export function requireOption(owner: string, used: readonly string[], option: string): void {
  if (used.includes(option)) return;
  throw new RuleFault('missing-option', `${owner}: option "--${option}" must be specified`);
}

/** The fault of a number that is none or beyond its bounds, in the words of xtoptions.c. */
export function outOfRange(
  owner: string,
  option: string,
  min: number | bigint,
  max: number | bigint,
) {
  const words = `${owner}: bad value for option "--${option}", or out of range (${min}-${max}).`;
  return new RuleFault('bad-value', words);
}
