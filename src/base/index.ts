/**
 * base: what every room stands on. Typed-array memory, a seeded hash, the clock that the engine is
 * told the time through, what V8 is told. Knows nothing about packets. Hot: nothing here allocates once constructed.
 */
export { Arena } from './arena.ts';
export { Clock } from './clock.ts';
export { mix32, mixFinish, randomSeed } from './hash.ts';
export { InterfaceTable } from './interfaces.ts';
export { Prng } from './prng.ts';
export { takePrecedence, tuneForPackets } from './runtime.ts';
