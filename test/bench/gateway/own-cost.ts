/**
 * What a packet costs the gateway alone: the time between two packets, less what plain routing takes
 * for the same ones, since sender, gateway and receiver share the processors.
 */
import type { FigureTable } from './results.ts';
import type { SideName } from './sides.ts';
import { summarize } from './statistics.ts';

/**
 * The cost of a packet over many flows to that over few, without the ends; null where routing was
 * not measured, or where the side was not slower than it.
 */
export function ownCostRatio(figures: FigureTable, side: SideName): number | null {
  const many = ownSeconds(figures, side, 'manyFlows');
  const few = ownSeconds(figures, side, 'fewFlows');
  return many === null || few === null ? null : many / few;
}

function ownSeconds(figures: FigureTable, side: SideName, figure: string): number | null {
  const rate = (of: SideName) => summarize(figures.flows?.[of]?.[figure] ?? [])?.median;
  const [own, routing] = [rate(side), rate('routing')];
  if (own === undefined || routing === undefined || own >= routing) return null;
  return 1 / own - 1 / routing;
}
