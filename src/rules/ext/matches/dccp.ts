import type { Packet } from '../../../wire/index.ts';
import type { RuleContext } from '../../context.ts';
import { RuleFault } from '../../errors.ts';
import { defineMatch, type MatchEvaluator, type WalkSignal } from '../../extension.ts';
import { type OptionSpec, shown } from '../../options.ts';
import { NumberTest } from '../parts/number-condition.ts';
import { MAX_UINT8, readNumber } from '../parts/option-values.ts';
import { listPorts, type PortValues, portBounds, portOptions } from '../parts/ports.ts';

/** `-m dccp`: ports, packet types and one option (RFC 4340). */

interface DccpValues extends PortValues {
  types: { readonly mask: number; readonly negated: boolean } | null;
  option: { readonly kind: number; readonly negated: boolean } | null;
}

const DCCP = 33;
/** RFC 4340 section 5.1: the header without the acknowledgement number. */
const HEADER_LEN = 12;
/** Names in the order of their numbers; the last one stands for all that RFC 4340 reserves. */
const typeNames = [
  'REQUEST',
  'RESPONSE',
  'DATA',
  'ACK',
  'DATAACK',
  'CLOSEREQ',
  'CLOSE',
  'RESET',
  'SYNC',
  'SYNCACK',
  'INVALID',
] as const;
const FIRST_RESERVED = 10;
const RESERVED_MASK = 0xfc00;

/** Bytes behind the generic header by type (RFC 4340 section 5): service codes, acknowledgements. */
const typeHeaderLens = [4, 12, 0, 8, 8, 8, 8, 12, 8, 8] as const;
/** What xt_dccp takes reserved types to have, as it does RESET. */
const RESERVED_HEADER_LEN = 12;

function parseTypes(text: string): number {
  let mask = 0;
  for (const word of text.split(',').filter((part) => part !== '')) {
    const found = typeNames.findIndex((name: string) => name === word.toUpperCase());
    if (found < 0) throw new RuleFault('bad-value', `Unknown DCCP type \`${word}'`);
    mask |= found === FIRST_RESERVED ? RESERVED_MASK : 1 << found;
  }
  return mask;
}

function formatTypes(mask: number): string {
  const bits = (n: number) => (n === FIRST_RESERVED ? RESERVED_MASK : 1 << n);
  return typeNames.filter((_, n) => (mask & bits(n)) !== 0).join(',');
}

function formatTypeNumbers(mask: number): string {
  return Array.from({ length: 16 }, (_, n) => n)
    .filter((n) => (mask & (1 << n)) !== 0)
    .join(',');
}

const options: readonly OptionSpec<DccpValues>[] = [
  ...portOptions<DccpValues>({ proto: 'dccp', resolves: true, printsAny: true }),
  {
    name: 'dccp-types',
    args: 1,
    argument: 'TYPE[,TYPE…]',
    help: `the packet is of one of these types: ${typeNames.join(' ')}`,
    negatable: true,
    set: (value, [text = ''], negated) => {
      value.types = { mask: parseTypes(text), negated };
    },
    save: ({ types }) => (types === null ? null : shown(formatTypes(types.mask), types.negated)),
  },
  {
    name: 'dccp-option',
    args: 1,
    argument: 'KIND',
    help: 'an option of this kind (1 to 255) is there',
    negatable: true,
    set: (value, [text = ''], negated) => {
      value.option = { kind: readNumber('dccp', 'dccp-option', text, MAX_UINT8, 1), negated };
    },
    save: ({ option }) => (option === null ? null : shown(String(option.kind), option.negated)),
  },
];

const Found = { No: 0, Yes: 1, Damaged: 2 } as const;

/** Whether the header holds an option of a kind; damaged where its length cannot be right. */
function findOption(packet: Packet, type: number, kind: number): number {
  const { view, l4Offset } = packet;
  const headerEnd = l4Offset + view.getUint8(l4Offset + 4) * 4;
  const isExtended = (view.getUint8(l4Offset + 8) & 1) !== 0;
  let at =
    l4Offset + HEADER_LEN + (isExtended ? 4 : 0) + (typeHeaderLens[type] ?? RESERVED_HEADER_LEN);
  if (headerEnd < at || headerEnd > packet.l3End) return Found.Damaged;
  while (at < headerEnd) {
    const option = view.getUint8(at);
    if (option === kind) return Found.Yes;
    // RFC 4340 section 5.8: the kinds 0 and 1 are single bytes; as xt_dccp a length of 0 counts as 1.
    const length = option < 2 || at + 1 >= headerEnd ? 1 : view.getUint8(at + 1);
    at += length === 0 ? 1 : length;
  }
  return Found.No;
}

class DccpEvaluator implements MatchEvaluator {
  private readonly source: NumberTest;
  private readonly destination: NumberTest;
  private readonly typeMask: number;
  private readonly typesNegated: boolean;
  /** -1 where no option is asked for. */
  private readonly optionKind: number;
  private readonly optionNegated: boolean;
  private readonly signal: WalkSignal;

  constructor({ source, destination, types, option }: DccpValues, signal: WalkSignal) {
    this.source = new NumberTest(source);
    this.destination = new NumberTest(destination);
    this.typeMask = types?.mask ?? 0xffff;
    this.typesNegated = types?.negated ?? false;
    this.optionKind = option?.kind ?? -1;
    this.optionNegated = option?.negated ?? false;
    this.signal = signal;
  }

  matches(ctx: RuleContext): boolean {
    const { packet } = ctx;
    if (packet.fragmentOffset !== 0) return false;
    const { view, l4Offset } = packet;
    if (l4Offset + HEADER_LEN > packet.l3End) {
      this.signal.hotdrop = true;
      return false;
    }
    if (!this.source.holds(view.getUint16(l4Offset))) return false;
    if (!this.destination.holds(view.getUint16(l4Offset + 2))) return false;
    const type = (view.getUint8(l4Offset + 8) >>> 1) & 0xf;
    if (((this.typeMask & (1 << type)) !== 0) === this.typesNegated) return false;
    return this.optionKind < 0 || this.optionHolds(packet, type);
  }

  private optionHolds(packet: Packet, type: number): boolean {
    const found = findOption(packet, type, this.optionKind);
    if (found === Found.Damaged) {
      this.signal.hotdrop = true;
      return false;
    }
    return (found === Found.Yes) !== this.optionNegated;
  }
}

export const dccp = defineMatch<DccpValues>({
  name: 'dccp',
  protocol: DCCP,
  options,
  initial: () => ({ source: null, destination: null, types: null, option: null }),
  list: ({ source, destination, types, option }, view) => {
    let text = `dccp${listPorts('spt', source, 'dccp', view)}`;
    text += listPorts('dpt', destination, 'dccp', view);
    if (types !== null) {
      const shownTypes = view.numeric ? formatTypeNumbers(types.mask) : formatTypes(types.mask);
      text += `${types.negated ? ' !' : ''} ${shownTypes}`;
    }
    return option === null ? text : `${text} option=${option.negated ? '!' : ''}${option.kind}`;
  },
  // Options that are cut short may drop a whole packet.
  bounds: (value) => (value.option === null ? portBounds(value) : null),
  evaluator: (values, { signal }) => new DccpEvaluator(values, signal),
});
