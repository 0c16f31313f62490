import type { DirectionCode } from '../conntrack/index.ts';
import type { CompiledRules } from '../rules/index.ts';
import type { GateActionCode } from './flow-gate.ts';
import type { FlowOffers } from './flow-offers.ts';
import type { Routes } from './ports.ts';
import { Rehearsal, type RehearsalParts } from './rehearsal.ts';
import { RouteAnswer } from './route-answer.ts';

/** Finds out how directions are to be offered of which no plain packet has come yet. Hot. */
export class UnseenDirections {
  private readonly rehearsal: Rehearsal;
  private readonly offers: FlowOffers;
  private readonly routes: Routes;
  private readonly answer = new RouteAnswer();

  constructor(parts: RehearsalParts, offers: FlowOffers) {
    this.rehearsal = new Rehearsal(parts);
    this.offers = offers;
    this.routes = parts.routes;
  }

  /**
   * Whether a direction of the connection on offer is forwarded, should it come in by `inIf`: then the
   * offer says how. (If it comes in elsewhere it is found to stray, and is offered with a packet of its
   * own.) Returns the path that it counts in; -1: it is not to be offered.
   */
  describe(
    rules: CompiledRules,
    direction: DirectionCode,
    inIf: number,
    action: GateActionCode,
  ): number {
    const { answer, offers, rehearsal, routes } = this;
    answer.keep(routes);
    const passes = rehearsal.isForwarded(rules, offers.offer.row, direction, inIf);
    const path = passes ? rules.pathOf(rehearsal.trail) : -1;
    if (path >= 0) {
      offers.goesBy(direction, action, inIf, routes.outIf);
      offers.takeHop();
    }
    answer.putBack(routes);
    return path;
  }
}
