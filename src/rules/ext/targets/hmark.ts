import { RuleFault } from '../../errors.ts';
import { defineTarget, type ParseScope } from '../../extension.ts';
import { hex } from '../../numbers.ts';
import { type OptionSpec, shown } from '../../options.ts';
import { goOn } from '../parts/fixed-verdict.ts';
import { hexDigits, MAX_UINT32, readNumber } from '../parts/option-values.ts';
import { parsePrefixLength } from '../parts/prefix.ts';

/** `-j HMARK`: a mark made of a hash over addresses and ports. Not enforced. */

type NumberField =
  | 'srcPrefix'
  | 'dstPrefix'
  | 'sportMask'
  | 'dportMask'
  | 'spiMask'
  | 'sport'
  | 'dport'
  | 'spi'
  | 'protoMask'
  | 'rnd'
  | 'modulus'
  | 'offset';

/** Null: not given. */
type HmarkValues = Record<NumberField, number | null> & {
  isIpv6: boolean;
  connection: boolean;
};

const spiFields: readonly NumberField[] = ['spi', 'spiMask'];
const portFields: readonly NumberField[] = ['sport', 'sportMask', 'dport', 'dportMask'];

/** What each word of --hmark-tuple stands for: an option used up, and its value. */
const tupleFields: ReadonlyMap<string, readonly [NumberField, number]> = new Map([
  ['src', ['srcPrefix', -1]],
  ['dst', ['dstPrefix', -1]],
  ['sport', ['sportMask', 0xffff]],
  ['dport', ['dportMask', 0xffff]],
  ['spi', ['spiMask', MAX_UINT32]],
  ['proto', ['protoMask', 0xffff]],
]);

const fullPrefix = (scope: ParseScope) => (scope.family === 4 ? 32 : 128);

function readTuple(values: HmarkValues, text: string, scope: ParseScope): void {
  for (const word of text.split(',')) {
    if (word === '') {
      const words =
        '"--hmark-tuple" requires a list of types with no spaces, e.g. src,dst,sport,dport,proto';
      throw new RuleFault('bad-value', words);
    }
    // A beginning will do; the first type that begins so is taken.
    const entry = [...tupleFields].find(([name]) => name.startsWith(word))?.[1];
    if (entry === undefined) {
      if (!'ct'.startsWith(word)) throw new RuleFault('bad-value', `Bad type "${word}"`);
      values.connection = true;
      continue;
    }
    values[entry[0]] = entry[1] < 0 ? fullPrefix(scope) : entry[1];
  }
}

/** An option for one number. `digits` of hexadecimal in the save form, 0 for decimal. */
function number(
  name: string,
  field: NumberField,
  bounds: { min?: number; max: number; digits: number },
  help: string,
): OptionSpec<HmarkValues> {
  const { min = 0, max, digits } = bounds;
  const format = (value: number) => (digits === 0 ? String(value) : hexDigits(value, digits));
  return {
    name: `hmark-${name}`,
    args: 1,
    argument: 'NUMBER',
    help,
    set: (values, [text = '']) => {
      refuseTwice(values, `hmark-${name}`, field);
      values[field] = readNumber('HMARK', `hmark-${name}`, text, max, min);
    },
    save: (values) => {
      const value = values[field];
      return value === null ? null : shown(format(value));
    },
  };
}

/** What --hmark-tuple has set counts as given. */
function refuseTwice(values: HmarkValues, name: string, field: NumberField): void {
  if (values[field] === null) return;
  const words = `HMARK: option "--${name}" can only be used once.`;
  throw new RuleFault('option-conflict', words);
}

function prefix(name: 'src' | 'dst', help: string): OptionSpec<HmarkValues> {
  const option = `hmark-${name}-prefix`;
  const field = name === 'src' ? 'srcPrefix' : 'dstPrefix';
  return {
    name: option,
    args: 1,
    argument: 'LENGTH',
    help,
    set: (values, [text = ''], _negated, { family }) => {
      refuseTwice(values, option, field);
      values[field] = parsePrefixLength('HMARK', option, text, family);
    },
    save: (values) => (values[field] === null ? null : shown(String(values[field]))),
  };
}

