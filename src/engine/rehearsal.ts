import {
  type Conntrack,
  CtStateBit,
  Direction,
  type DirectionCode,
  Status,
  Tuple,
} from '../conntrack/index.ts';
import { helperName } from '../helpers/index.ts';
import { Manip, type Nat } from '../nat/index.ts';
import {
  type CompiledRules,
  type Family,
  Hook,
  type HookCode,
  type RuleContext,
  RuleTrail,
  type TableCode,
  TableId,
  Verdict,
} from '../rules/index.ts';
import {
  checksum,
  Decode,
  decodeFrame,
  EtherType,
  HEADROOM_BYTES,
  LinkType,
  Packet,
  Proto,
  TcpFlag,
} from '../wire/index.ts';
import type { Flight } from './flight.ts';
import { RouteKind, type Routes } from './ports.ts';

const ETHERNET_HEADER = 14;
const IPV4_HEADER = 20;
const IPV6_HEADER = 40;
const TCP_HEADER = 20;
const LONGEST_FRAME = ETHERNET_HEADER + IPV6_HEADER + TCP_HEADER;
/** As most hosts begin with: what a rule says of it is unsteady anyhow. */
const TTL = 64;

export interface RehearsalParts {
  readonly conntrack: Conntrack;
  readonly context: RuleContext;
  readonly flight: Flight;
  readonly nat: Nat;
  readonly routes: Routes;
}

/**
 * Finds out how the plain packets of a direction of a TCP connection will fare before the first of them
 * has come: an imagined one walks the rules, counts nowhere, changes nothing and is sent nowhere.
 */
export class Rehearsal {
  /** After `isForwarded`: the rows that will count each packet. */
  readonly trail = new RuleTrail(true);
  private readonly conntrack: Conntrack;
  private readonly context: RuleContext;
  private readonly flight: Flight;
  private readonly nat: Nat;
  private readonly routes: Routes;
  private readonly packet = new Packet(new ArrayBuffer(HEADROOM_BYTES + LONGEST_FRAME + 2));
  private readonly tuple = new Tuple();

  constructor(parts: RehearsalParts) {
    this.conntrack = parts.conntrack;
    this.context = parts.context;
    this.flight = parts.flight;
    this.nat = parts.nat;
    this.routes = parts.routes;
  }

  /**
   * True where all plain packets of this direction, if they come in by `inIf`, are forwarded alike:
   * `routes` says where to, and `trail` how they count. To be asked when the packet in hand has gone
   * its way: of what is known of that one, only the connection and the interfaces are put back.
   */
  isForwarded(rules: CompiledRules, row: number, direction: DirectionCode, inIf: number): boolean {
    const { context, flight } = this;
    const { packet, mark, ctState, masterHelper } = context;
    const handDirection = flight.direction;
    this.imagine(row, direction);
    context.trail = this.trail;
    const passes = this.walkAll(rules, row, direction, inIf);
    flight.row = row;
    flight.direction = handDirection;
    context.packet = packet;
    context.mark = mark;
    context.ctState = ctState;
    context.masterHelper = masterHelper;
    context.inIf = flight.inIf;
    context.outIf = flight.outIf;
    context.trail = null;
    return passes && this.trail.steady;
  }

  /** The way of `Engine.process`, of a packet that is whole and finds its connection. */
  private walkAll(
    rules: CompiledRules,
    row: number,
    direction: DirectionCode,
    inIf: number,
  ): boolean {
    const { context, flight, nat, packet, routes } = this;
    context.inIf = inIf;
    if (!this.walk(rules, TableId.Raw, Hook.Prerouting)) return false;
    const { originalZone, replyZone } = flight.template;
    if (originalZone !== 0 || replyZone !== 0) return false;
    this.find(row, direction);
    if (!this.walk(rules, TableId.Mangle, Hook.Prerouting)) return false;
    nat.translate(packet, row, direction, Manip.Destination);
    if (routes.lookup(packet, inIf, context.mark) !== RouteKind.Forward) return false;
    const { outIf } = routes;
    if (direction === Direction.Original && !this.leavesAsBefore(row, outIf)) return false;
    context.outIf = outIf;
    const passes =
      this.walk(rules, TableId.Mangle, Hook.Forward) &&
      this.walk(rules, TableId.Filter, Hook.Forward) &&
      this.walk(rules, TableId.Security, Hook.Forward);
    context.inIf = -1;
    return passes && this.walk(rules, TableId.Mangle, Hook.Postrouting);
  }

