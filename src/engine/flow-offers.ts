import {
  CARRIED_WORDS,
  type CarriedFlows,
  type Conntrack,
  type ConntrackTable,
  Direction,
  type DirectionCode,
  TcpSideFlag,
  Tuple,
} from '../conntrack/index.ts';
import { Proto } from '../wire/index.ts';
import { type FlowOffer, GateAction, type GateActionCode } from './flow-gate.ts';
import type { Routes } from './ports.ts';

/** Writes the one offer that a gate is shown, from what the tracker and the routes say. Hot. */
export class FlowOffers {
  readonly offer: FlowOffer = {
    row: -1,
    original: new Tuple(),
    reply: new Tuple(),
    direction: Direction.Original,
    action: GateAction.Forward,
    inIf: -1,
    outIf: -1,
    mtu: 0,
    hopFamily: 0,
    hop0: 0,
    hop1: 0,
    hop2: 0,
    hop3: 0,
    mark: 0,
    path: 0,
    checkWindow: false,
    closes: false,
    sides: new Int32Array(CARRIED_WORDS),
    originalSack: false,
    replySack: false,
    originalScale: 0,
    replyScale: 0,
  };
  private readonly carried: CarriedFlows;
  private readonly conntrack: Conntrack;
  private readonly routes: Routes;
  private readonly table: ConntrackTable;

  constructor(conntrack: Conntrack, routes: Routes) {
    this.conntrack = conntrack;
    this.carried = conntrack.carried;
    this.routes = routes;
    this.table = conntrack.table;
  }

  /** What an offer says of the connection, whichever direction it is about. */
  describe(row: number): void {
    const { carried, offer, table } = this;
    offer.row = row;
    offer.closes = false;
    table.readTuple(row, Direction.Original, offer.original);
    table.readTuple(row, Direction.Reply, offer.reply);
    if (table.protocol(row) !== Proto.Tcp) return;
    const { tcp } = this.conntrack.trackers;
    carried.copySides(row, offer.sides);
    offer.checkWindow = carried.checksWindows(row);
    offer.originalSack = (tcp.flags(row, Direction.Original) & TcpSideFlag.SackPermitted) !== 0;
    offer.replySack = (tcp.flags(row, Direction.Reply) & TcpSideFlag.SackPermitted) !== 0;
    offer.originalScale = tcp.scale(row, Direction.Original);
    offer.replyScale = tcp.scale(row, Direction.Reply);
  }

  /** What it says of one direction, but for the hop. */
  goesBy(direction: DirectionCode, action: GateActionCode, inIf: number, outIf: number): void {
    const { offer } = this;
    offer.direction = direction;
    offer.action = action;
    offer.inIf = inIf;
    offer.outIf = outIf;
    offer.mark = 0;
  }

  /** The hop that the routes have answered with last. */
  takeHop(): void {
    const { offer, routes } = this;
    offer.mtu = routes.mtu;
    offer.hopFamily = routes.hopFamily;
    offer.hop0 = routes.hop0;
    offer.hop1 = routes.hop1;
    offer.hop2 = routes.hop2;
    offer.hop3 = routes.hop3;
  }

  /** To this host, or as it has routed the packet itself. */
  forgetHop(): void {
    const { offer } = this;
    offer.mtu = offer.outIf < 0 ? 0 : this.routes.mtuOf(offer.outIf);
    offer.hopFamily = 0;
    offer.hop0 = 0;
    offer.hop1 = 0;
    offer.hop2 = 0;
    offer.hop3 = 0;
  }
}
