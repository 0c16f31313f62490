import { findTcpOption, Proto, TcpFlag } from '../../../wire/index.ts';
import type { RuleContext } from '../../context.ts';
import { RuleFault } from '../../errors.ts';
import { defineMatch, type MatchEvaluator, type WalkSignal } from '../../extension.ts';
import { parseUnsigned } from '../../numbers.ts';
import { type OptionSpec, shown } from '../../options.ts';
import { listPorts, type PortValues, portBounds, portOptions } from '../parts/ports.ts';

/** `-m tcp`: ports, flags, one option. Evaluates as the kernel's xt_tcpudp. */

interface FlagCondition {
  readonly mask: number;
  readonly compare: number;
  readonly negated: boolean;
}

interface TcpValues extends PortValues {
  flags: FlagCondition | null;
  option: { readonly kind: number; readonly negated: boolean } | null;
}

const flagBits: readonly (readonly [string, number])[] = [
  ['FIN', TcpFlag.Fin],
  ['SYN', TcpFlag.Syn],
  ['RST', TcpFlag.Rst],
  ['PSH', TcpFlag.Psh],
  ['ACK', TcpFlag.Ack],
  ['URG', TcpFlag.Urg],
];
const ALL_FLAGS = 0x3f;
const SYN_MASK = TcpFlag.Syn | TcpFlag.Rst | TcpFlag.Ack | TcpFlag.Fin;

function parseFlags(text: string): number {
  let bits = 0;
  for (const name of text.split(',').filter((part) => part !== '')) {
    const upper = name.toUpperCase();
    const known = flagBits.find(([flag]) => flag === upper)?.[1];
    if (known !== undefined) bits |= known;
    else if (upper === 'ALL') bits |= ALL_FLAGS;
    else if (upper !== 'NONE') throw new RuleFault('bad-value', `Unknown TCP flag \`${name}'`);
  }
  return bits;
}

function formatFlags(bits: number): string {
  const names = flagBits.filter(([, bit]) => (bits & bit) !== 0).map(([name]) => name);
  return names.length === 0 ? 'NONE' : names.join(',');
}

const hexByte = (bits: number) => `0x${bits.toString(16).toUpperCase().padStart(2, '0')}`;

const options: readonly OptionSpec<TcpValues>[] = [
  ...portOptions<TcpValues>({ proto: 'tcp', resolves: false, printsAny: false }),
  {
    name: 'tcp-option',
    args: 1,
    argument: 'KIND',
    help: 'an option of this kind (1 to 255) is there',
    negatable: true,
    repeated: "Only one `--tcp-option' allowed",
    set: (value, [text = ''], negated) => {
      const kind = parseUnsigned(text, 255);
      if (!kind) throw new RuleFault('bad-value', `Bad TCP option "${text}"`);
      value.option = { kind, negated };
    },
    save: ({ option }) => (option === null ? null : shown(String(option.kind), option.negated)),
  },
  {
    name: 'tcp-flags',
    args: 2,
    argument: 'MASK FLAGS',
    help: 'of the flags in the mask exactly these are set: SYN ACK FIN RST URG PSH ALL NONE',
    negatable: true,
    group: 'flags',
    repeated: "Only one of `--syn' or `--tcp-flags'  allowed",
    set: (value, [mask = '', compare = ''], negated) => {
      value.flags = { mask: parseFlags(mask), compare: parseFlags(compare), negated };
    },
    save: ({ flags }) => {
      if (flags === null || (flags.mask === 0 && !flags.negated)) return null;
      return shown(`${formatFlags(flags.mask)} ${formatFlags(flags.compare)}`, flags.negated);
    },
  },
  {
    name: 'syn',
    args: 0,
    help: 'short for --tcp-flags FIN,SYN,RST,ACK SYN',
    negatable: true,
    group: 'flags',
    repeated: "Only one of `--syn' or `--tcp-flags'  allowed",
    set: (value, _args, negated) => {
      value.flags = { mask: SYN_MASK, compare: TcpFlag.Syn, negated };
    },
  },
];

const TCP_HEADER = 20;

class TcpEvaluator implements MatchEvaluator {
  private readonly sourceMin: number;
  private readonly sourceMax: number;
  private readonly sourceNegated: boolean;
  private readonly destinationMin: number;
  private readonly destinationMax: number;
  private readonly destinationNegated: boolean;
  private readonly flagMask: number;
  private readonly flagCompare: number;
  private readonly flagsNegated: boolean;
  /** -1 where no option is asked for. */
  private readonly optionKind: number;
  private readonly optionNegated: boolean;
  private readonly signal: WalkSignal;

