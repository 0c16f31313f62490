import { LinkType } from '../../../wire/index.ts';
import { Hook, type RuleContext } from '../../context.ts';
import { defineMatch, type MatchEvaluator } from '../../extension.ts';
import { requireHooks } from '../parts/match-place.ts';

/** `-m eui64`: the source address was made from the sender's MAC address (RFC 4291 appendix A). */

const SOURCE_MAC_AT = 6;
/** Bit that says "not globally unique" in a MAC address and is turned round in an address. */
const UNIVERSAL_BIT = 0x02000000;

const evaluator: MatchEvaluator = {
  matches({ packet }: RuleContext): boolean {
    if (packet.linkType !== LinkType.Ethernet) return false;
    const { view } = packet;
    const at = packet.frameOffset + SOURCE_MAC_AT;
    // Three bytes, ff fe, three bytes.
    const high = (view.getInt32(at) & ~0xff) | 0xff;
    const low = 0xfe000000 | (view.getInt32(at + 2) & 0x00ffffff);
    return packet.src2 === (high ^ UNIVERSAL_BIT) && packet.src3 === (low | 0);
  },
};

export const eui64 = defineMatch<Record<string, never>>({
  name: 'eui64',
  families: [6],
  options: [],
  initial: () => ({}),
  check: (_value, _rule, place) =>
    requireHooks(place, 'eui64', Hook.Prerouting, Hook.Input, Hook.Forward),
  listsUnspaced: true,
  list: () => 'eui64 ',
  // As `mac`.
  steady: false,
  evaluator: () => evaluator,
});
