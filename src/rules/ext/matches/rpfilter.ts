import { Hook, type RuleContext } from '../../context.ts';
import { defineMatch, type MatchEvaluator } from '../../extension.ts';
import { type OptionSpec, shown } from '../../options.ts';
import { requireHooks, requireTables } from '../parts/match-place.ts';

/** `-m rpfilter`: a packet whose source would be reached through where it came in. */

interface RpfilterValues {
  loose: boolean;
  validmark: boolean;
  'accept-local': boolean;
  invert: boolean;
}

/** In the order in which iptables-save prints them. */
const flags: readonly (readonly [keyof RpfilterValues, string])[] = [
  ['loose', 'any interface the source is reached through will do'],
  ['validmark', 'use the mark of the packet to find the route'],
  ['accept-local', "let addresses of this host's own through"],
  ['invert', 'match packets that fail the test'],
];

const LOCAL_MULTICAST = 0xe0000000 | 0;
const LOCAL_MULTICAST_MASK = 0xffffff00 | 0;

class RpfilterEvaluator implements MatchEvaluator {
  private readonly loose: boolean;
  private readonly acceptLocal: boolean;
  private readonly validMark: boolean;
  private readonly invert: boolean;
  private readonly loopback: number;

  constructor(values: RpfilterValues, loopback: number) {
    this.loose = values.loose;
    this.acceptLocal = values['accept-local'];
    this.validMark = values.validmark;
    this.invert = values.invert;
    this.loopback = loopback;
  }

  matches(ctx: RuleContext): boolean {
    return this.holds(ctx) !== this.invert;
  }

  private holds(ctx: RuleContext): boolean {
    const { packet, inIf } = ctx;
    if (inIf === this.loopback) return true;
    const { src0, dst0 } = packet;
    if (packet.family === 4) {
      // ipt_rpfilter: 0.0.0.0/8 speaks to groups of its own link only (IGMP before DHCP).
      if (src0 >>> 24 === 0 && dst0 >>> 28 === 0xe) {
        return (dst0 & LOCAL_MULTICAST_MASK) === LOCAL_MULTICAST;
      }
    } else if ((src0 | packet.src1 | packet.src2 | packet.src3) === 0) {
      // ip6t_rpfilter: the unspecified address is not routed anyway.
      return true;
    }
    const mark = this.validMark ? ctx.mark : 0;
    return ctx.routes.reversePathHolds(packet, inIf, this.loose, this.acceptLocal, mark);
  }
}

export const rpfilter = defineMatch<RpfilterValues>({
  name: 'rpfilter',
  options: flags.map(
    ([name, help]): OptionSpec<RpfilterValues> => ({
      name,
      args: 0,
      help,
      set: (value) => {
        value[name] = true;
      },
      save: (value) => (value[name] ? shown('') : null),
    }),
  ),
  initial: () => ({ loose: false, validmark: false, 'accept-local': false, invert: false }),
  check: (_value, _rule, place) => {
    requireTables(place, 'rpfilter', 'raw', 'mangle');
    requireHooks(place, 'rpfilter', Hook.Prerouting);
  },
  list: (value) =>
    ['rpfilter', ...flags.map(([name]) => name).filter((name) => value[name])].join(' '),
  // The way back to an address changes with routes and addresses only.
  steady: true,
  evaluator: (value, { interfaces }) => new RpfilterEvaluator(value, interfaces.id('lo')),
});
