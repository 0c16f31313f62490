import {
  CommandResult,
  Direction,
  EntryCommands,
  Status,
  TcpSideFlag,
  TcpState,
  Tuple,
} from '../conntrack/index.ts';
import { Proto } from '../wire/index.ts';
import type { Engine } from './engine.ts';

/** A connection that a former process has left with the flow gate. */
export interface LeftFlow {
  readonly original: Tuple;
  readonly reply: Tuple;
  /** Whether answers have passed. */
  readonly isAnswered: boolean;
  /** The former process had it followed by the FTP helper; this one goes on mid-stream. */
  readonly isKept: boolean;
  /** TCP: as `FlowOffer` has them. */
  readonly checkWindow: boolean;
  readonly originalScale: number;
  readonly replyScale: number;
}

/** TCP sides that scale their windows, permit SACK and have acknowledged something. */
const TCP_FLAGS = TcpSideFlag.WindowScale | TcpSideFlag.SackPermitted | TcpSideFlag.AckKnown;

/**
 * Enters a connection that goes on from before the engine began: established, with its translation.
 * Its master, its marks and its counters are gone with the process that knew them. Returns its row,
 * or -1 where it cannot be entered: there is no room, or one of its tuples is taken. Cold.
 */
export function adoptFlow(engine: Engine, flow: LeftFlow): number {
  const { conntrack } = engine.tracking;
  const commands = new EntryCommands(conntrack, engine.clock);
  const { original, reply } = flow;
  const isTcp = original.protocol === Proto.Tcp;
  const entry = {
    original,
    reply,
    timeoutSec: 1,
    status: flow.isAnswered ? Status.SeenReply | Status.Assured : 0,
    ...(isTcp ? { state: TcpState.Established } : {}),
  };
  const row = commands.begin(entry);
  if (row < 0) return -1;
  setTranslation(engine, row, flow);
  if (isTcp) setWindows(engine, row, flow);
  if (flow.isKept) engine.tracking.followAsFtp(row, '');
  if (commands.finish(row, entry) !== CommandResult.Ok) return -1;
  // Nothing more has passed; but from now on it lives as long as after a packet.
  conntrack.settle(row, Direction.Original, 0, 0, engine.clock.ms);
  return row;
}

/**
 * What the program knew of both sides of a TCP connection, who spoke last, and how far it was closed: as
 * `FlowGate.readSides` tells it.
 */
export function adoptWindows(engine: Engine, row: number, sides: Int32Array, spoke: number): void {
  engine.tracking.conntrack.takeOver(row, sides, spoke);
}

/** How a connection is translated is written in its tuples alone (see `Nat`); the bits say where. */
function setTranslation(engine: Engine, row: number, { original, reply }: LeftFlow): void {
  const { conntrack } = engine.tracking;
  const plain = new Tuple();
  plain.invertFrom(original);
  const isQuery = original.protocol === Proto.Icmp || original.protocol === Proto.Icmpv6;
  // The id of a query belongs to who asks.
  const isSourcePort = isQuery ? plain.srcPort !== reply.srcPort : plain.dstPort !== reply.dstPort;
  const isDestinationPort = !isQuery && plain.srcPort !== reply.srcPort;
  const { s0, s1, s2, s3, d0, d1, d2, d3 } = plain;
  const isSource = d0 !== reply.d0 || d1 !== reply.d1 || d2 !== reply.d2 || d3 !== reply.d3;
  const isDestination = s0 !== reply.s0 || s1 !== reply.s1 || s2 !== reply.s2 || s3 !== reply.s3;
  let status = Status.SrcNatDone | Status.DstNatDone;
  if (isSource || isSourcePort) status |= Status.SrcNat;
  if (isDestination || isDestinationPort) status |= Status.DstNat;
  conntrack.table.addStatus(row, status);
  conntrack.sources.add(row);
}

function setWindows(engine: Engine, row: number, flow: LeftFlow): void {
  const { tcp } = engine.tracking.conntrack.trackers;
  const flags = flow.checkWindow ? TCP_FLAGS : TCP_FLAGS | TcpSideFlag.BeLiberal;
  for (const direction of [Direction.Original, Direction.Reply]) {
    tcp.setFlags(row, direction, flags, 0xff);
  }
  tcp.setScales(row, flow.originalScale, flow.replyScale);
}