  private walk(rules: CompiledRules, table: TableCode, hook: HookCode): boolean {
    const { context, packet } = this;
    const family = packet.family as Family;
    if (!rules.hasTable(family, table)) return true;
    context.hook = hook;
    return rules.walk(family, table, hook, context) === Verdict.Accept;
  }

  /** Behind the raw table: the connection is known, and open. */
  private find(row: number, direction: DirectionCode): void {
    const { context, conntrack, flight } = this;
    const { table } = conntrack;
    flight.row = row;
    flight.direction = direction;
    context.ctState = CtStateBit.Established;
    if (table.hasStatus(row, Status.SrcNat)) context.ctState |= CtStateBit.Snat;
    if (table.hasStatus(row, Status.DstNat)) context.ctState |= CtStateBit.Dnat;
    context.masterHelper = helperName(table.masterHelper(row));
  }

  /** One that would leave by another interface than it was masqueraded for would end its connection. */
  private leavesAsBefore(row: number, outIf: number): boolean {
    const by = this.conntrack.table.masqueradedBy(row);
    return by < 0 || by === outIf;
  }

  /** An acknowledgement as it comes in, before anything is known of it. */
  private imagine(row: number, direction: DirectionCode): void {
    const { conntrack, context, flight, packet, trail, tuple } = this;
    conntrack.table.readTuple(row, direction, tuple);
    writeSegment(packet, tuple);
    trail.begin();
    if (decodeFrame(packet) !== Decode.Ok) trail.disturb();
    flight.row = -1;
    flight.template.clear();
    context.packet = packet;
    context.mark = 0;
    context.ctState = CtStateBit.Invalid;
    context.masterHelper = '';
    context.changed = false;
    context.templated = false;
  }
}

/** A frame with an empty TCP segment of this tuple, to nobody's MAC. */
function writeSegment(packet: Packet, tuple: Tuple): void {
  const { view } = packet;
  const header = tuple.family === 4 ? IPV4_HEADER : IPV6_HEADER;
  packet.begin(ETHERNET_HEADER + header + TCP_HEADER, LinkType.Ethernet);
  const at = packet.frameOffset + ETHERNET_HEADER;
  view.setUint16(at - 2, tuple.family === 4 ? EtherType.Ipv4 : EtherType.Ipv6);
  if (tuple.family === 4) writeIpv4(view, at, tuple);
  else writeIpv6(view, at, tuple);
  view.setUint16(at + header, tuple.srcPort);
  view.setUint16(at + header + 2, tuple.dstPort);
  view.setInt32(at + header + 4, 0);
  view.setInt32(at + header + 8, 0);
  view.setUint16(at + header + 12, ((TCP_HEADER / 4) << 12) | TcpFlag.Ack);
  view.setUint16(at + header + 14, 0xffff);
  view.setInt32(at + header + 16, 0);
}

function writeIpv4(view: DataView, at: number, tuple: Tuple): void {
  view.setUint16(at, 0x4500);
  view.setUint16(at + 2, IPV4_HEADER + TCP_HEADER);
  view.setInt32(at + 4, 0);
  view.setUint16(at + 8, (TTL << 8) | Proto.Tcp);
  view.setUint16(at + 10, 0);
  view.setInt32(at + 12, tuple.s0);
  view.setInt32(at + 16, tuple.d0);
  view.setUint16(at + 10, checksum(view, at, at + IPV4_HEADER));
}

function writeIpv6(view: DataView, at: number, tuple: Tuple): void {
  view.setUint32(at, 0x60000000);
  view.setUint16(at + 4, TCP_HEADER);
  view.setUint16(at + 6, (Proto.Tcp << 8) | TTL);
  view.setInt32(at + 8, tuple.s0);
  view.setInt32(at + 12, tuple.s1);
  view.setInt32(at + 16, tuple.s2);
  view.setInt32(at + 20, tuple.s3);
  view.setInt32(at + 24, tuple.d0);
  view.setInt32(at + 28, tuple.d1);
  view.setInt32(at + 32, tuple.d2);
  view.setInt32(at + 36, tuple.d3);
}
