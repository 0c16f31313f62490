/**
 * datapath/memory: a gateway without a network, for tests and measurements. Frames are handed in by
 * the caller and handed back by the function; what the engine sends of itself is collected. Hot
 * where the caller is.
 */
export { MemoryDatapath, type Passed, type SentPacket } from './memory.ts';
