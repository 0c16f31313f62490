/**
 * paths: what every live datapath does with a packet before and after the engine, whoever carries it.
 * Partial checksums are completed, impossible sources found, and what is longer than its way out takes
 * is cut. Hot: allocates nothing per packet.
 */
export { comesFromHere, completePartialChecksum, isLoopback } from './arrival.ts';
export { type CutStats, Departures, type PieceSink } from './departures.ts';
