import { AddressKind, Hook, type RuleContext } from '../../context.ts';
import { RuleFault } from '../../errors.ts';
import { defineMatch, type MatchEvaluator } from '../../extension.ts';
import type { Family } from '../../model.ts';
import { type OptionSpec, shown } from '../../options.ts';
import { forbidHooks, refused } from '../parts/match-place.ts';

/** `-m addrtype`: what kind of address the source or destination is for the routing table. */

interface AddrtypeValues {
  source: Kinds | null;
  destination: Kinds | null;
  limitIn: boolean;
  limitOut: boolean;
}

interface Kinds {
  /** Bit n for the kind with number n. */
  readonly mask: number;
  readonly negated: boolean;
}

/** In the order of their numbers (RTN_*, linux/rtnetlink.h), which are their bits. */
const names = [
  'UNSPEC',
  'UNICAST',
  'LOCAL',
  'BROADCAST',
  'ANYCAST',
  'MULTICAST',
  'BLACKHOLE',
  'UNREACHABLE',
  'PROHIBIT',
  'THROW',
  'NAT',
  'XRESOLVE',
] as const;

const bit = (name: (typeof names)[number]) => 1 << names.indexOf(name);
/** What the kernel does not know of IPv6 addresses (addrtype_mt_checkentry_v1). */
const NOT_IN_IPV6 =
  bit('BROADCAST') |
  bit('BLACKHOLE') |
  bit('PROHIBIT') |
  bit('THROW') |
  bit('NAT') |
  bit('XRESOLVE');

/** Reads `LOCAL,UNICAST`; a beginning of a name will do, as in iptables. */
function parseKinds(text: string): number {
  return text.split(',').reduce((mask, word) => {
    const upper = word.toUpperCase();
    const found = names.findIndex((name) => word !== '' && name.startsWith(upper));
    if (found < 0) throw new RuleFault('bad-value', `addrtype: bad type "${word}"`);
    return mask | (1 << found);
  }, 0);
}

const formatKinds = (mask: number) => names.filter((_, n) => (mask & (1 << n)) !== 0).join(',');

function kindOption(name: string, field: 'source' | 'destination'): OptionSpec<AddrtypeValues> {
  return {
    name,
    args: 1,
    argument: 'TYPE[,TYPE…]',
    help: `kinds of the ${field} address: ${names.join(' ')}`,
    negatable: true,
    set: (value, [text = ''], negated) => {
      value[field] = { mask: parseKinds(text), negated };
    },
    save: (value) => {
      const kinds = value[field];
      return kinds === null ? null : shown(formatKinds(kinds.mask), kinds.negated);
    },
  };
}

function limitOption(
  name: string,
  field: 'limitIn' | 'limitOut',
  way: string,
): OptionSpec<AddrtypeValues> {
  return {
    name,
    args: 0,
    ...(field === 'limitIn' && { excludes: ['limit-iface-out'] }),
    help: `the kind as seen from the ${way} interface alone`,
    set: (value) => {
      value[field] = true;
    },
    save: (value) => (value[field] ? shown('') : null),
  };
}

class AddrtypeEvaluator implements MatchEvaluator {
  private readonly sourceMask: number;
  private readonly sourceNegated: boolean;
  private readonly destinationMask: number;
  private readonly destinationNegated: boolean;
  private readonly limitIn: boolean;
  private readonly limitOut: boolean;

  constructor({ source, destination, limitIn, limitOut }: AddrtypeValues) {
    this.sourceMask = source?.mask ?? 0;
    this.sourceNegated = source?.negated ?? false;
    this.destinationMask = destination?.mask ?? 0;
    this.destinationNegated = destination?.negated ?? false;
    this.limitIn = limitIn;
    this.limitOut = limitOut;
  }

