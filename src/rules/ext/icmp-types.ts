import type { RuleContext } from '../context.ts';
import { RuleFault } from '../errors.ts';
import type { ListView, MatchEvaluator } from '../extension.ts';
import { parseUnsigned } from '../numbers.ts';
import { type OptionSpec, shown } from '../options.ts';

/** What the matches icmp and icmp6 have in common: a type, a range of codes, and names for them. */

/** Name, type, first and last code. Names follow iptables; the numbers are IANA's. */
export type IcmpName = readonly [name: string, type: number, min: number, max: number];

export interface IcmpValues {
  type: number;
  min: number;
  max: number;
  negated: boolean;
}

/** How one of the two matches words things. */
export interface IcmpDialect {
  readonly option: string;
  readonly family: string;
  readonly label: string;
  readonly names: readonly IcmpName[];
  /** True where type 255 with all codes means "any" (IPv4). */
  readonly hasAny: boolean;
}

function findByName(text: string, dialect: IcmpDialect): IcmpName | null {
  const lower = text.toLowerCase();
  let found: IcmpName | null = null;
  for (const entry of dialect.names) {
    const name = entry[0].toLowerCase();
    if (name === lower) return entry;
    if (!name.startsWith(lower)) continue;
    if (found !== null) {
      const words = `Ambiguous ${dialect.family} type \`${text}': \`${found[0]}' or \`${entry[0]}'?`;
      throw new RuleFault('bad-value', words);
    }
    found = entry;
  }
  return found;
}

function parseIcmpType(text: string, dialect: IcmpDialect): Omit<IcmpValues, 'negated'> {
  const named = findByName(text, dialect);
  if (named !== null) return { type: named[1], min: named[2], max: named[3] };
  const slash = text.indexOf('/');
  const type = parseUnsigned(slash < 0 ? text : text.slice(0, slash), 255);
  if (type === null) {
    throw new RuleFault('bad-value', `Unknown ${dialect.family} type \`${text}'`);
  }
  if (slash < 0) return { type, min: 0, max: 255 };
  const [low = '', high] = text.slice(slash + 1).split(':', 2);
  const min = parseUnsigned(low, 255);
  const max = high === undefined ? min : parseUnsigned(high, 255);
  if (min === null || max === null || min > max) {
    throw new RuleFault('bad-value', `Unknown ${dialect.family} code \`${text}'`);
  }
  return { type, min, max };
}

export function icmpOption(dialect: IcmpDialect): OptionSpec<IcmpValues> {
  return {
    name: dialect.option,
    args: 1,
    negatable: true,
    required: true,
    set: (value, [text = ''], negated) => {
      Object.assign(value, parseIcmpType(text, dialect), { negated });
    },
    save: (value) => shown(formatIcmp(value, dialect), value.negated),
  };
}

function isAny(value: IcmpValues, dialect: IcmpDialect): boolean {
  return dialect.hasAny && value.type === 255 && value.min === 0 && value.max === 255;
}

function formatIcmp(value: IcmpValues, dialect: IcmpDialect): string {
  if (isAny(value, dialect)) return 'any';
  if (value.min === 0 && value.max === 255) return String(value.type);
  const codes = value.min === value.max ? `${value.min}` : `${value.min}:${value.max}`;
  return `${value.type}/${codes}`;
}

/** The words of -L: `icmp echo-request`, `icmptype 3 code 77`, `icmp !type 8`. */
export function listIcmp(value: IcmpValues, dialect: IcmpDialect, view: ListView): string {
  const bang = value.negated ? ' !' : '';
  if (!view.numeric) {
    const { type, min, max } = value;
    const named = dialect.names.find((n) => n[1] === type && n[2] === min && n[3] === max);
    if (named !== undefined) return `${dialect.label}${bang === '' ? ' ' : bang}${named[0]}`;
  }
  let text = `${dialect.label}${bang}type ${value.type}`;
  if (value.min === value.max) text += ` code ${value.min}`;
  else if (value.min !== 0 || value.max !== 255) text += ` codes ${value.min}-${value.max}`;
  return text;
}

export class IcmpEvaluator implements MatchEvaluator {
  /** -1 for any type. */
  private readonly type: number;
  private readonly min: number;
  private readonly max: number;
  private readonly negated: boolean;

  constructor(value: IcmpValues, dialect: IcmpDialect) {
    // The kernel takes 255 for "any type" in IPv4 whatever the codes are, but then tests no code.
    this.type = dialect.hasAny && value.type === 255 ? -1 : value.type;
    this.min = value.min;
    this.max = value.max;
    this.negated = value.negated;
  }

  matches(ctx: RuleContext): boolean {
    const { packet } = ctx;
    if (packet.fragmentOffset !== 0) return false;
    const { icmpType, icmpCode } = packet;
    const hit =
      this.type < 0 || (icmpType === this.type && icmpCode >= this.min && icmpCode <= this.max);
    return hit !== this.negated;
  }
}