  constructor(values: TcpValues, signal: WalkSignal) {
    const { source, destination, flags, option } = values;
    this.sourceMin = source?.min ?? 0;
    this.sourceMax = source?.max ?? 0xffff;
    this.sourceNegated = source?.negated ?? false;
    this.destinationMin = destination?.min ?? 0;
    this.destinationMax = destination?.max ?? 0xffff;
    this.destinationNegated = destination?.negated ?? false;
    this.flagMask = flags?.mask ?? 0;
    this.flagCompare = flags?.compare ?? 0;
    this.flagsNegated = flags?.negated ?? false;
    this.optionKind = option?.kind ?? -1;
    this.optionNegated = option?.negated ?? false;
    this.signal = signal;
  }

  matches(ctx: RuleContext): boolean {
    const { packet } = ctx;
    if (packet.fragmentOffset !== 0) {
      // RFC 3128: a fragment at offset 8 could overwrite the flags of the TCP header. xt_tcpudp
      // drops it at any rule that asks for tcp.
      if (packet.fragmentOffset === 8) this.signal.hotdrop = true;
      return false;
    }
    if (packet.l4Offset + TCP_HEADER > packet.l3End) {
      // As xt_tcpudp: a header that is cut off is dropped, not passed on.
      this.signal.hotdrop = true;
      return false;
    }
    // The destination port first: it is what most rules ask for.
    const destination = packet.dstPortOrIcmpTypeCode;
    const hit = destination >= this.destinationMin && destination <= this.destinationMax;
    if (hit === this.destinationNegated) return false;
    const source = packet.srcPortOrIcmpId;
    if ((source >= this.sourceMin && source <= this.sourceMax) === this.sourceNegated) return false;
    const flagsEqual = (packet.tcpFlags & this.flagMask) === this.flagCompare;
    if (flagsEqual === this.flagsNegated) return false;
    if (this.optionKind < 0) return true;
    if (packet.tcpHeaderLen === 0) {
      // Options that are not there, or end behind the packet.
      this.signal.hotdrop = true;
      return false;
    }
    return findTcpOption(packet, this.optionKind) > 0 !== this.optionNegated;
  }
}

/** What all plain segments have of the flags that rules can ask for, but for PSH, which some have. */
const PLAIN_FLAGS = TcpFlag.Ack;

/** True where the flags besides PSH already keep plain segments out (or, negated, let them in). */
function ignoresPsh({ mask, compare }: FlagCondition): boolean {
  return (
    (mask & TcpFlag.Psh) === 0 || (PLAIN_FLAGS & mask & ~TcpFlag.Psh) !== (compare & ~TcpFlag.Psh)
  );
}

function isSteady({ flags, option }: TcpValues): boolean {
  return option === null && (flags === null || ignoresPsh(flags));
}

/** True where a FIN makes a difference, all other flags being those of a plain segment but for PSH. */
function tellsFin({ flags }: TcpValues): boolean {
  if (flags === null || (flags.mask & TcpFlag.Fin) === 0) return false;
  const others = flags.mask & ~(TcpFlag.Fin | TcpFlag.Psh);
  return (PLAIN_FLAGS & others) === (flags.compare & ~(TcpFlag.Fin | TcpFlag.Psh));
}

function neverFitsPlain({ flags }: TcpValues): boolean {
  if (flags === null || !ignoresPsh(flags)) return false;
  return ((PLAIN_FLAGS & flags.mask) === flags.compare) === flags.negated;
}

export const tcp = defineMatch<TcpValues>({
  name: 'tcp',
  protocol: Proto.Tcp,
  options,
  initial: () => ({ source: null, destination: null, flags: null, option: null }),
  list: ({ source, destination, option, flags }, view) => {
    let text = `tcp${listPorts('spt', source, 'tcp', view)}`;
    text += listPorts('dpt', destination, 'tcp', view);
    if (option !== null) text += ` option=${option.negated ? '!' : ''}${option.kind}`;
    if (flags !== null && (flags.mask !== 0 || flags.negated)) {
      const show = view.numeric ? hexByte : formatFlags;
      text += ` flags:${flags.negated ? '!' : ''}${show(flags.mask)}/${show(flags.compare)}`;
    }
    return text;
  },
  // Options that are cut short may drop a whole packet.
  bounds: (value) => (value.option === null ? portBounds(value) : null),
  steady: isSteady,
  tellsFin,
  plainAnswer: (value) => (neverFitsPlain(value) ? false : null),
  evaluator: (values, { signal }) => new TcpEvaluator(values, signal),
});
