import type { Clock, InterfaceTable } from '../base/index.ts';
import type { CompiledRules } from '../rules/index.ts';
import type { PacketOutput, Routes } from './ports.ts';
import type { EngineSettings } from './settings.ts';

/** What the datapath is to do with a packet. */
export const Outcome = {
  Drop: 0,
  /** Send it out of `engine.outIf`, to the next hop in `engine.routes`. */
  Forward: 1,
  /** Hand it to this host. */
  Deliver: 2,
  /** None of the engine's business (not IP, neighbour discovery): the host sees to it. */
  Ignore: 3,
  /** Kept, a fragment until the rest of its datagram comes, or by a helper: nothing is to be done. */
  Hold: 4,
} as const;
export type OutcomeCode = 0 | 1 | 2 | 3 | 4;

export interface EngineParts {
  readonly clock: Clock;
  readonly interfaces: InterfaceTable;
  readonly routes: Routes;
  readonly output: PacketOutput;
  readonly rules: CompiledRules;
  readonly settings: EngineSettings;
  /** Seed of hashes and port choice: random in production, fixed in tests. */
  readonly seed: number;
}

/** Per-engine totals. */
export interface EngineCounters {
  packets: number;
  forwarded: number;
  delivered: number;
  dropped: number;
  ignored: number;
  /** Packets that were kept; fragments among them that are given up later count as dropped, too. */
  held: number;
  /** Datagrams that were put together. */
  reassembled: number;
  rewritten: number;
}
