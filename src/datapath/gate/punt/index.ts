/**
 * punt: the gate's slow path. Packets that the program gives to the engine are read from two mapped
 * rings, decided, and sent through one packet socket, in batches.
 *
 * Invariants: no exception on account of a packet leaves here; a turn has a budget; nothing is
 * allocated per packet; frames leave in the order in which the engine decided. Knows neither FFI nor
 * system calls: what it reads, sends and waits with is given to it (`ports.ts`). Hot.
 */
export { type GatePort, GatePorts } from './gate-ports.ts';
export { GateSender, type GateSenderParts } from './gate-sender.ts';
export { PuntLoop, type PuntLoopParts } from './loop.ts';
export type {
  FrameBatch,
  HopSource,
  PuntEngine,
  PuntRoutes,
  RingWatch,
  RingWatcher,
} from './ports.ts';
export { PuntPath, type PuntPathParts } from './punt-path.ts';
export { type MappedRing, RingReader } from './ring-reader.ts';
export { newPuntStats, type PuntStats } from './stats.ts';