  matches(ctx: RuleContext): boolean {
    const { packet, routes } = ctx;
    const { family } = packet;
    const id = this.limitIn ? ctx.inIf : this.limitOut ? ctx.outIf : -1;
    if (this.sourceMask !== 0) {
      const { src0, src1, src2, src3 } = packet;
      const kind = routes.addressKind(family, src0, src1, src2, src3, id);
      const hit =
        family === 6
          ? kindHolds6(this.sourceMask, kind, src0, src1, src2, src3)
          : (this.sourceMask & (1 << kind)) !== 0;
      if (hit === this.sourceNegated) return false;
    }
    if (this.destinationMask === 0) return true;
    const { dst0, dst1, dst2, dst3 } = packet;
    const kind = routes.addressKind(family, dst0, dst1, dst2, dst3, id);
    const hit =
      family === 6
        ? kindHolds6(this.destinationMask, kind, dst0, dst1, dst2, dst3)
        : (this.destinationMask & (1 << kind)) !== 0;
    return hit !== this.destinationNegated;
  }
}

const UNSPEC = 1 << AddressKind.Unspecified;
const UNICAST = 1 << AddressKind.Unicast;
const MULTICAST = 1 << AddressKind.Multicast;
const UNREACHABLE = 1 << AddressKind.Unreachable;
const ROUTED = (1 << AddressKind.Local) | (1 << AddressKind.Anycast) | UNREACHABLE;

/**
 * xt_addrtype's match_type6: UNSPEC, UNICAST and MULTICAST are properties of the address itself and
 * must all hold; of LOCAL, ANYCAST and UNREACHABLE, which the routes answer, one must.
 */
function kindHolds6(
  mask: number,
  kind: number,
  w0: number,
  w1: number,
  w2: number,
  w3: number,
): boolean {
  const high = w0 | w1;
  const isAny = (high | w2 | w3) === 0;
  const isMulticast = w0 >>> 24 === 0xff;
  // RFC 4291 2.5.5.2: an IPv4-mapped address is no unicast address for ipv6_addr_type.
  const isMapped = high === 0 && w2 === 0xffff;
  if (mask & MULTICAST && !isMulticast) return false;
  if (mask & UNICAST && (isAny || isMulticast || isMapped)) return false;
  if (mask & UNSPEC && !isAny) return false;
  if ((mask & ROUTED) === 0) return true;
  // A route that ends in an error is "unreachable", whatever kind of error it is.
  const routed = kind >= AddressKind.Blackhole ? UNREACHABLE : 1 << kind;
  return (mask & ROUTED & routed) !== 0;
}

function checkFamily(kinds: Kinds | null, family: Family): void {
  if (family === 4 || kinds === null || (kinds.mask & NOT_IN_IPV6) === 0) return;
  throw refused(`addrtype: IPv6 has no ${formatKinds(kinds.mask & NOT_IN_IPV6)}`);
}

export const addrtype = defineMatch<AddrtypeValues>({
  name: 'addrtype',
  options: [
    kindOption('src-type', 'source'),
    kindOption('dst-type', 'destination'),
    limitOption('limit-iface-in', 'limitIn', 'incoming'),
    limitOption('limit-iface-out', 'limitOut', 'outgoing'),
  ],
  initial: () => ({
    source: null,
    destination: null,
    limitIn: false,
    limitOut: false,
  }),
  finish: ({ source, destination }) => {
    if (source === null && destination === null) {
      const words = 'addrtype: you must specify --src-type or --dst-type';
      throw new RuleFault('missing-option', words);
    }
  },
  check: ({ source, destination, limitIn, limitOut }, rule, place) => {
    if (limitOut) forbidHooks(place, '--limit-iface-out', Hook.Prerouting, Hook.Input);
    if (limitIn) forbidHooks(place, '--limit-iface-in', Hook.Output, Hook.Postrouting);
    checkFamily(source, rule.family);
    checkFamily(destination, rule.family);
  },
  list: ({ source, destination, limitIn, limitOut }) => {
    const show = (label: string, kinds: Kinds | null) =>
      kinds === null ? '' : ` ${label} ${kinds.negated ? '!' : ''}${formatKinds(kinds.mask)}`;
    let text = `ADDRTYPE match${show('src-type', source)}${show('dst-type', destination)}`;
    if (limitIn) text += ' limit-in';
    if (limitOut) text += ' limit-out';
    return text;
  },
  // Kinds of addresses change with routes and addresses only.
  steady: true,
  evaluator: (value) => new AddrtypeEvaluator(value),
});
