import type { RuleContext } from '../../context.ts';
import { RuleFault } from '../../errors.ts';
import { defineMatch, type MatchEvaluator, type MatchExtension } from '../../extension.ts';
import { scanUnsigned } from '../../numbers.ts';
import { shown } from '../../options.ts';
import { extensionLen, findExtension } from './ipv6-chain.ts';
import { MAX_UINT32, readNumber } from './option-values.ts';

/** What `-m hbh` and `-m dst` have in common: length and options of an options header (RFC 8200 4.2). */

interface OptionsDialect {
  readonly name: 'hbh' | 'dst';
  /** Number of the header. */
  readonly header: number;
  readonly what: string;
}

interface HeaderOption {
  readonly type: number;
  /** 255 stands for "any length", as it does in the kernel's structure. */
  readonly length: number;
}

interface OptionsValues {
  length: { readonly bytes: number; readonly negated: boolean } | null;
  options: readonly HeaderOption[];
}

const MAX_OPTIONS = 16;
const ANY_LENGTH = 0xff;
const PAD1 = 0;

const fault = (words: string) => new RuleFault('bad-value', words);

/** One number of the list; iptables keeps its lowest byte. */
function readByte(owner: string, what: string, text: string): number {
  const negative = /^\s*-/.test(text);
  const found = scanUnsigned(negative ? text.replace('-', '') : text);
  if (found === null) throw fault(`${owner}: no valid digits in ${what} \`${text}'`);
  if (found.rest !== '') throw fault(`${owner}: error parsing ${what} \`${text}'`);
  return (negative ? -found.value : found.value) & 0xff;
}

function parseOptions(owner: string, text: string): HeaderOption[] {
  const items = text.split(',');
  if (items.length > MAX_OPTIONS) throw fault('too many addresses specified');
  return items.map((item) => {
    const [type = '', length] = item.split(/:(.*)/s, 2);
    return {
      type: readByte(owner, 'opt', type),
      length: length === undefined ? ANY_LENGTH : readByte(owner, 'length', length),
    };
  });
}

const formatOptions = (options: readonly HeaderOption[]) =>
  options
    .map(({ type, length }) => (length === ANY_LENGTH ? `${type}` : `${type}:${length}`))
    .join(',');

class OptionsEvaluator implements MatchEvaluator {
  private readonly header: number;
  /** -1 where none is asked for. */
  private readonly length: number;
  private readonly lengthNegated: boolean;
  private readonly types: Uint8Array;
  private readonly lengths: Uint8Array;

  constructor(header: number, { length, options }: OptionsValues) {
    this.header = header;
    this.length = length?.bytes ?? -1;
    this.lengthNegated = length?.negated ?? false;
    this.types = Uint8Array.from(options, ({ type }) => type);
    this.lengths = Uint8Array.from(options, (option) => option.length);
  }

  matches(ctx: RuleContext): boolean {
    const { packet } = ctx;
    const at = findExtension(packet, this.header);
    if (at < 0) return false;
    const bytes = extensionLen(packet, this.header, at);
    if (this.length >= 0 && (bytes === this.length) === this.lengthNegated) return false;
    return this.optionsHold(packet.view, at + 2, at + bytes);
  }

  /** The options of the header begin with those asked for, in this order (hbh_mt6). */
  private optionsHold(view: DataView, start: number, end: number): boolean {
    let at = start;
    for (let i = 0; i < this.types.length; i++) {
      if (at >= end || view.getUint8(at) !== this.types[i]!) return false;
      if (this.types[i]! === PAD1) {
        at++;
        continue;
      }
      if (at + 2 > end) return false;
      const length = view.getUint8(at + 1);
      const asked = this.lengths[i]!;
      if (asked !== ANY_LENGTH && asked !== length) return false;
      at += 2 + length;
    }
    return true;
  }
}

export function optionsHeaderMatch({ name, header, what }: OptionsDialect): MatchExtension {
  return defineMatch<OptionsValues>({
    name,
    families: [6],
    options: [
      {
        name: `${name}-len`,
        args: 1,
        argument: 'BYTES',
        help: `length of the ${what} header`,
        negatable: true,
        set: (value, [text = ''], negated) => {
          value.length = { bytes: readNumber(name, `${name}-len`, text, MAX_UINT32), negated };
        },
        save: ({ length }) =>
          length === null ? null : shown(String(length.bytes), length.negated),
      },
      {
        name: `${name}-opts`,
        args: 1,
        argument: 'TYPE[:LENGTH][,…]',
        help: 'the options the header begins with, at most 16',
        set: (value, [text = '']) => {
          value.options = parseOptions(name, text);
        },
        save: ({ options }) => (options.length === 0 ? null : shown(formatOptions(options))),
      },
    ],
    initial: () => ({ length: null, options: [] }),
    list: ({ length, options }) => {
      let text: string = name;
      if (length !== null) text += ` length:${length.negated ? '!' : ''}${length.bytes}`;
      return options.length === 0 ? text : `${text} opts ${formatOptions(options)}`;
    },
    // Plain packets have no extension headers.
    steady: true,
    evaluator: (value) => new OptionsEvaluator(header, value),
  });
}
