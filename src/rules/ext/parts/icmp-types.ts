import type { RuleContext } from '../../context.ts';
import { RuleFault } from '../../errors.ts';
import {
  defineMatch,
  type ListView,
  type MatchBounds,
  type MatchEvaluator,
  type MatchExtension,
  type WalkSignal,
} from '../../extension.ts';
import type { Family } from '../../model.ts';
import { scanUnsigned } from '../../numbers.ts';
import { type OptionSpec, shown } from '../../options.ts';

/** What the matches icmp and icmp6 have in common: a type, a range of codes, and names for them. */

/** Name, type, first and last code. Names follow iptables; the numbers are IANA's. */
export type IcmpName = readonly [name: string, type: number, min: number, max: number];

interface IcmpValues {
  type: number;
  min: number;
  max: number;
  negated: boolean;
}

/** How one of the two matches words things. */
export interface IcmpDialect {
  readonly name: string;
  readonly protocol: number;
  readonly option: string;
  readonly family: Family;
  /** What messages call the protocol. */
  readonly title: string;
  readonly label: string;
  readonly names: readonly IcmpName[];
  /** True where type 255 with all codes means "any" (IPv4). */
  readonly hasAny: boolean;
}

const ANY_TYPE = 255;
const ANY_CODE = 255;

function findByName(text: string, dialect: IcmpDialect): IcmpName | null {
  const lower = text.toLowerCase();
  let found: IcmpName | null = null;
  for (const entry of dialect.names) {
    const name = entry[0].toLowerCase();
    if (name === lower) return entry;
    if (!name.startsWith(lower)) continue;
    if (found !== null) {
      const words = `Ambiguous ${dialect.title} type \`${text}': \`${found[0]}' or \`${entry[0]}'?`;
      throw new RuleFault('bad-value', words);
    }
    found = entry;
  }
  return found;
}

function parseIcmpType(text: string, dialect: IcmpDialect): Omit<IcmpValues, 'negated'> {
  const named = findByName(text, dialect);
  if (named !== null) return { type: named[1], min: named[2], max: named[3] };
  const type = readByte(text, `Unknown ${dialect.title} type \`${text}'`);
  if (type.rest === '') return { type: type.value, min: 0, max: ANY_CODE };
  const badCode = `Unknown ${dialect.title} code \`${text}'`;
  const min = readByte(afterSeparator(type.rest, '/'), badCode);
  if (min.rest === '') return { type: type.value, min: min.value, max: min.value };
  const max = readByte(afterSeparator(min.rest, ':'), badCode);
  if (max.rest !== '') throw unknownCharacter(max.rest);
  if (min.value > max.value) throw new RuleFault('bad-value', badCode);
  return { type: type.value, min: min.value, max: max.value };
}

/** A number up to 255 and what follows it. */
function readByte(text: string, message: string): { value: number; rest: string } {
  const found = scanUnsigned(text);
  if (found === null || found.value > 0xff) throw new RuleFault('bad-value', message);
  return found;
}

function afterSeparator(rest: string, separator: string): string {
  if (!rest.startsWith(separator)) throw unknownCharacter(rest);
  return rest.slice(1);
}

const unknownCharacter = (rest: string) =>
  new RuleFault('bad-value', `unknown character ${rest.charAt(0)}`);

function icmpOption(dialect: IcmpDialect): OptionSpec<IcmpValues> {
  return {
    name: dialect.option,
    args: 1,
    argument: 'TYPE[/CODE]|NAME',
    help: `type by number, or one of ${dialect.names.map(([name]) => name).join(', ')}`,
    negatable: true,
    required: true,
    set: (value, [text = ''], negated) => {
      Object.assign(value, parseIcmpType(text, dialect), { negated });
    },
    save: (value) => shown(formatIcmp(value, dialect), value.negated),
  };
}

/** Type 255 with all codes is "any" in IPv4; with one code it stays itself, as in newer versions. */
function isAny(value: IcmpValues, dialect: IcmpDialect): boolean {
  const { type, min, max } = value;
  return dialect.hasAny && type === ANY_TYPE && min === 0 && max === ANY_CODE;
}

function formatIcmp(value: IcmpValues, dialect: IcmpDialect): string {
  if (isAny(value, dialect)) return 'any';
  if (value.min === 0 && value.max === 255) return String(value.type);
  // Of a range of codes iptables-save prints the first; -L has both.
  return `${value.type}/${value.min}`;
}

/** The words of -L: `icmp echo-request`, `icmptype 3 code 77`, `icmp !type 8`. */
function listIcmp(value: IcmpValues, dialect: IcmpDialect, view: ListView): string {
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

/** Type and codes that a match can hold for. */
function icmpBounds(value: IcmpValues, dialect: IcmpDialect): readonly MatchBounds[] {
  const { type, min, max, negated } = value;
  if (negated || (dialect.hasAny && type === ANY_TYPE)) return [{}];
  return [{ destinationPorts: { min: (type << 8) | min, max: (type << 8) | max } }];
}

const ICMP_HEADER = 8;

class IcmpEvaluator implements MatchEvaluator {
  /** -1 for any type. */
  private readonly type: number;
  private readonly min: number;
  private readonly max: number;
  private readonly negated: boolean;
  private readonly signal: WalkSignal;

  constructor(value: IcmpValues, dialect: IcmpDialect, signal: WalkSignal) {
    this.signal = signal;
    // The kernel takes 255 for "any type" in IPv4 whatever the codes are, but then tests no code.
    this.type = dialect.hasAny && value.type === ANY_TYPE ? -1 : value.type;
    this.min = value.min;
    this.max = value.max;
    this.negated = value.negated;
  }

  matches(ctx: RuleContext): boolean {
    const { packet } = ctx;
    if (packet.fragmentOffset !== 0) return false;
    if (packet.l4Offset + ICMP_HEADER > packet.l3End) {
      // As ip_tables: a header that is cut off is dropped, not passed on.
      this.signal.hotdrop = true;
      return false;
    }
    const { icmpType, icmpCode } = packet;
    const hit =
      this.type < 0 || (icmpType === this.type && icmpCode >= this.min && icmpCode <= this.max);
    return hit !== this.negated;
  }
}

export function icmpMatch(dialect: IcmpDialect): MatchExtension {
  return defineMatch<IcmpValues>({
    name: dialect.name,
    families: [dialect.family],
    protocol: dialect.protocol,
    options: [icmpOption(dialect)],
    initial: () => ({ type: dialect.hasAny ? ANY_TYPE : 0, min: 0, max: ANY_CODE, negated: false }),
    list: (value, view) => listIcmp(value, dialect, view),
    bounds: (value) => icmpBounds(value, dialect),
    // Type and code of a query, or of its answer, are part of the connection.
    steady: true,
    evaluator: (value, { signal }) => new IcmpEvaluator(value, dialect, signal),
  });
}
