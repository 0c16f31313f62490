import { type RuleContext, Verdict, type VerdictCode } from '../../context.ts';
import { RuleFault } from '../../errors.ts';
import { defineTarget, type TargetEvaluator } from '../../extension.ts';
import { parseUnsigned } from '../../numbers.ts';
import { type OptionSpec, shown } from '../../options.ts';
import { hexDigits, readNumber } from '../parts/option-values.ts';
import { writeTos } from '../parts/packet-edit.ts';

/** `-j TOS`: `new = (old & ~mask) ^ value` on the type of service or traffic class. */

interface TosValues {
  value: number;
  mask: number;
}

/** RFC 1349 names. Their mask leaves the two precedence bits that later became DSCP's top alone. */
const symbols: readonly (readonly [string, number])[] = [
  ['Minimize-Delay', 16],
  ['Maximize-Throughput', 8],
  ['Maximize-Reliability', 4],
  ['Minimize-Cost', 2],
  ['Normal-Service', 0],
];
const SYMBOL_MASK = 0x3f;

class TosEvaluator implements TargetEvaluator {
  private readonly value: number;
  private readonly keep: number;

  constructor({ value, mask }: TosValues) {
    this.value = value;
    this.keep = 0xff & ~mask;
  }

  apply(ctx: RuleContext): VerdictCode {
    const { packet } = ctx;
    const tos = (packet.tos & this.keep) ^ this.value;
    if (tos !== packet.tos) {
      writeTos(packet, tos);
      ctx.changed = true;
    }
    return Verdict.Continue;
  }
}

function parseTos(text: string): { value: number; mask: number } {
  const number = /^(0[xX][0-9a-fA-F]+|\d+)(.*)$/s.exec(text);
  const value = number === null ? null : parseUnsigned(number[1]!, 0xff);
  if (number === null || value === null) {
    const symbol = symbols.find(([name]) => name.toLowerCase() === text.toLowerCase());
    if (symbol !== undefined) return { value: symbol[1], mask: SYMBOL_MASK };
    throw new RuleFault('bad-value', `Symbolic name "${text}" is unknown`);
  }
  const tail = number[2]!;
  if (tail === '') return { value, mask: 0xff };
  const mask = tail.startsWith('/') ? parseUnsigned(tail.slice(1), 0xff) : null;
  if (mask === null) throw new RuleFault('bad-value', `Illegal value: "${text}"`);
  return { value, mask };
}

const names = ['set-tos', 'and-tos', 'or-tos', 'xor-tos'];

function bitsOption(
  name: string,
  help: string,
  change: (bits: number) => { value: number; mask: number },
): OptionSpec<TosValues> {
  return {
    name,
    args: 1,
    argument: 'BITS',
    help,
    excludes: names.filter((other) => other !== name),
    set: (values, [text = '']) => {
      const bits = readNumber('TOS', name, text, 0xff);
      Object.assign(values, change(bits));
    },
  };
}

const formatTos = ({ value, mask }: TosValues) => `${hexDigits(value, 2)}/${hexDigits(mask, 2)}`;

export const tosTarget = defineTarget<TosValues>({
  name: 'TOS',
  tables: ['mangle'],
  options: [
    {
      name: 'set-tos',
      args: 1,
      argument: 'VALUE[/MASK]|NAME',
      help: 'clear the bits of the mask and XOR the value into the type of service',
      excludes: names.slice(1),
      set: (values, [text = '']) => {
        Object.assign(values, parseTos(text));
      },
      save: (values) => shown(formatTos(values)),
    },
    bitsOption('and-tos', 'binary AND the type of service with the bits', (bits) => ({
      value: 0,
      mask: 0xff & ~bits,
    })),
    bitsOption('or-tos', 'binary OR the type of service with the bits', (bits) => ({
      value: bits,
      mask: bits,
    })),
    bitsOption('xor-tos', 'binary XOR the type of service with the bits', (bits) => ({
      value: bits,
      mask: 0,
    })),
  ],
  initial: () => ({ value: 0, mask: 0 }),
  finish: (_values, _scope, given) => {
    if (given.size === 0) throw new RuleFault('missing-option', 'TOS: An action is required');
  },
  list: (values, { numeric }) => {
    const { value, mask } = values;
    if (numeric) return `TOS set ${formatTos(values)}`;
    const symbol =
      mask === SYMBOL_MASK ? symbols.find(([, number]) => number === value) : undefined;
    // The blanks are iptables' own: one too many before, one too few behind.
    if (symbol !== undefined) return ` TOS set${symbol[0]}`;
    if (value === 0) return `TOS and ${hexDigits(0xff & ~mask, 2)}`;
    if (value === mask) return `TOS or ${hexDigits(value, 2)}`;
    if (mask === 0) return `TOS xor ${hexDigits(value, 2)}`;
    return `TOS set ${formatTos(values)}`;
  },
  evaluator: (values) => new TosEvaluator(values),
});
