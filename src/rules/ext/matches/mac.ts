import { LinkType } from '../../../wire/index.ts';
import { Hook, type RuleContext } from '../../context.ts';
import { RuleFault } from '../../errors.ts';
import { defineMatch, type MatchEvaluator } from '../../extension.ts';
import { shown } from '../../options.ts';
import { requireHooks } from '../parts/match-place.ts';

/** `-m mac --mac-source XX:XX:XX:XX:XX:XX`: who sent the frame on this link. */

interface MacValues {
  readonly bytes: number[];
  negated: boolean;
}

/** Offset of the source address in an Ethernet header (IEEE 802.3). */
const SOURCE_AT = 6;

function parseMac(text: string): number[] {
  const parts = text.split(':');
  if (parts.length !== 6 || parts.some((part) => !/^[0-9a-fA-F]{1,2}$/.test(part))) {
    throw new RuleFault('bad-value', 'Invalid MAC address specified.');
  }
  return parts.map((part) => Number.parseInt(part, 16));
}

const formatMac = (bytes: readonly number[]) =>
  bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(':');

class MacEvaluator implements MatchEvaluator {
  /** The address as four and two bytes. */
  private readonly high: number;
  private readonly low: number;
  private readonly negated: boolean;

  constructor({ bytes, negated }: MacValues) {
    const [b0 = 0, b1 = 0, b2 = 0, b3 = 0, b4 = 0, b5 = 0] = bytes;
    this.high = (b0 << 24) | (b1 << 16) | (b2 << 8) | b3;
    this.low = (b4 << 8) | b5;
    this.negated = negated;
  }

  matches(ctx: RuleContext): boolean {
    const { packet } = ctx;
    // xt_mac: a packet without an Ethernet header matches neither way.
    if (packet.linkType !== LinkType.Ethernet) return false;
    const { view } = packet;
    const at = packet.frameOffset + SOURCE_AT;
    const same = view.getInt32(at) === this.high && view.getUint16(at + 4) === this.low;
    return same !== this.negated;
  }
}

export const mac = defineMatch<MacValues>({
  name: 'mac',
  options: [
    {
      name: 'mac-source',
      args: 1,
      argument: 'XX:XX:XX:XX:XX:XX',
      help: 'source address of the Ethernet frame',
      negatable: true,
      required: true,
      set: (value, [text = ''], negated) => {
        Object.assign(value, { bytes: parseMac(text), negated });
      },
      save: ({ bytes, negated }) => shown(formatMac(bytes), negated),
    },
  ],
  initial: () => ({ bytes: [], negated: false }),
  check: (_value, _rule, place) =>
    requireHooks(place, 'mac', Hook.Prerouting, Hook.Input, Hook.Forward),
  list: ({ bytes, negated }) => `MAC ${negated ? '! ' : ''}${formatMac(bytes)}`,
  // Two stations may send for one address in turn.
  steady: false,
  evaluator: (value) => new MacEvaluator(value),
});