const port = { max: 0xffff, digits: 4 };
const word = { max: MAX_UINT32, digits: 8 };

const options: readonly OptionSpec<HmarkValues>[] = [
  prefix('src', 'bits of the source address that count'),
  prefix('dst', 'bits of the destination address that count'),
  number('sport-mask', 'sportMask', port, 'bits of the source port that count'),
  number('dport-mask', 'dportMask', port, 'bits of the destination port that count'),
  number('spi-mask', 'spiMask', word, 'bits of the security parameter index that count'),
  number('sport', 'sport', port, 'bits set in the source port'),
  number('dport', 'dport', port, 'bits set in the destination port'),
  number('spi', 'spi', word, 'bits set in the security parameter index'),
  number('proto-mask', 'protoMask', { max: 0xffff, digits: 2 }, 'bits of the protocol that count'),
  number('rnd', 'rnd', word, 'start value of the hash'),
  number('mod', 'modulus', { min: 1, max: MAX_UINT32, digits: 0 }, 'number of different marks'),
  number('offset', 'offset', { max: MAX_UINT32, digits: 0 }, 'lowest mark'),
  {
    name: 'hmark-tuple',
    args: 1,
    argument: 'PART[,PART...]',
    help: 'what is hashed: src, dst, sport, dport, spi, proto; ct for the original direction',
    set: (values, [text = ''], _negated, scope) => readTuple(values, text, scope),
    save: ({ connection }) => (connection ? shown('ct') : null),
  },
];

function finishHmark(values: HmarkValues, scope: ParseScope): void {
  values.isIpv6 = scope.family === 6;
  const given = (fields: readonly NumberField[]) => fields.some((field) => values[field] !== null);
  const refuse = (words: string): never => {
    throw new RuleFault('missing-option', words);
  };
  if (values.modulus === null) refuse('--hmark-mod is mandatory');
  if (values.rnd === null) refuse('--hmark-rnd is mandatory');
  if (given(spiFields) && given(portFields)) {
    refuse('you cannot use --hmark-spi-mask and --hmark-?port-mask,at the same time');
  }
  const parts: readonly NumberField[] = ['srcPrefix', 'dstPrefix', 'protoMask'];
  if (!values.connection && !given([...parts, ...spiFields, ...portFields])) {
    refuse('you have to specify --hmark-tuple at least');
  }
}

/** -L leaves a full IPv6 prefix out, and its number only. */
function prefixText(value: number | null, isIpv6: boolean): string {
  return isIpv6 && value === 128 ? '' : String(value);
}

const listed: readonly (readonly [string, NumberField])[] = [
  ['sport-mask', 'sportMask'],
  ['dport-mask', 'dportMask'],
  ['spi-mask', 'spiMask'],
  ['sport', 'sport'],
  ['dport', 'dport'],
  ['spi', 'spi'],
  ['proto-mask', 'protoMask'],
  ['rnd', 'rnd'],
];

function listHmark(values: HmarkValues): string {
  const { modulus, offset, connection, srcPrefix, dstPrefix, isIpv6 } = values;
  const words = [`HMARK mod ${modulus}`];
  if (offset !== null) words.push(`+ ${hex(offset)}`);
  if (connection) words.push('ct,');
  if (srcPrefix !== null) words.push(`src-prefix ${prefixText(srcPrefix, isIpv6)}`);
  if (dstPrefix !== null) words.push(`dst-prefix ${prefixText(dstPrefix, isIpv6)}`);
  for (const [name, field] of listed) {
    const value = values[field];
    if (value !== null) words.push(`${name} ${hex(value)}`);
  }
  return `${words.join(' ')} `;
}

export const hmark = defineTarget<HmarkValues>({
  name: 'HMARK',
  options,
  initial: () => ({
    isIpv6: false,
    connection: false,
    srcPrefix: null,
    dstPrefix: null,
    sportMask: null,
    dportMask: null,
    spiMask: null,
    sport: null,
    dport: null,
    spi: null,
    protoMask: null,
    rnd: null,
    modulus: null,
    offset: null,
  }),
  finish: finishHmark,
  list: listHmark,
  unenforced: () => 'hash marks are not set here: the next rule is asked',
  evaluator: () => goOn,
});
