import { RuleFault } from '../../errors.ts';
import { parseUnsigned, scanUnsigned } from '../../numbers.ts';

/**
 * Option arguments as iptables' common option reader takes them, with its wording. `owner` is the
 * match, `option` the long name without dashes. All throw `bad-value`.
 */

export const MAX_UINT8 = 0xff;
export const MAX_UINT16 = 0xffff;
export const MAX_UINT32 = 0xffffffff;

/** A range of numbers, both ends included. */
export interface NumberRange {
  readonly min: number;
  readonly max: number;
}

/** A number within bounds. */
export function readNumber(
  owner: string,
  option: string,
  text: string,
  max: number,
  min = 0,
): number {
  const value = parseUnsigned(text, max);
  if (value !== null && value >= min) return value;
  throw outOfRange(owner, option, min, max);
}

/** The fault of a number that is none or beyond its bounds. */
export function outOfRange(
  owner: string,
  option: string,
  min: number | bigint,
  max: number | bigint,
): RuleFault {
  const words = `${owner}: bad value for option "--${option}", or out of range (${min}-${max}).`;
  return new RuleFault('bad-value', words);
}

/**
 * `N`, `N:M`, `:M`, `N:`, each part up to `max`. An empty text is 0, as in iptables. From iptables
 * 1.8.11 on a range that runs backwards is refused; so it is here.
 */
export function readRange(owner: string, option: string, text: string, max: number): NumberRange {
  const [low = '', high, ...more] = text.split(':');
  const from = low === '' ? 0 : readPart(owner, option, low, text, max);
  const upper = text.slice(low.length + 1);
  const to =
    high === undefined ? from : high === '' ? max : readPart(owner, option, high, upper, max);
  if (more.length > 0) {
    const words = `${owner}: Too many components for option "--${option}" (max: 2)`;
    throw new RuleFault('bad-value', words);
  }
  if (from > to) {
    const words = `${owner}: bad range "${text}" for option "--${option}": min > max`;
    throw new RuleFault('bad-value', words);
  }
  return { min: from, max: to };
}

/** One end of a range; `near` is what of the argument is left from here on, for the message. */
function readPart(owner: string, option: string, part: string, near: string, max: number): number {
  const found = scanUnsigned(part);
  if (found === null || found.value > max) {
    const words = `${owner}: bad value for option "--${option}" near "${near}", or out of range (0-${max}).`;
    throw new RuleFault('bad-value', words);
  }
  if (found.rest !== '') {
    const rest = near.slice(part.length - found.rest.length);
    const words = `${owner}: Argument to "--${option}" has unexpected characters near "${rest}".`;
    throw new RuleFault('bad-value', words);
  }
  return found.value;
}

/** `5` or `5:7`. */
export function formatRange({ min, max }: NumberRange): string {
  return min === max ? `${min}` : `${min}:${max}`;
}

/** True for a range that holds every number there is. */
export function isWholeRange({ min, max }: NumberRange, limit: number): boolean {
  return min === 0 && max === limit;
}

/** `VALUE[/MASK]` of 32 bits, as signed integers. */
export function readMasked(
  owner: string,
  option: string,
  text: string,
): { value: number; mask: number } {
  const first = scanUnsigned(text);
  if (first === null || first.value > MAX_UINT32) throw badMasked(owner, option);
  return { value: first.value | 0, mask: readMask(owner, option, first.rest) };
}

/** What follows the value: nothing, or a slash and the mask. */
function readMask(owner: string, option: string, text: string): number {
  if (text === '') return -1;
  const mask = text.startsWith('/') ? scanUnsigned(text.slice(1)) : null;
  if (text.startsWith('/') && (mask === null || mask.value > MAX_UINT32)) {
    throw badMasked(owner, option);
  }
  if (mask === null || mask.rest !== '') {
    const words = `${owner}: trailing garbage after value for option "--${option}".`;
    throw new RuleFault('bad-value', words);
  }
  return mask.value | 0;
}

/** The same where the value may also be a name that the system gives it, as for groups and realms. */
export function readNamedMasked(
  owner: string,
  option: string,
  text: string,
  names: ReadonlyMap<string, number>,
): { value: number; mask: number } {
  const slash = text.indexOf('/');
  const word = slash < 0 ? text : text.slice(0, slash);
  const value = parseUnsigned(word, MAX_UINT32) ?? names.get(word);
  if (value === undefined) {
    const words = `${owner}: could not map name ${word} to an integer value for option "--${option}".`;
    throw new RuleFault('bad-value', words);
  }
  return { value: value | 0, mask: readMask(owner, option, slash < 0 ? '' : text.slice(slash)) };
}

function badMasked(owner: string, option: string): RuleFault {
  const words = `${owner}: bad integer value for option "--${option}", or out of range.`;
  return new RuleFault('bad-value', words);
}

/** The fault of an argument that is none of the words an option knows. */
export function badOptionValue(owner: string, option: string, text: string): RuleFault {
  return new RuleFault('bad-value', `${owner}: Bad value for "--${option}" option: "${text}"`);
}

/** `0x0a`: lower-case hexadecimal with at least `digits` digits. */
export function hexDigits(value: number, digits: number): string {
  return `0x${(value >>> 0).toString(16).padStart(digits, '0')}`;
}

/** The text cut to what fits into `maxBytes`, whole characters only: iptables cuts in silence. */
export function cutText(text: string, maxBytes: number): string {
  let cut = text;
  while (Buffer.byteLength(cut) > maxBytes) cut = cut.slice(0, -1);
  return cut;
}

/** A log prefix: not empty, on one line, cut to size. `option` is named where it has a line break. */
export function readLogPrefix(text: string, option: string, maxBytes: number): string {
  if (text === '') {
    const words = 'Argument must have a minimum length of 1 characters';
    throw new RuleFault('bad-value', words);
  }
  if (text.includes('\n')) {
    throw new RuleFault('bad-value', `Newlines not allowed in --${option}`);
  }
  return cutText(text, maxBytes);
}
