import { Direction, type Tuple } from '../../../conntrack/index.ts';
import type { ConnectionView, RuleContext } from '../../context.ts';
import type { MatchEvaluator } from '../../extension.ts';
import type { ConntrackValues, HostCondition, PortsCondition } from './conntrack-values.ts';

/** Asks what `-m conntrack` asks, in the way of the kernel's xt_conntrack (conntrack_mt). Hot. */

/** An address under a mask; four words, of which IPv4 uses the first. */
class HostTest {
  private readonly words: Int32Array;
  private readonly masks: Int32Array;
  private readonly negated: boolean;

  constructor({ address, mask, negated }: HostCondition) {
    this.masks = Int32Array.from([0, 1, 2, 3], (i) => mask[i] ?? 0);
    this.words = this.masks.map((bits, i) => bits & (address[i] ?? 0));
    this.negated = negated;
  }

  holds(w0: number, w1: number, w2: number, w3: number): boolean {
    const { words, masks } = this;
    const same =
      (w0 & masks[0]!) === words[0]! &&
      (w1 & masks[1]!) === words[1]! &&
      (w2 & masks[2]!) === words[2]! &&
      (w3 & masks[3]!) === words[3]!;
    return same !== this.negated;
  }
}

class PortTest {
  private readonly min: number;
  private readonly max: number;
  private readonly negated: boolean;

  constructor(condition: PortsCondition) {
    this.min = condition.min;
    this.max = condition.max;
    this.negated = condition.negated;
  }

  holds(port: number): boolean {
    return (port >= this.min && port <= this.max) !== this.negated;
  }
}

const host = (condition: HostCondition | null) =>
  condition === null ? null : new HostTest(condition);
const port = (condition: PortsCondition | null) =>
  condition === null ? null : new PortTest(condition);

/** What is asked of one direction's tuple. */
class TupleTest {
  private readonly source: HostTest | null;
  private readonly destination: HostTest | null;
  private readonly sourcePort: PortTest | null;
  private readonly destinationPort: PortTest | null;
  readonly asksNothing: boolean;

  constructor(
    source: HostCondition | null,
    destination: HostCondition | null,
    sourcePort: PortsCondition | null,
    destinationPort: PortsCondition | null,
  ) {
    this.source = host(source);
    this.destination = host(destination);
    this.sourcePort = port(sourcePort);
    this.destinationPort = port(destinationPort);
    this.asksNothing = !source && !destination && !sourcePort && !destinationPort;
  }

  holds(tuple: Tuple): boolean {
    const { source, destination, sourcePort, destinationPort } = this;
    if (source !== null && !source.holds(tuple.s0, tuple.s1, tuple.s2, tuple.s3)) return false;
    if (destination !== null && !destination.holds(tuple.d0, tuple.d1, tuple.d2, tuple.d3)) {
      return false;
    }
    if (sourcePort !== null && !sourcePort.holds(tuple.srcPort)) return false;
    return destinationPort === null || destinationPort.holds(tuple.dstPort);
  }
}

const ALL_STATES = 0x1ff;

export class ConntrackEvaluator implements MatchEvaluator {
  private readonly asksState: boolean;
  private readonly stateMask: number;
  private readonly stateNegated: boolean;
  private readonly original: TupleTest;
  private readonly reply: TupleTest;
  /** -1 where none is asked for. */
  private readonly protocol: number;
  private readonly protocolNegated: boolean;
  private readonly asksStatus: boolean;
  private readonly statusMask: number;
  private readonly statusNegated: boolean;
  private readonly expireMin: number;
  private readonly expireMax: number;
  private readonly expireNegated: boolean;
  /** -1 where none is asked for. */
  private readonly direction: number;

  constructor(v: ConntrackValues) {
    this.asksState = v.state !== null;
    this.stateMask = v.state?.mask ?? ALL_STATES;
    this.stateNegated = v.state?.negated ?? false;
    this.original = new TupleTest(
      v.originalSource,
      v.originalDestination,
      v.originalSourcePort,
      v.originalDestinationPort,
    );
    this.reply = new TupleTest(
      v.replySource,
      v.replyDestination,
      v.replySourcePort,
      v.replyDestinationPort,
    );
    this.protocol = v.protocol?.number ?? -1;
    this.protocolNegated = v.protocol?.negated ?? false;
    this.asksStatus = v.status !== null;
    this.statusMask = v.status?.mask ?? 0;
    this.statusNegated = v.status?.negated ?? false;
    this.expireMin = v.expire?.min ?? 0;
    this.expireMax = v.expire?.max ?? Number.MAX_SAFE_INTEGER;
    this.expireNegated = v.expire?.negated ?? false;
    this.direction = v.direction ?? -1;
  }

  matches(ctx: RuleContext): boolean {
    if (((ctx.ctState & this.stateMask) !== 0) === this.stateNegated) return false;
    const { connection } = ctx;
    // Without a connection only its state can be answered: what else is asked counts as given.
    if (!connection.exists) return this.asksState;
    if (this.direction >= 0 && connection.direction !== this.direction) return false;
    return this.entryHolds(connection);
  }

  private entryHolds(connection: ConnectionView): boolean {
    const tuple = connection.tuple(Direction.Original);
    if (!this.original.holds(tuple)) return false;
    if (this.protocol >= 0 && (tuple.protocol === this.protocol) === this.protocolNegated) {
      return false;
    }
    // The view may reuse its tuple, so the original one is not touched after this.
    if (!this.reply.asksNothing && !this.reply.holds(connection.tuple(Direction.Reply))) {
      return false;
    }
    if (this.asksStatus) {
      const hit = (connection.status & this.statusMask) !== 0;
      if (hit === this.statusNegated) return false;
    }
    const seconds = connection.expiresIn;
    return (seconds >= this.expireMin && seconds <= this.expireMax) !== this.expireNegated;
  }
}
