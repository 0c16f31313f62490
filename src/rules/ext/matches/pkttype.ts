import { LinkType } from '../../../wire/index.ts';
import type { RuleContext } from '../../context.ts';
import { RuleFault } from '../../errors.ts';
import { defineMatch, type MatchEvaluator } from '../../extension.ts';
import { shown } from '../../options.ts';

/** `-m pkttype`: whom the frame was addressed to on its link. */

/** PACKET_* of linux/if_packet.h, which Linux cooked captures carry as they are. */
const Kind = { Host: 0, Broadcast: 1, Multicast: 2, OtherHost: 3 } as const;
type KindCode = 0 | 1 | 2 | 3;

interface PkttypeValues {
  kind: KindCode;
  negated: boolean;
}

/** The printed name stands first. */
const names: readonly (readonly [KindCode, ...string[]])[] = [
  [Kind.Host, 'unicast', 'host'],
  [Kind.Broadcast, 'broadcast', 'bcast'],
  [Kind.Multicast, 'multicast', 'mcast'],
  [Kind.OtherHost, 'otherhost'],
];

const nameOf = (kind: KindCode) => names.find(([code]) => code === kind)?.[1] ?? '';

function parseKind(text: string): KindCode {
  const lower = text.toLowerCase();
  const found = names.find(([, ...words]) => words.includes(lower));
  if (found === undefined) throw new RuleFault('bad-value', `Bad packet type '${text}'`);
  return found[0];
}

class PkttypeEvaluator implements MatchEvaluator {
  private readonly kind: KindCode;
  private readonly negated: boolean;

  constructor(values: PkttypeValues) {
    this.kind = values.kind;
    this.negated = values.negated;
  }

  matches(ctx: RuleContext): boolean {
    const kind = kindOf(ctx);
    if (kind !== Kind.Host && ctx.trail !== null) ctx.trail.disturb();
    return (kind === this.kind) !== this.negated;
  }
}

/** Where a link has no addresses (tunnels), every packet is for this host. */
function kindOf({ packet }: RuleContext): number {
  const { view, frameOffset, linkType } = packet;
  if (linkType === LinkType.LinuxCooked) return view.getUint16(frameOffset);
  if (linkType === LinkType.LinuxCooked2) return view.getUint8(frameOffset + 10);
  if (linkType !== LinkType.Ethernet) return Kind.Host;
  const first = view.getInt32(frameOffset);
  if (first === -1 && view.getUint16(frameOffset + 4) === 0xffff) return Kind.Broadcast;
  // The lowest bit of the first byte marks a group address (IEEE 802.3).
  return (first & 0x01000000) !== 0 ? Kind.Multicast : Kind.Host;
}

export const pkttype = defineMatch<PkttypeValues>({
  name: 'pkttype',
  options: [
    {
      name: 'pkt-type',
      args: 1,
      argument: 'TYPE',
      help: 'unicast (to us), broadcast, multicast or otherhost (to someone else)',
      negatable: true,
      required: true,
      set: (value, [text = ''], negated) => {
        Object.assign(value, { kind: parseKind(text), negated });
      },
      save: (value) => shown(nameOf(value.kind), value.negated),
    },
  ],
  initial: () => ({ kind: Kind.Host, negated: false }),
  list: ({ kind, negated }) => `PKTTYPE ${negated ? '!=' : '='} ${nameOf(kind)}`,
  unenforced: ({ kind }) =>
    kind === Kind.OtherHost
      ? 'on Ethernet the addresses of this host are not known here: unicast frames count as its own'
      : null,
  // Only frames to this host alone are plain: see `matches`.
  steady: true,
  evaluator: (value) => new PkttypeEvaluator(value),
});
