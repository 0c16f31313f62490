import { Proto } from '../../../wire/index.ts';
import type { RuleContext } from '../../context.ts';
import { RuleFault } from '../../errors.ts';
import {
  defineMatch,
  type MatchBounds,
  type MatchEvaluator,
  type ParseScope,
  type WalkSignal,
} from '../../extension.ts';
import { formatPortRange, type PortRange, parsePort } from '../../numbers.ts';
import { type OptionSpec, shown } from '../../options.ts';
import { protocolName } from '../../protocols.ts';
import { refused } from '../parts/match-place.ts';

/** `-m multiport`: up to 15 ports, a range counting as two, of source, destination or either. */

const Side = { Source: 0, Destination: 1, Either: 2 } as const;
type SideCode = 0 | 1 | 2;

interface MultiportValues {
  side: SideCode;
  ports: readonly PortRange[];
  negated: boolean;
  /** Protocol when the option was read: names of services depend on it. */
  protocol: number;
}

const MAX_PORTS = 15;
/** Both ports stand at the start of all these headers. */
const PORTS_LEN = 4;
const portProtocols: readonly number[] = [Proto.Tcp, Proto.Udp, Proto.UdpLite, Proto.Sctp, 33];
/** By `Side`: the long names, and what iptables-save prints. */
const names = ['source-ports', 'destination-ports', 'ports'] as const;
const labels = ['sports', 'dports', 'ports'] as const;
const helps = ['source ports', 'destination ports', 'ports of either side'] as const;

function parsePorts(text: string, scope: ParseScope): PortRange[] {
  // 0 where there is no -p, or `-p all`.
  if (scope.protocolNegated || (scope.protocol !== 0 && !portProtocols.includes(scope.protocol))) {
    const words = 'multiport only works with TCP, UDP, UDPLITE, SCTP and DCCP';
    throw new RuleFault('bad-value', words);
  }
  if (scope.protocol === 0) {
    const words = "multiport needs `-p tcp', `-p udp', `-p udplite', `-p sctp' or `-p dccp'";
    throw new RuleFault('bad-value', words);
  }
  const proto = protocolName(scope.protocol);
  const ranges: PortRange[] = [];
  let used = 0;
  for (const item of text.split(',')) {
    const [low = '', high] = item.split(/:(.*)/s, 2);
    used += high === undefined ? 1 : 2;
    if (used > MAX_PORTS) throw new RuleFault('bad-value', 'too many ports specified');
    const min = parsePort(low, proto, scope.services);
    const max = high === undefined ? min : parsePort(high, proto, scope.services);
    if (high !== undefined && min >= max) {
      throw new RuleFault('bad-value', 'invalid portrange specified');
    }
    ranges.push({ min, max });
  }
  return ranges;
}

function option(side: SideCode): OptionSpec<MultiportValues> {
  const name = names[side];
  return {
    name,
    aliases: labels[side] === name ? [] : [labels[side]],
    excludes: names.slice(side + 1),
    printed: labels[side],
    args: 1,
    argument: 'PORT[:PORT][,…]',
    help: `${helps[side]}, up to 15 of them, a range counting as two`,
    negatable: true,
    set: (value, [text = ''], negated, scope) => {
      const ports = parsePorts(text, scope);
      Object.assign(value, { side, ports, negated, protocol: scope.protocol });
    },
    save: (value) => {
      if (value.side !== side) return null;
      return shown(value.ports.map(formatPortRange).join(','), value.negated);
    },
  };
}

class MultiportEvaluator implements MatchEvaluator {
  private readonly side: SideCode;
  private readonly negated: boolean;
  private readonly bounds: Int32Array;
  private readonly signal: WalkSignal;

  constructor(values: MultiportValues, signal: WalkSignal) {
    this.signal = signal;
    this.side = values.side;
    this.negated = values.negated;
    this.bounds = Int32Array.from(values.ports.flatMap(({ min, max }) => [min, max]));
  }

  matches(ctx: RuleContext): boolean {
    const { packet } = ctx;
    if (packet.fragmentOffset !== 0) return false;
    const { view, l4Offset } = packet;
    if (l4Offset + PORTS_LEN > packet.l3End) {
      // As xt_multiport: ports that are cut off are dropped, not passed on.
      this.signal.hotdrop = true;
      return false;
    }
    return this.holds(view.getUint16(l4Offset), view.getUint16(l4Offset + 2));
  }

  private holds(source: number, destination: number): boolean {
    const hit =
      (this.side !== Side.Destination && this.contains(source)) ||
      (this.side !== Side.Source && this.contains(destination));
    return hit !== this.negated;
  }

  private contains(port: number): boolean {
    const { bounds } = this;
    for (let i = 0; i < bounds.length; i += 2) {
      if (port >= bounds[i]! && port <= bounds[i + 1]!) return true;
    }
    return false;
  }
}

/** One alternative for each range, and where either end may have it for each end. */
function boundsOf({ side, ports, negated }: MultiportValues): readonly MatchBounds[] {
  if (negated) return [{}];
  const sources = side === Side.Destination ? [] : ports.map((sourcePorts) => ({ sourcePorts }));
  if (side === Side.Source) return sources;
  return [...sources, ...ports.map((destinationPorts) => ({ destinationPorts }))];
}

export const multiport = defineMatch<MultiportValues>({
  name: 'multiport',
  options: [option(Side.Source), option(Side.Destination), option(Side.Either)],
  initial: () => ({ side: Side.Either, ports: [], negated: false, protocol: 0 }),
  finish: (_value, _scope, given) => {
    if (given.size === 0) {
      // The word "expection" is what iptables 1.8.9 prints.
      throw new RuleFault('missing-option', 'multiport expection an option');
    }
  },
  check: (_value, rule) => {
    const { protocol } = rule;
    if (protocol === null || protocol.negated || !portProtocols.includes(protocol.number)) {
      throw refused('multiport needs -p with ports');
    }
  },
  list: ({ side, ports, negated, protocol }, view) => {
    const proto = protocolName(protocol);
    const name = (port: number) =>
      (view.numeric ? null : view.services.name(port, proto)) ?? String(port);
    const items = ports.map(({ min, max }) =>
      min === max ? name(min) : `${name(min)}:${name(max)}`,
    );
    return `multiport ${labels[side]} ${negated ? ' !' : ''}${items.join(',')}`;
  },
  bounds: boundsOf,
  steady: true,
  evaluator: (values, { signal }) => new MultiportEvaluator(values, signal),
});
