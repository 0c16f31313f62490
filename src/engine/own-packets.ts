import type { InterfaceTable } from '../base/index.ts';
import { Direction } from '../conntrack/index.ts';
import { Manip } from '../nat/index.ts';
import { Hook, type RuleContext, TableId } from '../rules/index.ts';
import type { Packet } from '../wire/index.ts';
import type { Flight } from './flight.ts';
import type { HomeConnections } from './home-connections.ts';
import type { Hooks } from './hooks.ts';
import { RouteKind, type Routes } from './ports.ts';
import { DropReason, type DropReasonCode } from './reasons.ts';

/** Where a packet of this host goes after OUTPUT. */
export const OwnWay = {
  /** As its sender has routed it. */
  AsRouted: 0,
  /** By `routes`, which were asked anew. */
  Anew: 1,
  /** Back to this host. */
  Home: 2,
  /** Nowhere: `flight.reason` says why. */
  Nowhere: 3,
} as const;
export type OwnWayCode = 0 | 1 | 2 | 3;

export interface OwnPacketsParts {
  readonly context: RuleContext;
  readonly flight: Flight;
  readonly home: HomeConnections;
  readonly hooks: Hooks;
  readonly interfaces: InterfaceTable;
  readonly routes: Routes;
}

/** Packets that this host sends: OUTPUT, and what its rules may have done to their way. */
export class OwnPackets {
  readonly home: HomeConnections;
  private readonly context: RuleContext;
  private readonly flight: Flight;
  private readonly hooks: Hooks;
  private readonly interfaces: InterfaceTable;
  private readonly routes: Routes;

  constructor({ context, flight, home, hooks, interfaces, routes }: OwnPacketsParts) {
    this.home = home;
    this.context = context;
    this.flight = flight;
    this.hooks = hooks;
    this.interfaces = interfaces;
    this.routes = routes;
  }

  /** OUTPUT, behind tracking. */
  output(packet: Packet): OwnWayCode {
    const { hooks, context } = this;
    const { dst0, dst1, dst2, dst3 } = packet;
    const { mark } = context;
    if (!hooks.walk(TableId.Mangle, Hook.Output)) return OwnWay.Nowhere;
    // Of the other tables none asks for another way by a mark (ipt_mangle_out).
    const isMarkedAnew = context.mark !== mark;
    const passed =
      hooks.translate(packet, Hook.Output, Manip.Destination) &&
      hooks.walk(TableId.Filter, Hook.Output) &&
      hooks.walk(TableId.Security, Hook.Output);
    if (!passed) return OwnWay.Nowhere;
    const isAsRouted =
      !isMarkedAnew &&
      packet.dst0 === dst0 &&
      packet.dst1 === dst1 &&
      packet.dst2 === dst2 &&
      packet.dst3 === dst3;
    if (!isAsRouted) return this.route(packet);
    // An answer within a connection that was turned home: see `HomeConnections`.
    return this.interfaces.name(this.flight.outIf) === 'lo' ? OwnWay.Home : OwnWay.AsRouted;
  }

  /**
   * Another destination or mark asks for another way (ip_route_me_harder). Its sender is told nothing
   * where there is none: it would be an error of its own call.
   */
  private route(packet: Packet): OwnWayCode {
    const { flight, routes } = this;
    const kind = routes.lookup(packet, -1, this.context.mark);
    if (kind === RouteKind.Local) return OwnWay.Home;
    if (kind === RouteKind.Forward) {
      flight.rerouted = true;
      return OwnWay.Anew;
    }
    // To everybody on a link: as it was.
    if (kind === RouteKind.Broadcast) return OwnWay.AsRouted;
    flight.reason = reasons[kind];
    return OwnWay.Nowhere;
  }

  /**
   * The rest of the way of a packet that OUTPUT has sent home: out by `lo` and in again, where neither
   * tracking nor the helper look at it a second time (nf_conntrack_in: "loopback").
   */
  comeHome(packet: Packet): boolean {
    const { context, flight, hooks } = this;
    const loopback = this.interfaces.id('lo');
    flight.outIf = loopback;
    context.outIf = loopback;
    if (!hooks.postrouting(packet)) return false;
    flight.inIf = loopback;
    flight.outIf = -1;
    context.inIf = loopback;
    context.outIf = -1;
    const comes =
      hooks.walk(TableId.Raw, Hook.Prerouting) &&
      hooks.walk(TableId.Mangle, Hook.Prerouting) &&
      hooks.filter(Hook.Input);
    if (comes && flight.direction === Direction.Original) this.home.turned(flight.row);
    return comes;
  }
}

const reasons: Record<2 | 3 | 4, DropReasonCode> = {
  [RouteKind.Unreachable]: DropReason.NoRoute,
  [RouteKind.Prohibited]: DropReason.RouteProhibited,
  [RouteKind.Blackhole]: DropReason.RouteBlackhole,
};
