import { Proto } from '../../../wire/index.ts';
import type { RuleContext } from '../../context.ts';
import { defineMatch, type MatchEvaluator, type WalkSignal } from '../../extension.ts';
import { listPorts, type PortValues, portBounds, portOptions } from '../parts/ports.ts';

const UDP_HEADER = 8;

/** `-m udp`: ports. */
class UdpEvaluator implements MatchEvaluator {
  private readonly sourceMin: number;
  private readonly sourceMax: number;
  private readonly sourceNegated: boolean;
  private readonly destinationMin: number;
  private readonly destinationMax: number;
  private readonly destinationNegated: boolean;
  private readonly signal: WalkSignal;

  constructor({ source, destination }: PortValues, signal: WalkSignal) {
    this.signal = signal;
    this.sourceMin = source?.min ?? 0;
    this.sourceMax = source?.max ?? 0xffff;
    this.sourceNegated = source?.negated ?? false;
    this.destinationMin = destination?.min ?? 0;
    this.destinationMax = destination?.max ?? 0xffff;
    this.destinationNegated = destination?.negated ?? false;
  }

  matches(ctx: RuleContext): boolean {
    const { packet } = ctx;
    if (packet.fragmentOffset !== 0) return false;
    if (packet.l4Offset + UDP_HEADER > packet.l3End) {
      // As xt_tcpudp: ports that are cut off are dropped, not passed on.
      this.signal.hotdrop = true;
      return false;
    }
    // The destination port first: it is what most rules ask for.
    const destination = packet.dstPortOrIcmpTypeCode;
    const hit = destination >= this.destinationMin && destination <= this.destinationMax;
    if (hit === this.destinationNegated) return false;
    const source = packet.srcPortOrIcmpId;
    return (source >= this.sourceMin && source <= this.sourceMax) !== this.sourceNegated;
  }
}

export const udp = defineMatch<PortValues>({
  name: 'udp',
  protocol: Proto.Udp,
  options: portOptions<PortValues>({ proto: 'udp', resolves: true, printsAny: false }),
  initial: () => ({ source: null, destination: null }),
  list: ({ source, destination }, view) =>
    `udp${listPorts('spt', source, 'udp', view)}${listPorts('dpt', destination, 'udp', view)}`,
  bounds: portBounds,
  steady: true,
  evaluator: (values, { signal }) => new UdpEvaluator(values, signal),
});
