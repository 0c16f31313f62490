import { type RuleContext, Verdict, type VerdictCode } from '../context.ts';
import { RuleFault } from '../errors.ts';
import type { TargetEvaluator } from '../extension.ts';
import { parseMasked, parseUnsigned } from '../numbers.ts';

/** What several targets have in common: how values are read, and what the simplest of them do. */

export const MAX_UINT32 = 0xffffffff;

/** A number within bounds; throws `bad-value` in iptables' words. */
export function boundedNumber(
  owner: string,
  option: string,
  text: string,
  min: number,
  max: number,
): number {
  const value = parseUnsigned(text, max);
  if (value !== null && value >= min) return value;
  const words = `${owner}: bad value for option "--${option}", or out of range (${min}-${max}).`;
  throw new RuleFault('bad-value', words);
}

/** `VALUE[/MASK]`, both as signed 32-bit integers; throws `bad-value` in iptables' words. */
export function maskedNumber(
  owner: string,
  option: string,
  text: string,
): { value: number; mask: number } {
  const parsed = parseMasked(text);
  if (parsed !== null) return parsed;
  const hasNumbers = startsWithNumber(text.replace(/^[0-9a-fA-FxX]*\//, ''));
  const words =
    startsWithNumber(text) && hasNumbers
      ? `${owner}: trailing garbage after value for option "--${option}".`
      : `${owner}: bad integer value for option "--${option}", or out of range.`;
  throw new RuleFault('bad-value', words);
}

/** True where strtoul finds a number of 32 bits in front, whatever follows. */
function startsWithNumber(text: string): boolean {
  const [digits] = /^(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9]\d*)/.exec(text) ?? [];
  return digits !== undefined && parseUnsigned(digits, MAX_UINT32) !== null;
}

/** Lower-case hexadecimal of a 32-bit value with at least `digits` digits, behind `0x`. */
export function paddedHex(value: number, digits: number): string {
  return `0x${(value >>> 0).toString(16).padStart(digits, '0')}`;
}

/** The text cut to what fits into `maxBytes`, whole characters only: iptables cuts in silence. */
export function cutText(text: string, maxBytes: number): string {
  let cut = text;
  while (Buffer.byteLength(cut) > maxBytes) cut = cut.slice(0, -1);
  return cut;
}

/** A log prefix: not empty, on one line, cut to size. `option` is named where it has a line break. */
export function parsePrefix(text: string, option: string, maxBytes: number): string {
  if (text === '') {
    const words = 'Argument must have a minimum length of 1 characters';
    throw new RuleFault('bad-value', words);
  }
  if (text.includes('\n')) {
    throw new RuleFault('bad-value', `Newlines not allowed in --${option}`);
  }
  return cutText(text, maxBytes);
}

/** Of a target that is read and printed and does nothing here: the next rule is asked. */
class ContinueEvaluator implements TargetEvaluator {
  apply(_ctx: RuleContext): VerdictCode {
    return Verdict.Continue;
  }
}

/** Of a target that here comes to one and the same verdict for every packet. */
class FixedEvaluator implements TargetEvaluator {
  private readonly verdict: VerdictCode;

  constructor(verdict: VerdictCode) {
    this.verdict = verdict;
  }

  apply(_ctx: RuleContext): VerdictCode {
    return this.verdict;
  }
}

export const goOn: TargetEvaluator = new ContinueEvaluator();
export const dropAll: TargetEvaluator = new FixedEvaluator(Verdict.Drop);
export const acceptAll: TargetEvaluator = new FixedEvaluator(Verdict.Accept);
